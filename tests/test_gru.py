import numpy as np
import pytest
from scipy.special import expit

from numser.layers import GRU
from numser.layers.gru import tanh
from numser.ragged import pack, unpack


def plain_gru(x, w, u, b):
    """One utterance in one direction, one frame after the other, as Cho et al. (2014) write it."""
    units = len(u)
    wr, wz, wc = np.split(w, 3, axis=1)
    ur, uz, uc = np.split(u, 3, axis=1)
    br, bz, bc = np.split(b, 3)
    h, states = np.zeros(units), []
    for frame in x:
        r = expit(frame @ wr + h @ ur + br)
        z = expit(frame @ wz + h @ uz + bz)
        c = np.tanh(frame @ wc + (r * h) @ uc + bc)
        h = z * h + (1 - z) * c
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("tied", [True, False])
def test_states_are_the_plain_ones(tied):
    rng = np.random.default_rng(0)
    utterances = [rng.standard_normal((frames, 4)) for frames in (1, 6, 3)]
    layer = GRU(4, 5, tied)
    params = {name: w + 0.3 * rng.standard_normal(w.shape) for name, w in layer.init(rng, np.float64).items()}
    y, _ = layer.forward(params, pack(utterances))
    for u, mine in zip(utterances, unpack(y), strict=True):
        for column, prefix, reverse in ((0, "forward.", False), (5, "backward.", True)):
            weights = [params[("" if tied else prefix) + name] for name in "wub"]
            expected = plain_gru(u[::-1] if reverse else u, *weights)
            expected = expected[::-1] if reverse else expected
            np.testing.assert_allclose(mine[:, column : column + 5], expected, rtol=0, atol=1e-14)


def test_its_tanh_is_tanh_to_the_last_digits():
    x = np.random.default_rng(0).standard_normal(2000)
    x = np.concatenate([3 * x, 1e-8 * x, [0.0, -0.0, 1e-300, 19.9, 20.1, 700, np.inf, -np.inf]])
    found = np.array([tanh(v) for v in x])
    np.testing.assert_allclose(found, np.tanh(x), rtol=1e-15, atol=0)
    assert np.isnan(tanh(np.nan))


def test_extreme_inputs_saturate_without_nan():
    layer = GRU(2, 3)
    params = layer.init(np.random.default_rng(0))
    y, _ = layer.forward(params, pack([np.full((4, 2), sign * 1e6, np.float32) for sign in (1, -1)]))
    assert np.isfinite(y.data).all()
    assert np.abs(y.data).max() <= 1


def test_initial_values():
    params = GRU(2048, 128).init(np.random.default_rng(0), np.float64)
    assert {name: w.shape for name, w in params.items()} == {"w": (2048, 384), "u": (128, 384), "b": (384,)}
    np.testing.assert_array_equal(params["b"], [1] * 256 + [0] * 128)
    for columns, fan_out in ((slice(0, 256), 256), (slice(256, 384), 128)):
        limit = np.sqrt(6 / (2176 + fan_out))  # of the stacked [x; h] matrix
        for name in "wu":
            assert 0.99 * limit < np.abs(params[name][:, columns]).max() <= limit


def test_untied_directions_have_weights_of_their_own():
    params = GRU(4, 3, tied=False).init(np.random.default_rng(0))
    assert sorted(params) == [f"{d}.{name}" for d in ("backward", "forward") for name in "buw"]
    assert not np.array_equal(params["forward.w"], params["backward.w"])
