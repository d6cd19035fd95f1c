import math

import numpy as np
import pytest

from numser.optim import Adam, clip_global_norm


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
