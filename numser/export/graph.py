"""An ONNX graph in the making: nodes and constants, in the order in which they are asked for.

It needs onnx, which the extra "onnx" brings; so it is imported only when something is exported.
"""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

OPSET, IR = 17, 8  # versions of 2022, which every runtime of today knows


class Graph:
    """Nodes and constants. A value is spoken of by its name, a string."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, kind: str, *inputs: Any, output: str | None = None, outputs: int = 1, **attributes: Any) -> str:
        """Append a node and return its first output's name. Inputs that are no names are numbers: they become
        constants.
        """
        names = [x if isinstance(x, str) else self.constant(f"constant_{len(self.constants)}", x) for x in inputs]
        output = output or f"{kind}_{len(self.nodes)}"
        further = [f"{output}_{i}" for i in range(1, outputs)]
        self.nodes.append(helper.make_node(kind, names, [output, *further], name=output, **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Keep numbers under a name, and return it: as float32, or as int64 if they are whole numbers."""
        array = np.asarray(value)
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64, order="C")
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def length(self, x: str) -> str:
        """The length of x's first axis, as a scalar."""
        return self.node("Gather", self.node("Shape", x), 0)

    def model(
        self, name: str, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto], **about: Any
    ) -> ModelProto:
        """The finished model, checked. `about` is what onnx.helper.make_model takes."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, **about)
        checker.check_model(model, full_check=True)
        return model


def floats(name: str, *shape: int | str) -> ValueInfoProto:
    """An input or output of float32. An axis with a word for its length may have any."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
