"""Answers to the exercises of lesson 06: right ones, and wrong ones that the checks catch."""

import numpy as np


def softmax_backward(alpha, dalpha):
    """Each step against the mean."""
    return alpha * (dalpha - alpha @ dalpha)


def no_competition(alpha, dalpha):
    """As if raising one score left the other weights alone."""
    return alpha * dalpha


def own_only(alpha, dalpha):
    """The diagonal of the matrix: the derivative of a sigmoid."""
    return alpha * (1 - alpha) * dalpha


def plain_mean(alpha, dalpha):
    """The mean without weights."""
    return alpha * (dalpha - dalpha.mean())


class MyAttention:
    """A product, a softmax, a sum."""

    def __init__(self, features):
        self.features = features

    def init(self, rng, dtype=np.float32):
        """As numser's."""
        return {"w": rng.normal(0, 0.1, self.features).astype(dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers x and α."""
        scores = x @ params["w"]
        e = np.exp(scores - scores.max())
        alpha = e / e.sum()
        return alpha @ x, (x, alpha)

    def backward(self, params, cache, dy):
        """Each line undoes one of forward's."""
        x, alpha = cache
        dalpha = x @ dy  # forward: y = alpha @ x, so:
        ds = softmax_backward(alpha, dalpha)
        return np.outer(alpha, dy) + np.outer(ds, params["w"]), {"w": ds @ x}


class ScoresForgotten(MyAttention):
    """dx as if the weights had come from elsewhere."""

    def backward(self, params, cache, dy):
        """Only dx is wrong."""
        _, alpha = cache
        return np.outer(alpha, dy), super().backward(params, cache, dy)[1]


class NoCompetition(MyAttention):
    """The softmax's mean is left out."""

    def backward(self, params, cache, dy):
        """dx and dw are wrong."""
        x, alpha = cache
        ds = no_competition(alpha, x @ dy)
        return np.outer(alpha, dy) + np.outer(ds, params["w"]), {"w": ds @ x}


class DividesByT(MyAttention):
    """The weighted sum is taken for a mean once more."""

    def forward(self, params, x, *, training=False, rng=None):
        """The weights sum to 1 already."""
        y, cache = super().forward(params, x)
        return y / len(x), cache


class Overflows(MyAttention):
    """The largest score is not subtracted."""

    def forward(self, params, x, *, training=False, rng=None):
        """Right for small scores; for large ones infinity over infinity, which is no number."""
        with np.errstate(over="ignore", invalid="ignore"):
            e = np.exp(x @ params["w"])
            alpha = e / e.sum()
        return alpha @ x, (x, alpha)


class MyPReLU:
    """A slope a unit."""

    def __init__(self, units):
        self.units = units

    def init(self, rng, dtype=np.float32):
        """As numser's: a ReLU at first."""
        return {"slope": np.zeros(self.units, dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        """Remembers x."""
        return np.where(x > 0, x, params["slope"] * x), x

    def backward(self, params, cache, dy):
        """Forward: y = slope * x where x is negative, so the slope gets x there, and x the slope."""
        x = cache
        dslope = np.where(x > 0, 0, x * dy).sum(axis=0)
        return np.where(x > 0, dy, params["slope"] * dy), {"slope": dslope}


class OneSlope(MyPReLU):
    """All units' gradients added up, as if they shared one slope."""

    def backward(self, params, cache, dy):
        """Each unit should get its own."""
        dx, grads = super().backward(params, cache, dy)
        return dx, {"slope": np.full_like(grads["slope"], grads["slope"].sum())}


class StillAReLU(MyPReLU):
    """The gradient stops where x is negative."""

    def backward(self, params, cache, dy):
        """Right while the slopes are 0, as they are at the beginning."""
        return dy * (cache > 0), super().backward(params, cache, dy)[1]


class SlopeEverywhere(MyPReLU):
    """The slope's gradient from all utterances."""

    def backward(self, params, cache, dy):
        """Where x is positive the slope was not used."""
        return super().backward(params, cache, dy)[0], {"slope": (cache * dy).sum(axis=0)}


WRONG = {
    "softmax_backward": [no_competition, own_only, plain_mean],
    "MyAttention": [ScoresForgotten, NoCompetition, DividesByT, Overflows],
    "MyPReLU": [OneSlope, StillAReLU, SlopeEverywhere],
}
