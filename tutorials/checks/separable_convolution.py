"""Checks of lesson 03."""

import numpy as np

from checker import Watched, Wrong, by_hand, exercise, gradients, same
from numser.layers import DepthwiseConv
from numser.ragged import Ragged, offsets_of


@exercise
def as_standard(answer):
    """Depthwise and pointwise weights to those of a standard convolution."""
    rng = np.random.default_rng(0)
    for m, n in ((1, 2), (3, 3), (4, 2)):
        d, p = rng.standard_normal((3, 3, m)), rng.standard_normal((m, n))
        same(answer(d.copy(), p.copy()), np.einsum("ijc,co->ijco", d, p), f"as_standard with m = {m}, n = {n}")


@exercise
def weights(answer):
    """Both counts."""
    for k, m, n in ((3, 128, 64), (3, 32, 64), (5, 8, 16)):
        same(answer(k, m, n), (k * k * m * n, k * k * m + m * n), f"weights({k}, {m}, {n})", tolerance=0)


@exercise
def width_for(answer):
    """The smallest n, by trying all."""
    for k, times in ((3, 5), (3, 4.5), (3, 8), (3, 1), (5, 8), (3, 9), (3, 12), (5, 20)):
        enough = (n for n in range(1, 10_000) if k * k * n >= times * (k * k + n))
        expected, found = next(enough, None), answer(k, times)
        if found != expected:
            raise Wrong(f"width_for({k}, {times}) is {found}, should be {expected}.")


@exercise
def MyDepthwise(answer):
    """The student's layer against numser's, and against finite differences."""
    by_hand(answer)
    rng = np.random.default_rng(0)
    for T, F, channels in ((4, 5, 2), (3, 6, 3), (1, 2, 1)):
        layer, x = Watched(answer(channels)), rng.standard_normal((T, F, channels))
        params = {"w": rng.standard_normal((3, 3, channels))}
        expected, _ = DepthwiseConv(channels).forward(params, Ragged(x, offsets_of([T])))
        same(layer.forward(params, x)[0], expected.data, "y")
        gradients(layer, params, x)
