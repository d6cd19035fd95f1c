"""The exported file, run by ONNX Runtime, against numser.

numser's own layers and features are proven elsewhere; here they are what must come out. A random network gives almost
the same probabilities to everything. So its output layer is made steep, and level where an utterance of ours lies.
"""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numser.corpora.synthetic import performances
from numser.errors import InputError
from numser.export import check_export, export, main
from numser.features import NUMSER, PAPER, FeatureSettings, Standardiser, frames_of_waveform, log_mel
from numser.model import BANDS, SHORTEST, SeparableSER
from numser.ragged import pack
from numser.recogniser import Recogniser, load

LABELS = ("anger", "boredom", "neutral", "sadness")
MODELS = {
    "the paper's": SeparableSER(4),
    "no blocks": SeparableSER(4, blocks=0),
    "six blocks": SeparableSER(4, blocks=6),
    "untied": SeparableSER(4, blocks=1, tied=False),
    "no attention": SeparableSER(4, blocks=1, attention=False),
    "untied, no attention": SeparableSER(4, blocks=1, tied=False, attention=False),
    "dropout": SeparableSER(4, blocks=1, dropout=0.5),
}
OTHER = FeatureSettings(
    win_length=401, n_fft=512, hop_length=100, fmin=50.0, fmax=7000.0, dynamic_range=30.0, max_frames=41
)
LEVELS = pytest.mark.parametrize("features", [PAPER, NUMSER], ids=["absolute", "speech"])
TOLERANCE = 1e-4


@cache
def recogniser(name="the paper's", features=PAPER) -> Recogniser:
    model, rng = MODELS[name], np.random.default_rng(7)
    params = model.init(rng)
    for key, w in params.items():
        if w.ndim == 1:  # biases and slopes begin as constants, which could stand in for one another
            params[key] = w + rng.normal(0, 0.3, w.shape).astype(np.float32)
    mean, sd = rng.normal(-40, 5, BANDS), rng.uniform(8, 20, BANDS)
    standardiser = Standardiser(mean.astype(np.float32), sd.astype(np.float32))
    frames, _ = frames_of_waveform(speech_like(9000), features, "")
    params["output.w"] *= 30
    params["output.b"] -= model.forward(params, pack([standardiser.apply(frames)]))[0][0]
    return Recogniser(model, params, LABELS, features, standardiser, "voices, «fold 0»")


@pytest.fixture(scope="module")
def session_of(tmp_path_factory):
    """What opens a recogniser in ONNX Runtime, through a file."""
    pytest.importorskip("onnx", reason='onnx is not installed; pip install "numser[onnx]"')
    runtime = pytest.importorskip("onnxruntime", reason='ONNX Runtime is not installed; pip install "numser[onnx]"')

    @cache
    def session(name="the paper's", takes="waveform", features=PAPER):
        path = tmp_path_factory.mktemp("onnx") / "model.onnx"
        export(recogniser(name, features), path, takes)
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, and need not be printed too
        options.intra_op_num_threads = 1
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    return session


def speech_like(samples: int, seed=0) -> np.ndarray:
    """Noise that swells and ebbs, and a tone that rises and does so too."""
    rng, seconds = np.random.default_rng(seed), np.arange(samples) / 16000
    swell = 1.01 + np.sin(2 * np.pi * 3 * seconds)
    tone = 0.2 * np.sin(2 * np.pi * (200 + 400 * seconds) * seconds)
    noise = 0.1 * rng.standard_normal(samples)
    return ((tone + noise) * swell).astype(np.float32)


def assert_same(session, mine: Recogniser, waveform: np.ndarray, takes="waveform") -> None:
    (expected,) = mine.predict_each([waveform], ["waveform"], 1)  # of what is too long, the middle
    x = {"waveform": waveform} if takes == "waveform" else {"log_mel": log_mel(waveform, mine.features)}
    found = session.run(None, x)
    assert_near(found[0], list(expected.probabilities.values()))
    if expected.attention is None:
        assert len(found) == 1
        return
    assert_near(found[1], expected.attention)
    np.testing.assert_allclose(found[2], expected.seconds, rtol=1e-6, atol=1e-6)


def assert_near(found, expected) -> None:
    """To 1e-4, as promised; and to 1e-3 of itself, since a mistake shows in small ones too where one is nearly 1."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(found, expected, rtol=10 * TOLERANCE, atol=0)


@pytest.mark.network
@pytest.mark.parametrize("takes", ["waveform", "log-mel"])
@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model(session_of, name, takes):
    for seed, samples in enumerate((9000, 9170)):
        assert_same(session_of(name, takes), recogniser(name), speech_like(samples, seed), takes)


# 3 to 10 frames, of which the entry leaves 1 to 4, so that the pool meets odd and even; up to 512 samples with zeros
# around, and 513 mirrored
SHORT = (320, 479, 480, 512, 513, 640, 800, 960, 1120, 1280, 1440, 1599)
LONG = (111_999, 112_000, 112_160, 112_320, 160_123)  # 700 frames, and more, of which 700 are kept


@pytest.mark.network
@LEVELS
@pytest.mark.parametrize("samples", SHORT + LONG)
def test_every_length(session_of, samples, features):
    mine = recogniser(features=features)
    assert_same(session_of(features=features), mine, speech_like(samples))
    assert_same(session_of(takes="log-mel", features=features), mine, speech_like(samples), "log-mel")


@pytest.mark.network
@LEVELS
@settings(max_examples=40)
@given(samples=st.integers(320, 4000), exponent=st.floats(-8, 1), seed=st.integers(0, 99))
def test_any_length_loud_or_quiet(session_of, features, samples, exponent, seed):
    waveform = speech_like(samples, seed) * np.float32(10**exponent)
    assert_same(session_of("no blocks", features=features), recogniser("no blocks", features), waveform)


@pytest.mark.network
@LEVELS
@pytest.mark.parametrize(
    "waveform",
    [np.ones(5000), np.arange(5000) == 2500, np.sin(np.arange(5000)), np.arange(5000) > 3000],
    ids=["constant", "click", "tone", "step"],
)
def test_what_leaves_most_bands_at_the_limit_of_the_range(session_of, waveform, features):
    assert_same(session_of(features=features), recogniser(features=features), waveform.astype(np.float32))


@pytest.mark.network
@pytest.mark.parametrize(
    "features",
    [PAPER, NUMSER, OTHER, replace(OTHER, n_fft=514)],  # the bins' middle lies on one, or between two
    ids=["absolute", "speech", "other", "bins that are no multiple of four"],
)
@pytest.mark.parametrize("gap", [0, 0.5, 0.97, 1], ids=["sound", "half silent", "nearly silent", "silent"])
def test_the_frames_are_numsers(session_of, features, gap):
    """All of them, before the network: whatever part of the recording is silent, and wherever the level lies."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    from numser.export import features as onnx_features
    from numser.export.graph import Graph, floats

    graph = Graph()
    graph.node("Identity", onnx_features.log_mel(graph, "waveform", features), output="log_mel")
    model = graph.model("features", [floats("waveform", "samples")], [floats("log_mel", "frames", BANDS)])
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert isinstance(model, onnx.ModelProto)
    for samples in (400, 3000, 20_000, 40_123):
        for gain in (1e-5, 1e-3, 1, 50):
            waveform = speech_like(samples) * np.float32(gain)
            waveform[round((1 - gap) * samples) :] = 0
            (found,) = session.run(None, {"waveform": waveform})
            np.testing.assert_allclose(found, log_mel(waveform, features), atol=2e-3)


@pytest.mark.network
@pytest.mark.parametrize("samples", [256, 257, 3000, 4000, 4100, 7777])
def test_the_models_own_feature_settings(session_of, samples):
    mine = recogniser("no blocks", OTHER)
    assert_same(session_of("no blocks", features=OTHER), mine, speech_like(samples))
    assert_same(session_of("no blocks", "log-mel", OTHER), mine, speech_like(samples), "log-mel")
    loudless = replace(OTHER, level="speech")
    mine = recogniser("no blocks", loudless)
    assert_same(session_of("no blocks", features=loudless), mine, speech_like(samples))


@pytest.mark.network
@pytest.mark.parametrize("name", MODELS)
def test_almost_the_same_sound_gives_other_probabilities(name):
    """Else the tests above could not fail."""

    def probabilities(waveform):
        return np.array(list(recogniser(name).predict(waveform, 16000).probabilities.values()))

    usual = probabilities(speech_like(9000))
    for almost in (speech_like(9000) * np.float32(1.05), speech_like(9000)[200:], speech_like(9000, seed=1)):
        assert np.abs(probabilities(almost) - usual).max() > 5 * TOLERANCE


def test_what_the_file_says_about_itself(session_of):
    session = session_of()
    meta = session.get_modelmeta()
    about = {name: json.loads(text) for name, text in meta.custom_metadata_map.items()}
    features = PAPER.as_dict()
    assert about == {
        "labels": list(LABELS),
        "shortest": 320,
        "window": 112_000,
        "trained_on": "voices, «fold 0»",
        **features,
    }
    assert "at most a window, 112000 samples; of more, the middle is recognised. numser.predict" in meta.description
    assert meta.producer_name == "numser"
    assert [(x.name, x.shape, x.type) for x in session.get_inputs()] == [("waveform", ["samples"], "tensor(float)")]
    assert [(y.name, y.shape, y.type) for y in session.get_outputs()] == [
        ("probabilities", [4], "tensor(float)"),
        ("attention", ["weights"], "tensor(float)"),
        ("seconds", ["weights"], "tensor(float)"),
    ]
    session = session_of("no attention", "log-mel")
    assert json.loads(session.get_modelmeta().custom_metadata_map["shortest"]) == SHORTEST
    assert [(x.name, x.shape) for x in session.get_inputs()] == [("log_mel", ["frames", BANDS])]
    assert [(y.name, y.shape) for y in session.get_outputs()] == [("probabilities", [4])]


def test_a_file_for_windows_does_with_a_long_recording_as_predict_does(session_of, tmp_path):
    """And is given nothing else by mistake."""
    runtime, mine = pytest.importorskip("onnxruntime"), recogniser(features=NUMSER)
    mine.save(tmp_path / "model.npz")
    main([str(tmp_path / "model.npz"), str(tmp_path / "model.onnx"), "--windows"])
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta()
    about = {name: json.loads(text) for name, text in meta.custom_metadata_map.items()}
    assert about["window"] == about["shortest"] == 112_000
    assert "it takes one window. numser.predict takes the mean" in meta.description
    waveform = speech_like(16 * 16_000)
    waveform *= np.linspace(1, 0.01, len(waveform), dtype=np.float32)
    parts = [waveform[start : start + 112_000] for start in (0, 112_000, len(waveform) - 112_000)]
    each = [session.run(None, {"waveform": part})[0] for part in parts]
    assert_near(np.mean(each, axis=0), list(mine.predict(waveform, 16_000).probabilities.values()))
    (middle,) = mine.predict_each([waveform], ["waveform"], 1)
    assert np.abs(np.mean(each, axis=0) - list(middle.probabilities.values())).max() > 5 * TOLERANCE
    for wrong in (waveform, parts[0][:-1]):
        with pytest.raises(Exception, match="invalid dimensions"):
            session.run(None, {"waveform": wrong})


def test_the_same_stands_beside_it(session_of, tmp_path):
    path = tmp_path / "model.onnx"
    model = export(recogniser(), path, "log-mel")
    beside = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    given, gives = beside.pop("input"), beside.pop("outputs")
    assert beside == {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert (given["name"], given["axes"]) == ("log_mel", ["frames", BANDS])
    axes = [("probabilities", [4]), ("attention", ["weights"]), ("seconds", ["weights"])]
    assert [(y["name"], y["axes"]) for y in gives] == axes
    export(recogniser("no attention"), path)  # its own files it may write again
    beside = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert [beside["input"]["axes"], len(beside["outputs"])] == [["samples"], 1]


@pytest.mark.parametrize(("name", "option"), [("result.json", []), ("model.yaml", ["--audonnx"])])
def test_no_other_file_is_overwritten(session_of, tmp_path, name, option):
    recogniser().save(tmp_path / "model.npz")
    (tmp_path / name).write_text('{"ua": 0.7}')
    with pytest.raises(InputError, match=f"beside it {name} would be overwritten, which no export wrote"):
        main([str(tmp_path / "model.npz"), str((tmp_path / name).with_suffix(".onnx")), *option])
    assert (tmp_path / name).read_text() == '{"ua": 0.7}'
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["model.npz", name])


def test_the_shortest_input_is_what_it_says(session_of):
    for takes, name, x in (("waveform", "waveform", speech_like(320)), ("log-mel", "log_mel", np.zeros((3, BANDS)))):
        x = x.astype(np.float32)
        assert json.loads(session_of(takes=takes).get_modelmeta().custom_metadata_map["shortest"]) == len(x)
        session_of(takes=takes).run(None, {name: x})
        with pytest.raises(Exception, match="Invalid input shape"):
            session_of(takes=takes).run(None, {name: x[:-1]})
    with pytest.raises(InputError, match="needs at least 20 ms"):
        frames_of_waveform(speech_like(319), PAPER, "x")


def test_the_same_model_gives_the_same_bytes(session_of, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        export(recogniser(), tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert (tmp_path / "a.onnx").stat().st_size < 5e6


def test_the_command(session_of, tmp_path):
    recogniser("no blocks").save(tmp_path / "model.npz")
    (tmp_path / "model.onnx").write_text("from before")
    code = (
        "import sys; from numser.export import main; main(sys.argv[1:]); "
        "assert not {'torch', 'onnxruntime', 'soundfile'} & set(sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code, tmp_path / "model.npz", tmp_path / "model.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'model.onnx'}: 4.4 MB, from waveform (samples,) to probabilities (4,), ")
    assert done.stderr == ""
    export(recogniser("no blocks"), tmp_path / "same.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == (tmp_path / "same.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("model.json", "model.npz", "model.onnx", "same.json", "same.onnx")
    ]


def test_without_onnx_one_line_says_what_brings_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r'model\.onnx: onnx is not installed; pip install "numser\[onnx\]"'):
        export(recogniser(), tmp_path / "model.onnx")


def test_a_file_that_cannot_be_written(tmp_path):
    recogniser().save(tmp_path / "model.npz")
    before = (tmp_path / "model.npz").read_bytes()
    with pytest.raises(InputError, match=r"model\.npz: should end in \.onnx"):
        main([str(tmp_path / "model.npz")] * 2)
    assert (tmp_path / "model.npz").read_bytes() == before
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; make it"):
        check_export(tmp_path / "nowhere" / "model.onnx")


def test_a_folder_in_the_files_place(session_of, tmp_path):
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(InputError, match=r"model\.onnx: is a folder; name a file"):
        export(recogniser(), tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_what_is_no_model_or_no_input(session_of, tmp_path):
    (tmp_path / "notes.npz").write_text("hello")
    with pytest.raises(InputError, match=r"notes\.npz: is not a numser model"):
        main([str(tmp_path / "notes.npz"), str(tmp_path / "model.onnx")])
    with pytest.raises(ValueError, match="takes: should be one of waveform, log-mel, found 'mfcc'"):
        export(recogniser(), tmp_path / "model.onnx", "mfcc")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.npz"]


@pytest.mark.slow
def test_in_int8_nearly_every_label_is_the_same(session_of, tmp_path):
    """Of voices and texts by which it was not made. Probabilities may differ by a little, and do."""
    import onnxruntime

    sizes, given = [], [performance.utterance.waveform for performance in performances(["05", "06"], ["a02", "b05"])]
    found = []
    for int8 in (False, True):
        export(load(), path := tmp_path / "model.onnx", int8=int8)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        sizes.append(path.stat().st_size)
        found.append(np.array([session.run(["probabilities"], {"waveform": x})[0] for x in given]))
    floats, eights = found
    assert sizes[1] < 0.5 * sizes[0]
    assert (floats.argmax(axis=1) == eights.argmax(axis=1)).mean() >= 0.95
    assert 1e-6 < np.abs(floats - eights).max() < 0.1
    assert len(set(floats.argmax(axis=1))) > 3  # else the labels would say little


@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes_in_int8_and_takes_a_window(session_of, tmp_path):
    models = [export(recogniser("untied"), tmp_path / "a.onnx", "log-mel", windows=True, int8=True) for _ in range(2)]
    first, second = (model.SerializeToString(deterministic=True) for model in models)
    assert first == second
    assert models[0].producer_name == "numser"
    (given,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["input"]["axes"][:1]
    assert given == 700


def test_int8_needs_onnx_runtime_and_says_so(tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason='onnx is not installed; pip install "numser[onnx]"')
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"model\.onnx: onnxruntime is not installed; pip install"):
        export(recogniser(), tmp_path / "model.onnx", int8=True)
