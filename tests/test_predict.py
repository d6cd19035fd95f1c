import dataclasses
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import PROJECT, noise

import numser
from numser import export
from numser.errors import InputError
from numser.features import NUMSER, PAPER, Standardiser
from numser.files import read_arrays, write_arrays
from numser.model import BANDS, SeparableSER
from numser.predict import main
from numser.recogniser import PRETRAINED, Recogniser


@pytest.fixture
def model_file(recogniser, tmp_path):
    recogniser.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def predict(*args):
    command = [sys.executable, "-m", "numser.predict", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_saved_is_what_is_loaded(recogniser, model_file):
    loaded = numser.load(model_file)
    assert (loaded.model, loaded.labels, loaded.features) == (
        recogniser.model,
        recogniser.labels,
        recogniser.features,
    )
    assert loaded.trained_on == "noise"
    for name, w in recogniser.params.items():
        np.testing.assert_array_equal(loaded.params[name], w)
    waveform = noise(1)[:, 0]
    assert loaded.predict(waveform, 16000).probabilities == recogniser.predict(waveform, 16000).probabilities


def test_in_half_the_size_it_answers_nearly_the_same(recogniser, model_file, tmp_path):
    half = tmp_path / "half.npz"
    export.main([str(model_file), str(half), "--half"])
    assert half.stat().st_size < 0.51 * model_file.stat().st_size
    loaded, waveform = numser.load(half), noise(1)[:, 0]
    for name, w in recogniser.params.items():
        assert loaded.params[name].dtype == np.float32
        np.testing.assert_allclose(loaded.params[name], w, rtol=2**-11, atol=2**-24)
    found, expected = (list(x.predict(waveform, 16000).probabilities.values()) for x in (loaded, recogniser))
    np.testing.assert_allclose(found, expected, atol=2e-3)
    large = dataclasses.replace(recogniser, params=recogniser.params | {"output.b": np.float32([0, 1e5, 0, 0])})
    with pytest.raises(InputError, match=r"half\.npz: float16 ends at 65504, and a parameter is 1e\+05"):
        large.save(half, half=True)


def test_the_level_is_kept_and_one_that_a_file_lacks_is_absolute(recogniser, tmp_path):
    """Files from before there was a choice keep their answers; and a choice does make a difference."""
    faint, answers = 1e-3 * noise(1)[:, 0], {}
    for level in ("absolute", "speech"):
        chosen = dataclasses.replace(recogniser, features=dataclasses.replace(PAPER, level=level))
        chosen.save(tmp_path / "model.npz")
        loaded = numser.load(tmp_path / "model.npz")
        assert loaded.features == chosen.features
        answers[level] = loaded.predict(faint, 16000).probabilities
    recogniser.save(tmp_path / "model.npz")
    arrays, about = read_arrays(tmp_path / "model.npz", "model")
    del about["features"]["level"]
    write_arrays(tmp_path / "old.npz", arrays, about)
    assert numser.load(tmp_path / "old.npz").predict(faint, 16000).probabilities == answers["absolute"]
    assert answers["speech"] != answers["absolute"]


def test_older_files_have_other_names(recogniser, tmp_path):
    recogniser.save(tmp_path / "model.npz")
    arrays, about = read_arrays(tmp_path / "model.npz", "model")
    about["model"]["n_blocks"] = about["model"].pop("blocks")
    older = {"win_length": "window", "n_fft": "fft", "hop_length": "hop", "n_mels": "bands"}
    older |= {"fmin": "lowest", "fmax": "highest", "max_frames": "longest"}
    about["features"] = {older.get(name, name): value for name, value in about["features"].items()} | {"longest": 500}
    write_arrays(tmp_path / "old.npz", arrays, about)
    loaded = numser.load(tmp_path / "old.npz")
    assert loaded.model == recogniser.model
    assert loaded.features == dataclasses.replace(recogniser.features, max_frames=500)


def test_a_gain_changes_no_answer_once_the_level_is_taken_out(recogniser):
    chosen = dataclasses.replace(recogniser, features=NUMSER)
    expected = chosen.predict(noise(1), 16000).probabilities
    for decibels in (-60, -40, -20, 40):
        assert chosen.predict(noise(1) * 10 ** (decibels / 20), 16000).probabilities == pytest.approx(
            expected, rel=1e-4
        )


def test_a_prediction(recogniser):
    prediction = recogniser.predict(noise(7, 44100, 2), 44100)
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert prediction.label == max(prediction.probabilities, key=prediction.probabilities.get)
    assert prediction.attention.sum() == pytest.approx(1, abs=1e-4)
    assert 0.0 <= prediction.seconds[0] < 0.1 and 6.9 < prediction.seconds[-1] <= 7.0
    assert len(prediction.seconds) == len(prediction.attention)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_long_waveform_is_recognised_as_its_file_is(recogniser, tmp_path, rate):
    """Window by window, each resampled by itself; not by its middle."""
    waveform = noise(16, rate).astype(np.float32)[:, 0] * np.linspace(1, 0.01, 16 * rate, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", waveform, rate, "FLOAT")
    prediction, of_file = recogniser.predict(waveform, rate), recogniser.predict(tmp_path / "a.wav")
    assert (prediction.probabilities, prediction.attention) == (of_file.probabilities, None)
    middle = recogniser.predict(waveform[9 * rate // 2 : 23 * rate // 2], rate)
    assert prediction.probabilities != pytest.approx(middle.probabilities, rel=1e-3)


def test_what_cannot_be_heard_is_refused_alike(recogniser, tmp_path, capsys):
    """In Python, from a file, and by the command; short or long."""
    hiss = 0.1 * np.random.default_rng(0).standard_normal(16000 * 20)
    for samples in (np.zeros(16000), np.zeros(16000 * 20), hiss, 0.1 * np.ones(200), np.zeros(200)):
        name = str(tmp_path / "a.wav")
        soundfile.write(name, samples, 16000, "FLOAT")
        with pytest.raises(InputError) as of_waveform:
            recogniser.predict(samples.astype(np.float32), 16000, name)
        with pytest.raises(InputError) as of_file:
            recogniser.predict(name)
        recogniser.save(tmp_path / "model.npz")
        assert main([str(tmp_path / "model.npz"), name]) == 2
        assert f"error: {of_waveform.value}\n" == f"error: {of_file.value}\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "rate", "sentence"),
    [
        (None, 16000, "waveform: should be an array of samples or one path, found None"),
        (
            b"RIFF",
            16000,
            "waveform: should be an array of samples, found bytes; write them into a file, and give its",
        ),
        (["a.wav", "b.wav"], None, "waveform: should .*, found a list of 2; .* or their paths to predict_files"),
        ([Path("a.wav")], 16000, "waveform: should .*, found a list of 1; .* or their paths to predict_files"),
        ([np.zeros(3), np.zeros(4)], 16000, "waveform: should .*, found a list of 2; of several recordings give one"),
        ((np.zeros(30), 16000), None, "waveform: should .*, found a tuple of 2"),
        (np.zeros((2, 16000)), 16000, r"waveform: shape .* found \(2, 16000\); if channels come first, give its \.T"),
        (np.zeros((2, 500)), 16000, r"waveform: shape .* if channels come first, give its \.T"),
        (np.zeros(16000), "16000", "waveform: sampling rate is '16000'; give it in Hz, as a number from 1000 to"),
        (np.zeros(16000), "48 kHz", "waveform: sampling rate is '48 kHz'; give it in Hz, as a number from 1000 to"),
        (
            np.zeros(16000),
            None,
            "waveform: sampling rate is missing; give it in Hz, as a number from 1000 to 1000000",
        ),
        (np.zeros(16000), [16000, 1], "waveform: sampling rate is .16000, 1.; give it in Hz"),
        (np.full(16000, 0.1), 0, "waveform: sampling rate is 0"),
        (np.zeros(0), 16000, "waveform: it holds no samples"),
        (np.full(16000, np.nan), 16000, "waveform: .*NaN"),
        ("https://example.org/a.wav", None, "https://example.org/a.wav: a URL is no file; fetch what it names"),
        ("a\0.wav", None, "a\0.wav: no file can be called so; correct the name"),
    ],
)
def test_what_is_given_another_way_gets_one_sentence(recogniser, given, rate, sentence):
    with pytest.raises(InputError, match=f"^{sentence}") as refusal:
        recogniser.predict(given, rate)
    assert "\n" not in str(refusal.value)


def test_what_libraries_hand_over_is_taken(recogniser):
    waveform = noise(1).astype(np.float32)[:, 0]
    expected = recogniser.predict(waveform, 16000).probabilities
    twice = np.repeat(waveform, 2)[::2]
    for given in (waveform.astype(">f4"), twice, np.stack([waveform, waveform]).T, waveform.tolist()):
        assert recogniser.predict(given, np.float32(16000)).probabilities == pytest.approx(expected, rel=1e-4)
    half = recogniser.predict(waveform.astype(np.float16), np.array(16000)).probabilities
    assert half == pytest.approx(expected, rel=1e-2)


def test_a_model_without_attention():
    model = SeparableSER(2, blocks=0, attention=False)
    standardiser = Standardiser(np.zeros(BANDS, np.float32), np.ones(BANDS, np.float32))
    recogniser = Recogniser(model, model.init(np.random.default_rng(0)), ("a", "b"), PAPER, standardiser)
    prediction = recogniser.predict(noise(0.5), 16000)
    assert (prediction.attention, prediction.seconds) == (None, None)


def test_weights_beyond_all_bounds_are_said(recogniser):
    huge = {name: np.full_like(w, 3e38) for name, w in recogniser.params.items()}
    with pytest.raises(InputError, match=r"noise\.wav: the model's numbers grow beyond all bounds"):
        dataclasses.replace(recogniser, params=huge).predict(noise(0.3), 16000, "noise.wav")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_any_flipped_byte_is_refused_or_harmless(model_file, recogniser, seed, tmp_path):
    content = bytearray(model_file.read_bytes())
    rng = np.random.default_rng(seed)
    for _ in range(10):
        damaged = content.copy()
        near_end = rng.integers(1, 6000)  # the zip's directory, and the headers of the last arrays
        damaged[-near_end] ^= 1 << rng.integers(8)
        (tmp_path / "damaged.npz").write_bytes(damaged)
        try:
            loaded = numser.load(tmp_path / "damaged.npz")
        except InputError as refusal:
            assert "damaged.npz" in str(refusal)
        else:
            assert loaded.labels == recogniser.labels


@pytest.mark.slow
def test_one_bad_file_does_not_stop_the_others(model_file, tmp_path):
    soundfile.write(tmp_path / "first.wav", noise(1), 16000)
    soundfile.write(tmp_path / "last.flac", noise(1, 8000), 8000)
    (tmp_path / "bad.wav").write_bytes(b"RIFF and no more")
    done = predict(
        model_file, tmp_path / "first.wav", tmp_path / "bad.wav", tmp_path / "nothing", tmp_path / "last.flac"
    )
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        str(tmp_path / "first.wav"),
        str(tmp_path / "last.flac"),
    ]
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "error"]
    assert str(tmp_path / "bad.wav") in done.stderr
    first = done.stdout.splitlines()[0]
    assert all(label in first for label in ("anger", "joy", "neutral"))
    assert predict(model_file, tmp_path / "first.wav").returncode == 0


def test_a_model_file_that_is_not_one(model_file, recogniser, tmp_path):
    wrong = tmp_path / "wrong.npz"
    arrays, about = read_arrays(model_file, "model")

    def refused(match):
        with pytest.raises(InputError, match=match):
            numser.load(wrong)

    refused("there is no such file")
    wrong.write_text("hello")
    refused("is not a numser model")
    np.savez(wrong, a=np.zeros(3))
    refused("is not a numser model")
    np.savez(wrong, about=np.array([{"kind": "model"}], dtype=object), allow_pickle=True)
    refused("is not a numser model")
    write_arrays(wrong, arrays, about | {"kind": "training state"})
    refused("is not a numser model")
    write_arrays(wrong, arrays, about | {"model": {"n_classes": 3, "layers": 9}})
    refused("is not a numser model this version can read")
    write_arrays(wrong, arrays, about | {"model": {"n_classes": 3, "blocks": 10**9}})
    refused("model.blocks should be a whole number from 0 to 100, found 1000000000")
    for features in ({"n_fft": 2**40, "win_length": 2**39}, {"sample_rate": 48_000}):
        write_arrays(wrong, arrays, about | {"features": about["features"] | features})
        refused("features.*n_fft should be .* from 2 to 65536|of sound at 48000 Hz|win_length should be .* from 1 to")
    write_arrays(wrong, arrays, about | {"labels": ["only one"]})
    refused("1 labels for 3 classes")
    write_arrays(wrong, {k: v for k, v in arrays.items() if k != "params.gru.u"}, about)
    refused("params.gru.u is missing")
    write_arrays(wrong, arrays | {"params.extra": np.zeros(1)}, about)
    refused("params.extra too many")
    write_arrays(wrong, arrays | {"speaker_head.b": np.zeros(3, np.float32)}, about)  # as before a file told of it
    refused("is damaged, or of another version of numser: there is an array speaker_head.b too many; make it anew")
    write_arrays(wrong, arrays | {"params.gru.u": np.zeros((2, 2), np.float32)}, about)
    refused(r"params.gru.u should be float32 of shape \(128, 384\), found float32 of \(2, 2\)")
    write_arrays(wrong, arrays | {"params.gru.b": np.full(384, np.nan, np.float32)}, about)
    refused("params.gru.b has values that are not finite")
    write_arrays(wrong, arrays | {"standardiser.sd": np.zeros(BANDS, np.float32)}, about)
    refused("a standard deviation in standardiser.sd is not positive")
    write_arrays(wrong, arrays, about | {"labels": ["a", "a", "b"]})
    refused("2 labels for 3 classes")
    for model in ({"n_classes": 3.0}, {"n_classes": 3, "blocks": 1.5}, {"n_classes": 3, "dropout": 5}):
        write_arrays(wrong, arrays, about | {"model": model})
        refused("is not a numser model this version can read")
    for features in ({"hop_length": 160.5}, {"n_fft": 1024.0}, {"n_mels": "x"}, {"level": "loud"}, {"level": None}):
        write_arrays(wrong, arrays, about | {"features": about["features"] | features})
        refused("is not a numser model this version can read")
    np.savez(wrong, about=np.array("[" * 100_000))
    refused("is not a numser model")
    done = predict(wrong, "whatever.wav")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_model_that_comes_with_numser(tmp_path):
    """It is small, is used where no other is named, and says so; its card counts what it is made of."""
    assert PRETRAINED.stat().st_size < 4e6
    recogniser = numser.load()
    card = (PRETRAINED.parent / "README.md").read_text()
    assert f"{sum(w.size for w in recogniser.params.values()):,} parameters" in card
    assert ", ".join(recogniser.labels) in card
    soundfile.write(tmp_path / "a.wav", noise(1), 16000)
    done = predict(tmp_path / "a.wav")
    assert done.returncode == 0
    assert done.stdout.startswith(f"{tmp_path / 'a.wav'}: ")
    assert done.stderr.startswith("model: the one that comes with numser, trained on emodb, all")


def test_it_is_part_of_the_package():
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packed = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in (PROJECT / package.replace(".", "/")).glob(pattern)
    }
    assert {PRETRAINED, PRETRAINED.parent / "README.md"} <= packed


@pytest.mark.slow
def test_it_recognises_more_than_chance_in_speakers_it_has_heard(shared_data):
    """A guard against a file that was swapped or features that changed; how well it does stands on its card."""
    recogniser = numser.load()
    files = sorted((shared_data / "emodb" / "wav").glob("*.wav"))[::9]
    letters = dict(W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral")
    right = [recogniser.predict(*soundfile.read(path)).label == letters[path.stem[5]] for path in files]
    assert np.mean(right) > 0.7  # most of them it has learned from
