"""Checks of lesson 06."""

import numpy as np

from checker import Watched, by_hand, exercise, gradients, same
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
    by_hand(answer)
    rng = np.random.default_rng(0)
    for frames, features in ((5, 3), (1, 2)):
        layer, x = Watched(answer(features)), rng.standard_normal((frames, features))
        params = {"w": rng.standard_normal(features)}
        for factor in (1, 1000):
            scaled = {"w": factor * params["w"]}
            expected, _ = Attention(features).forward(scaled, Ragged(x, offsets_of([frames])))
            same(layer.forward(scaled, x)[0], expected[0], f"y, with w times {factor},")
        gradients(layer, params, x)


@exercise
def MyPReLU(answer):
    """The student's layer against numser's, with slopes of both signs, and against finite differences."""
    by_hand(answer)
    rng = np.random.default_rng(0)
    for rows, units in ((6, 3), (4, 4), (1, 2)):
        layer, x = Watched(answer(units)), rng.standard_normal((rows, units))
        params = {"slope": rng.standard_normal(units)}
        same(layer.forward(params, x)[0], PReLU(units).forward(params, x)[0], "y")
        gradients(layer, params, x)
