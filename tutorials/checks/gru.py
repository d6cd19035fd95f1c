"""Checks of lesson 05."""

import numpy as np

from checker import Watched, by_hand, exercise, gradients, parts, same
from numser.layers import GRU
from numser.ragged import Ragged, offsets_of


@exercise
def memory_backward(answer):
    """dx and dz of h[t] = z h[t−1] + (1−z) x[t], against the sums written out."""
    rng = np.random.default_rng(0)
    for T, z in ((1, 0.5), (6, 0.8)):
        x, dy, h = rng.standard_normal(T), rng.standard_normal(T), np.zeros(T)
        for t in range(T):
            h[t] = z * (h[t - 1] if t else 0) + (1 - z) * x[t]
        dx = [sum(dy[k] * (1 - z) * z ** (k - t) for k in range(t, T)) for t in range(T)]
        step = 1e-6
        ahead, behind = (_memory(x, z + sign * step) for sign in (1, -1))
        found = answer(x.copy(), h.copy(), z, dy.copy())
        parts(found, "memory_backward", "dx", "dz")
        same(found[0], np.array(dx), f"dx, with {T} steps and z = {z},")
        same(found[1], dy @ (ahead - behind) / (2 * step), f"dz, with {T} steps and z = {z},", tolerance=1e-5)


def _memory(x, z):
    h, states = 0.0, []
    for value in x:
        h = z * h + (1 - z) * value
        states.append(h)
    return np.array(states)


@exercise
def MyGRU(answer):
    """The student's layer: its forward is still numser's, and its backward is right."""
    against_gru(answer, both=False)


def against_gru(answer, both):
    """A layer against numser's, in both directions or forward alone, and against finite differences."""
    by_hand(answer)
    rng = np.random.default_rng(0)
    for inputs, units, steps in ((3, 2, 5), (2, 4, 3), (1, 1, 1)):
        layer, reference, x = Watched(answer(inputs, units)), GRU(inputs, units), rng.standard_normal((steps, inputs))
        params = {name: w + 0.3 * rng.standard_normal(w.shape) for name, w in reference.init(rng, np.float64).items()}
        expected, _ = reference.forward(params, Ragged(x, offsets_of([steps])))
        same(layer.forward(params, x)[0], expected.data[:, : (1 + both) * units], "y")
        gradients(layer, params, x)


@exercise
def gru_parameters(answer):
    """Against the arrays that numser's layer has."""
    for inputs, units in ((3, 2), (2048, 128)):
        for tied in (True, False):
            params = GRU(inputs, units, tied).init(np.random.default_rng(0))
            expected = sum(w.size for w in params.values())
            same(answer(inputs, units, tied), expected, f"gru_parameters({inputs}, {units}, {tied})", tolerance=0)
