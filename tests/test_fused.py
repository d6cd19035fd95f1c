"""The fused block against the composed one, and its kernels against the plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser.jit import compiles
from numser.layers import FusedBlock, inverted_residual, separable_block
from numser.layers import fused as fused_file
from numser.layers.depthwise import depthwise_backward, depthwise_forward
from numser.layers.fused_kernels import depthwise_relu_backward, depthwise_relu_forward, panels_of, product
from numser.ragged import Ragged, offsets_of

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=3)


def batch(rng, lengths, frequencies, channels, dtype=np.float64):
    offsets = offsets_of(lengths)
    return Ragged(rng.standard_normal((offsets[-1], frequencies, channels)).astype(dtype), offsets)


def both_ways(block, params, x, dy) -> dict[str, np.ndarray]:
    """What comes out of a training's forward and backward."""
    y, cache = block.forward(params, x, training=True)
    dx, grads = block.backward(params, cache, dy)
    return {"y": y.data, "dx": dx, **grads}


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


@pytest.mark.parametrize("tile", [1, 15, 60, 240])
def test_tiles_change_nothing(tile, monkeypatch):
    rng = np.random.default_rng(0)
    block, x = FusedBlock(4, 6, 4, residual=True), batch(rng, [9, 1, 14], 5, 4)
    params, dy = block.init(rng, np.float64), rng.standard_normal(x.data.shape)

    expected = both_ways(block, params, x, dy)
    monkeypatch.setattr(fused_file, "TILE", tile)
    for name, value in both_ways(block, params, x, dy).items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-13, err_msg=name)


def test_inference_remembers_only_x_and_backward_still_works():
    rng = np.random.default_rng(0)
    block, x = FusedBlock(4, 6, 5), batch(rng, [3, 7], 5, 4)
    params = block.init(rng, np.float64)
    y, trained = block.forward(params, x, training=True)
    again, recognised = block.forward(params, x, rng=rng)  # which alone does not mean training
    np.testing.assert_array_equal(again.data, y.data)
    assert recognised.e is None and recognised.x is x
    dy = rng.standard_normal(y.data.shape)
    (dx, grads), (expected_dx, expected) = (block.backward(params, cache, dy) for cache in (recognised, trained))
    np.testing.assert_array_equal(dx, expected_dx)
    for name, g in grads.items():
        np.testing.assert_array_equal(g, expected[name], err_msg=name)


@given(
    frames=st.integers(1, 9),
    frequencies=st.integers(1, 14),
    channels=st.integers(1, 40),
    cuts=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_fast_kernels_are_the_plain_ones(frames, frequencies, channels, cuts, seed):
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((2, frames, frequencies, channels))
    bordered_x, bordered_dy = (np.pad(a, ((1, 1), (1, 1), (0, 0))) for a in (x, dy))
    w, offsets = rng.standard_normal((3, 3, channels)), np.array([0, frames])
    start, stop = sorted(min(cut, frames) for cut in cuts)
    tile, seen = slice(start, stop), slice(start, stop + 2)
    plain, fast = np.full((2, *x.shape), np.nan)
    depthwise_forward(x, offsets, w, plain)
    depthwise_relu_forward(bordered_x[seen], w, fast[tile])
    np.testing.assert_allclose(fast[tile], np.maximum(plain, 0)[tile], rtol=0, atol=1e-13)
    assert np.isnan(fast[:start]).all() and np.isnan(fast[stop:]).all()

    plain_dx, fast_dx = np.full((2, *x.shape), np.nan)
    plain_dw, fast_dw = np.zeros((2, *w.shape))
    db = np.zeros(channels)
    depthwise_backward(x, offsets, w, dy, plain_dx, np.zeros_like(w))
    depthwise_relu_backward(bordered_x[seen], w, bordered_dy[seen], fast_dx[tile], fast_dw, db)
    expected = (plain_dx * (x > 0))[tile]
    np.testing.assert_allclose(fast_dx[tile], expected, rtol=0, atol=1e-13)
    assert np.isnan(fast_dx[:start]).all() and np.isnan(fast_dx[stop:]).all()
    np.testing.assert_allclose(db, expected.sum((0, 1)), rtol=0, atol=1e-11)
    only = np.zeros_like(x)  # x's frames outside take no part, so dw is that of an x that is zero there
    only[tile] = x[tile]
    depthwise_backward(only, offsets, w, dy, plain_dx, plain_dw)
    np.testing.assert_allclose(fast_dw, plain_dw, rtol=0, atol=1e-11)


def test_what_memory_held_before_changes_nothing(monkeypatch):
    """Borders are written, not hoped for: with memory full of NaN the results are the same."""
    rng = np.random.default_rng(0)
    block, x = FusedBlock(4, 6, 4, residual=True), batch(rng, [9, 1, 14], 5, 4)
    params, dy = block.init(rng, np.float64), rng.standard_normal(x.data.shape)

    expected = both_ways(block, params, x, dy)
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype))
    monkeypatch.setattr(np, "empty_like", lambda a: np.full(a.shape, np.nan, a.dtype))
    for name, value in both_ways(block, params, x, dy).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize(
    ("text", "size"), [("512K\n", 2**19), ("1024K\n", 2**20), ("16K\n", 2**18), ("65536K\n", 2**21), ("?", 2**19)]
)
def test_a_tile_fills_the_second_cache_within_reason(tmp_path, text, size):
    (tmp_path / "size").write_text(text)
    assert fused_file.second_cache(tmp_path / "size") == size
    assert fused_file.second_cache(tmp_path / "nowhere") == 2**19
    assert fused_file.second_cache() // 16 == fused_file.TILE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("floor", [0, -np.inf])
@given(rows=st.integers(1, 13), depth=st.integers(1, 20), columns=st.integers(1, 50), seed=st.integers(0, 2**32 - 1))
def test_a_product_is_numpys(dtype, floor, rows, depth, columns, seed):
    """Columns that fill panels and columns that do not; rows that are four, or fewer, or not a multiple."""
    rng = np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, depth), (depth, columns), (columns,)))
    y = np.full((rows + 1, columns), np.nan, dtype)
    product(x, w, panels_of(w), b, dtype(floor), y[:rows])
    expected = np.maximum(b + x.astype(np.float64) @ w, floor)
    np.testing.assert_allclose(y[:rows], expected, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-14)
    assert np.isnan(y[rows]).all()  # nothing is written beyond


def test_panels_are_whole_columns_side_by_side():
    w = np.arange(2 * 35, dtype=np.float32).reshape(2, 35)
    panels = panels_of(w)
    assert panels.shape == (2 if compiles() else 0, 2, 16)
    np.testing.assert_array_equal(np.hstack([*panels, w[:, 16 * len(panels) :]]), w)
    assert panels_of(w.astype(np.float64)).shape == (4 if compiles() else 0, 2, 8)


def test_a_row_is_the_same_whichever_rows_it_is_among():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((11, 64)).astype(np.float32), rng.standard_normal((64, 32)).astype(np.float32)
    results = np.empty((2, 11, 32), np.float32)
    args = w, panels_of(w), np.ones(32, np.float32), np.float32(0)
    product(x, *args, results[0])
    for cut in (slice(0, 4), slice(4, 11)):
        product(x[cut], *args, results[1, cut])
    np.testing.assert_array_equal(results[0], results[1])


def test_a_number_that_is_none_is_not_hidden_by_a_relu():
    x, w = np.full((4, 3), np.nan, np.float32), np.ones((3, 18), np.float32)
    y = np.zeros((4, 18), np.float32)
    product(x, w, panels_of(w), np.zeros(18, np.float32), np.float32(0), y)
    assert np.isnan(y).all()
