import numpy as np
import pytest
from scipy.ndimage import correlate
from scipy.signal import correlate2d

from numser.layers import DepthwiseConv
from numser.ragged import pack, unpack


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2), (7, 5)])
def test_forward_is_scipys_correlation_of_each_channel(shape):
    rng = np.random.default_rng(0)
    utterances = [rng.standard_normal((*shape, 3)) for _ in range(2)]
    layer = DepthwiseConv(3)
    params = layer.init(rng, np.float64)
    y, _ = layer.forward(params, pack(utterances))
    for u, mine in zip(utterances, unpack(y), strict=True):
        for c in range(3):
            expected = correlate(u[..., c], params["w"][..., c], mode="constant")
            np.testing.assert_allclose(mine[..., c], expected, rtol=0, atol=1e-13)


def test_backward_is_scipys_convolution_and_correlation():
    rng = np.random.default_rng(1)
    x, dy = rng.standard_normal((2, 7, 5, 3))
    layer = DepthwiseConv(3)
    params = layer.init(rng, np.float64)
    _, cache = layer.forward(params, pack([x]))
    dx, grads = layer.backward(params, cache, dy)
    for c in range(3):
        flipped = params["w"][::-1, ::-1, c]
        np.testing.assert_allclose(dx[..., c], correlate(dy[..., c], flipped, mode="constant"), rtol=0, atol=1e-13)
        padded = np.pad(x[..., c], 1)
        dw = correlate2d(padded, dy[..., c], mode="valid")
        np.testing.assert_allclose(grads["w"][..., c], dw, rtol=0, atol=1e-12)


def test_initial_weights_have_tensorflows_fans():
    w = DepthwiseConv(64).init(np.random.default_rng(0), np.float64)["w"]
    limit = np.sqrt(6 / (9 * 64 + 9))
    assert 0.99 * limit < np.abs(w).max() <= limit
