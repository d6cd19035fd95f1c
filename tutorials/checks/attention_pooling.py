"""Checks of lesson 06."""

import numpy as np

from checker import Wrong, exercise, gradients, same
from numser.layers import Attention, PReLU
from numser.ragged import Ragged, offsets_of


@exercise
def softmax_backward(answer):
    """ds, by the matrix of all derivatives."""
    rng = np.random.default_rng(0)
    for T in (1, 5):
        alpha, dalpha = rng.dirichlet(np.ones(T)), rng.standard_normal(T)
        expected = (np.diag(alpha) - np.outer(alpha, alpha)) @ dalpha
        same(answer(alpha.copy(), dalpha.copy()), expected, f"softmax_backward of {T} weights")


@exercise
def MyAttention(answer):
    """The student's layer against numser's, with large scores too, and against finite differences."""
    rng = np.random.default_rng(0)
    layer, x, params = answer(3), rng.standard_normal((5, 3)), {"w": rng.standard_normal(3)}
    for factor in (1, 1000):
        scaled = {"w": factor * params["w"]}
        expected, _ = Attention(3).forward(scaled, Ragged(x, offsets_of([5])))
        same(_forward(layer, scaled, x), expected[0], f"y, with w times {factor},")
    gradients(layer, params, x)


@exercise
def MyPReLU(answer):
    """The student's layer against numser's, with slopes of both signs, and against finite differences."""
    rng = np.random.default_rng(0)
    layer, x, params = answer(3), rng.standard_normal((6, 3)), {"slope": rng.standard_normal(3)}
    same(_forward(layer, params, x), PReLU(3).forward(params, x)[0], "y")
    gradients(layer, params, x)


def _forward(layer, params, x):
    result = layer.forward(params, x)
    if not isinstance(result, tuple) or len(result) != 2:
        raise Wrong("forward should return y and the cache.")
    return result[0]
