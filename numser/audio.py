"""Sound files as the network hears them: 16 000 samples a second, one channel, float32.

Recordings come in many forms: stereo, 44.1 kHz, 16-bit numbers, FLAC. What comes after this file sees one.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from numser.decode import Sound, Unreadable
from numser.errors import InputError, collected_notes, note, reason

SAMPLE_RATE = 16_000  # Hz

_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_000_000  # Hz; a rate outside is a slip, such as 44.1 for 44100
_MOST_CHANNELS = 1024  # what libsndfile can read; more is an array that stands on its side
_MOST_SAMPLES = 2**28  # of a file that is read at once: 4 hours of one channel at 16 kHz, 1 GiB
_FEW_CHANNELS = 8  # of more, which are no stereo, the mean is taken while they are read
_LOUDEST = 100.0  # 40 dB over full scale: such floats are 16-bit numbers that nobody scaled
_SIDES = {"left": 0, "right": 1}


def read_audio(path: str | os.PathLike, start: float = 0, end: float | None = None) -> np.ndarray:
    """Read a sound file of any kind, rate and number of channels; or the part of it from `start` to `end`.

    Shapes      waveform (n,)   float32
    Units       16 kHz; full scale is −1 to 1; start and end in seconds
    Raises      InputError: the file is missing, a folder, not sound, empty, too long for the memory, or holds NaN
                or infinity
    """
    with _opened(path) as sound:
        first, most = round(start * sound.samplerate), _MOST_SAMPLES // sound.channels
        count = 2**62 if end is None else round(end * sound.samplerate) - first
        try:
            if min(count, (sound.frames or 0) - first) > most:  # before any of it is read
                raise MemoryError
            sound.skip(first)
            samples = _read(sound, max(min(count, most + 1), 0))
            if len(samples) > most:
                raise MemoryError
            return to_mono_16k(samples, sound.samplerate, str(path))
        except MemoryError:
            hours = (sound.frames or most) / sound.samplerate / 3600
            raise InputError(
                f"{path}: {hours:.4g} hours of sound do not fit in memory as one utterance; cut it into parts, or "
                "convert it anew if it is shorter"
            ) from None


def windows(
    path: str | os.PathLike | BinaryIO,
    seconds: float,
    step: float,
    name: str | None = None,
    channel: str | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Cut a sound file of any length into windows, in the memory of one. They begin `step` seconds apart, at most
    `seconds`, so that no moment is left out. The file may be in memory: an io.BytesIO; or a pipe, of whose WAV a
    window comes as soon as its sound is there.

    A file that is not longer than a window is one window. Else all windows are `seconds` long: the last one ends
    with the file, and so begins less than a step after the one before. What is then left, under 0.1 s, is dropped.
    Each window is resampled by itself, as if it were a file of its own.

    Shapes      yields (start, waveform (n,) float32)
    Units       start in seconds from the beginning of the file; waveforms at 16 kHz
    Raises      InputError: as `read_audio`, naming `name` if it is given; there is no such channel
    """
    name = name or str(path)
    with _opened(path, name) as sound:
        one = _channel(sound.channels, channel, name)
        yield from _cut(lambda n: _read(sound, n, one), sound.samplerate, seconds, step, name)


def windows_of(
    samples: np.ndarray, sample_rate: float, seconds: float, step: float, name: str
) -> Iterator[tuple[float, np.ndarray]]:
    """Cut sound that is already in memory into windows, as `windows` does a file.

    Raises      InputError: as `to_mono_16k`
    """
    samples = _checked(samples, name)
    sample_rate, at = _rate(sample_rate, name), 0

    def read(count: int) -> np.ndarray:
        nonlocal at
        at += count
        return samples[at - count : at]

    yield from _cut(read, sample_rate, seconds, step, name)


def _cut(
    read: Callable[[int], np.ndarray], rate: float, seconds: float, step: float, name: str
) -> Iterator[tuple[float, np.ndarray]]:
    width, hop, begin = round(seconds * rate), round(step * rate), 0
    window = read(width)
    yield 0.0, to_mono_16k(window, rate, name)
    fresh = read(hop) if len(window) == width else window[:0]
    while len(fresh) >= rate / 10:
        begin += len(fresh)
        window = np.concatenate([window[len(fresh) :], fresh])
        yield begin / rate, to_mono_16k(window, rate, name)
        fresh = read(hop) if len(fresh) == hop else fresh[:0]


def _read(sound: Sound, frames: int, channel: int | None = None) -> np.ndarray:
    """The next frames, fewer where the file ends: all channels, or one; of many the mean, in small parts."""
    if channel is None and sound.channels <= _FEW_CHANNELS:
        return sound.read(frames)
    block, parts = 2**20 // sound.channels, [np.zeros(0, np.float32)]
    while frames > 0 and len(part := sound.read(min(frames, block))):
        parts.append(part.mean(axis=1) if channel is None else part[:, channel])
        frames -= len(part)
    return np.concatenate(parts)


def _channel(channels: int, wanted: str | None, name: str) -> int | None:
    """Which channel is meant; None for their mean.

    Raises      InputError: there is no such channel
    """
    if wanted in (None, "mean"):
        return None
    channel = _SIDES.get(wanted, int(wanted) - 1 if wanted.isdecimal() else -1)
    if not 0 <= channel < channels:
        raise InputError(f"‹channel› {wanted}: {name} has {channels}; give left, right, mean or a number from 1 on")
    return channel


def duration(path: str | os.PathLike | BinaryIO, most: float = math.inf) -> float:
    """How long a sound file is, from its header; where that does not say it, by reading it, but no more than `most`.

    Units       seconds
    Raises      InputError: the file is missing, a folder or not sound
    """
    with _opened(path) as sound:
        frames = sound.frames
        if frames is None:
            frames = sound.skip(min(most * sound.samplerate, 2**62))
        return frames / sound.samplerate


def fingerprint(path: str | os.PathLike, most: float = math.inf) -> bytes:
    """The same for the same samples, or for those of the first seconds, in whatever format they are.

    Units       most in seconds
    Raises      InputError: the file is missing, a folder or not sound
    """
    with collected_notes(), _opened(path) as sound:  # notes are said when it is heard
        digest, left = sha256(f"{sound.samplerate} {sound.channels}".encode()), most * sound.samplerate
        while left > 0 and len(part := sound.read(math.ceil(min(left, 2**20 // sound.channels)))):
            digest.update(part.tobytes())
            left -= len(part)
    return digest.digest()


def to_mono_16k(samples: np.ndarray, sample_rate: float, name: str = "waveform") -> np.ndarray:
    """Bring sound that is already in memory to 16 kHz, one channel and float32.

    Channels are averaged; where they cancel each other, as when one is inverted, the louder one is taken, and a
    warning says so. Floats are taken as they are. Integers are PCM, as sound files hold them, and are scaled so that
    full scale is −1 to 1: int8, int16, int32, and uint8 around 128. A silent waveform is fine.

    Shapes      samples (n,) or (n, channels)   waveform (ceil(16000 n / sample_rate),)   float32
    Units       sample_rate in Hz
    Raises      InputError: beginning with `name`; another dtype or shape, no samples, NaN or infinity, floats
                that were never scaled, a sampling rate that cannot be meant
    """
    samples = _checked(samples, name)
    sample_rate = _rate(sample_rate, name)
    waveform = samples.astype(np.float32)  # a copy: the giver's array stays as it is
    if samples.dtype.kind == "u":
        waveform -= 128
    if samples.dtype.kind in "iu":
        waveform /= 2 ** (8 * samples.dtype.itemsize - 1)
    if waveform.ndim == 2:
        waveform = _one_channel(waveform, name)
    return waveform if sample_rate == SAMPLE_RATE else _resample(waveform, sample_rate)


def _one_channel(samples: np.ndarray, name: str) -> np.ndarray:
    """The mean of channels; or the louder one, if the mean has less than 1/6 of the power that it would have if the
    channels had nothing to do with each other. So much a codec may leave of two that are alike but for their sign:
    Ogg Vorbis at 32 kbit/s does.
    """
    if samples.shape[1] == 1:
        return samples[:, 0]
    mean, channels = samples.mean(axis=1), samples.shape[1]
    powers = np.mean(samples**2, axis=0)
    if channels > _FEW_CHANNELS or np.mean(mean**2) >= powers.sum() / channels**2 / 6:
        return mean
    louder = int(np.argmax(powers > 0.8 * powers.max()))
    note(f"{name}: its channels cancel each other, as when one is inverted; channel {louder + 1} is taken alone")
    return samples[:, louder].copy()


def _checked(given: Any, name: str) -> np.ndarray:
    """An array of samples; what cannot be sound, or was meant another way, is refused."""
    wanted = "an array of samples"
    if isinstance(given, str | os.PathLike):
        raise InputError(f"{name}: should be {wanted}, found a path; numser.audio.read_audio reads it")
    if isinstance(given, bytes | bytearray | memoryview):
        raise InputError(f"{name}: should be {wanted}, found bytes; write them into a file, and give its path")
    try:
        samples = np.asarray(given)
    except ValueError:  # rows of different lengths
        samples = np.asarray(None)
    if samples.dtype.kind in "OSU":
        raise InputError(f"{name}: should be {wanted} or one path, found {_in_words(given)}")
    if samples.ndim == 2 and 0 < samples.shape[0] < samples.shape[1]:
        raise InputError(
            f"{name}: shape should be (samples, channels), found {samples.shape}; if channels come first, give its .T"
        )
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MOST_CHANNELS):
        raise InputError(f"{name}: shape should be (samples,) or (samples, channels), found {samples.shape}")
    if samples.size == 0:
        raise InputError(f"{name}: it holds no samples; record it anew or leave it out")
    if samples.dtype.str[1:] in ("i1", "i2", "i4", "u1"):
        return samples
    if samples.dtype.kind != "f":
        raise InputError(
            f"{name}: samples should be floats from -1 to 1 or int16, found {samples.dtype}; convert them"
        )
    if not np.isfinite(samples).all():
        raise InputError(f"{name}: some samples are NaN or infinite; repair or leave out this recording")
    loudest = np.abs(samples).max()
    if loudest > _LOUDEST:
        raise InputError(
            f"{name}: floats should lie between -1 and 1, found {loudest:.6g}; divide 16-bit numbers by 32768"
        )
    return samples


def _in_words(given: Any) -> str:
    if given is None:
        return "None"
    if not isinstance(given, list | tuple):
        return f"a {type(given).__name__}"
    several = f"a {type(given).__name__} of {len(given)}"
    return f"{several}; of several recordings give one at a time, or their paths to predict_files"


def _rate(given: Any, name: str) -> float:
    """A sampling rate that may be meant, in Hz."""
    try:
        rate = np.nan if isinstance(given, str | bytes) else float(given)
    except (TypeError, ValueError):
        rate = np.nan
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:  # NaN is refused too
        found = "missing" if given is None else repr(given) if isinstance(given, str | bytes) else given
        raise InputError(
            f"{name}: sampling rate is {found}; give it in Hz, as a number from {_LOWEST_RATE} to {_HIGHEST_RATE}"
        )
    return rate


def _resample(waveform: np.ndarray, sample_rate: float) -> np.ndarray:
    """Change the sampling rate to 16 kHz: the spectrum of what was given is cut off, or goes on in zeros.

    So nothing folds back. The lower of the two rates' band is kept to 92.5 %, 7.4 kHz of a recording at 44.1 kHz, and
    fades to nothing where it ends; a sharp end would ring. Zeros behind the waveform take in what wraps around.

    44.1 kHz becomes 16 kHz by 160/441: of 441 k samples 160 k are made. Every whole rate up to 50 kHz has its exact
    fraction; for others the nearest stands in, off by 0.03 ‰ at worst.
    """
    from scipy.fft import irfft, next_fast_len, rfft  # slow to import

    up, down = Fraction(SAMPLE_RATE / sample_rate).limit_denominator(50_000).as_integer_ratio()
    k = next_fast_len(-(-(len(waveform) + int(0.05 * sample_rate)) // down), real=True)
    spectrum = rfft(waveform, k * down)[: k * min(up, down) // 2 + 1]
    fade = np.clip((np.linspace(0, 1, len(spectrum), dtype=np.float32) - 0.925) / 0.075, 0, 1)
    spectrum *= 0.5 + 0.5 * np.cos(np.pi * fade)
    return irfft(spectrum, k * up)[: -(-len(waveform) * up // down)] * np.float32(up / down)


@contextmanager
def _opened(path: str | os.PathLike | BinaryIO, name: str | None = None) -> Iterator[Sound]:
    """Open a sound file; whatever is wrong with it becomes one sentence, about `name` if that is given."""
    import soundfile  # here, so that importing numser.audio is quick

    called = name or str(path)
    done, advice = "opened", "check its name and rights"
    try:
        if isinstance(path, str | os.PathLike):
            _check_present(path, called)
        with Sound(path, called) as sound:
            if not _LOWEST_RATE <= sound.samplerate <= _HIGHEST_RATE:  # before seconds of it are read
                raise InputError(
                    f"{called}: sampling rate is {sound.samplerate} Hz, as its header says, and should be from "
                    f"{_LOWEST_RATE} to {_HIGHEST_RATE}; convert it anew"
                )
            done, advice = "read to its end", "copy it anew"
            yield sound
    except OSError as error:
        raise InputError(f"{called}: cannot be {done} ({error.strerror or reason(error)}); {advice}") from None
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: .raw files, which have no header
        found = str(getattr(error, "error_string", error)).rstrip(".")
        if isinstance(path, str | os.PathLike) and _is_pointer(path):
            raise InputError(
                f"{called}: is a pointer of Git LFS, without the sound; git lfs pull, in its repository, brings it"
            ) from None
        raise Unreadable(f"{called}: cannot be read as sound ({found}); give WAV, FLAC, OGG or MP3") from None


def _is_pointer(path: str | os.PathLike) -> bool:
    """Whether Git LFS left a few lines in a file's place."""
    with open(path, "rb") as file:
        return file.read(24) == b"version https://git-lfs."


def _check_present(path: str | os.PathLike, called: str) -> None:
    """Refuse what is no file, before anything waits for it."""
    if "://" in called:
        raise InputError(f"{called}: a URL is no file; fetch what it names, and give that file")
    if "\0" in os.fsdecode(path):
        raise InputError(f"{called}: no file can be called so; correct the name")
    if Path(path).is_dir():
        raise InputError(f"{called}: this is a folder; give a sound file")
    if Path(path).is_fifo():  # libsndfile would wait for it, or not find its end
        raise InputError(f"{called}: this is a pipe; write the sound into a file first")
