"""Sound files as the network hears them: 16 000 samples a second, one channel, float32.

Recordings come in many forms: stereo, 44.1 kHz, 16-bit numbers, FLAC. What comes after this file sees one.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from numser.errors import InputError

if TYPE_CHECKING:
    import soundfile

SAMPLE_RATE = 16_000  # Hz

_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_000_000  # Hz; a rate outside is a slip, such as 44.1 for 44100
_MOST_CHANNELS = 1024  # what libsndfile can read; more is an array that stands on its side
_MOST_SAMPLES = 2**28  # of a file that is read at once: 4 hours of one channel at 16 kHz, 1 GiB
_LOUDEST = 100.0  # 40 dB over full scale: such floats are 16-bit numbers that nobody scaled
_UNKNOWN = 2**63 - 1  # libsndfile's length of a file whose header has none: a FLAC that was written to a pipe


def read_audio(path: str | os.PathLike) -> np.ndarray:
    """Read a sound file of any kind, rate and number of channels.

    Shapes      waveform (n,)   float32
    Units       16 kHz; full scale is −1 to 1
    Raises      InputError: the file is missing, a folder, not sound, empty, too long for the memory, or holds NaN
                or infinity
    """
    with _opened(path) as sound:
        if sound.frames * sound.channels > _MOST_SAMPLES:
            raise InputError(
                f"{path}: {sound.frames / sound.samplerate / 3600:.4g} hours of sound, as its header says, are more "
                "than one utterance can have; cut it into parts, or convert it anew if it is shorter"
            )
        try:
            return to_mono_16k(
                sound.read(sound.frames, dtype="float32", always_2d=True), sound.samplerate, name=str(path)
            )
        except MemoryError:
            hours = sound.frames / sound.samplerate / 3600
            raise InputError(
                f"{path}: {hours:.4g} hours of sound, as its header says, do not fit in memory; "
                "cut it into parts, or convert it anew if it is shorter"
            ) from None


def windows(
    path: str | os.PathLike | BinaryIO, seconds: float, step: float, name: str | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Cut a sound file of any length into windows, in the memory of one. They begin `step` seconds apart, at most
    `seconds`, so that no moment is left out. The file may be in memory: an io.BytesIO.

    A file that is not longer than a window is one window. Else all windows are `seconds` long: the last one ends
    with the file, and so begins less than a step after the one before. What is then left, under 0.1 s, is dropped.
    Each window is resampled by itself, as if it were a file of its own.

    Shapes      yields (start, waveform (n,) float32)
    Units       start in seconds from the beginning of the file; waveforms at 16 kHz
    Raises      InputError: as `read_audio`, naming `name` if it is given
    """
    name = name or str(path)
    with _opened(path, name) as sound:
        rate = sound.samplerate
        width, hop, begin = round(seconds * rate), round(step * rate), 0
        window = _read_mono(sound, width)
        yield 0.0, to_mono_16k(window, rate, name)
        fresh = _read_mono(sound, hop) if len(window) == width else window[:0]
        while len(fresh) >= rate / 10:
            begin += len(fresh)
            window = np.concatenate([window[len(fresh) :], fresh])
            yield begin / rate, to_mono_16k(window, rate, name)
            fresh = _read_mono(sound, hop) if len(fresh) == hop else fresh[:0]


def _read_mono(sound: "soundfile.SoundFile", frames: int) -> np.ndarray:
    """The next frames, channels averaged: fewer where the file ends. Many channels are read in small parts."""
    block, parts = max(1, 2**20 // sound.channels), [np.zeros(0, np.float32)]
    while frames > 0 and len(part := sound.read(min(frames, block), dtype="float32", always_2d=True)):
        parts.append(part.mean(axis=1))
        frames -= len(part)
    return np.concatenate(parts)


def duration(path: str | os.PathLike | BinaryIO) -> float:
    """How long a sound file is, from its header alone.

    Units       seconds
    Raises      InputError: the file is missing, a folder or not sound
    """
    with _opened(path) as sound:
        return sound.frames / sound.samplerate


def to_mono_16k(samples: np.ndarray, sample_rate: float, name: str = "waveform") -> np.ndarray:
    """Bring sound that is already in memory to 16 kHz, one channel and float32.

    Channels are averaged. Floats are taken as they are. Integers are PCM, as sound files hold them, and are
    scaled so that full scale is −1 to 1: int8, int16, int32, and uint8 around 128. A silent waveform is fine.

    Shapes      samples (n,) or (n, channels)   waveform (ceil(16000 n / sample_rate),)   float32
    Units       sample_rate in Hz
    Raises      InputError: beginning with `name`; another dtype or shape, no samples, NaN or infinity, floats
                that were never scaled, a sampling rate that cannot be meant
    """
    samples = np.asarray(samples)
    _check_samples(samples, name)
    if not _LOWEST_RATE <= sample_rate <= _HIGHEST_RATE:  # NaN is refused too
        raise InputError(
            f"{name}: sampling rate is {sample_rate}; give it in Hz, from {_LOWEST_RATE} to {_HIGHEST_RATE}"
        )
    waveform = samples.astype(np.float32)  # a copy: the giver's array stays as it is
    if samples.dtype.kind == "u":
        waveform -= 128
    if samples.dtype.kind in "iu":
        waveform /= 2 ** (8 * samples.dtype.itemsize - 1)
    if waveform.ndim == 2:
        waveform = waveform.mean(axis=1)
    return waveform if sample_rate == SAMPLE_RATE else _resample(waveform, sample_rate)


def _check_samples(samples: np.ndarray, name: str) -> None:
    """Refuse what cannot be sound, or was meant another way."""
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MOST_CHANNELS):
        raise InputError(f"{name}: shape should be (samples,) or (samples, channels), found {samples.shape}")
    if samples.size == 0:
        raise InputError(f"{name}: it holds no samples; record it anew or leave it out")
    if samples.dtype.str[1:] in ("i1", "i2", "i4", "u1"):
        return
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


def _resample(waveform: np.ndarray, sample_rate: float) -> np.ndarray:
    """Change the sampling rate to 16 kHz; the low-pass filter keeps what is too high from folding back.

    44.1 kHz becomes 16 kHz by 160/441: 160 times as many samples, of which every 441st is kept. The filter has
    20 taps for each unit of the larger number, so a fraction of huge numbers would need a huge filter. Every
    whole rate up to 50 kHz has its exact fraction; for others the nearest stands in, off by 0.03 ‰ at worst.
    """
    from scipy.signal import resample_poly  # slow to import

    ratio = Fraction(SAMPLE_RATE / sample_rate).limit_denominator(50_000)
    return resample_poly(waveform, ratio.numerator, ratio.denominator)


@contextmanager
def _opened(path: str | os.PathLike | BinaryIO, name: str | None = None) -> "Iterator[soundfile.SoundFile]":
    """Open a sound file; whatever is wrong with it becomes one sentence, about `name` if that is given."""
    import soundfile  # here, so that importing numser.audio is quick

    called = name or path
    try:
        file = _present(path, called) if isinstance(path, str | os.PathLike) else _open_already(path)
        with _forwards_only()(file, closefd=False) as sound:
            if not _LOWEST_RATE <= sound.samplerate <= _HIGHEST_RATE:  # before seconds of it are read
                raise InputError(
                    f"{called}: sampling rate is {sound.samplerate} Hz, as its header says, and should be from "
                    f"{_LOWEST_RATE} to {_HIGHEST_RATE}; convert it anew"
                )
            if sound.frames == _UNKNOWN:
                raise InputError(f"{called}: its header does not say how long it is; convert it to WAV")
            yield sound
    except OSError as error:
        raise InputError(f"{called}: cannot be opened ({error.strerror}); check its name and rights") from None
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: .raw files, which have no header
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise InputError(f"{called}: cannot be read as sound ({reason}); give WAV, FLAC, OGG or MP3") from None


def _present(path: str | os.PathLike, called: object) -> str | bytes:
    """A file's name, for libsndfile, which knows some MP3 files by their suffix only. A name need not be UTF-8."""
    if Path(path).is_dir():
        raise InputError(f"{called}: this is a folder; give a sound file")
    if Path(path).is_fifo():  # libsndfile would wait for it, or not find its end
        raise InputError(f"{called}: this is a pipe; write the sound into a file first")
    open(path, "rb").close()  # says why, where libsndfile says only "System error"
    return os.fspath(path) if sys.platform == "win32" else os.fsencode(path)


def _open_already(file: BinaryIO) -> int | BinaryIO:
    """A file as libsndfile reads it best: by itself, unless it is in memory."""
    file.seek(0)
    try:
        return file if sys.platform == "win32" else file.fileno()
    except OSError:
        return file


@cache
def _forwards_only() -> type:
    import soundfile

    class ForwardsOnly(soundfile.SoundFile):
        """soundfile seeks after each read, to where it is already; in an MP3 that spoils the next 300 samples."""

        def seekable(self) -> bool:
            return False

    return ForwardsOnly
