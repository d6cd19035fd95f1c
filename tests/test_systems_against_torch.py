"""The systems of Table 5 against the same networks in PyTorch, as test_against_torch.py does for the paper's network.

Each is written once more with PyTorch's own layers, which share nothing with numser but the parameters. PyTorch knows
no ragged batch: it takes one utterance at a time, but for batch normalisation, which sees all of them at once.
"""

import numpy as np
import pytest

from numser import losses
from numser.layers.batch_norm import is_learned
from numser.ragged import pack
from numser.systems import ACRNN, BCRNN, DRN

torch = pytest.importorskip("torch", reason='PyTorch is not installed; "pip install torch" makes the comparison run')
F = torch.nn.functional
pytestmark = pytest.mark.network

CLASSES = 4
LENGTHS = (9, 22, 5)


def of_each(operation, xs):
    return [operation(x) for x in xs]


def conv2d(params, name, xs, **how):
    """Of each picture (1, channels, frames, bands)."""
    w, b = params[f"{name}.w"].permute(3, 2, 0, 1), params.get(f"{name}.b")
    return of_each(lambda x: F.conv2d(x, w, b, **how), xs)


def batch_norm(params, name, xs):
    """Of the batch, channels first: (1, channels, …) each."""
    rows = torch.cat([x.flatten(2)[0].T for x in xs])
    gamma, beta = params[f"{name}.gamma"], params[f"{name}.beta"]
    y = F.batch_norm(rows, None, None, gamma, beta, training=True, eps=1e-3)
    parts = y.split([x[0, 0].numel() for x in xs])
    return [part.T.reshape(x.shape) for part, x in zip(parts, xs, strict=True)]


def lstm(params, name, xs, directions):
    """torch.nn.LSTM with numser's weights; its gates are i, f, g, o."""
    units = params[f"{name}.{directions[0]}u"].shape[0]
    i, g, f, o = torch.arange(4 * units).split(units)
    order = torch.cat([i, f, g, o])
    flat = []
    for d in directions:
        w, u, b = (params[f"{name}.{d}{letter}"] for letter in "wub")
        flat += [w.T[order], u.T[order], b[order], torch.zeros_like(b)]
    zeros = flat[0].new_zeros((len(directions), 1, units))
    run = torch.lstm
    return of_each(
        lambda x: run(x[:, None], (zeros, zeros), flat, True, 1, 0.0, False, len(directions) == 2, False)[0][:, 0], xs
    )


def acrnn(model, params, utterances):
    xs = of_each(lambda x: x.reshape(-1, 3, 40).permute(1, 0, 2)[None], utterances)
    for n in range(1, model.blocks + 1):
        xs = conv2d(params, f"conv{n}", xs, padding="same")
        xs = batch_norm(params, f"conv{n}", xs) if isinstance(model, BCRNN) and n > 1 else xs
        xs = of_each(lambda x: F.leaky_relu(x, 0.01), xs)
        xs = of_each(lambda x: F.max_pool2d(x, (2, model.pool)), xs) if n == 1 else xs
    w = params["linear.w"][0].flatten(0, 1)  # the program's linear layer on a frame's bands and channels
    xs = of_each(lambda x: (x[0].permute(1, 2, 0).flatten(1) @ w + params["linear.b"]).T[None], xs)
    xs = of_each(lambda x: F.leaky_relu(x, 0.01)[0].T, batch_norm(params, "norm", xs))
    hs = lstm(params, "lstm", xs, ("forward.", "backward."))
    w, b, u = (params[f"attention.{letter}"] for letter in "wbu")
    y = torch.stack(of_each(lambda h: torch.softmax(torch.sigmoid(h @ w + b) @ u, 0) @ h, hs))
    y = F.leaky_relu(y @ params["hidden.w"] + params["hidden.b"], 0.01)
    return y @ params["output.w"] + params["output.b"]


def over_time(params, name, xs, stride=1, padding=(0, 0), dilation=1):
    """1-D convolution of each (1, channels, frames)."""
    w, b = params[f"{name}.w"][:, 0].permute(2, 1, 0), params.get(f"{name}.b")
    return of_each(lambda x: F.conv1d(F.pad(x, padding), w, b, stride, dilation=dilation), xs)


def drn(model, params, utterances):
    xs = over_time(params, "entry", of_each(lambda x: x.T[None], utterances), padding=(4, 5))
    for channels, kernel, dilation, stride in ((64, 5, 1, 2), (128, 5, 1, 2), (256, 3, 2, 1), (512, 3, 4, 1)):
        xs = over_time(params, f"to{channels}", xs, stride, (0, stride - 1))
        for i in range(model.blocks):
            ys, edge = xs, (kernel // 2) * dilation
            for n in (1, 2):
                name = f"res{channels}.{i}"
                ys = over_time(params, f"{name}.conv{n}", ys, padding=(edge, edge), dilation=dilation)
                ys = batch_norm(params, f"{name}.norm{n}", ys)
                ys = of_each(torch.relu, ys) if n == 1 else ys
            xs = [torch.relu(x + y) for x, y in zip(xs, ys, strict=True)]
    xs = of_each(lambda x: x[0].T, xs)

    def attention(x):
        q, k, v = ((x @ params[f"attention.{name}"]).unflatten(1, (8, 64)).transpose(0, 1) for name in "qkv")
        return F.scaled_dot_product_attention(q, k, v).transpose(0, 1).flatten(1) @ params["attention.o"]

    xs = xs if model.late else of_each(attention, xs)
    xs = lstm(params, "lstm2", lstm(params, "lstm1", xs, ("",)), ("",))
    y = torch.stack([x[-1] for x in (of_each(attention, xs) if model.late else xs)])
    for name in ("hidden1", "hidden2"):
        y = torch.relu(y @ params[f"{name}.w"] + params[f"{name}.b"])
    return y @ params["output.w"] + params["output.b"]


NETWORKS = {
    "acrnn": (ACRNN(CLASSES, blocks=3), acrnn),
    "acrnn, the paper's pool": (ACRNN(CLASSES, blocks=2, pool=2), acrnn),
    "bcrnn, real": (BCRNN(CLASSES, blocks=3, binary=False), acrnn),
    "drn": (DRN(CLASSES), drn),
    "drn, attention after the LSTM": (DRN(CLASSES, blocks=1, late=True), drn),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_loss_and_gradients(name):
    model, theirs = NETWORKS[name]
    rng = np.random.default_rng(0)
    params = model.init(rng, np.float64)
    for tensor, w in params.items():
        if w.ndim == 1 and is_learned(tensor):  # biases begin as constants, which could stand in for one another
            params[tensor] = w + rng.normal(0, 0.3, w.shape)
    utterances = [rng.standard_normal((n, model.inputs)) for n in LENGTHS]
    labels, weights = rng.integers(CLASSES, size=len(LENGTHS)), rng.uniform(0.5, 2, len(LENGTHS))

    logits, cache = model.forward(params, pack(utterances), training=True)
    loss, dlogits = losses.cross_entropy(logits, labels, weights)
    dx, grads = model.backward(params, cache, dlogits)
    ours = {"logits": logits, "loss": loss, "x": dx} | {n: g for n, g in grads.items() if is_learned(n)}

    leaves = {n: torch.tensor(w, requires_grad=True) for n, w in params.items() if is_learned(n)}
    inputs = [torch.tensor(u, requires_grad=True) for u in utterances]
    logits = theirs(model, leaves, inputs)
    each = F.cross_entropy(logits, torch.tensor(labels), reduction="none")
    loss = (torch.tensor(weights) * each).sum() / weights.sum()
    loss.backward()
    expected = {"logits": logits, "loss": loss, "x": torch.cat([u.grad for u in inputs])}
    expected |= {n: w.grad for n, w in leaves.items()}

    assert ours.keys() == expected.keys()
    for tensor, value in expected.items():
        value = value.detach().numpy()
        np.testing.assert_allclose(
            ours[tensor], value, rtol=0, atol=1e-9 * max(np.abs(value).max(), 1e-6), err_msg=tensor
        )
