"""Answers to the exercises of lesson 03: right ones, and wrong ones that the checks catch."""

import numpy as np


def as_standard(d, p):
    """w[i, j, c, o] = d[i, j, c] · p[c, o]."""
    return d[:, :, :, np.newaxis] * p


def summed(d, p):
    """The matrix product sums over the channels, which the convolution has still to do."""
    return d @ p


def transposed(d, p):
    """The channels in and out exchanged."""
    return np.swapaxes(as_standard(d, p), 2, 3)


def weights(k, m, n):
    """The paper's two formulas."""
    return k * k * m * n, k * k * m + m * n


def one_filter(k, m, n):
    """One filter for all channels together."""
    return k * k * m * n, k * k + m * n


def width_for(k, times):
    """k²n ≥ r(k² + n) means n(k² − r) ≥ rk²."""
    if times >= k * k:
        return None
    return int(np.ceil(times * k * k / (k * k - times)))


def rounded(k, times):
    """Rounded to the nearest, which may be too few."""
    return None if times >= k * k else round(times * k * k / (k * k - times))


def always_some(k, times):
    """Divides by zero, or less, where there is no answer."""
    return int(np.ceil(times * k * k / (k * k - times)))


class MyDepthwise:
    """Nine slices, forwards and backwards."""

    def __init__(self, channels):
        self.channels = channels

    def init(self, rng, dtype=np.float32):
        """A filter a channel."""
        return {"w": rng.standard_normal((3, 3, self.channels)).astype(dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers x: dw needs it."""
        (T, F, _), w = x.shape, params["w"]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        y = np.zeros_like(x)
        for i in range(3):
            for j in range(3):
                y += w[i, j] * padded[i : i + T, j : j + F]
        return y, x

    def backward(self, params, cache, dy):
        """Forward: y += w[i, j] * slice, so the weight gets the slice, and the slice the weight."""
        (T, F, _), w = cache.shape, params["w"]
        padded = np.pad(cache, ((1, 1), (1, 1), (0, 0)))
        dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
        for i in range(3):
            for j in range(3):
                dw[i, j] = (padded[i : i + T, j : j + F] * dy).sum(axis=(0, 1))
                dpadded[i : i + T, j : j + F] += w[i, j] * dy
        return dpadded[1:-1, 1:-1], {"w": dw}


class WrapsAround(MyDepthwise):
    """np.roll takes what leaves on one side in again on the other: there are no zeros outside."""

    def forward(self, params, x, *, training=False, rng=None):
        """Wrong at the borders only."""
        shifts = [(i, j) for i in range(3) for j in range(3)]
        return sum(params["w"][i, j] * np.roll(x, (1 - i, 1 - j), (0, 1)) for i, j in shifts), x


class SumsOverChannels(MyDepthwise):
    """One gradient for all channels."""

    def backward(self, params, cache, dy):
        """Each channel should get its own."""
        dx, grads = super().backward(params, cache, dy)
        return dx, {"w": np.zeros_like(grads["w"]) + grads["w"].sum(axis=2, keepdims=True)}


class OneTapMissing(MyDepthwise):
    """`range(2)` for `range(3)` in one of backward's loops."""

    def backward(self, params, cache, dy):
        """The last column of the filter gets no gradient."""
        dx, grads = super().backward(params, cache, dy)
        grads["w"][:, 2] = 0
        return dx, grads


class NamesNothing(MyDepthwise):
    """Returns dw itself, not a dict of it."""

    def backward(self, params, cache, dy):
        """The names tell the optimiser which parameter a gradient belongs to."""
        dx, grads = super().backward(params, cache, dy)
        return dx, grads["w"]


WRONG = {
    "as_standard": [summed, transposed],
    "weights": [one_filter],
    "width_for": [rounded, always_some],
    "MyDepthwise": [WrapsAround, SumsOverChannels, OneTapMissing, NamesNothing],
}
