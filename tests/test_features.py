import json
import tracemalloc

import numpy as np
import pytest
from conftest import cpu_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from numser.audio import read_audio
from numser.features import (
    NUMSER,
    PAPER,
    FeatureSettings,
    Standardiser,
    crop,
    frame_seconds,
    log_mel,
    mel_filterbank,
    speech_level,
)
from numser.threads import one_blas_thread


def seconds(n):
    return np.arange(n) / 16_000


def two_tones_and_a_chirp(n):
    t = seconds(n)
    y = 0.4 * np.sin(2 * np.pi * 220 * t) + 0.2 * np.sin(2 * np.pi * 1750 * t + 0.5)
    return (y + 0.3 * t * np.sin(2 * np.pi * (300 * t + 6000 * t * t))).astype(np.float32)


def fading_tone(n):
    return (np.exp(-25 * seconds(n)) * np.sin(2 * np.pi * 440 * seconds(n))).astype(np.float32)


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


def spoken(n, seed=0):
    """Swelling noise, as loud as speech, with pauses."""
    swell = np.maximum(np.sin(2 * np.pi * 3 * seconds(n)), 0.003) * (np.sin(2 * np.pi * 0.7 * seconds(n)) > -0.7)
    return (noise(n, seed) * swell).astype(np.float32)


# From librosa 0.11.0, of the same signals in float64, to four decimals:
#   m = librosa.feature.melspectrogram(y=y, sr=16000, n_fft=1024, hop_length=160, win_length=640, window="hamming",
#       center=True, pad_mode="reflect", power=2.0, n_mels=128, fmin=0.0, fmax=8000.0, htk=False, norm="slaney")
#   librosa.power_to_db(m, ref=1.0, amin=1e-10, top_db=80.0).T
# and pad_mode="constant" for the signal of 512 samples.
LIBROSA = [
    (
        two_tones_and_a_chirp(8000),
        {
            (0, 0): 7.2414,
            (0, 127): -33.6133,
            (1, 9): 21.8217,
            (25, 0): -18.2981,
            (25, 9): 22.8707,
            (25, 62): -26.8406,
            (25, 100): -42.0318,
            (50, 20): -6.6189,
            (50, 70): -4.6428,
            (50, 127): -23.6864,
        },
    ),
    (
        fading_tone(8000),
        {
            (0, 18): 20.9589,
            (10, 18): 10.0104,
            (10, 40): -40.1124,
            (20, 19): -16.8678,
            (20, 40): -52.6300,
            (40, 18): -52.6300,
            (50, 127): -52.6300,
        },
    ),
    (two_tones_and_a_chirp(512), {(0, 9): 18.1044, (1, 62): -10.4067, (2, 127): -45.3347, (3, 0): 1.2752}),
    (two_tones_and_a_chirp(513), {(0, 9): 18.1470, (1, 62): -5.4837, (2, 127): -40.0725, (3, 0): 7.2012}),
]


@pytest.mark.parametrize(("waveform", "expected"), LIBROSA)
def test_log_mel_is_librosas(waveform, expected):
    y = log_mel(waveform)
    assert y.dtype == np.float32
    for (frame, band), value in expected.items():
        assert y[frame, band] == pytest.approx(value, abs=1e-3)


# From librosa.filters.mel(sr=16000, n_fft=1024, n_mels=128, fmin=0, fmax=8000, htk=False, norm="slaney",
# dtype=np.float64), librosa 0.11.0.
@pytest.mark.parametrize(
    ("band", "frequency", "weight", "bins"),
    [
        (0, 1, 0.028577779716932577, 2),
        (9, 15, 0.041765367489925265, 3),
        (43, 66, 0.03855391092566718, 3),
        (100, 261, 0.00960148516037438, 12),
        (127, 500, 0.005223188431655863, 24),
    ],
)
def test_mel_filterbank_is_librosas(band, frequency, weight, bins):
    filterbank = mel_filterbank()
    assert filterbank.shape == (128, 513) and filterbank.dtype == np.float32
    assert filterbank[band, frequency] == filterbank[band].max() == pytest.approx(weight, rel=1e-6)
    assert np.count_nonzero(filterbank[band]) == bins


def test_mel_bands_have_area_one():
    # A band of few bins catches its triangle's area only roughly; the wide ones to a per cent.
    area = mel_filterbank().sum(axis=1) * 16_000 / 1024
    np.testing.assert_allclose(area[80:], 1, atol=0.015)
    np.testing.assert_allclose(area, 1, atol=0.2)


def test_mel_filterbank_is_shared_and_so_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        mel_filterbank()[0, 0] = 1


def plain_log_mel(waveform):
    """The definition, frame by frame: the window stands in the middle of a whole FFT frame."""
    x = np.pad(waveform.astype(np.float64), 512, mode="reflect")
    window = np.pad(0.54 - 0.46 * np.cos(2 * np.pi * np.arange(640) / 640), 192)
    rows = []
    for t in range(1 + len(waveform) // 160):
        power = np.abs(np.fft.rfft(x[160 * t : 160 * t + 1024] * window)) ** 2
        rows.append(10 * np.log10(np.maximum(mel_filterbank() @ power, 1e-10)))
    return np.maximum(rows, np.max(rows) - 80)


@pytest.mark.parametrize("frames", [64, 65, 600])  # the fast one goes through 64 frames at a time
@pytest.mark.parametrize("made", [noise, spoken])
def test_log_mel_is_the_plain_one(frames, made):
    waveform = made(160 * (frames - 1))
    np.testing.assert_allclose(log_mel(waveform), plain_log_mel(waveform), rtol=0, atol=2e-4)


@given(n=st.integers(1, 3000))
@settings(deadline=None)
def test_every_length_has_its_frames(n):
    y = log_mel(noise(n))
    assert y.shape == (1 + n // 160, 128)
    assert np.isfinite(y).all()


@given(n=st.integers(1, 512))
@settings(deadline=None)
def test_a_short_signal_has_zeros_around_it(n):
    middle = log_mel(np.pad(noise(n), (1600, 1600)))[10 : 11 + n // 160]
    np.testing.assert_allclose(log_mel(noise(n)), middle, atol=1e-3)


@given(decibels=st.floats(-40, 40), n=st.integers(1, 2000))
@settings(deadline=None)
def test_gain_moves_all_bands_alike_down_to_the_floor(decibels, n):
    gain, loud = (np.float32(10 ** (db / 20)) for db in (decibels, 40))
    expected = np.maximum(log_mel(noise(n) * loud) + decibels - 40, -100)
    np.testing.assert_allclose(log_mel(noise(n) * gain), expected, atol=2e-3)


@given(decibels=st.sampled_from([0.0, -20.0, -40.0, -60.0]) | st.floats(-100, 60), n=st.integers(320, 20_000))
def test_no_gain_changes_a_frame_once_the_level_is_taken_out(decibels, n):
    gain = np.float32(10 ** (decibels / 20))
    for waveform in (spoken(n), two_tones_and_a_chirp(n), fading_tone(n)):
        expected = log_mel(waveform, NUMSER)
        loud = expected > expected.max() - 70  # below, float32's rounding shows more
        frames = log_mel(waveform * gain, NUMSER)
        np.testing.assert_allclose(frames[loud], expected[loud], atol=1e-3)
        np.testing.assert_allclose(frames, expected, atol=5e-3)


def test_a_gain_does_change_the_absolute_level():
    """Else the test above could not fail."""
    waveform = spoken(20_000)
    assert np.abs(log_mel(waveform * np.float32(0.001)) - log_mel(waveform)).max() > 50


def test_the_level_is_the_median_of_what_is_active():
    frames = np.array([1, 5, 5.5, 6, 7, 0.01, 0, 0.06, 0.1, 3])[:, None] / [[2, 2]]
    assert speech_level(frames.astype(np.float32)) == pytest.approx(5)  # 7 6 5.5 5 3 1 0.1: the fourth of seven
    many = np.repeat(frames, 3, axis=0)
    many[0] = 1e9  # one of 30 frames is passed over
    assert speech_level(many.astype(np.float32)) == pytest.approx(5)
    few = np.zeros((100, 1))
    few[:5] = [[1]] + [[0.002]] * 4
    assert speech_level(few) == 1  # the twentieth part is silent: what is near the loudest is active
    assert speech_level(np.zeros((9, 2))) == 0


def test_taking_the_level_out_moves_all_bands_alike():
    waveform = spoken(40_000)
    absolute, relative = log_mel(waveform), log_mel(waveform, NUMSER)
    level = 10 * np.log10(speech_level(10 ** (absolute.astype(np.float64) / 10)))
    np.testing.assert_allclose(relative, absolute - level, atol=1e-3)
    loudness = 10 * np.log10(np.sum(10 ** (relative / 10), axis=1))
    assert np.median(loudness[loudness > np.percentile(loudness, 95) - 20]) == pytest.approx(0, abs=0.2)


def level_of(waveform):
    """In dB, by what is taken out."""
    return float((log_mel(waveform) - log_mel(waveform, NUMSER)).max())


def test_a_click_does_not_move_the_level():
    """In some seconds of speech; in one, its four frames are nearly the twentieth part that is passed over."""
    for seed in range(4):
        waveform = spoken(80_000, seed)
        for place in (0, 159, 20_000, 33_333, 79_999):
            clicked = waveform.copy()
            clicked[place] = 10 * np.abs(waveform).max()
            assert level_of(clicked) == pytest.approx(level_of(waveform), abs=0.5)


@given(
    seed=st.integers(0, 99),
    n=st.integers(16_000, 80_000),
    before=st.integers(0, 80_000),
    after=st.integers(0, 80_000),
)
@settings(max_examples=20)
def test_silence_around_does_not_move_the_level(seed, n, before, after):
    waveform = spoken(n, seed)
    assert level_of(np.pad(waveform, (before, after))) == pytest.approx(level_of(waveform), abs=1)


def test_digital_silence_has_no_level_to_take_out():
    np.testing.assert_array_equal(log_mel(np.zeros(9000, np.float32), NUMSER), log_mel(np.zeros(9000, np.float32)))


def test_a_level_near_the_smallest_number_and_a_click():
    """Their quotient is beyond float32."""
    waveform = np.float32(1e-19) * spoken(32_000)
    waveform[16_000] = 100
    y = log_mel(waveform, NUMSER)
    assert np.isfinite(y).all() and y.max() - y.min() <= 80 + 1e-4


def test_the_absolute_level_stays():
    """As models that were trained before there was a choice expect it."""
    waveform = spoken(40_000)
    np.testing.assert_array_equal(log_mel(waveform, FeatureSettings(level="absolute")), log_mel(waveform))
    assert PAPER.level == "absolute" and FeatureSettings() == PAPER


@given(decay=st.floats(0, 200))
@settings(deadline=None)
def test_nothing_is_more_than_80_db_below_the_maximum(decay):
    t = seconds(3000)
    y = log_mel(np.exp(-decay * t) * np.sin(2 * np.pi * 440 * t))
    assert y.max() - y.min() <= 80 + 1e-4


def test_a_core_hears_100_times_as_fast_as_one_speaks():
    waveform = noise(60 * 16_000)
    with one_blas_thread():
        assert min(cpu_seconds(lambda: log_mel(waveform)) for _ in range(5)) < 0.6


def test_silence_is_at_the_floor():
    np.testing.assert_allclose(log_mel(np.zeros(1000, np.float32)), np.full((7, 128), -100), rtol=1e-6)


def test_a_tone_is_in_the_band_of_its_frequency():
    for hertz in (100, 440, 1000, 3000, 7500):
        y = log_mel(np.sin(2 * np.pi * hertz * seconds(8000)))
        band = y[25].argmax()
        centre = mel_filterbank()[band].argmax() * 16_000 / 1024
        assert centre == pytest.approx(hertz, rel=0.02, abs=16)


def test_a_click_is_in_the_frame_of_its_time():
    click = np.zeros(16_000)
    click[4800] = 1
    loudness = log_mel(click).mean(axis=1)
    assert frame_seconds(loudness.argmax()) == 4800 / 16_000
    np.testing.assert_allclose(frame_seconds(np.arange(3)), [0, 0.01, 0.02])


def test_the_argument_stays_unchanged():
    waveform = noise(2000)
    before = waveform.copy()
    first, second = log_mel(waveform), log_mel(waveform)
    np.testing.assert_array_equal(waveform, before)
    np.testing.assert_array_equal(first, second)


def test_memory_does_not_hold_all_spectra():
    waveform = noise(60 * 16_000)  # its spectra would be 25 MB, its FFT frames as much again
    log_mel(waveform[:1600])
    tracemalloc.start()
    log_mel(waveform)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 13e6


@pytest.mark.parametrize(
    ("waveform", "complaint"),
    [
        (np.zeros(0), "at least one"),
        (np.zeros((2, 100)), r"found shape \(2, 100\)"),
        (np.zeros(100, np.int16), "found int16"),
        (np.array([0, np.nan]), "NaN"),
        (np.array([0, np.inf]), "infinite"),
    ],
)
def test_log_mel_refuses(waveform, complaint):
    with pytest.raises(ValueError, match=f"^waveform: .*{complaint}"):
        log_mel(waveform)


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"hop_length": 0}, "hop_length: should be positive, found 0"),
        ({"win_length": 2048}, "n_fft: .* at least the window, 2048, found 1024"),
        ({"n_fft": 1023}, "n_fft: should be even"),
        ({"fmax": 9000.0}, "found 0.0 and 9000.0"),
        ({"fmin": 8000.0}, "found 8000.0 and 8000.0"),
        ({"n_fft": 1024.0}, "n_fft: should be a whole number, found 1024.0"),
        ({"hop_length": 160.5}, "hop_length: should be a whole number, found 160.5"),
        ({"max_frames": True}, "max_frames: should be a whole number, found True"),
        ({"n_mels": "128"}, "n_mels: should be a whole number, found '128'"),
        ({"floor": float("nan")}, "floor: should be a finite number, found nan"),
        ({"dynamic_range": float("inf")}, "dynamic_range: should be a finite number, found inf"),
        ({"fmin": None}, "fmin: should be a finite number, found None"),
        ({"level": "loud"}, "level: should be one of absolute, speech, found 'loud'"),
        ({"level": 1}, "level: should be one of absolute, speech, found 1"),
        ({"level": ["speech"]}, r"level: should be one of absolute, speech, found \['speech'\]"),
    ],
)
def test_settings_refuse(numbers, complaint):
    with pytest.raises(ValueError, match=complaint):
        FeatureSettings(**numbers)


def test_settings_survive_json():
    chosen = FeatureSettings(n_mels=64, hop_length=320, level="speech")
    before = {name: value for name, value in chosen.as_dict().items() if name != "level"}  # what files had
    assert FeatureSettings(**before).level == "absolute"
    assert FeatureSettings(**json.loads(json.dumps(chosen.as_dict()))) == chosen
    assert log_mel(noise(3200), chosen).shape == (11, 64)
    assert frame_seconds(2, chosen) == 0.04


@pytest.mark.parametrize(("frames", "start", "kept"), [(1, 0, 1), (700, 0, 700), (701, 0, 700), (905, 102, 700)])
def test_crop_keeps_the_middle(frames, start, kept):
    x = np.arange(frames * 2.0).reshape(frames, 2)
    cropped, found = crop(x)
    assert found == start
    np.testing.assert_array_equal(cropped, x[start : start + kept])


def test_standardiser_brings_the_training_frames_to_mean_0_and_sd_1():
    rng = np.random.default_rng(0)
    offset, spread = np.linspace(-60, 20, 128), np.linspace(0.5, 20, 128)
    utterances = [(offset + spread * rng.normal(size=(n, 128))).astype(np.float32) for n in (5, 300, 41)]
    standardiser = Standardiser.fit(utterances)
    frames = np.concatenate(utterances).astype(np.float64)
    np.testing.assert_allclose(standardiser.mean, frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(standardiser.sd, frames.std(axis=0), rtol=1e-6)
    y = np.concatenate([standardiser.apply(x) for x in utterances])
    assert y.dtype == standardiser.mean.dtype == standardiser.sd.dtype == np.float32
    np.testing.assert_allclose(y.mean(axis=0, dtype=np.float64), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=0, dtype=np.float64), 1, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_band_is_divided_by_one(dtype):
    x = np.full((7, 2), 0.1, dtype)
    x[:, 1] = np.arange(7)
    standardiser = Standardiser.fit([x[:0], x, x[:4]])
    assert standardiser.sd[0] == 1 and standardiser.sd[1] == pytest.approx(np.std([*range(7), *range(4)]))
    np.testing.assert_allclose(standardiser.apply(x)[:, 0], 0, atol=1e-7)


def test_a_band_is_not_constant_if_it_differs_between_utterances():
    standardiser = Standardiser.fit([np.zeros((3, 1)), np.full((3, 1), 4.0)])
    assert (standardiser.mean, standardiser.sd) == (2, 2)


def test_sums_run_in_float64():
    # In float32 neighbours of −80 are 8e-6 apart, and a sum of many has far less.
    x = np.full((200_000, 1), -80, np.float32)
    x[::2] += np.float32(0.001)
    standardiser = Standardiser.fit([x])
    assert standardiser.mean[0] == pytest.approx(-79.9995, abs=1e-5)
    assert standardiser.sd[0] == pytest.approx(0.0005, rel=0.01)


def test_standardiser_refuses():
    with pytest.raises(ValueError, match="holds no frame"):
        Standardiser.fit([])
    with pytest.raises(ValueError, match="holds no frame"):
        Standardiser.fit([np.zeros((0, 128))])
    with pytest.raises(ValueError, match="same bands"):
        Standardiser.fit([np.zeros((3, 128)), np.zeros((3, 64))])
    with pytest.raises(ValueError, match=r"should be \(frames, 128\), found \(3, 64\)"):
        Standardiser.fit([np.zeros((3, 128))]).apply(np.zeros((3, 64)))


def test_real_recordings_use_the_whole_range(shared_data):
    if not (shared_data / "emodb").is_dir():
        pytest.skip("emodb is not there")
    for path in sorted((shared_data / "emodb" / "wav").iterdir())[::32]:
        waveform = read_audio(path)
        y = log_mel(waveform)
        assert y.shape == (1 + len(waveform) // 160, 128)
        assert 40 < y.max() - y.min() <= 80 + 1e-4
        np.testing.assert_allclose(y, plain_log_mel(waveform), atol=0.01)
