"""Answers to the exercises of lesson 11: right ones, and wrong ones that the checks catch."""

import numpy as np

from numser.layers import (
    GRU,
    Attention,
    Conv,
    Dense,
    DepthwiseConv,
    Flatten,
    MaxPool,
    PointwiseConv,
    PReLU,
    ReLU,
)
from numser.ragged import Ragged


class MyDense:
    """Three products' worth of gradient."""

    def __init__(self, inputs, units):
        self.inputs, self.units = inputs, units

    def init(self, rng, dtype=np.float32):
        """As the lesson has it."""
        w = rng.standard_normal((self.inputs, self.units)).astype(dtype)
        return {"w": w, "b": np.zeros(self.units, dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers x: dW needs it."""
        return x @ params["w"] + params["b"], x

    def backward(self, params, cache, dy):
        """Forward: Y = X W + b."""
        return dy @ params["w"].T, {"w": cache.T @ dy, "b": dy.sum(axis=0)}


class NotTurned(MyDense):
    """dW from dY and X the other way round: it fits only if there are as many inputs as outputs."""

    def backward(self, params, cache, dy):
        """The transpose of dW."""
        dx, grads = super().backward(params, cache, dy)
        return dx, grads | {"w": dy.T @ cache}


class NotTurnedW(MyDense):
    """dX = dY W, where the shapes allow it."""

    def backward(self, params, cache, dy):
        """W must be turned."""
        dx, grads = super().backward(params, cache, dy)
        return (dy @ params["w"] if dy.shape[1] == len(params["w"]) else dx), grads


class MeanOverRows(MyDense):
    """The gradients as means over the utterances. The loss has divided by their number already."""

    def backward(self, params, cache, dy):
        """dx is right."""
        dx, grads = super().backward(params, cache, dy)
        return dx, {name: g / len(dy) for name, g in grads.items()}


class BiasKeepsItsRow(MyDense):
    """(1, O) for (O,)."""

    def backward(self, params, cache, dy):
        """keepdims."""
        dx, grads = super().backward(params, cache, dy)
        return dx, grads | {"b": dy.sum(axis=0, keepdims=True)}


class MyPointwise(MyDense):
    """The same, with a row for each place."""

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers the rows, and the shape."""
        y, rows = super().forward(params, x.reshape(-1, x.shape[-1]))
        return y.reshape(*x.shape[:-1], -1), (rows, x.shape)

    def backward(self, params, cache, dy):
        """Rows, and back."""
        rows, shape = cache
        dx, grads = super().backward(params, rows, dy.reshape(-1, dy.shape[-1]))
        return dx.reshape(shape), grads


class LeavesRows(MyPointwise):
    """dx has two axes."""

    def backward(self, params, cache, dy):
        """The shape of x is forgotten."""
        dx, grads = super().backward(params, cache, dy)
        return dx.reshape(-1, dx.shape[-1]), grads


class OverTimeOnly(MyPointwise):
    """The weights' gradient of the first frequency alone."""

    def backward(self, params, cache, dy):
        """What the other places say is left out."""
        dx, grads = super().backward(params, cache, dy)
        rows, shape = cache
        first = rows.reshape(shape)[:, 0].T @ dy[:, 0]
        return dx, grads | {"w": first}


class AxesMixed(MyPointwise):
    """Reshapes with the wrong axis last: the numbers of one place are spread over several rows."""

    def forward(self, params, x, *, training=False, rng=None):
        """reshape does not transpose."""
        return super().forward(params, np.swapaxes(x, 0, 2).reshape(x.shape))


def sigmoid(a):
    """As the lesson has it."""
    return 1 / (1 + np.exp(-a))


def read(params, x):
    """As the lesson has it."""
    w, u, b = params["w"], params["u"], params["b"]
    H = len(u)
    before, r, z, c, y = np.zeros((5, len(x), H))
    for t in range(len(x)):
        if t > 0:
            before[t] = y[t - 1]
        a = x[t] @ w + b
        r[t] = sigmoid(a[:H] + before[t] @ u[:, :H])
        z[t] = sigmoid(a[H : 2 * H] + before[t] @ u[:, H : 2 * H])
        c[t] = np.tanh(a[2 * H :] + (r[t] * before[t]) @ u[:, 2 * H :])
        y[t] = z[t] * before[t] + (1 - z[t]) * c[t]
    return y, (x, before, r, z, c)


def read_backward(params, cache, dy):
    """As the lesson has it."""
    x, before, r, z, c = cache
    u = params["u"]
    H = len(u)
    da, dh = np.zeros((len(x), 3 * H)), np.zeros(H)
    for t in reversed(range(len(x))):
        dh = dh + dy[t]
        daz = dh * (before[t] - c[t]) * z[t] * (1 - z[t])
        dac = dh * (1 - z[t]) * (1 - c[t] ** 2)
        dq = dac @ u[:, 2 * H :].T
        dar = dq * before[t] * r[t] * (1 - r[t])
        dh = dh * z[t] + dq * r[t] + dar @ u[:, :H].T + daz @ u[:, H : 2 * H].T
        da[t] = np.concatenate([dar, daz, dac])
    du = np.hstack([before.T @ da[:, : 2 * H], (r * before).T @ da[:, 2 * H :]])
    return da @ params["w"].T, {"w": x.T @ da, "u": du, "b": da.sum(axis=0)}


class MyBiGRU:
    """Two readers; what both use gets a sum."""

    def __init__(self, inputs, units):
        self.inputs, self.units = inputs, units

    def init(self, rng, dtype=np.float32):
        """As numser's."""
        return GRU(self.inputs, self.units).init(rng, dtype)

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers what each reader does."""
        (there, one), (back, other) = read(params, x), read(params, x[::-1])
        return np.hstack([there, back[::-1]]), (one, other)

    def backward(self, params, cache, dy):
        """Cut apart, turn, add up."""
        H = self.units
        dx, grads = read_backward(params, cache[0], dy[:, :H])
        dx_turned, more = read_backward(params, cache[1], dy[:, H:][::-1])
        return dx + dx_turned[::-1], {name: g + more[name] for name, g in grads.items()}


class OneSay(MyBiGRU):
    """The weights' gradients of the first reader only."""

    def backward(self, params, cache, dy):
        """What the second says is forgotten."""
        dx, _ = super().backward(params, cache, dy)
        return dx, read_backward(params, cache[0], dy[:, : self.units])[1]


class NotTurnedBack(MyBiGRU):
    """The second reader's dx is added as it is."""

    def backward(self, params, cache, dy):
        """Only dx is wrong."""
        H = self.units
        _, grads = super().backward(params, cache, dy)
        return (
            read_backward(params, cache[0], dy[:, :H])[0]
            + read_backward(params, cache[1], dy[:, H:][::-1])[0],
            grads,
        )  # fmt: skip


class DyNotTurned(MyBiGRU):
    """The second reader is given dy in the utterance's order."""

    def backward(self, params, cache, dy):
        """All is wrong."""
        turned = dy.copy()
        turned[:, self.units :] = dy[::-1, self.units :]
        return super().backward(params, cache, turned)


class LeftAsRead(MyBiGRU):
    """The second half of y is in the order in which it was read."""

    def forward(self, params, x, *, training=False, rng=None):
        """A frame's two states then belong to two different frames."""
        y, cache = super().forward(params, x)
        return np.hstack([y[:, : self.units], y[::-1, self.units :]]), cache


def own(params, name):
    """As the lesson has it."""
    return {key.removeprefix(name + "."): w for key, w in params.items() if key.startswith(name + ".")}


FORK, JOIN = "fork", "join"  # where a way around begins, and where it ends


def chain(blocks, n_classes):
    """All layers with their names, from the first to the last."""

    def separable(name, in_channels, expanded):
        return [
            (f"{name}.expand", PointwiseConv(in_channels, expanded)),
            ("", ReLU()),
            (f"{name}.depthwise", DepthwiseConv(expanded)),
            ("", ReLU()),
            (f"{name}.project", PointwiseConv(expanded, 64)),
        ]

    layers = [("entry", Conv(1, 32, relu=True)), *separable("stem", 32, 64), ("", MaxPool())]
    for k in range(blocks):
        layers += [("", FORK), *separable(f"blocks.{k}", 64, 128), ("", JOIN)]
    layers += [("", Flatten()), ("gru", GRU(2048, 128)), ("attention", Attention(256))]
    return [*layers, ("hidden", Dense(256, 64)), ("hidden", PReLU(64)), ("output", Dense(64, n_classes))]


def _both_ways(layers, params, x, dlogits, around=True):
    x, caches, ways, grads = Ragged(x.data[:, :, np.newaxis], x.offsets), [], [], {}
    for name, layer in layers:
        if layer == FORK:
            ways.append(x)
        elif layer == JOIN:
            x = Ragged(x.data + ways.pop().data, x.offsets)
        else:
            x, cache = layer.forward(own(params, name), x)
            caches.append(cache)
    logits, dx = x, dlogits
    for name, layer in reversed(layers):
        if layer == JOIN:
            ways.append(dx)
        elif layer == FORK:
            dx = dx + ways.pop() * around
        else:
            dx, of_layer = layer.backward(own(params, name), caches.pop(), dx)
            grads |= {f"{name}.{key}": g for key, g in of_layer.items()}
    return logits, grads


def whole_backward(params, x, dlogits, blocks):
    """There and back again, with the caches on a pile."""
    return _both_ways(chain(blocks, dlogits.shape[1]), params, x, dlogits)


def no_way_around(params, x, dlogits, blocks):
    """Forward goes around the blocks, backward does not: all is right behind the last block, and in it."""
    return _both_ways(chain(blocks, dlogits.shape[1]), params, x, dlogits, around=False)


def short_names(params, x, dlogits, blocks):
    """The layers' names are left out: “w” is whichever came last."""
    logits, grads = whole_backward(params, x, dlogits, blocks)
    return logits, {name.split(".")[-1]: g for name, g in grads.items()}


def no_relu_in_the_blocks(params, x, dlogits, blocks):
    """The second ReLU of each block is left out."""
    layers, before = [], ""
    for name, layer in chain(blocks, dlogits.shape[1]):
        if not (isinstance(layer, ReLU) and before.endswith("depthwise")):
            layers.append((name, layer))
        before = name
    return _both_ways(layers, params, x, dlogits)


def forgets_the_slope(params, x, dlogits, blocks):
    """One gradient is missing."""
    logits, grads = whole_backward(params, x, dlogits, blocks)
    return logits, {name: g for name, g in grads.items() if name != "hidden.slope"}


def first_utterance(params, x, dlogits, blocks):
    """The gradients of the first utterance alone."""
    logits, _ = whole_backward(params, x, dlogits, blocks)
    alone = np.zeros_like(dlogits)
    alone[0] = dlogits[0]
    return logits, whole_backward(params, x, alone, blocks)[1]


WRONG = {
    "MyDense": [NotTurned, NotTurnedW, MeanOverRows, BiasKeepsItsRow],
    "MyPointwise": [LeavesRows, OverTimeOnly, AxesMixed],
    "MyBiGRU": [OneSay, NotTurnedBack, DyNotTurned, LeftAsRead],
    "whole_backward": [no_way_around, short_names, no_relu_in_the_blocks, forgets_the_slope, first_utterance],
}
