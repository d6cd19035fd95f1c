#!/usr/bin/env bash
# OpenCV: of an ONNX file, "same" pooling is padded at the wrong end, and a GRU whose last states nobody names gives
# nothing else.
#
# Guess, before running: auto_pad SAME_UPPER puts an odd row of padding at the end, as the name says; a GRU's first
# output is the whole sequence, whether or not the second one is named. What is not understood is refused.
#
# Seen, opencv-python-headless 5.0.0.93, against ONNX Runtime 1.32.0:
#
#     MaxPool 3x3, stride 2, SAME_UPPER, on 4x4    5 7 13 15        (right: 10 11 14 15)
#     the same on 5x5                              right: there the padding is the same at both ends
#     GRU with outputs ["y"], 6 steps              shape (2, 1, 4)  (right: (6, 2, 1, 4))
#     the same, outputs ["y", "h"]                 right
#
# Nothing is said, and a network that pools over time afterwards runs on, and is off a little.
#
# For us: numser.export says how its pools are padded, and names a second output of its GRU that it never uses.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "opencv-python-headless==5.0.0.93" "onnx==1.23.2" "onnxruntime==1.32.0" "numpy==2.4.6"
cat > probe.py <<'PYTHON'
import cv2
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def both(node, x, shape, **constants):
    """What OpenCV and ONNX Runtime make of x."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    arrays = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "probe", [given], [gives], arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    network = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    network.setInput(x)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return network.forward("y"), session.run(["y"], {"x": x})[0]


def pooled(n):
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    m = (n + 1) // 2
    return both(node, np.arange(n * n, dtype=np.float32).reshape(1, 1, n, n), [1, 1, m, m])


def states(*outputs, steps=6, inputs=3, units=4):
    rng = np.random.default_rng(0)
    x, w, u, b = (
        rng.normal(0, 0.5, shape).astype(np.float32)
        for shape in ((steps, 1, inputs), (2, 3 * units, inputs), (2, 3 * units, units), (2, 6 * units))
    )
    node = helper.make_node("GRU", ["x", "w", "u", "b"], outputs, hidden_size=units, direction="bidirectional")
    return both(node, x, [steps, 2, 1, units], w=w, u=u, b=b)


even, odd, one, two = pooled(4), pooled(5), states("y"), states("y", "h")
print("OpenCV", cv2.__version__, "pool", *(y.ravel().tolist() for y in even), "gru", *(y.shape for y in one + two))
assert even[0].ravel().tolist() == [5, 7, 13, 15] and even[1].ravel().tolist() == [10, 11, 14, 15]
assert np.array_equal(*odd)
assert one[0].shape == (2, 1, 4) and one[1].shape == (6, 2, 1, 4)
assert np.abs(two[0] - two[1]).max() < 1e-5
PYTHON
venv/bin/python probe.py
