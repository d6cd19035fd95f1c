import numpy as np
import pytest

from numser.layers import Dropout


@pytest.mark.parametrize("rng", [None, np.random.default_rng(0)])
def test_inference_changes_nothing(rng):
    x = np.ones((3, 4))
    y, cache = Dropout(0.5).forward({}, x, rng=rng)
    assert y is x
    assert Dropout(0.5).backward({}, cache, x)[0] is x


def test_training_without_a_generator_is_refused():
    x = np.ones((3, 4))
    with pytest.raises(ValueError, match="rng: dropout draws"):
        Dropout(0.5).forward({}, x, training=True)
    assert Dropout(0.0).forward({}, x, training=True)[0] is x  # nothing to draw


def test_training_leaves_out_the_share_it_should_and_keeps_the_mean():
    y, cache = Dropout(0.25).forward({}, np.ones((100, 100)), training=True, rng=np.random.default_rng(0))
    assert np.mean(y == 0) == pytest.approx(0.25, abs=0.02)
    assert np.unique(y).tolist() == [0, pytest.approx(4 / 3)]
    assert y.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(Dropout(0.25).backward({}, cache, np.ones((100, 100)))[0], y)


def test_one_seed_leaves_out_the_same():
    draws = [np.random.default_rng(3) for _ in range(2)]
    y = [Dropout(0.5).forward({}, np.ones((5, 5)), training=True, rng=rng)[0] for rng in draws]
    np.testing.assert_array_equal(*y)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="rate"):
        Dropout(rate)
