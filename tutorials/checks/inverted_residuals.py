"""Checks of lesson 04."""

import numpy as np

from checker import Wrong, exercise, gradients, same
from numser.layers import MaxPool, inverted_residual
from numser.ragged import Ragged, offsets_of


@exercise
def carry(answer):
    """Weights of a ReLU layer of twice the width, and of the one behind it, that hand everything on."""
    rng = np.random.default_rng(0)
    for d in (1, 3, 8):
        found = answer(d)
        if not isinstance(found, tuple) or len(found) != 2:
            raise Wrong("carry should return (expand, project).")
        for name, matrix, shape in (("expand", found[0], (d, 2 * d)), ("project", found[1], (2 * d, d))):
            if np.shape(matrix) != shape:
                raise Wrong(f"With d = {d} the shape of {name} should be {shape}, found {np.shape(matrix)}.")
        expand, project = found
        x = rng.standard_normal((5, d))
        same(np.maximum(x @ expand, 0) @ project, x, f"what comes out for x, with d = {d},")


@exercise
def MyInvertedResidual(answer):
    """The student's block against numser's, and against finite differences."""
    rng = np.random.default_rng(0)
    layer, reference = answer(3, 5), inverted_residual(3, 5)
    x = rng.standard_normal((4, 4, 3))
    params = {name: w + 0.3 * rng.standard_normal(w.shape) for name, w in reference.init(rng, np.float64).items()}
    expected, _ = reference.forward(params, Ragged(x, offsets_of([4])))
    _compare(layer, params, x, expected.data)


@exercise
def MyMaxPool(answer):
    """The student's layer against numser's, for odd and even numbers of rows, negative values among them."""
    rng = np.random.default_rng(0)
    for frames in (7, 8, 1):
        x = rng.standard_normal((frames, 3)) - 1
        expected, _ = MaxPool().forward({}, Ragged(np.stack([x, x - 9], axis=1), offsets_of([frames])))
        _compare(answer(), {}, x, expected.data[:, 0], f"y, for {frames} rows,")


def _compare(layer, params, x, expected, what="y"):
    result = layer.forward(params, x)
    if not isinstance(result, tuple) or len(result) != 2:
        raise Wrong("forward should return y and the cache.")
    same(result[0], expected, what)
    gradients(layer, params, x)
