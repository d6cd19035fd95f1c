import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser.layers import MaxPool
from numser.layers.pool import padding_before
from numser.ragged import pack


def plain_pool(x):
    """One utterance, one channel, one window after the other: (y, where each maximum is)."""
    frames, frequencies = x.shape
    y = np.empty((-(-frames // 2), -(-frequencies // 2)))
    where = np.empty((*y.shape, 2), int)
    for t in range(y.shape[0]):
        for f in range(y.shape[1]):
            top, left = 2 * t - padding_before(frames), 2 * f - padding_before(frequencies)
            window = [
                (s, g)
                for s in range(top, top + 3)
                for g in range(left, left + 3)
                if 0 <= s < frames and 0 <= g < frequencies
            ]
            where[t, f] = max(window, key=lambda p: (x[p], -p[0], -p[1]))  # the first of equals
            y[t, f] = x[tuple(where[t, f])]
    return y, where


# TensorFlow's "same" for window 3 and stride 2: one more value on the far side where the total is odd.
@pytest.mark.parametrize(("n", "values"), [(1, 1), (2, 0), (3, 1), (4, 0), (63, 1), (150, 0), (151, 1)])
def test_the_first_window_begins_where_tensorflows_does(n, values):
    assert padding_before(n) == values


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1), st.booleans())
def test_forward_and_backward_are_the_plain_ones(frames, frequencies, seed, ties):
    rng = np.random.default_rng(seed)
    x = (
        rng.integers(-2, 2, (2, frames, frequencies)).astype(float)
        if ties
        else rng.normal(size=(2, frames, frequencies))
    )
    layer = MaxPool()
    y, cache = layer.forward({}, pack([u[..., None] for u in x]))
    dy = rng.standard_normal(y.data.shape)
    dx, _ = layer.backward({}, cache, dy)
    expected_dx = np.zeros_like(x)
    for u, (mine, gradient) in enumerate(zip(np.split(y.data, 2), np.split(dy, 2), strict=True)):
        expected, where = plain_pool(x[u])
        np.testing.assert_array_equal(mine[..., 0], expected)
        np.add.at(expected_dx[u], tuple(np.moveaxis(where, -1, 0)), gradient[..., 0])
    np.testing.assert_allclose(dx[..., 0], np.concatenate(expected_dx), rtol=0, atol=1e-14)


def test_nothing_outside_the_utterance_wins():
    y, _ = MaxPool().forward({}, pack([np.full((3, 3, 1), -5.0), np.full((1, 3, 1), -7.0)]))
    assert np.unique(y.data[:2]).tolist() == [-5]
    assert np.unique(y.data[2:]).tolist() == [-7]


def test_a_nan_comes_through():
    x = np.zeros((3, 3, 1))
    x[1, 1] = np.nan
    assert np.isnan(MaxPool().forward({}, pack([x]))[0].data).all()


def test_what_memory_held_before_changes_nothing(monkeypatch):
    """Backward clears what it adds to: with memory full of NaN the gradient is the same."""
    rng, layer = np.random.default_rng(0), MaxPool()
    x = pack([rng.standard_normal((frames, 6, 3)) for frames in (1, 2, 7, 8)])
    y, cache = layer.forward({}, x)
    dy = rng.standard_normal(y.data.shape)
    expected, _ = layer.backward({}, cache, dy)
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype))
    np.testing.assert_array_equal(layer.backward({}, cache, dy)[0], expected)
    assert np.isfinite(expected).all()
