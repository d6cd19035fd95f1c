import numpy as np
import pytest
from scipy.special import softmax

from numser.layers import Attention, LastState
from numser.ragged import pack, unpack, with_frames


def test_attention_is_equations_1_and_2():
    rng = np.random.default_rng(0)
    utterances = [rng.standard_normal((frames, 4)) for frames in (1, 5, 3)]
    w = rng.standard_normal(4)
    y, (x, alpha) = Attention(4).forward({"w": w}, pack(utterances))
    for n, u in enumerate(utterances):
        weights = softmax(u @ w)
        np.testing.assert_allclose(unpack(with_frames(x, alpha))[n], weights, rtol=0, atol=1e-14)
        np.testing.assert_allclose(y[n], weights @ u, rtol=0, atol=1e-14)


def test_large_scores_do_not_overflow():
    y, _ = Attention(1).forward({"w": np.array([1e4])}, pack([np.array([[1.0], [0.9], [-1.0]])]))
    np.testing.assert_array_equal(y, [[1.0]])


def test_the_weights_find_a_loud_frame():
    x = np.zeros((6, 2), np.float32)
    x[4] = 1
    _, (_, alpha) = Attention(2).forward({"w": np.array([3, 3], np.float32)}, pack([x]))
    assert alpha.argmax() == 4
    assert alpha.sum() == pytest.approx(1, abs=1e-6)


def test_last_state_is_the_end_of_each_direction():
    x = pack([np.arange(12.0).reshape(3, 4), 100 + np.arange(8.0).reshape(2, 4)])
    y, cache = LastState(2).forward({}, x)
    np.testing.assert_array_equal(y, [[8, 9, 2, 3], [104, 105, 102, 103]])
    dx, _ = LastState(2).backward({}, cache, np.ones((2, 4)))
    np.testing.assert_array_equal(dx, [[0, 0, 1, 1], [0] * 4, [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0]])
