"""Speech is heard as speech, and what is none is not; the sounds are the kinds that microphones bring."""

import numpy as np
import pytest
import soundfile
from conftest import syllables
from scipy.signal import resample_poly

from numser import speech
from numser.audio import read_audio
from numser.corpora.synthetic import load as load_synthetic
from numser.errors import InputError
from numser.features import NUMSER, PAPER, FeatureSettings, crop, log_mel
from numser.predict import main
from numser.speech import NoSpeech, speech_heard
from numser.threads import one_blas_thread

RATE = 16_000


@pytest.fixture(autouse=True)
def alone():
    """Many small products, in which threads would only wait for one another."""
    with one_blas_thread():
        yield


def heard(waveform, settings=NUMSER):
    return speech_heard(crop(log_mel(np.asarray(waveform, np.float32), settings))[0], settings)


def pcm(waveform):
    return np.round(np.clip(waveform, -1, 1) * 32767) / 32768


def mixed(waveform, noise, decibels):
    """With noise so far below."""
    return waveform + noise * np.sqrt(np.mean(waveform**2) / np.mean(noise**2) / 10 ** (decibels / 10))


def coloured(rng, n, slope):
    """Noise whose power falls with this power of the frequency: 0 white, 1 pink, 2 brown."""
    frequency = np.fft.rfftfreq(n, 1 / RATE).clip(20)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * frequency ** (-slope / 2), n)
    return noise / noise.std()


def hum(n, hertz, harmonics, phases=(0.3, 1.2, 4.0)):
    t = np.arange(n) / RATE
    return sum(np.sin(2 * np.pi * hertz * (k + 1) * t + phases[k]) / (k + 1) for k in range(harmonics))


def clicks(n, first, apart=None):
    x = np.zeros(n)
    x[first :: apart or n] = 0.9
    return x


def no_speech_of(n, seed):
    """Each kind by name, n samples long."""
    rng = np.random.default_rng(seed)
    dither = rng.integers(-1, 2, n) / 32768
    first = int(rng.integers(n))
    sounds = {
        "silence": np.zeros(n),
        "dither": dither,
        "offset": np.full(n, 0.05),
        "offset and dither": 0.05 + dither,
        "click": clicks(n, first),
        "click over dither": clicks(n, first) + dither,
        "click over noise": clicks(n, first) + 0.05 * rng.standard_normal(n),
        "two clicks a second": clicks(n, first % 8000, 8000),
        "two clicks a second over dither": clicks(n, first % 8000, 8000) + dither,
        "three clicks a second over noise": clicks(n, first % 5333, 5333) + 0.01 * rng.standard_normal(n),
    }
    for hertz in (49.9, 50, 59.93, 60):
        for harmonics in (1, 2, 3):
            x = hum(n, hertz, harmonics, rng.uniform(0, 7, 3))
            sounds[f"{hertz} Hz, {harmonics} harmonics"] = 0.3 * x
            sounds[f"{hertz} Hz, {harmonics} harmonics, faint, with dither"] = pcm(0.003 * x) + dither
    for name, slope in (("white", 0), ("pink", 1), ("brown", 2)):
        for gain in (0.2, 0.01, 1e-4, 1e-6):
            sounds[f"{name} noise times {gain}"] = gain * coloured(rng, n, slope)
    return sounds


@pytest.mark.parametrize("settings", [PAPER, NUMSER], ids=["absolute", "speech"])
@pytest.mark.parametrize("seconds", [0.5, 0.8, 1.3, 3, 30])
def test_what_is_no_speech_is_not_heard(seconds, settings):
    n = round(seconds * RATE)
    for seed in range(3 if seconds < 2 else 1):
        mistaken = [name for name, x in no_speech_of(n, seed).items() if heard(x, settings)]
        assert mistaken == []


def variants(waveform, others, rng):
    """A recording in other circumstances, by name."""
    n = len(waveform)
    babble = sum(np.resize(np.roll(x, rng.integers(len(x))), n) / x.std() for x in others)
    return {
        "as it is": waveform,
        "at −40 dB": pcm(waveform / 100),
        "in white noise": mixed(waveform, rng.standard_normal(n), 15),
        "in babble": mixed(waveform, babble, 15),
        "by telephone": resample_poly(resample_poly(waveform, 1, 2), 2, 1),
        "with an offset and a hum": mixed(waveform, hum(n, 50, 3), 0) + 0.01,
    }


def assert_all_are_heard(waveforms, variation, run, monkeypatch):
    """With so much left above each threshold too."""
    rng, frames = np.random.default_rng(0), {}
    for k, waveform in enumerate(waveforms):
        others = [waveforms[(k + j) % len(waveforms)] for j in (1, 2, 3, 5, 7, 11)]
        for name, x in variants(waveform, others, rng).items():
            for settings in (PAPER, NUMSER):
                frames[k, name, settings] = crop(log_mel(x.astype(np.float32), settings))[0]
    for threshold, value in (("_VARIATION", variation), ("_SYLLABLE", run)):
        with monkeypatch.context() as patch:
            patch.setattr(speech, threshold, value)
            assert [key[:2] for key, y in frames.items() if not speech_heard(y, key[2])] == []


def test_emodb_is_heard(shared_data, monkeypatch):
    """Every 50th recording. Over all 535: at least 14.3 dB of variation and runs of 16 frames; asked for 6 and 7."""
    if not (shared_data / "emodb").is_dir():
        pytest.skip("emodb is not there")
    paths = sorted((shared_data / "emodb" / "wav").glob("*.wav"))[::50]
    assert_all_are_heard([read_audio(path) for path in paths], 12, 0.12, monkeypatch)


def test_the_built_in_corpus_is_heard(monkeypatch):
    """Ten of its utterances. Over all 700: at least 8.4 dB of variation and runs of 11 frames; asked for 6 and 7."""
    waveforms = [u.waveform for u in load_synthetic(texts=("a03",)).utterances[::7]]
    assert_all_are_heard(waveforms, 9, 0.12, monkeypatch)


def test_noise_is_far_from_being_heard(monkeypatch):
    """The other side of the margin: what varied most, half a second of brown noise, varied by 4.4 dB."""
    monkeypatch.setattr(speech, "_VARIATION", 5.0)
    rng = np.random.default_rng(1)
    assert not any(heard(coloured(rng, RATE // 2, slope)) for slope in (0, 1, 2) for _ in range(50))


def swelling(n):
    return 0.1 * np.random.default_rng(0).standard_normal(n) * syllables(n)


@pytest.mark.parametrize("settings", [PAPER, NUMSER, FeatureSettings(hop_length=320), FeatureSettings(hop_length=80)])
def test_it_takes_a_syllable(settings):
    """Tones of 500 Hz over faint noise, twice a second: of 20 ms they are in frames as a click is, longer ones are a
    syllable.
    """
    rng, n = np.random.default_rng(0), 3 * RATE
    for seconds, syllable in ((0.02, False), (0.1, True)):
        on = np.arange(n) % (RATE // 2) < seconds * RATE
        x = 0.3 * on * np.sin(2 * np.pi * 500 * np.arange(n) / RATE) + 0.001 * rng.standard_normal(n)
        assert heard(x, settings) == syllable


@pytest.mark.parametrize("hertz", [100, 7000])
def test_only_where_speech_has_its_power(hertz):
    """A tone that comes and goes, over noise with as much power, counts if speech could be there."""
    n = 3 * RATE
    on = (np.arange(n) // 3200) % 2
    tone = on * np.sin(2 * np.pi * hertz * np.arange(n) / RATE)
    noise = 0.2 * np.random.default_rng(0).standard_normal(n)
    assert not heard(0.3 * tone + noise)
    assert heard(0.3 * on * np.sin(2 * np.pi * 700 * np.arange(n) / RATE) + noise * 0.3)


def test_a_band_counts_by_its_width():
    """As much power counts as much in a narrow band as in a wide one; outside it counts a 316th."""
    tones = {
        hertz: np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32) for hertz in (400, 3000, 6000)
    }
    powers = {hertz: 10 ** (log_mel(x)[50] / 10) @ speech._weights(PAPER) for hertz, x in tones.items()}
    assert powers[3000] == pytest.approx(powers[400], rel=0.1)
    assert powers[6000] == pytest.approx(powers[400] / 316, rel=0.1)


def test_in_less_than_half_a_second_nothing_can_be_told():
    for n in (1, 320, 4000, 7999):
        assert heard(0.1 * np.random.default_rng(0).standard_normal(n))
    assert not heard(0.1 * np.random.default_rng(0).standard_normal(8000))


def test_frames_stay_unchanged():
    frames = log_mel(swelling(RATE).astype(np.float32))
    before = frames.copy()
    assert speech_heard(frames) is True
    np.testing.assert_array_equal(frames, before)


def test_python_is_told(recogniser):
    for name, x in no_speech_of(RATE, 0).items():
        with pytest.raises(
            NoSpeech, match=r"^a\.wav: no speech to be heard; give a recording in which somebody speaks"
        ):
            recogniser.predict(x, RATE, "a.wav")
            pytest.fail(name)
    assert issubclass(NoSpeech, InputError)
    assert recogniser.predict(swelling(RATE), RATE).label in recogniser.labels


def test_what_has_none_in_a_long_waveform_does_not_count(recogniser):
    spoken, hiss = swelling(7 * RATE), 0.01 * np.random.default_rng(0).standard_normal(7 * RATE)
    alone = recogniser.predict(spoken, RATE).probabilities
    for parts in ([spoken, hiss, spoken], [hiss, spoken, hiss], [spoken, hiss]):
        assert recogniser.predict(np.concatenate(parts), RATE).probabilities == pytest.approx(alone, rel=1e-4)
    with pytest.raises(NoSpeech):
        recogniser.predict(np.concatenate([hiss, hiss, hiss]), RATE)


def test_the_command_says_so_of_each_file(recogniser, tmp_path, capsys):
    recogniser.save(tmp_path / "model.npz")
    sounds = {"spoken": swelling(RATE), "hiss": 0.05 * coloured(np.random.default_rng(0), 10 * RATE, 0)}
    sounds |= {"hum": 0.1 * hum(RATE, 50, 2), "silence": np.zeros(RATE)}
    for name, x in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", x, RATE)
    assert main([str(tmp_path / "model.npz"), *(str(tmp_path / f"{name}.wav") for name in sounds)]) == 2
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'spoken.wav'}: ") and out.count("\n") == 1
    sentence = "no speech to be heard; give a recording in which somebody speaks"
    assert err.splitlines() == [f"error: {tmp_path / name}.wav: {sentence}" for name in ("hiss", "hum", "silence")]


def test_a_window_without_speech_in_a_long_recording(recogniser, tmp_path, capsys):
    recogniser.save(tmp_path / "model.npz")
    x = swelling(21 * RATE)
    x[7 * RATE : 14 * RATE] = 0.05 * np.random.default_rng(0).standard_normal(7 * RATE)
    soundfile.write(tmp_path / "a.wav", x, RATE)
    assert main([str(tmp_path / "model.npz"), str(tmp_path / "a.wav")]) == 0
    out = capsys.readouterr().out
    assert "7.0–14.0 s: no speech\n" in out and out.count("no speech") == 1
