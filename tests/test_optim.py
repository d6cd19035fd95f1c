import math

import numpy as np
import pytest

from numser.optim import Adam, averaged, clip_global_norm, learning_rate


def test_three_steps_by_hand():
    """One weight, one number a line, as Kingma and Ba write the efficient form of the update."""
    adam = Adam(lr=0.1)
    params, state = {"w": np.array([1.0])}, None
    state = adam.init(params)
    w, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate([0.5, -2.0, 1e-3], start=1):
        params, state = adam.update(params, {"w": np.array([g])}, state)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w -= 0.1 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (math.sqrt(v) + 1e-8)
        assert params["w"][0] == pytest.approx(w, rel=1e-14)
    assert state.step == 3


def test_the_first_step_is_the_learning_rate_whatever_the_gradient():
    for g in (1e-3, 1.0, 1e3):
        params = {"w": np.array([0.0])}
        moved, _ = Adam(lr=0.01).update(params, {"w": np.array([g])}, Adam().init(params))
        assert moved["w"][0] == pytest.approx(-0.01, rel=1e-3)


def test_old_parameters_and_state_stay_and_float32_stays():
    params = {"w": np.ones(3, np.float32)}
    state = Adam().init(params)
    moved, after = Adam().update(params, {"w": np.ones(3, np.float32)}, state)
    assert params["w"].tolist() == [1, 1, 1]
    assert state.m["w"].tolist() == [0, 0, 0]
    assert {a.dtype for a in (moved["w"], after.m["w"], after.v["w"])} == {np.dtype(np.float32)}


def test_clipping_scales_all_gradients_together():
    grads = {"a": np.array([3.0], np.float32), "b": np.array([[4.0]], np.float32)}
    clipped, norm = clip_global_norm(grads, 2.5)
    assert norm == 5
    assert (clipped["a"][0], clipped["b"][0, 0]) == (1.5, 2.0)
    assert clipped["a"].dtype == np.float32
    assert clip_global_norm(grads, 5.0)[0] is grads


def test_the_learning_rate_rises_and_falls_to_zero():
    rates = [learning_rate(step, 100, 2.0, warm_up=10, schedule="cosine") for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.2) and rates[4] == pytest.approx(1.0, rel=0.01)
    assert max(rates) == rates[9] == pytest.approx(2 * 0.5 * (1 + np.cos(0.09 * np.pi)))
    assert rates[50] == pytest.approx(1.0)
    assert 0 < rates[-1] < 0.001
    assert np.all(np.diff(rates[9:]) < 0)


def test_the_learning_rate_is_constant_unless_asked_for():
    assert [learning_rate(step, 9, 0.5) for step in (1, 5, 9, 99)] == [0.5] * 4
    assert [learning_rate(step, 9, 1.0, warm_up=4) for step in (1, 2, 4, 5)] == [0.25, 0.5, 1.0, 1.0]


def test_the_moving_average_by_hand():
    average = {"w": np.array([8.0])}
    for step, w in enumerate([1.0, 3.0, 5.0], start=1):
        average = averaged(average, {"w": np.array([w])}, 0.15, step)
    # d is 1/10, then 0.15 (not 2/11), then 0.15
    expected = 0.15 * (0.15 * (0.1 * 8 + 0.9 * 1) + 0.85 * 3) + 0.85 * 5
    np.testing.assert_allclose(average["w"], expected)


def test_weights_that_stay_are_their_own_average():
    params = {"w": np.full((2, 2), 0.3, np.float32)}
    average = averaged(params, params, 0.99, 50)
    np.testing.assert_allclose(average["w"], params["w"], rtol=1e-6)
    assert average["w"].dtype == np.float32 and average["w"] is not params["w"]


def test_weight_decay_takes_its_share_of_matrices_alone():
    params = {"w": np.full((2, 2), 3.0), "b": np.full(2, 3.0)}
    grads = {"w": np.full((2, 2), 0.5), "b": np.full(2, 0.5)}
    plain, _ = Adam(0.1).update(params, grads, Adam().init(params))
    decayed, _ = Adam(0.1, weight_decay=0.2).update(params, grads, Adam().init(params))
    np.testing.assert_allclose(plain["w"] - decayed["w"], 0.1 * 0.2 * 3.0)
    np.testing.assert_array_equal(plain["b"], decayed["b"])
