"""Checks of lesson 04."""

import numpy as np

from checker import Watched, Wrong, by_hand, exercise, gradients, parts, same
from numser.layers import DepthwiseConv, MaxPool, inverted_residual
from numser.ragged import Ragged, offsets_of


@exercise
def carry(answer):
    """Weights of a ReLU layer of twice the width, and of the one behind it, that hand everything on."""
    rng = np.random.default_rng(0)
    for d in (1, 3, 8):
        found = parts(answer(d), "carry", "expand", "project")
        for name, matrix, shape in (("expand", found[0], (d, 2 * d)), ("project", found[1], (2 * d, d))):
            if np.shape(matrix) != shape:
                raise Wrong(f"With d = {d} the shape of {name} should be {shape}, found {np.shape(matrix)}.")
        expand, project = map(np.asarray, found)
        x = rng.standard_normal((5, d))
        same(np.maximum(x @ expand, 0) @ project, x, f"what comes out for x, with d = {d},")


@exercise
def MyInvertedResidual(answer):
    """The student's block against numser's, and against finite differences."""
    by_hand(answer, allowed=(DepthwiseConv,))
    rng = np.random.default_rng(0)
    for channels, expanded, T, F in ((3, 5, 4, 4), (2, 3, 1, 5)):
        layer, reference = Watched(answer(channels, expanded)), inverted_residual(channels, expanded)
        x = rng.standard_normal((T, F, channels))
        params = {name: w + 0.3 * rng.standard_normal(w.shape) for name, w in reference.init(rng, np.float64).items()}
        expected, _ = reference.forward(params, Ragged(x, offsets_of([T])))
        same(layer.forward(params, x)[0], expected.data, "y")
        gradients(layer, params, x)


@exercise
def MyMaxPool(answer):
    """The student's layer against numser's, for odd and even numbers of rows, negative values among them."""
    by_hand(answer)
    rng = np.random.default_rng(0)
    for frames, channels in ((7, 3), (8, 2), (1, 3)):
        layer, x = Watched(answer()), rng.standard_normal((frames, channels)) - 1
        expected, _ = MaxPool().forward({}, Ragged(np.stack([x, x - 9], axis=1), offsets_of([frames])))
        same(layer.forward({}, x)[0], expected.data[:, 0], f"y, for {frames} rows,")
        gradients(layer, {}, x)
