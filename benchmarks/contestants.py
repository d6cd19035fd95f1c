"""The same network in PyTorch and in ONNX, with numser's parameters.

PyTorch's functions take utterances as images (B, channels, frames, frequencies), a batch padded with zeros to its
longest utterance and without masks, as most programs do. A mask would cost time; without one, only unpadded
utterances give numser's numbers, so those are what is compared before anything is timed. The GRU resets before the
product with the candidate's matrix, which torch.nn.GRU does not: so its recurrence is written out, both directions as
one batch (they share their weights).
"""

from collections.abc import Sequence

import numpy as np
import torch

from numser.dataset import Dataset
from numser.losses import class_weights
from numser.model import BANDS, UNITS, SeparableSER

F = torch.nn.functional


def to_torch(name: str, w: np.ndarray) -> np.ndarray:
    """A parameter in the layout that PyTorch's convolutions want: outputs, inputs, frames, frequencies."""
    if name == "entry.w":
        return w.transpose(3, 2, 0, 1)
    if name.endswith("depthwise.w"):
        return w.transpose(2, 0, 1)[:, None]
    if name.endswith(("expand.w", "project.w")):
        return w.T[:, :, None, None]
    return w


def from_torch(name: str, w: torch.Tensor) -> np.ndarray:
    """The reverse of `to_torch`, for gradients."""
    w = w.detach().numpy()
    if name == "entry.w":
        return w.transpose(2, 3, 1, 0)
    if name.endswith("depthwise.w"):
        return w[:, 0].transpose(1, 2, 0)
    return w[:, :, 0, 0].T if name.endswith(("expand.w", "project.w")) else w


def torch_params(params: dict[str, np.ndarray], channels_last: bool) -> dict[str, torch.Tensor]:
    """numser's parameters as leaves of PyTorch's graph."""
    leaves = {}
    for name, w in params.items():
        leaf = torch.tensor(np.ascontiguousarray(to_torch(name, w)))
        if leaf.ndim == 4 and channels_last:
            leaf = leaf.contiguous(memory_format=torch.channels_last)
        leaves[name] = leaf.requires_grad_()
    return leaves


def padded(log_mels: Sequence[np.ndarray], channels_last: bool) -> torch.Tensor:
    """A batch (B, 1, longest, 128), zero where an utterance has ended."""
    shape = len(log_mels), 1, max(map(len, log_mels)), log_mels[0].shape[1]
    x = torch.from_numpy(np.zeros(shape, log_mels[0].dtype))
    for row, log_mel in zip(x, log_mels, strict=True):
        row[0, : len(log_mel)] = torch.from_numpy(log_mel)
    return x.contiguous(memory_format=torch.channels_last) if channels_last else x


def entry(p, x):
    """Entry convolution."""
    return torch.relu(F.conv2d(x, p["entry.w"], p["entry.b"], stride=2))


def block(p, x, name):
    """Separable block; all but the stem have a way around."""
    w = p[f"{name}.depthwise.w"]
    y = torch.relu(F.conv2d(x, p[f"{name}.expand.w"], p[f"{name}.expand.b"]))
    y = torch.relu(F.conv2d(y, w, padding=1, groups=len(w)))
    y = F.conv2d(y, p[f"{name}.project.w"], p[f"{name}.project.b"])
    return y if name == "stem" else x + y


def pool(p, x):
    """Max-pooling "same": an even length is padded at its end only, which is what rounding up does."""
    return F.max_pool2d(x, 3, 2, padding=(x.shape[2] % 2, x.shape[3] % 2), ceil_mode=True)


def flatten(p, x):
    """(B, C, T, F) becomes (B, T, F·C), without a copy where channels are last in memory."""
    return x.permute(0, 2, 3, 1).flatten(2)


@torch.jit.script
def recurrence(a: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """States (T, B, H) of a GRU, from its projected input a (T, B, 3H)."""
    units = u.shape[0]
    u_gates, u_candidate = u[:, : 2 * units], u[:, 2 * units :]
    h = torch.zeros([a.shape[1], units], dtype=a.dtype)
    states: list[torch.Tensor] = []
    for row in a.unbind(0):
        r, z = torch.sigmoid(torch.addmm(row[:, : 2 * units], h, u_gates)).chunk(2, 1)
        c = torch.tanh(torch.addmm(row[:, 2 * units :], r * h, u_candidate))
        h = torch.lerp(c, h, z)
        states.append(h)
    return torch.stack(states)


def gru(p, x):
    """Both directions' states (B, T, 2H)."""
    a = (x @ p["gru.w"] + p["gru.b"]).transpose(0, 1)
    forward, backward = recurrence(torch.cat([a, a.flip(0)], 1), p["gru.u"]).chunk(2, 1)
    return torch.cat([forward, backward.flip(0)], 2).transpose(0, 1)


def attention(p, x):
    """Weighted mean over time (B, 2H)."""
    alpha = torch.softmax(x @ p["attention.w"], 1)
    return torch.bmm(alpha[:, None], x)[:, 0]


def hidden(p, x):
    """Hidden layer with PReLU."""
    return F.prelu(x @ p["hidden.w"] + p["hidden.b"], p["hidden.slope"])


def output(p, x):
    """Output layer."""
    return x @ p["output.w"] + p["output.b"]


def convolutions(p, x):
    """From log-mels (B, 1, T, 128) to the GRU's input (B, T', 2048). This is what torch.compile gets."""
    x = pool(p, block(p, entry(p, x), "stem"))
    for i in range(sum(name.endswith("expand.w") for name in p) - 1):
        x = block(p, x, f"blocks.{i}")
    return flatten(p, x)


def recognise(p, x):
    """From the convolutions' result to logits (B, K)."""
    return output(p, hidden(p, attention(p, gru(p, x))))


def logits(p, x):
    """The whole network: logits (B, K) of (B, 1, T, 128)."""
    return recognise(p, convolutions(p, x))


def own_gru(p) -> torch.nn.GRU:
    """torch.nn.GRU with the same weights. It resets after the product, so its numbers are others; its time counts."""
    layer = torch.nn.GRU(len(p["gru.w"]), UNITS, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for suffix in ("l0", "l0_reverse"):
            for kind, w in (("weight_ih", p["gru.w"].T), ("weight_hh", p["gru.u"].T), ("bias_ih", p["gru.b"])):
                getattr(layer, f"{kind}_{suffix}").copy_(w)
            getattr(layer, f"bias_hh_{suffix}").zero_()
    return layer.requires_grad_(False)


class TorchTraining:
    """Training steps in PyTorch: weighted cross-entropy, the gradient's norm limited to 5, Adam."""

    def __init__(
        self,
        params: dict[str, np.ndarray],
        dataset: Dataset,
        channels_last: bool,
        micro_batch: int | None = None,
        compiled: bool = False,
    ):
        self.params = torch_params(params, channels_last)
        self.adam = torch.optim.Adam(self.params.values(), lr=3e-4, fused=True)
        self.dataset, self.channels_last = dataset, channels_last
        self.micro_batch = micro_batch or len(dataset.labels)
        self.convolutions = convolutions
        if compiled:
            # a version for each parity of the length, and for batches that are not full: give none of them up
            torch._dynamo.config.recompile_limit = 64
            self.convolutions = torch.compile(convolutions)
        self.labels = torch.from_numpy(dataset.labels)
        weights = class_weights(dataset.labels, len(dataset.classes))
        self.weights = torch.tensor(weights, dtype=self.params["output.w"].dtype)

    def step(self) -> float:
        """One step on all utterances, a micro-batch at a time, longest first. Returns the loss."""
        self.adam.zero_grad()
        order = np.argsort([-len(x) for x in self.dataset.log_mels], kind="stable")
        total, whole = self.weights[self.labels].sum(), 0.0
        for members in np.split(order, range(self.micro_batch, len(order), self.micro_batch)):
            x = padded([self.dataset.log_mels[i] for i in members], self.channels_last)
            torch._dynamo.maybe_mark_dynamic(x, 2)  # compiled for any length, and not for each one anew
            y = recognise(self.params, self.convolutions(self.params, x))
            loss = F.cross_entropy(y, self.labels[members], self.weights, reduction="sum") / total
            loss.backward()
            whole += loss.item()
        torch.nn.utils.clip_grad_norm_(self.params.values(), 5.0)
        self.adam.step()
        return whole


def onnx_model(model: SeparableSER, params: dict[str, np.ndarray]) -> bytes:
    """The part of numser.export's file that is the network: "x" (1, 1, T, 128) -> logits (1, K)."""
    from numser.export.graph import Graph, floats
    from numser.export.network import network

    graph = Graph()
    logits, _ = network(graph, model, params, "x")
    inputs, outputs = [floats("x", 1, 1, "frames", BANDS)], [floats(logits, 1, model.n_classes)]
    return graph.model("SeparableSER", inputs, outputs).SerializeToString()


def onnx_session(model: SeparableSER, params: dict[str, np.ndarray], threads: int):
    """ONNX Runtime on the processor, with all its optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(onnx_model(model, params), options, providers=["CPUExecutionProvider"])


def openvino_network(model: SeparableSER, params: dict[str, np.ndarray], threads: int):
    """OpenVINO on the processor: a function of the image. It is told to keep float32, which it would not do where the
    processor has something shorter.
    """
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    network = core.read_model(onnx_model(model, params))
    request = core.compile_model(network, "CPU", settings).create_infer_request()
    return lambda image: request.infer({"x": image}, share_inputs=True)[0]
