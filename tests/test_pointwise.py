import numpy as np

from numser.layers import PointwiseConv
from numser.ragged import pack


def test_each_position_is_mixed_alone():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 5, 3))
    layer = PointwiseConv(3, 2)
    params = layer.init(rng, np.float64) | {"b": np.array([1.0, -1.0])}
    y, _ = layer.forward(params, pack([x[:1], x[1:]]))
    np.testing.assert_allclose(y.data, np.einsum("tfc,co->tfo", x, params["w"]) + params["b"], rtol=0, atol=1e-14)
    assert y.lengths.tolist() == [1, 3]


def test_initial_weights_have_the_fans_of_its_channels():
    w = PointwiseConv(64, 128).init(np.random.default_rng(0), np.float64)["w"]
    limit = np.sqrt(6 / (64 + 128))
    assert 0.99 * limit < np.abs(w).max() <= limit
