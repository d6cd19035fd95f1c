import numpy as np
import pytest
from scipy.signal import savgol_filter

from numser.deltas import deltas, with_deltas


@pytest.mark.parametrize("frames", [5, 6, 40])
def test_a_delta_is_the_slope_of_scipys_line_through_five_frames(frames):
    x = np.random.default_rng(0).standard_normal((frames, 3))
    expected = savgol_filter(x, 5, polyorder=1, deriv=1, axis=0, mode="nearest")
    np.testing.assert_allclose(deltas(x), expected, rtol=0, atol=1e-14)


def test_orders_stand_behind_the_bands():
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    y = with_deltas(x, 2)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.hstack([x, deltas(x), deltas(deltas(x))]))
    assert with_deltas(x, 0) is x


def test_of_one_frame_they_are_zero():
    assert with_deltas(np.ones((1, 2)), 2).tolist() == [[1, 1, 0, 0, 0, 0]]
