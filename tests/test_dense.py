import numpy as np
import pytest

from numser.layers import Dense


def test_a_product_by_hand():
    params = {"w": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), "b": np.array([10.0, 20.0])}
    y, cache = Dense(3, 2).forward(params, np.array([[1.0, 0.0, -1.0]]))
    np.testing.assert_array_equal(y, [[6, 16]])
    dx, grads = Dense(3, 2).backward(params, cache, np.array([[1.0, 10.0]]))
    np.testing.assert_array_equal(dx, [[21, 43, 65]])
    np.testing.assert_array_equal(grads["w"], [[1, 10], [0, 0], [-1, -10]])
    np.testing.assert_array_equal(grads["b"], [1, 10])


def test_other_units_are_refused():
    layer = Dense(3, 2)
    with pytest.raises(ValueError, match=r"shape should be \(any, 3\), found \(1, 4\)"):
        layer.forward(layer.init(np.random.default_rng(0), np.float64), np.zeros((1, 4)))
