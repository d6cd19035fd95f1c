"""From a waveform to the picture the network looks at: log-mel frames.

The ear hears pitch and loudness in ratios, so the network is shown both that way. Every 10 ms a window of
40 ms is cut out; its spectrum says how much power there is at each frequency; 128 mel bands, narrow at low
frequencies and wide at high ones, sum this power as the ear would; the logarithm turns equal ratios into
equal steps.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import numpy as np

from numser.audio import SAMPLE_RATE
from numser.deltas import with_deltas
from numser.errors import InputError, quoted
from numser.model import SHORTEST

_PRIOR_UTTERANCES = 5  # of a person, that weigh as much as all that a model was trained on
LEVELS = ("absolute", "speech")
TINY = float(np.finfo(np.float32).tiny)  # 1e-38, the smallest positive number that float32 holds in full
_DECIBELS = 10 / math.log(10)  # by which a power of e becomes one of 10, in dB
_CHUNK = 64  # frames whose spectra are made at once, about 1 MB


def _stored(default: Any, least: float, most: float) -> Any:
    """A setting with its range in a file: more was never meant."""
    return dataclasses.field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True)
class FeatureSettings:
    """All numbers that the features depend on; a checkpoint keeps them beside its parameters.

    Raises      ValueError: what should be a whole number is not, or a number is not finite or, where it should be,
                not positive; the window does not fit into the FFT frame; the bands do not fit below half the
                sampling rate; the level is not one of LEVELS
    """

    sample_rate: int = SAMPLE_RATE  # Hz
    win_length: int = _stored(640, 1, 2**16)  # samples under the Hamming window, 40 ms
    n_fft: int = _stored(1024, 2, 2**16)  # samples in an FFT frame, with the window in its middle
    hop_length: int = _stored(160, 1, 2**16)  # samples from one frame to the next, 10 ms
    n_mels: int = _stored(128, 1, 2**10)  # mel bands
    fmin: float = 0.0  # Hz, where the first band begins
    fmax: float = 8000.0  # Hz, where the last band ends
    floor: float = _stored(1e-10, TINY, 1)  # power below this counts as this, so that silence has a logarithm
    dynamic_range: float = _stored(80.0, 0, 1000)  # dB that an utterance may span below its maximum
    max_frames: int = _stored(700, SHORTEST, 10_000)  # frames that are kept of a longer utterance, 7 s
    level: str = "absolute"  # or "speech": the recording's level is taken out first
    deltas: int = _stored(0, 0, 4)  # how many orders of them stand behind the bands (deltas.py)

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level: should be one of {', '.join(LEVELS)}, found {quoted(self.level)}")
        for field in dataclasses.fields(self):
            if field.name == "level":
                continue
            number = getattr(self, field.name)
            kind: type[Any] = Integral if field.type is int else Real
            meant = "whole" if field.type is int else "finite"
            if isinstance(number, bool) or not isinstance(number, kind) or not abs(number) < np.inf:
                raise ValueError(f"{field.name}: should be a {meant} number, found {quoted(number)}")
        for name in ("sample_rate", "win_length", "hop_length", "n_mels", "floor", "dynamic_range", "max_frames"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: should be positive, found {getattr(self, name)}")
        if self.n_fft < self.win_length or self.n_fft % 2:
            raise ValueError(f"n_fft: should be even and at least the window, {self.win_length}, found {self.n_fft}")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError(
                f"fmin, fmax: should rise within 0 to {self.sample_rate / 2} Hz, found {self.fmin} and {self.fmax}"
            )

    @property
    def columns(self) -> int:
        """Columns of a frame: the bands, and their deltas."""
        return self.n_mels * (1 + self.deltas)

    def as_dict(self) -> dict[str, float | str]:
        """The settings as plain numbers and a word; `FeatureSettings(**settings)` brings them back."""
        return dataclasses.asdict(self)


PAPER = FeatureSettings()
NUMSER = FeatureSettings(level="speech")  # ours: how near the microphone was is no emotion


def log_mel(waveform: np.ndarray, settings: FeatureSettings = PAPER) -> np.ndarray:
    """Log-mel frames of a waveform: its mel power, in decibels.                Paper §4.2

    Shapes      waveform (n,)   y (1 + n // hop_length, n_mels) float32
    Units       y in dB relative to the level; frame t is at t · hop_length / sample_rate seconds
    Raises      ValueError: the waveform is not one channel of floats, is empty, holds NaN or infinity
    Deviation   the paper says "25% overlap"; the authors' script hops by 25 % of the window, 160 of 640
                samples, so that neighbours overlap by 75 %. We do as the script does. The paper keeps the absolute
                level, as PAPER does; NUMSER takes it out.
    """
    return in_decibels(mel_power(waveform, settings), settings)


def mel_power(waveform: np.ndarray, settings: FeatureSettings = PAPER) -> np.ndarray:
    """How much power there is in each mel band, frame by frame.

        S[t,m] = Σ_k M[m,k] · |Σ_i h[i] · x[hop_length·t + i − win_length/2] · e^(−2πjki/n_fft)|²   h: Hamming window

    Frame t is centred on sample hop_length·t. The signal is mirrored at both ends, so that the first and the last
    frame are full; a signal too short to be mirrored by half an FFT frame has zeros around it instead.

    The window stands in the middle of a longer FFT frame of zeros. Where it stands turns only the phase, and
    power forgets the phase: so just the samples under the window are cut out, and the zeros follow them.
    Spectra are made some dozen frames at a time: they stay in the processor's cache, and a long recording
    needs no more memory for them than a short one.

    Shapes      waveform (n,)   S (1 + n // hop_length, n_mels) float32
    Raises      ValueError: as `log_mel`
    """
    x = _checked(waveform)
    half = settings.n_fft // 2
    x = np.pad(x, half, mode="reflect") if len(x) > half else np.pad(x, half)
    windows = np.lib.stride_tricks.sliding_window_view(x, settings.win_length)
    start = (settings.n_fft - settings.win_length) // 2
    windows = windows[start :: settings.hop_length][: 1 + len(waveform) // settings.hop_length]

    filterbank, window = mel_filterbank(settings), hamming(settings.win_length)
    mel = np.empty((len(windows), settings.n_mels), np.float32)
    padded = np.zeros((min(_CHUNK, len(windows)), settings.n_fft))  # quicker than to let NumPy pad
    power = np.empty((len(padded), half + 1), np.float32)
    for a in range(0, len(windows), _CHUNK):
        some = windows[a : a + _CHUNK]
        n = len(some)
        np.multiply(some, window, out=padded[:n, : settings.win_length])
        parts = np.fft.rfft(padded[:n]).view(np.float64)  # real, imaginary, real, …; NumPy is slower in float32
        np.square(parts, out=parts)
        np.add(parts[:, ::2], parts[:, 1::2], out=power[:n], casting="same_kind")
        np.matmul(power[:n], filterbank.T, out=mel[a : a + n])
    return mel


def in_decibels(power: np.ndarray, settings: FeatureSettings = PAPER) -> np.ndarray:
    """Mel power as the network is shown it.

        L[t,m] = 10 · log10(max(S[t,m] / level, floor))
        y[t,m] = max(L[t,m], max(L) − dynamic_range)

    With the setting "absolute" the level is 1. With "speech" it is that of `speech_level`, and then the frames do not
    depend on the gain at all: what is said quietly into a near microphone and loudly into a far one looks alike.

    Shapes      power S, y (T, bands) float32
    Units       y in dB relative to the level
    """
    level = (speech_level(power) or 1.0) if settings.level == "speech" else 1.0
    # divided by as a difference of logarithms: the quotient of a loud click and a faint level may be beyond float32
    y = np.maximum(power, np.float32(max(settings.floor * level, TINY)))
    np.log(y, out=y)  # in place, unlike `decibels_of`
    y -= np.float32(np.log(level))
    y *= _DECIBELS
    return np.maximum(y, y.max() - np.float32(settings.dynamic_range), out=y)


def power_of(decibels: np.ndarray) -> np.ndarray:
    """10^(y/10), in the same dtype. NumPy is several times as quick with powers of e as with those of 10."""
    return np.exp(decibels / _DECIBELS)


def decibels_of(power: np.ndarray) -> np.ndarray:
    """10 · log10(S), in the same dtype, likewise."""
    return np.log(power) * _DECIBELS


def speech_level(power: np.ndarray) -> float:
    """How loud the speech in a recording is: the median power of its frames within 20 dB of the loud ones.

        P[t] = Σ_m S[t,m]      s: P from the largest down, s[0] ≥ s[1] ≥ …      T: frames
        loud = s[T // 20], or s[0] where that is 0
        level = s[active // 2]      active: how many P[t] > loud / 100

    A gain multiplies every power, and so the level too. The mean would do that as well, but pauses would lower it,
    and one click could raise it by many dB. A click is in four frames: in a second or more they are less than the
    twentieth part that `loud` passes over, and a median hardly moves for so few. Pauses are not active.

    A click 20 dB above the peak moved the level of Emo-DB's recordings by 0.1 dB in the median; by at most 0.8 dB
    where they last 3 s or more, but in one of under 2 s by 5.6 dB.

    Shapes      power (T, bands), not negative
    Returns     0 for digital silence
    """
    ranked = np.sort(power.sum(axis=1))[::-1]
    loud = ranked[len(ranked) // 20] or ranked[0]
    return float(ranked[np.count_nonzero(ranked > loud / 100) // 2])


def relevelled(log_mel: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """A log-mel to which something was added, or of which something was taken, as if it had been recorded so.

    Shapes      log_mel, y (T, bands) in dB; −∞ where there is no power
    """
    power = power_of(log_mel)
    if settings.level == "speech":
        power /= np.float32(speech_level(power) or 1.0)
    y = decibels_of(np.maximum(power, np.float32(settings.floor)))
    return np.maximum(y, y.max() - np.float32(settings.dynamic_range))


def _checked(waveform: np.ndarray) -> np.ndarray:
    waveform = np.asarray(waveform)
    if waveform.dtype not in (np.float32, np.float64):
        raise ValueError(f"waveform: dtype should be float32 or float64, found {waveform.dtype}")
    if waveform.ndim != 1:
        raise ValueError(f"waveform: should be one channel, shape (samples,), found shape {waveform.shape}")
    if len(waveform) == 0:
        raise ValueError("waveform: holds no samples, should hold at least one")
    if not np.isfinite(waveform).all():
        raise ValueError("waveform: some samples are NaN or infinite, all should be finite")
    return waveform.astype(np.float32, copy=False)


@lru_cache
def hamming(n: int) -> np.ndarray:
    """Hamming window of period n: the next sample would be the first again, as the FFT sees it."""
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / n)


@lru_cache
def mel_filterbank(settings: FeatureSettings = PAPER) -> np.ndarray:
    """The mel bands: triangles over the spectrum, equally spaced and equally wide in mel.

    A band rises from its left neighbour's centre to its own and falls to its right neighbour's. Divided by
    half its width in Hz, every triangle has area 1: white noise gives all bands the same power.

    Shapes      filterbank (n_mels, n_fft/2 + 1)   float32, read-only
    Units       1/Hz
    Source      Slaney, Auditory Toolbox, 1998: the mel scale is linear below 1 kHz, logarithmic above
    """
    edges = band_edges(settings)[:, np.newaxis]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    frequency = np.arange(settings.n_fft // 2 + 1) * settings.sample_rate / settings.n_fft
    triangles = np.minimum((frequency - left) / (centre - left), (right - frequency) / (right - centre))
    filterbank = (np.maximum(triangles, 0) * 2 / (right - left)).astype(np.float32)
    filterbank.flags.writeable = False  # every caller gets this same array
    return filterbank


def band_edges(settings: FeatureSettings = PAPER) -> np.ndarray:
    """Where the mel bands lie: band m begins at edge m, has its centre at edge m + 1 and ends at edge m + 2.

    Shapes      edges (n_mels + 2,)
    Units       Hz
    """
    ends = _mel_of_hertz(np.array([settings.fmin, settings.fmax]))
    return _hertz_of_mel(np.linspace(ends[0], ends[1], settings.n_mels + 2))


# Slaney's scale: 3 mel per 200 Hz up to 1 kHz, which is 15 mel; from there 27 mel for each factor of 6.4.
_MEL_PER_HERTZ = 3 / 200
_MEL_PER_E = 27 / np.log(6.4)


def _mel_of_hertz(hertz: np.ndarray) -> np.ndarray:
    logarithmic = 15 + _MEL_PER_E * np.log(np.maximum(hertz, 1000) / 1000)
    return np.where(hertz < 1000, hertz * _MEL_PER_HERTZ, logarithmic)


def _hertz_of_mel(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel / _MEL_PER_HERTZ, 1000 * np.exp((mel - 15) / _MEL_PER_E))


def crop(log_mel: np.ndarray, max_frames: int = PAPER.max_frames) -> tuple[np.ndarray, int]:
    """The middle of an utterance that is too long; a shorter one as it is.         Paper §4.2

    Shapes      log_mel (T, bands)   frames (min(T, max_frames), bands), a view
    Returns     the frames, and which frame of `log_mel` the first of them is
    """
    start = max(len(log_mel) - max_frames, 0) // 2
    return log_mel[start : start + max_frames], start


def frames_of_waveform(waveform: np.ndarray, settings: FeatureSettings, name: str) -> tuple[np.ndarray, int]:
    """The log-mel frames of the middle of 16 kHz sound, with their deltas, and which frame of the whole the first
    one is.

    Raises      InputError: the sound is silent or too short; the message begins with `name`
    """
    if mistake := too_short(waveform, settings, name):
        raise mistake
    if not waveform.any():
        raise InputError(f"{name}: every sample is zero; leave it out or give a recording with sound")
    frames, start = crop(log_mel(waveform, settings), settings.max_frames)
    return with_deltas(frames, settings.deltas), start


def too_short(waveform: np.ndarray, settings: FeatureSettings, name: str) -> InputError | None:
    """What is said of 16 kHz sound that has fewer frames than the network needs."""
    shortest = (SHORTEST - 1) * settings.hop_length
    if len(waveform) >= shortest:
        return None
    return InputError(
        f"{name}: lasts {len(waveform) / SAMPLE_RATE * 1000:.0f} ms, and the network needs at least "
        f"{shortest / SAMPLE_RATE * 1000:.0f} ms; leave it out or give a longer recording"
    )


def frame_seconds(frame: float | np.ndarray, settings: FeatureSettings = PAPER) -> float | np.ndarray:
    """When a frame's centre is. Frame 0 is centred on the first sample.

    After `crop`, add its `start` to the frame first.

    Units       seconds from the beginning of the waveform
    """
    return frame * settings.hop_length / settings.sample_rate


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Brings each mel band to mean 0 and standard deviation 1 over the training frames.

        y[t,m] = (x[t,m] − mean[m]) / sd[m]

    Without it all inputs are near −40 dB, and the first steps of training would go into that offset. Mean and
    sd come from the training set alone and belong to the model: what it is tested on must not move them.

    Shapes      mean (bands,)   sd (bands,)   float32
    Units       dB
    """

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, log_mels: Sequence[np.ndarray]) -> "Standardiser":
        """Mean and population standard deviation per band over all frames of all utterances.

        Sums run in float64: in float32 the millionth frame would add little more than rounding.
        A band that never changes has sd 0; it is divided by 1, which makes it 0.

        Shapes      log_mels: sequence of (T, bands), which is gone through twice
        Raises      ValueError: there is no frame; the bands differ in number
        """
        frames, total, first, changes = 0, np.zeros(()), None, False
        for x in log_mels:
            if first is None and len(x):
                first = x[0]
            if first is not None and x.shape[1:] != first.shape:
                raise ValueError(f"log_mels: all should have the same bands, found {x.shape[1:]} and {first.shape}")
            frames += len(x)
            total = total + x.sum(axis=0, dtype=np.float64)
            changes = changes | (x != first).any(axis=0)
        if frames == 0:
            raise ValueError("log_mels: holds no frame, should hold at least one")
        mean = total / frames
        variance = sum(np.square(x - mean).sum(axis=0) for x in log_mels) / frames
        sd = np.where(changes, np.sqrt(variance), 1.0)
        return cls(mean.astype(np.float32), sd.astype(np.float32))

    def for_speaker(self, log_mels: Sequence[np.ndarray]) -> "Standardiser":
        """The same for one person, some of whose utterances are at hand; what they express need not be known.

            mean = k · own mean + (1−k) · mean        sd² = k · own sd² + (1−k) · sd²        k = n / (n + 5)

        Voices differ more than emotions make one voice differ. What a person's n utterances have in common is the
        person and the microphone; taken out, what is left is how they differ. Few utterances may all be of one
        emotion, which must not be taken out with the rest: so the fewer, the less they count.

        Shapes      log_mels: n of (T, bands)
        Raises      ValueError: there is no frame; the bands differ in number
        """
        own = Standardiser.fit(log_mels)
        if own.mean.shape != self.mean.shape:
            raise ValueError(f"log_mels: should have {len(self.mean)} bands, found {len(own.mean)}")
        k = np.float32(len(log_mels) / (len(log_mels) + _PRIOR_UTTERANCES))
        mean = k * own.mean + (1 - k) * self.mean
        return Standardiser(mean, np.sqrt(k * own.sd**2 + (1 - k) * self.sd**2))

    def apply(self, log_mel: np.ndarray) -> np.ndarray:
        """Standardise one utterance.

        Shapes      log_mel (T, bands)   y (T, bands) float32
        Raises      ValueError: another number of bands than was fitted
        """
        if log_mel.ndim != 2 or log_mel.shape[1:] != self.mean.shape:
            raise ValueError(f"log_mel: shape should be (frames, {len(self.mean)}), found {log_mel.shape}")
        return ((log_mel - self.mean) / self.sd).astype(np.float32, copy=False)
