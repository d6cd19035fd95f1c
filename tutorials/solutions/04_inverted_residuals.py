"""Answers to the exercises of lesson 04: right ones, and wrong ones that the checks catch."""

import numpy as np

from numser.layers import DepthwiseConv, inverted_residual
from numser.ragged import Ragged, offsets_of


def carry(d):
    """ReLU(x) − ReLU(−x) = x: half of the channels keep what is positive, the others what is negative."""
    one = np.eye(d)
    return np.hstack([one, -one]), np.vstack([one, -one])


def twice_the_same(d):
    """Both halves keep what is positive: what is negative is lost."""
    one = np.eye(d)
    return np.hstack([one, one]), np.vstack([one, one]) / 2


def both_added(d):
    """ReLU(x) + ReLU(−x) is |x|: the sign is lost."""
    one = np.eye(d)
    return np.hstack([one, -one]), np.vstack([one, one])


def best_linear(d):
    """Random weights and their pseudo-inverse, as if there were no ReLU."""
    expand = np.random.default_rng(0).standard_normal((d, 2 * d))
    return expand, np.linalg.pinv(expand)


def filter_forward(e, w):
    """The depthwise convolution of lesson 03, and its cache."""
    y, cache = DepthwiseConv(w.shape[2]).forward({"w": w}, Ragged(e, offsets_of([len(e)])))
    return y.data, cache


def filter_backward(w, cache, dy):
    """Its gradients: of what was filtered, and of w."""
    dx, grads = DepthwiseConv(w.shape[2]).backward({"w": w}, cache, dy)
    return dx, grads["w"]


class MyInvertedResidual:
    """Five lines forward, and the same five backward, from the last to the first."""

    def __init__(self, channels, expanded):
        self.channels, self.expanded = channels, expanded

    def init(self, rng, dtype=np.float32):
        """As numser's."""
        return inverted_residual(self.channels, self.expanded).init(rng, dtype)

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers what the weights' gradients and the masks need."""
        a = x @ params["expand.w"] + params["expand.b"]
        e = np.maximum(a, 0)
        z, filtered = filter_forward(e, params["depthwise.w"])
        d = np.maximum(z, 0)
        y = d @ params["project.w"] + params["project.b"]
        return x + y, (x, a > 0, filtered, z > 0, d)

    def backward(self, params, cache, dy):
        """Each line undoes one of forward's."""
        x, a_positive, filtered, z_positive, d = cache
        rows = dy.reshape(-1, self.channels)
        # forward: y = d @ Wp + bp, so:
        grads = {"project.w": d.reshape(-1, self.expanded).T @ rows, "project.b": rows.sum(axis=0)}
        dd = dy @ params["project.w"].T
        # forward: d = ReLU(z) and z = filter(e), so:
        de, grads["depthwise.w"] = filter_backward(params["depthwise.w"], filtered, dd * z_positive)
        # forward: e = ReLU(a) and a = x @ We + be, so:
        da = de * a_positive
        rows = da.reshape(-1, self.expanded)
        grads |= {"expand.w": x.reshape(-1, self.channels).T @ rows, "expand.b": rows.sum(axis=0)}
        # forward: x + y, so:
        return dy + da @ params["expand.w"].T, grads


class NoWayAround(MyInvertedResidual):
    """Backward forgets that x also went straight."""

    def backward(self, params, cache, dy):
        """Only dx is wrong."""
        dx, grads = super().backward(params, cache, dy)
        return dx - dy, grads


class OneMask(MyInvertedResidual):
    """Both ReLUs use the mask of the second."""

    def backward(self, params, cache, dy):
        """What the first ReLU stopped goes on, and the reverse."""
        x, _, filtered, z_positive, d = cache
        return super().backward(params, (x, z_positive, filtered, z_positive, d), dy)


class NoMasks(MyInvertedResidual):
    """The ReLUs are forgotten on the way back."""

    def backward(self, params, cache, dy):
        """All of the gradient goes through."""
        x, a_positive, filtered, z_positive, d = cache
        return super().backward(params, (x, a_positive | True, filtered, z_positive | True, d), dy)


class ReluAtTheEnd(MyInvertedResidual):
    """A ReLU in the narrow place, too."""

    def forward(self, params, x, *, training=False, rng=None):
        """The block ends linear."""
        y, cache = super().forward(params, x)
        return np.maximum(y, 0), cache


class MyMaxPool:
    """Windows of three, steps of two, −∞ outside."""

    def init(self, rng, dtype=np.float32):
        """No parameters."""
        return {}

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers who won, and T."""
        T, C = x.shape
        padded = np.full((T + 3, C), -np.inf)
        padded[T % 2 : T % 2 + T] = x
        windows = [padded[2 * t : 2 * t + 3] for t in range((T + 1) // 2)]
        winner = np.array([window.argmax(axis=0) for window in windows])
        return np.array([window.max(axis=0) for window in windows]), (winner, T)

    def backward(self, params, cache, dy):
        """Forward: y[t] is padded[2t + winner], so that one gets it all."""
        winner, T = cache
        C = dy.shape[1]
        dpadded = np.zeros((T + 3, C))
        for t in range(len(dy)):
            dpadded[2 * t + winner[t], np.arange(C)] += dy[t]
        return dpadded[T % 2 : T % 2 + T], {}


class ZerosOutside(MyMaxPool):
    """Zeros outside win where all else is negative."""

    def forward(self, params, x, *, training=False, rng=None):
        """Wrong in the first and last windows only."""
        y, cache = super().forward(params, x)
        y[-1] = np.maximum(y[-1], 0)
        return y, cache


class BeginsAtZero(MyMaxPool):
    """The first window always begins at the first row, whether T is odd or even."""

    def forward(self, params, x, *, training=False, rng=None):
        """Right for even T."""
        T, C = x.shape
        padded = np.concatenate([x, np.full((2, C), -np.inf)])
        windows = [padded[2 * t : 2 * t + 3] for t in range((T + 1) // 2)]
        return np.array([window.max(axis=0) for window in windows]), None


class WinsOnce(MyMaxPool):
    """`=` for `+=`: who wins two windows gets the gradient of one."""

    def backward(self, params, cache, dy):
        """Right where nobody wins twice."""
        winner, T = cache
        C = dy.shape[1]
        dpadded = np.zeros((T + 3, C))
        for t in range(len(dy)):
            dpadded[2 * t + winner[t], np.arange(C)] = dy[t]
        return dpadded[T % 2 : T % 2 + T], {}


class Shares(MyMaxPool):
    """The gradient goes to all three, as it would after a mean."""

    def backward(self, params, cache, dy):
        """A loser could grow a little without any effect."""
        _, T = cache
        dpadded = np.zeros((T + 3, dy.shape[1]))
        for t in range(len(dy)):
            dpadded[2 * t : 2 * t + 3] += dy[t] / 3
        return dpadded[T % 2 : T % 2 + T], {}


WRONG = {
    "carry": [twice_the_same, both_added, best_linear],
    "MyInvertedResidual": [NoWayAround, OneMask, NoMasks, ReluAtTheEnd],
    "MyMaxPool": [ZerosOutside, BeginsAtZero, WinsOnce, Shares],
}
