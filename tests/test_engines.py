"""The exported file in engines of other makers, against ONNX Runtime, by which test_export.py proves it."""

import engines
import numpy as np
import pytest

from numser.corpora.synthetic import perform
from numser.export import export
from numser.features import log_mel
from numser.recogniser import load

pytestmark = pytest.mark.slow  # some of the engines take seconds for one sentence

SECONDS = (0.5, 1.9, 3.0, 7.0, 9.0)  # the network is shown the middle 7 of the last
FURTHER = (1.91, 1.92, 1.93)  # so that the pool meets every remainder of frames by four
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def speech():
    said = [perform("02", text, emotion) for text in ("a01", "b02", "b05") for emotion in ("anger", "sadness")]
    waveform = np.concatenate([performance.utterance.waveform for performance in said])
    assert len(waveform) >= 16000 * max(SECONDS)
    starts = [0] * len(SECONDS) + [2, 4, 6]
    spans = zip(starts, SECONDS + FURTHER, strict=True)
    return [waveform[16000 * start : round(16000 * (start + seconds))] for start, seconds in spans]


@pytest.fixture(scope="module", params=["waveform", "log-mel"])
def exported(request, tmp_path_factory, speech):
    """The file, its input's name, inputs, and what ONNX Runtime makes of them."""
    engines.module("onnx", "onnx")
    from numser.export.beside import write_audonnx

    recogniser, path = load(), tmp_path_factory.mktemp(request.param) / "model.onnx"
    model = export(recogniser, path, request.param)
    write_audonnx(model, path)
    sound = request.param == "waveform"
    inputs = [x if sound else log_mel(x, recogniser.features) for x in speech]
    name = model.graph.input[0].name
    return path, name, inputs, engines.onnxruntime(path, name, inputs)


@pytest.mark.parametrize("engine", engines.ALL, ids=lambda engine: engine.__name__)
def test_an_engine_gives_what_onnx_runtime_gives(exported, engine):
    path, name, inputs, expected = exported
    if engine is engines.audonnx and name != "waveform":
        pytest.skip("audonnx gives a model sound")
    for found, right in zip(engine(path, name, inputs), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=0, atol=TOLERANCE)


def test_each_input_has_its_own_answer(exported):
    """Else the test above could not fail."""
    expected = exported[-1]
    for i, one in enumerate(expected):
        for other in expected[:i]:
            assert np.abs(one - other).max() > 5 * TOLERANCE


def test_audinterface_names_its_columns_by_the_labels(exported, speech):
    path, name, _, expected = exported
    if name != "waveform":
        pytest.skip("audonnx gives a model sound")
    audonnx, audinterface = (engines.module(module, module) for module in ("audonnx", "audinterface"))
    model = audonnx.load(str(path.parent))
    names = model.labels("probabilities")
    feature = audinterface.Feature(
        names, process_func=model, process_func_args={"outputs": "probabilities"}, sampling_rate=16000
    )
    table = feature.process_signal(speech[1], 16000)
    assert list(table.columns) == names == list(load().labels)
    np.testing.assert_allclose(table.to_numpy()[0], expected[1], atol=1e-6)
