import numpy as np
import pytest
from scipy.signal import correlate

from numser.layers import Conv, ReLU, Sequential
from numser.ragged import pack, unpack


def test_forward_is_scipys_correlation_with_stride_2():
    rng = np.random.default_rng(0)
    utterances = [rng.standard_normal((frames, 9, 2)) for frames in (3, 8, 11)]
    layer = Conv(2, 4)
    params = layer.init(rng, np.float64) | {"b": rng.standard_normal(4)}
    y, _ = layer.forward(params, pack(utterances))
    for u, mine in zip(utterances, unpack(y), strict=True):
        for o in range(4):
            expected = correlate(u, params["w"][..., o], mode="valid")[::2, ::2, 0] + params["b"][o]
            np.testing.assert_allclose(mine[..., o], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("frames", "left"), [(3, 1), (4, 1), (5, 2), (6, 2), (301, 150)])
def test_frames_that_come_out(frames, left):
    layer = Conv(1, 1)
    y, _ = layer.forward(layer.init(np.random.default_rng(0)), pack([np.zeros((frames, 128, 1), np.float32)]))
    assert y.data.shape == (left, 63, 1)


def test_initial_weights_have_tensorflows_fans():
    w = Conv(8, 32).init(np.random.default_rng(0), np.float64)["w"]
    limit = np.sqrt(6 / (9 * 8 + 9 * 32))
    assert 0.99 * limit < np.abs(w).max() <= limit
    assert abs(w.mean()) < 0.05 * limit


def test_too_short_an_utterance_is_refused():
    layer = Conv(1, 2)
    x = pack([np.zeros((5, 8, 1)), np.zeros((2, 8, 1))])
    with pytest.raises(ValueError, match="at least 3 frames"):
        layer.forward(layer.init(np.random.default_rng(0), np.float64), x)


def test_with_relu_it_is_the_convolution_and_a_relu():
    rng = np.random.default_rng(0)
    x = pack([rng.standard_normal((frames, 9, 2)) for frames in (3, 8, 11)])
    fused, plain = Conv(2, 4, relu=True), Sequential((("", Conv(2, 4)), ("", ReLU())))
    params = plain.init(rng, np.float64) | {"b": rng.standard_normal(4)}
    (y, cache), (expected, expected_cache) = fused.forward(params, x), plain.forward(params, x)
    np.testing.assert_array_equal(y.data, expected.data)
    dy = rng.standard_normal(y.data.shape)
    (dx, grads), (expected_dx, expected_grads) = (
        fused.backward(params, cache, dy),
        plain.backward(params, expected_cache, dy),
    )
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=1e-13)
    for name, g in expected_grads.items():
        np.testing.assert_allclose(grads[name], g, rtol=0, atol=1e-13, err_msg=name)
