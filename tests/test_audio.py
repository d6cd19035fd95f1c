import io
import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from numser.audio import duration, read_audio, to_mono_16k, windows
from numser.errors import InputError


def tone(hertz, sample_rate, seconds=0.5):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(sample_rate * seconds)) / sample_rate)


@pytest.mark.parametrize(
    ("file_name", "subtype", "error"),
    [
        ("a.wav", "PCM_16", 4e-5),
        ("a.wav", "PCM_U8", 1e-2),
        ("a.wav", "FLOAT", 1e-7),
        ("a.WAV", "DOUBLE", 1e-7),
        ("a.flac", "PCM_24", 1e-6),
        ("a.ogg", "VORBIS", 0.05),
        ("a.mp3", "MPEG_LAYER_III", 0.05),
        ("Wörter – 音.wav", "PCM_16", 4e-5),
    ],
)
def test_a_file_is_its_waveform(tmp_path, file_name, subtype, error):
    soundfile.write(tmp_path / file_name, tone(440, 16_000), 16_000, subtype)
    waveform = read_audio(tmp_path / file_name)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, tone(440, 16_000), atol=error)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text on macOS and Windows")
def test_a_file_name_need_not_be_utf_8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    path.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read as sound"):
        read_audio(path)
    with path.open("wb") as file:
        soundfile.write(file, tone(440, 16_000), 16_000, format="WAV")
    np.testing.assert_allclose(read_audio(path), tone(440, 16_000), atol=4e-5)
    assert duration(path) == 0.5


def test_an_mp3_may_begin_with_zeros(tmp_path):
    soundfile.write(tmp_path / "a.mp3", tone(440, 16_000), 16_000, format="MP3")
    (tmp_path / "b.mp3").write_bytes(bytes(1000) + (tmp_path / "a.mp3").read_bytes())
    assert len(read_audio(tmp_path / "b.mp3")) == 8000
    ((_, in_memory),) = windows(io.BytesIO((tmp_path / "b.mp3").read_bytes()), 7, 7)  # where no name tells the format
    assert len(in_memory) == 8000


# 44101 is a prime number; the fraction for 192001 Hz is not exact.
@pytest.mark.parametrize(
    "sample_rate", [8000, 11_025, 16_001, 22_050, 44_056, 44_100, 44_100.5, 44_101, 48_000, 192_001]
)
def test_resampling_keeps_a_tone(sample_rate):
    waveform = to_mono_16k(tone(440, sample_rate), sample_rate)
    assert waveform.dtype == np.float32
    assert len(waveform) == pytest.approx(8000, abs=1.5)
    inside = slice(200, 7800)  # at the ends the filter sees the silence outside
    np.testing.assert_allclose(waveform[inside], tone(440, 16_000, 1)[inside], atol=5e-3)


@pytest.mark.parametrize("sample_rate", [22_050, 32_000, 44_100, 48_000, 96_000])
def test_what_16_khz_can_hold_is_kept_and_what_it_cannot_does_not_fold_back(sample_rate):
    assert [decibels(frequency, sample_rate) for frequency in (50, 3000, 7000, 7400)] == pytest.approx(
        [0] * 4, abs=0.1
    )
    assert max(decibels(frequency, sample_rate) for frequency in (8100, 8200, 9000, 10_900)) < -60


@pytest.mark.parametrize("sample_rate", [8000, 11_025])
def test_from_a_lower_rate_no_band_is_mirrored(sample_rate):
    edge = 0.45 * sample_rate
    assert decibels(edge, sample_rate) == pytest.approx(0, abs=0.1)
    waveform = to_mono_16k(swelling(edge, sample_rate), sample_rate)
    spectrum = np.abs(np.fft.rfft(waveform)) ** 2
    mirrored = np.fft.rfftfreq(len(waveform), 1 / 16_000) > sample_rate / 2
    assert spectrum[mirrored].sum() < 1e-6 * spectrum.sum()


def swelling(frequency, sample_rate):
    """A second of a tone that swells and ebbs, so that it has no edges, which are of all frequencies."""
    n = np.arange(sample_rate)
    return (np.sin(2 * np.pi * frequency / sample_rate * n) * np.hanning(len(n))).astype(np.float32)


def decibels(frequency, sample_rate):
    """How loud a tone comes out."""
    given = swelling(frequency, sample_rate)
    return 10 * np.log10(
        np.mean(to_mono_16k(given, sample_rate).astype(float) ** 2) / np.mean(given.astype(float) ** 2)
    )


def test_reads_stereo_of_another_rate(tmp_path):
    left, right = tone(440, 44_100), tone(600, 44_100)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 44_100)
    mean = (tone(440, 16_000) + tone(600, 16_000)) / 2
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav")[200:7800], mean[200:7800], atol=2e-3)
    assert duration(tmp_path / "a.wav") == 0.5


@given(
    n=st.integers(10, 2000), channels=st.integers(1, 4), sample_rate=st.sampled_from([8000, 16_000, 22_050, 48_000])
)
@settings(deadline=None)  # the first resampling imports scipy.fft
def test_length_and_mean_of_channels(n, channels, sample_rate):
    samples = np.cos(np.arange(n * channels, dtype=np.float32)).reshape(n, channels)
    waveform = to_mono_16k(samples, sample_rate)
    assert waveform.shape == (-(-n * 16_000 // sample_rate),)
    np.testing.assert_array_equal(waveform, to_mono_16k(samples.mean(axis=1), sample_rate))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([-32768, 0, 16384], np.int16), [-1, 0, 0.5]),
        (np.array([-32768, 0, 16384], ">i2"), [-1, 0, 0.5]),
        (np.array([-(2**31), 0, 2**30], np.int32), [-1, 0, 0.5]),
        (np.array([-128, 0, 64], np.int8), [-1, 0, 0.5]),
        (np.array([0, 128, 192], np.uint8), [-1, 0, 0.5]),
        (np.array([[-32768, 0], [8192, 8192]], np.int16), [-0.5, 0.25]),
        (np.array([-1, 0, 0.5], np.float16), [-1, 0, 0.5]),
        ([-1.0, 0.0, 0.5], [-1, 0, 0.5]),
        (np.zeros(3), [0, 0, 0]),
    ],
)
def test_full_scale_is_one(samples, expected):
    waveform = to_mono_16k(samples, 16_000)
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, expected)


def test_the_waveform_given_stays_the_givers():
    given_one = np.zeros(10, np.float32)
    to_mono_16k(given_one, 16_000)[:] = 1
    assert not given_one.any()


@pytest.mark.parametrize(
    ("samples", "sample_rate", "complaint"),
    [
        (np.zeros(0), 16_000, "no samples"),
        (np.zeros((0, 2)), 16_000, "no samples"),
        (np.float64(0.5), 16_000, r"shape .* found \(\)"),
        (np.zeros((2, 3, 4)), 16_000, r"shape .* found \(2, 3, 4\)"),
        (np.zeros((2, 16_000)), 16_000, r"shape .* found \(2, 16000\); if channels come first"),
        (np.zeros((9, 9, 2)), 16_000, r"shape .* found \(9, 9, 2\)"),
        (np.array([0, np.nan]), 16_000, "NaN"),
        (np.array([0, -np.inf]), 16_000, "infinite"),
        (np.array([3.0, -20_000.0]), 16_000, "found 20000; divide"),
        (np.array([1e300]), 16_000, r"found 1e\+300"),
        (np.zeros(9, np.int64), 16_000, "found int64"),
        (np.zeros(9, np.uint16), 16_000, "found uint16"),
        (np.zeros(9, bool), 16_000, "found bool"),
        (np.zeros(9, complex), 16_000, "found complex128"),
        (np.zeros(9), 0, "is 0; give it in Hz"),
        (np.zeros(9), -16_000, "is -16000"),
        (np.zeros(9), 44.1, "is 44.1"),
        (np.zeros(9), np.nan, "is nan"),
        (np.zeros(9), 2e9, "is 2000000000"),
    ],
)
def test_refuses_samples(samples, sample_rate, complaint):
    with pytest.raises(InputError, match=f"^my recording: .*{complaint}"):
        to_mono_16k(samples, sample_rate, name="my recording")


def write_wav(samples):
    return lambda path: soundfile.write(path, samples, 16_000, "FLOAT", format="WAV")


@pytest.mark.parametrize(
    ("file_name", "write", "complaint"),
    [
        ("missing.wav", lambda path: None, "cannot be opened .No such file"),
        ("folder.wav", lambda path: path.mkdir(), "this is a folder"),
        ("empty.wav", lambda path: path.touch(), r"cannot be read as sound \(Format not recognised\); give WAV"),
        ("text.wav", lambda path: path.write_text("hello"), "cannot be read as sound"),
        ("headerless.raw", lambda path: path.write_bytes(b"1234"), "cannot be read as sound"),
        ("no samples.wav", write_wav(np.zeros(0)), "no samples"),
        ("nan.wav", write_wav(np.array([0.1, np.nan])), "NaN"),
    ],
)
def test_refuses_file(tmp_path, file_name, write, complaint):
    path = tmp_path / file_name
    write(path)
    with pytest.raises(InputError, match=complaint) as refusal:
        read_audio(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_refuses_what_does_not_fit_in_memory(tmp_path, monkeypatch):
    """Such as a FLAC whose damaged header says 2³⁶ samples, on most systems. Here it fails on every system."""

    def no_memory(*_, **__):
        raise MemoryError

    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(16_000 * 36), 16_000)
    monkeypatch.setattr(soundfile.SoundFile, "read", no_memory)
    with pytest.raises(
        InputError, match=r"0\.01 hours of sound do not fit in memory as one utterance; cut"
    ) as refusal:
        read_audio(path)
    assert str(refusal.value).startswith(f"{path}: ")


@pytest.mark.slow
@pytest.mark.parametrize("use", [read_audio, duration, lambda path: next(windows(path, 7, 7))])
@pytest.mark.parametrize(
    ("rate", "file_name"), [(2**31 - 1, "a.wav"), (1_000_001, "a.wav"), (3, "a.wav"), (2**29, "a.ogg")]
)
def test_a_rate_that_cannot_be_is_refused_before_seconds_of_it_are_read(tmp_path, use, rate, file_name):
    path = tmp_path / file_name
    with soundfile.SoundFile(path, "w", 16_000, 1) as sound:
        for _ in range(40):  # libsndfile writes no Ogg of so many samples at once
            sound.write(np.zeros(100_000))
    content = bytearray(path.read_bytes())
    at = content.index((16_000).to_bytes(4, "little"))
    content[at : at + 4] = rate.to_bytes(4, "little")
    if file_name == "a.ogg":
        at = 22
        content[at : at + 4] = bytes(4)
        length = 27 + content[26] + sum(content[27 : 27 + content[26]])
        content[at : at + 4] = _ogg_checksum(content[:length]).to_bytes(4, "little")
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(InputError, match=f"sampling rate is {rate} Hz, as its header says"):
        use(path)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with the polynomial 0x04c11db7, from the high bits, without reflection."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
            crc &= 0xFFFFFFFF
    return crc


def test_an_utterance_of_many_hours_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(16_000), 16_000)
    content = bytearray(path.read_bytes())
    content[21:26] = (content[21] & 0xF0 | 0xF).to_bytes(1, "big") + b"\xff" * 4  # STREAMINFO's number of samples
    path.write_bytes(content)
    with pytest.raises(InputError, match="1193 hours of sound do not fit in memory as one utterance"):
        read_audio(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_refuses_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(InputError, match="this is a pipe"):
        read_audio(tmp_path / "pipe.wav")


@pytest.mark.parametrize(("file_name", "complaint"), [("", "folder"), ("missing.wav", "No such file")])
def test_duration_refuses(tmp_path, file_name, complaint):
    with pytest.raises(InputError, match=complaint):
        duration(tmp_path / file_name)


@pytest.mark.parametrize("given", [io.BytesIO(b"RIFF"), {"array": [0.1], "sampling_rate": 16_000}])
def test_what_is_no_list_of_recordings_is_not_called_one(given):
    with pytest.raises(InputError, match=f"or one path, found a {type(given).__name__}$"):
        to_mono_16k(given, 16_000)
