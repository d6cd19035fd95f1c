#!/usr/bin/env bash
# ONNX: the bands of MelWeightMatrix end before upper_edge_hertz, and neighbours can be one and the same band.
#
# Guess, before running: they are HTK's triangles, evenly spaced in mel from lower_edge_hertz to upper_edge_hertz, as
# librosa makes them with htk=True and norm=None; off by little where edges fall between bins.
#
# Seen, 16 kHz, from 0 to 8000 Hz, in onnxruntime 1.32.0 and in onnx.reference 1.23.2 to the same bits:
#
#     bands, dft_length                            23, 512    40, 400    80, 400    128, 1024
#     the highest bin with a weight, Hz            7125       7440       7680       7812
#     largest difference from HTK's triangles      0.97       1.00       1.00       1.00
#     bands that are the same as the next          0          0          5          0
#     bands of a single bin (HTK's triangles)      0 (0)      3 (0)      26 (9)     18 (1)
#
# B bands are spaced by the range divided by B + 2, where B + 1 reaches its end; and edges and peaks are moved to whole
# bins below. So it is in the operator's definition, not a fault of the engines.
#
# For us: a model that was trained on librosa's or HTK's filters is fed others if the operator stands before it.
# numser.export writes its filters as numbers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "onnx==1.23.2" "onnxruntime==1.32.0" "numpy==2.4.6"
cat > probe.py <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

RATE, LOW, HIGH = 16000, 0, 8000


def operator(bands, length):
    kinds = {"bands": TensorProto.INT64, "length": TensorProto.INT64, "rate": TensorProto.INT64}
    kinds |= {"low": TensorProto.FLOAT, "high": TensorProto.FLOAT}
    given = [helper.make_tensor_value_info(name, kind, []) for name, kind in kinds.items()]
    gives = helper.make_tensor_value_info("weights", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("MelWeightMatrix", list(kinds), ["weights"])], "mel", given, [gives])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    edges = {"low": np.array(LOW, np.float32), "high": np.array(HIGH, np.float32)}
    inputs = {"bands": np.array(bands), "length": np.array(length), "rate": np.array(RATE)} | edges
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    weights = session.run(None, inputs)[0]
    assert np.array_equal(weights, ReferenceEvaluator(model).run(None, inputs)[0])
    return weights


def htk(bands, length):
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + HIGH / 700), bands + 2) / 2595) - 1)
    below, peak, above = edges[:-2], edges[1:-1], edges[2:]
    bins = np.arange(length // 2 + 1)[:, np.newaxis] * RATE / length
    return np.maximum(0, np.minimum((bins - below) / (peak - below), (above - bins) / (above - peak)))


print("onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__)
for bands, length, *expected in (
    (23, 512, 7125, 0, 0, 0),
    (40, 400, 7440, 0, 3, 0),
    (80, 400, 7680, 5, 26, 9),
    (128, 1024, 7812, 0, 18, 1),
):
    weights, right = operator(bands, length), htk(bands, length)
    highest = int(np.flatnonzero(weights.any(axis=1))[-1] * RATE / length)
    twins = sum(np.array_equal(*pair) for pair in zip(weights.T[:-1], weights.T[1:], strict=True))
    single = [int(np.sum(np.count_nonzero(w, axis=0) == 1)) for w in (weights, right)]
    apart = np.abs(weights - right).max()
    print(bands, length, f"up to {highest} Hz, {apart:.2f} off, {twins} twins, of a single bin", *single)
    assert [highest, twins, *single] == expected and apart > 0.9
PYTHON
venv/bin/python probe.py
