"""The fused block against the composed one, and its kernels against the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser.layers import FusedBlock, inverted_residual, separable_block
from numser.layers.depthwise import (
    depthwise_backward,
    depthwise_forward,
    depthwise_relu_backward,
    depthwise_relu_forward,
)
from numser.ragged import Ragged, offsets_of

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=3)


def batch(rng, lengths, frequencies, channels, dtype=np.float64):
    offsets = offsets_of(lengths)
    return Ragged(rng.standard_normal((offsets[-1], frequencies, channels)).astype(dtype), offsets)


@pytest.mark.parametrize("residual", [True, False])
@given(lengths=lengths, frequencies=st.integers(1, 9), channels=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_it_is_the_composed_block(residual, lengths, frequencies, channels, seed):
    rng = np.random.default_rng(seed)
    outputs = channels if residual else channels + 2
    fused = FusedBlock(channels, channels + 3, outputs, residual)
    composed = (
        inverted_residual(channels, channels + 3) if residual else separable_block(channels, channels + 3, outputs)
    )
    params = {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in fused.init(rng, np.float64).items()}
    assert params.keys() == composed.init(rng).keys()
    x = batch(rng, lengths, frequencies, channels)
    (y, cache), (expected, expected_cache) = fused.forward(params, x), composed.forward(params, x)
    np.testing.assert_allclose(y.data, expected.data, rtol=0, atol=1e-12)
    dy = rng.standard_normal(y.data.shape)
    (dx, grads), (expected_dx, expected_grads) = (
        fused.backward(params, cache, dy),
        composed.backward(params, expected_cache, dy),
    )
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=1e-12)
    assert grads.keys() == expected_grads.keys()
    for name, g in grads.items():
        np.testing.assert_allclose(g, expected_grads[name], rtol=0, atol=1e-11, err_msg=name)


def test_one_seed_is_the_same_block():
    fused, composed = (
        layer.init(np.random.default_rng(3)) for layer in (FusedBlock(4, 8, 4), separable_block(4, 8, 4))
    )
    for name, w in composed.items():
        np.testing.assert_array_equal(fused[name], w)


@given(lengths=lengths, frequencies=st.integers(1, 9), channels=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_the_fast_kernels_are_the_plain_ones(lengths, frequencies, channels, seed):
    rng = np.random.default_rng(seed)
    x, offsets = batch(rng, lengths, frequencies, channels)
    w = rng.standard_normal((3, 3, channels))
    plain, fast = np.empty((2, *x.shape))
    depthwise_forward(x, offsets, w, plain)
    depthwise_relu_forward(x, offsets, w, fast)
    np.testing.assert_allclose(fast, np.maximum(plain, 0), rtol=0, atol=1e-13)

    dy = rng.standard_normal(x.shape)
    (plain_dx, fast_dx), (plain_dw, fast_dw) = np.empty((2, *x.shape)), np.zeros((2, *w.shape))
    db = np.zeros(channels)
    depthwise_backward(x, offsets, w, dy, plain_dx, plain_dw)
    depthwise_relu_backward(x, offsets, w, dy, fast_dx, fast_dw, db)
    np.testing.assert_allclose(fast_dx, plain_dx * (x > 0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(fast_dw, plain_dw, rtol=0, atol=1e-11)
    np.testing.assert_allclose(db, (plain_dx * (x > 0)).sum((0, 1)), rtol=0, atol=1e-11)
