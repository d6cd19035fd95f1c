"""The network as ONNX nodes: numser/model.py once more, a function a stage.

ONNX keeps images as (1, channels, frames, frequencies), and a convolution's weights as (outputs, inputs, frames,
frequencies). Dropout is for training, and does not appear.
"""

import numpy as np
from onnx import TensorProto

from numser.export.graph import Graph
from numser.model import UNITS, SeparableSER
from numser.ragged import Params


def network(graph: Graph, model: SeparableSER, params: Params, x: str) -> tuple[str, str | None]:
    """Logits (1, K) and attention weights (N', 1) of standardised log-mel frames x (1, 1, T, 128).

    A model without attention has None for weights.
    """
    x = pool(graph, separable_block(graph, params, "stem", entry(graph, params, x)))
    for i in range(model.blocks):
        x = graph.node("Add", x, separable_block(graph, params, f"blocks.{i}", x))
    h = gru(graph, params, model.tied, flatten(graph, x))
    y, alpha = attention(graph, params, h) if model.attention else (last_states(graph, h), None)
    return output(graph, params, hidden(graph, params, y)), alpha


def entry(graph: Graph, params: Params, x: str) -> str:
    """3×3 convolution with stride 2, and its ReLU."""
    w = graph.constant("entry.w", params["entry.w"].transpose(3, 2, 0, 1))
    b = graph.constant("entry.b", params["entry.b"])
    return graph.node("Relu", graph.node("Conv", x, w, b, strides=[2, 2]))


def separable_block(graph: Graph, params: Params, name: str, x: str) -> str:
    """Expand, filter each channel alone, project."""
    filters = params[f"{name}.depthwise.w"].transpose(2, 0, 1)[:, np.newaxis]
    w = graph.constant(f"{name}.depthwise.w", filters)
    e = graph.node("Relu", pointwise(graph, params, f"{name}.expand", x))
    d = graph.node("Relu", graph.node("Conv", e, w, group=len(filters), pads=[1, 1, 1, 1]))
    return pointwise(graph, params, f"{name}.project", d)


def pointwise(graph: Graph, params: Params, name: str, x: str) -> str:
    """1×1 convolution."""
    w = graph.constant(f"{name}.w", params[f"{name}.w"].T[:, :, np.newaxis, np.newaxis])
    return graph.node("Conv", x, w, graph.constant(f"{name}.b", params[f"{name}.b"]))


def pool(graph: Graph, x: str) -> str:
    """3×3 maximum with stride 2, "same": where the edges differ, the one at the end is wider.

    ONNX has SAME_UPPER for this, but some engines pad the wrong end, or count one row too few. So the edges are said:
    an odd number of frames gets its first one twice, which changes no maximum, and then only the end has an edge.
    The frequencies come first, since then half is left to be copied.
    """
    x = graph.node("MaxPool", x, kernel_shape=[1, 3], strides=[1, 2], pads=[0, 1, 0, 1])
    frames = graph.node("Shape", x, start=2, end=3)
    odd = graph.node("Mod", frames, [2])
    x = graph.node("Concat", graph.node("Slice", x, [0], odd, [2]), x, axis=2)
    return graph.node("MaxPool", x, kernel_shape=[3, 1], strides=[2, 1], pads=[0, 0, 1, 0])


def flatten(graph: Graph, x: str) -> str:
    """(1, C, T, F) becomes (T, 1, F·C): ONNX's GRU wants time first, then the batch."""
    return graph.node("Reshape", graph.node("Transpose", x, perm=[2, 0, 3, 1]), [0, 0, -1])


def gru(graph: Graph, params: Params, tied: bool, x: str) -> str:
    """States (T, 2H) of both directions.

    With linear_before_reset=0 ONNX's GRU is ours: the reset comes before the product with the candidate's matrix. It
    wants w, u and b transposed, the gates in the order update, reset, candidate, a second bias, and each input once a
    direction. Weights that the directions share stand in the file once.

    Most of the work is the product w·x, which engines do once a direction, and ONNX Runtime not in int8. So it stands
    before the GRU, whose own w only picks the direction's part of it.
    """
    zrc = np.r_[UNITS : 2 * UNITS, 0:UNITS, 2 * UNITS : 3 * UNITS]
    directions = ["gru"] if tied else ["gru.forward", "gru.backward"]
    w, u, b = ([params[f"{name}.{letter}"][..., zrc] for name in directions] for letter in "wub")
    x = graph.node("MatMul", x, graph.constant("gru.w", np.concatenate(w, axis=1)))
    parts = np.arange(3 * UNITS * len(directions))
    picked = graph.node("Equal", parts.reshape(len(directions), -1, 1), parts)
    inputs = [
        graph.node("Cast", picked, to=TensorProto.FLOAT),
        graph.constant("gru.u", np.stack([each.T for each in u])),
        graph.constant("gru.b", np.stack([np.append(each, np.zeros_like(each)) for each in b])),
    ]
    if tied:
        inputs = [graph.node("Concat", each, each, axis=0) for each in inputs]
    # OpenCV takes a GRU with one output for one that gives its last states: so these are named, and never used
    y = graph.node("GRU", x, *inputs, outputs=2, hidden_size=UNITS, direction="bidirectional", linear_before_reset=0)
    return graph.node("Reshape", graph.node("Transpose", y, perm=[0, 2, 1, 3]), [0, -1])  # from (T, 2, 1, H)


def attention(graph: Graph, params: Params, h: str) -> tuple[str, str]:
    """Mean (1, 2H) of the states over time, and its weights (T, 1)."""
    w = graph.constant("attention.w", params["attention.w"][:, np.newaxis])
    alpha = graph.node("Softmax", graph.node("MatMul", h, w), axis=0)
    return graph.node("ReduceSum", graph.node("Mul", alpha, h), [0], keepdims=1), alpha


def last_states(graph: Graph, h: str) -> str:
    """The forward direction's state at the last frame and the backward direction's at the first, (1, 2H)."""
    forward = graph.node("Slice", h, [-1, 0], [np.iinfo(np.int64).max, UNITS])
    backward = graph.node("Slice", h, [0, UNITS], [1, 2 * UNITS])
    return graph.node("Concat", forward, backward, axis=1)


def hidden(graph: Graph, params: Params, x: str) -> str:
    """Fully connected layer, and its PReLU with one slope a unit."""
    return graph.node(
        "PRelu", dense(graph, params, "hidden", x), graph.constant("hidden.slope", params["hidden.slope"])
    )


def output(graph: Graph, params: Params, x: str) -> str:
    """Fully connected layer: logits (1, K)."""
    return dense(graph, params, "output", x)


def dense(graph: Graph, params: Params, name: str, x: str) -> str:
    """X w + b."""
    w, b = (graph.constant(f"{name}.{letter}", params[f"{name}.{letter}"]) for letter in "wb")
    return graph.node("Gemm", x, w, b)
