#!/usr/bin/env bash
# ONNX Runtime: its quantisation's shape inference takes floor where its own kernels, by ONNX's rule, take ceil.
#
# Guess, before running: quant_pre_process, which ONNX Runtime recommends before quantising, finds the shapes that ONNX
# Runtime then gives; or leaves out those that it does not know.
#
# Seen, onnxruntime 1.32.0: MaxPool 3x3, stride 2, auto_pad SAME_UPPER, of (1, 1, "t", 63):
#
#     ONNX, and what ONNX Runtime computes with t = 5     (1, 1, 3, 32)
#     written into the file by quant_pre_process          (1, 1, floor(t/2), 31)
#
# Only a warning about a "lenient merge" tells.
#
# For us: numser.export's file failed on the way through quant_pre_process; it now says how its pools are padded.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "onnx==1.23.2" "onnxruntime==1.32.0" "numpy==2.4.6" "sympy==1.14.0"
cat > probe.py <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime.quantization.shape_inference import quant_pre_process

onnxruntime.set_default_logger_severity(3)
pool = helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "t", 63])
gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, "s", 32])
graph = helper.make_graph([pool, helper.make_node("Neg", ["p"], ["y"])], "probe", [given], [gives])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "model.onnx")
quant_pre_process("model.onnx", "prepared.onnx", skip_optimization=True)
(value,) = (v for v in onnx.load("prepared.onnx").graph.value_info if v.name == "p")
written = [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
computed = session.run(None, {"x": np.zeros((1, 1, 5, 63), np.float32)})[0].shape
print("onnxruntime", onnxruntime.__version__, "computed", computed, "written", written)
assert computed == (1, 1, 3, 32) and written == [1, 1, "floor(t/2)", 31]
PYTHON
venv/bin/python probe.py
