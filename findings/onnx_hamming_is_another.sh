#!/usr/bin/env bash
# ONNX: HammingWindow is not the Hamming window of NumPy and SciPy.
#
# Guess, before running: it is 0.54 - 0.46 cos, so its ends are 0.08; and of length 1 it is 1, as elsewhere.
#
# Seen, onnxruntime 1.32.0 and onnx.reference 1.23.2, HammingWindow(16), float32:
#
#     first value, periodic or not                   0.0870       (NumPy and SciPy: 0.0800)
#     largest difference from NumPy                  0.0070       (HannWindow: 3e-7, BlackmanWindow: 3e-8)
#     highest side lobe, 400 samples                 -41.7 dB     (NumPy: -42.7 dB)
#     of length 1, not periodic                      NaN          (NumPy and SciPy: 1)
#
# The two numbers are 25/46 and 21/46, of which 0.54 and 0.46 are the rounded ones. The definition gives them, so both
# engines agree, and nothing says which window a model was trained with.
#
# For us: numser.export writes its window as numbers, not as this operator.
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


def windows(kind, length, periodic):
    """The window as ONNX Runtime and as onnx.reference make it."""
    given = helper.make_tensor_value_info("n", TensorProto.INT64, [])
    gives = helper.make_tensor_value_info("w", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(kind, ["n"], ["w"], periodic=periodic)], "window", [given], [gives])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [engine.run(None, {"n": np.array(length)})[0] for engine in (session, ReferenceEvaluator(model))]


def side_lobe(window):
    """The highest side lobe, in dB below the main one."""
    spectrum = np.abs(np.fft.rfft(window, 2**18))
    valley = int(np.flatnonzero(np.diff(spectrum) > 0)[0])
    return 20 * np.log10(spectrum[valley:].max() / spectrum[0])


print("onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__)
for kind, numpys, least, most in (
    ("HammingWindow", np.hamming, 0.0069, 0.0071),
    ("HannWindow", np.hanning, 0, 1e-6),
    ("BlackmanWindow", np.blackman, 0, 1e-6),
):
    for periodic in 0, 1:
        elsewhere = numpys(16 + periodic)[:16]
        for window in windows(kind, 16, periodic):
            apart = np.abs(window - elsewhere).max()
            print(f"{kind}, periodic {periodic}: first {window[0]:.4f}, {apart:.1e} off NumPy's")
            assert least <= apart <= most
            assert kind != "HammingWindow" or abs(window[0] - 4 / 46) < 1e-6
lobes = side_lobe(windows("HammingWindow", 400, 0)[0]), side_lobe(np.hamming(400))
print("side lobes, dB:", *(f"{lobe:.1f}" for lobe in lobes))
assert np.allclose(lobes, (-41.7, -42.7), atol=0.1)
assert np.isnan(windows("HammingWindow", 1, 0)).all() and np.hamming(1) == 1
PYTHON
venv/bin/python probe.py
