"""Forward is flat in W, so a gradient check of W would find 0. What can be shown: in all else the layer is the one it
wraps, at the binary weights, whose gradients the contract proves; and the rule by which W learns from them.
"""

import numpy as np
import pytest

from numser.gradcheck import TOLERANCE, gradcheck
from numser.layers import LSTM, Binarised, Conv2D, Dense
from numser.layers.binarised import binary, largest
from numser.ragged import frames_of, pack

LAYERS = {
    "Dense": (Dense(4, 3), ("w",)),
    "Conv2D": (Conv2D.same(4, 3, (3, 2)), ("w",)),
    "LSTM": (LSTM(4, 3), ("w",)),
    "LSTM, recurrent too": (LSTM(4, 3), ("w", "u")),
}


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_the_layer_at_the_binary_weights(name):
    layer, names = LAYERS[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 4)) if name == "Dense" else pack([rng.standard_normal((5, 4))])
    x = pack([rng.standard_normal((5, 6, 4))]) if name == "Conv2D" else x
    binarised = Binarised(layer, names)
    params = {key: w + 0.1 * rng.standard_normal(w.shape) for key, w in binarised.init(rng, np.float64).items()}
    params |= {key: 0.99 * w for key, w in params.items()}
    at = binarised.binary(params)
    for key, w in params.items():
        if key.split(".")[-1] in names:
            assert np.unique(at[key]).tolist() == [-largest(w), largest(w)]
        else:
            assert at[key] is w

    (y, cache), (expected, expected_cache) = binarised.forward(params, x), layer.forward(at, x)
    np.testing.assert_array_equal(frames_of(y), frames_of(expected))
    dy = rng.standard_normal(frames_of(y).shape)
    (dx, grads), (expected_dx, straight) = (
        binarised.backward(params, cache, dy),
        layer.backward(at, expected_cache, dy),
    )
    np.testing.assert_array_equal(dx, expected_dx)
    for key, g in straight.items():
        inside = np.abs(params[key]) <= largest(params[key]) if key.split(".")[-1] in names else ...
        np.testing.assert_array_equal(grads[key][inside], g[inside])
    errors = gradcheck(layer, at, x, rng)
    assert max(errors.values()) <= TOLERANCE


def test_a_sign_is_what_is_left_of_a_weight():
    w = np.array([[0.3, -0.0, 0.0], [-7.0, 1e-30, -1e-30]])
    h = 0.5 * np.sqrt(6 / 5)
    np.testing.assert_array_equal(binary(w), [[h, h, h], [-h, h, -h]])


def test_beyond_the_limit_a_weight_goes_no_further_but_may_come_back():
    layer = Binarised(Dense(1, 4))
    h = largest(np.zeros((1, 4)))
    params = {"w": np.array([[2 * h, 2 * h, -2 * h, -2 * h]]), "b": np.zeros(4)}
    _, cache = layer.forward(params, np.ones((1, 1)))
    _, grads = layer.backward(params, cache, np.array([[1.0, -1.0, 1.0, -1.0]]))
    assert grads["w"].tolist() == [[1, 0, 0, -1]]  # a step is against the gradient
    assert grads["b"].tolist() == [1, -1, 1, -1]


def test_initial_weights_lie_within_the_limit():
    w = Binarised(Conv2D(8, 16, (5, 3))).init(np.random.default_rng(0), np.float64)["w"]
    h = 0.5 * np.sqrt(6 / (15 * 8 + 15 * 16))
    assert 0.99 * h < np.abs(w).max() <= h
