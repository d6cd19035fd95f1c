"""Other programs that run ONNX files: each takes a file, the input's name and inputs, and gives probabilities.

One that is not installed skips the test, and says what brings it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

EXTRA = 'pip install "numser[engines]"'
NODE = Path(__file__).parent / "engine.js"


def module(name: str, what: str):
    return pytest.importorskip(name, reason=f"{what} is not installed; {EXTRA}")


def onnxruntime(path: Path, name: str, inputs: Iterable[np.ndarray]) -> list[np.ndarray]:
    runtime = module("onnxruntime", "ONNX Runtime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [session.run(["probabilities"], {name: x})[0] for x in inputs]


def reference(path, name, inputs):
    evaluator = module("onnx.reference", "onnx").ReferenceEvaluator(str(path))
    return [evaluator.run(["probabilities"], {name: x})[0] for x in inputs]


def openvino(path, name, inputs):
    """In float32: by default it takes bfloat16 where the processor has it, which is 0.005 off."""
    core = module("openvino", "OpenVINO").Core()
    model = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    return [model({name: x})["probabilities"] for x in inputs]


def tract(path, name, inputs):
    model = module("tract", "tract").onnx().load(str(path)).into_model().into_runnable()
    return [model.run([x])[0].to_numpy() for x in inputs]


def opencv(path, name, inputs):
    network = module("cv2", "OpenCV").dnn.readNetFromONNX(str(path))

    def run(x):
        network.setInput(x)
        return network.forward("probabilities").ravel()

    return [run(x) for x in inputs]


def mnn(path, name, inputs):
    """Its own loop for a GRU cannot do this one, of which the reset comes before the product: so as ONNX has it."""
    module("MNN", "MNN")
    import MNN.expr
    import MNN.nn

    converted = path.with_suffix(".mnn")
    convert = "import sys; from MNN.tools.mnnconvert import main; main()"
    options = ("-f", "ONNX", "--modelFile", path, "--MNNModel", converted, "--useOriginRNNImpl")
    subprocess.run([sys.executable, "-c", convert, *options], check=True, capture_output=True)

    def run(x):
        network = MNN.nn.load_module_from_file(str(converted), [name], ["probabilities"])
        (y,) = network.forward([MNN.expr.const(x, list(x.shape), MNN.expr.NCHW)])
        return np.array(MNN.expr.convert(y, MNN.expr.NCHW).read()).ravel()

    return [run(x) for x in inputs]


def onnxslim(path, name, inputs):
    slimmed = path.with_suffix(".slim.onnx")
    module("onnxslim", "onnxslim").slim(str(path), str(slimmed))
    return onnxruntime(slimmed, name, inputs)


def quant_pre_process(path, name, inputs):
    module("sympy", "sympy")
    prepared = path.with_suffix(".prepared.onnx")
    module("onnxruntime.quantization.shape_inference", "ONNX Runtime").quant_pre_process(str(path), str(prepared))
    return onnxruntime(prepared, name, inputs)


def audonnx(path, name, inputs):
    """By the YAML beside the file."""
    model = module("audonnx", "audonnx").load(str(path.parent), model_file=path.with_suffix(".yaml").name)
    return [model(x, 16000, outputs="probabilities").ravel() for x in inputs]


def node(path, name, inputs, package="onnxruntime-node"):
    modules = node_modules(package)
    jobs = []
    for i, x in enumerate(inputs):
        jobs.append({"file": str(path.with_suffix(f".{i}.f32")), "shape": x.shape})
        x.tofile(jobs[-1]["file"])
    command = ["node", NODE, modules / package, path, name, json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [np.array(y) for y in json.loads(done.stdout)]


def web(path, name, inputs):
    return node(path, name, inputs, "onnxruntime-web")


def node_modules(package: str) -> Path:
    """$NUMSER_NODE_MODULES, where an npm package must be."""
    folder = Path(os.environ.get("NUMSER_NODE_MODULES", "node_modules"))
    if shutil.which("node") is None:
        pytest.skip("Node.js is not on the path")
    if not (folder / package).is_dir():
        pytest.skip(
            f"no {package} in {folder}; npm install {package}, and name its node_modules in $NUMSER_NODE_MODULES"
        )
    return folder.resolve()


ALL = (reference, openvino, tract, opencv, mnn, onnxslim, quant_pre_process, audonnx, node, web)
