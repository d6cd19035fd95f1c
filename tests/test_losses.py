import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser import losses

ONE = np.ones(1)


def two_classes(margin, lam, dtype=np.float64):
    """Loss and gradient of one utterance of class 0 whose logit leads by `margin`."""
    logits = np.array([[margin, 0.0]], dtype)
    return losses.focal(logits, np.array([0]), ONE, np.array([lam]))


def test_cross_entropy_of_equal_logits_is_ln_k():
    loss, dlogits = losses.cross_entropy(np.zeros((3, 7)), np.array([0, 3, 6]), np.ones(3))
    assert loss == pytest.approx(np.log(7), rel=1e-15)
    np.testing.assert_allclose(dlogits.sum(1), 0, atol=1e-16)
    assert dlogits[1, 3] == pytest.approx((1 / 7 - 1) / 3)


def test_focal_by_hand():
    """p = 0.8, λ = 2: ℓ = 0.2² · −ln 0.8."""
    loss, _ = two_classes(np.log(4), 2.0)
    assert loss == pytest.approx(0.04 * -np.log(0.8), rel=1e-14)


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stable_near_certainty(lam, dtype):
    """p → 1 with q = e^−40, far below the rounding of 1 − p: ℓ → q^(1+λ), dℓ/dv_y → −(1+λ) q^(1+λ)."""
    loss, dlogits = two_classes(40.0, lam, dtype)
    expected = np.exp(-40.0 * (1 + lam))
    if expected > np.finfo(dtype).tiny:
        assert loss == pytest.approx(expected, rel=1e-5)
        assert dlogits[0, 0] == pytest.approx(-(1 + lam) * expected, rel=1e-5)
        assert dlogits[0, 1] == -dlogits[0, 0]
    assert np.isfinite(loss)
    assert np.isfinite(dlogits).all()


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("margin", [-80.0, -1e4, -3e38])
def test_stable_near_zero(lam, margin):
    """p → 0: ℓ → the margin, its gradient → −1 for the class, +1 for the other."""
    loss, dlogits = two_classes(margin, lam, np.float32)
    assert loss == pytest.approx(-margin, rel=1e-6)
    np.testing.assert_allclose(dlogits, [[-1, 1]], rtol=1e-6)


@pytest.mark.parametrize("margin", [200.0, 1e4, 3e38])
def test_certainty_beyond_the_smallest_number(margin):
    loss, dlogits = two_classes(margin, 0.5, np.float32)
    assert (loss, np.abs(dlogits).max()) == (0, 0)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 7),
    st.sampled_from([losses.focal, losses.lq, losses.soft_bootstrapping]),
)
def test_parts_of_a_batch_add_up(seed, classes, loss):
    rng = np.random.default_rng(seed)
    each = [3 * rng.standard_normal((6, classes)), rng.integers(classes, size=6), rng.uniform(0.1, 3, 6)]
    each += [rng.uniform(0, 3, 6)] if loss is losses.focal else []
    whole, gradient = loss(*each)
    parts = [loss(*(a[i] for a in each), total_weight=each[2].sum()) for i in (slice(0, 2), slice(2, 6))]
    assert sum(part for part, _ in parts) == pytest.approx(whole, rel=1e-12)
    np.testing.assert_allclose(np.concatenate([g for _, g in parts]), gradient, rtol=0, atol=1e-15)


def test_lambda_zero_is_cross_entropy():
    rng = np.random.default_rng(0)
    args = rng.standard_normal((4, 3)), np.array([0, 1, 2, 0]), rng.uniform(1, 2, 4)
    for a, b in zip(losses.focal(*args, np.zeros(4)), losses.cross_entropy(*args), strict=True):
        np.testing.assert_array_equal(a, b)


def test_lq_by_hand():
    """p = 0.8, exponent 0.5: ℓ = (1 − √0.8) / 0.5, and its gradient −√p (δ − p)."""
    loss, dlogits = losses.lq(np.array([[np.log(4), 0.0]]), np.array([0]), ONE, 0.5)
    assert loss == pytest.approx((1 - np.sqrt(0.8)) / 0.5, rel=1e-14)
    np.testing.assert_allclose(dlogits, [[-np.sqrt(0.8) * 0.2, np.sqrt(0.8) * 0.2]], rtol=1e-13)


def test_lq_lies_between_cross_entropy_and_the_absolute_error():
    rng = np.random.default_rng(0)
    logits, labels, weights = rng.standard_normal((4, 3)), np.array([0, 1, 2, 0]), rng.uniform(1, 2, 4)
    entropy, gradient = losses.cross_entropy(logits, labels, weights)
    loss, dlogits = losses.lq(logits, labels, weights, 1e-9)
    assert loss == pytest.approx(entropy, rel=1e-7)
    np.testing.assert_allclose(dlogits, gradient, rtol=1e-7)
    p = losses.softmax(logits)[np.arange(4), labels]
    assert losses.lq(logits, labels, weights, 1.0)[0] == pytest.approx((weights * (1 - p)).sum() / weights.sum())


def test_soft_bootstrapping_by_hand():
    """p = (0.8, 0.2), β = 0.3: targets 0.3 + 0.7 · 0.8 and 0.7 · 0.2."""
    loss, _ = losses.soft_bootstrapping(np.array([[np.log(4), 0.0]]), np.array([0]), ONE, 0.3)
    assert loss == pytest.approx(-(0.3 + 0.7 * 0.8) * np.log(0.8) - 0.7 * 0.2 * np.log(0.2), rel=1e-14)


def test_soft_bootstrapping_that_trusts_the_label_wholly_is_cross_entropy():
    rng = np.random.default_rng(0)
    args = rng.standard_normal((4, 3)), np.array([0, 1, 2, 0]), rng.uniform(1, 2, 4)
    (loss, dlogits), (entropy, gradient) = losses.soft_bootstrapping(*args, 1.0), losses.cross_entropy(*args)
    assert loss == pytest.approx(entropy, rel=1e-14)
    np.testing.assert_allclose(dlogits, gradient, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_soft_bootstrapping_keeps_its_digits_near_certainty(dtype):
    """p → 1 with q = e^−40: ℓ → β q + (1−β) (q + 40 q), the label's part and the entropy."""
    loss, dlogits = losses.soft_bootstrapping(np.array([[40.0, 0.0]], dtype), np.array([0]), ONE, 0.3)
    q = np.exp(-40.0)
    assert loss == pytest.approx(0.3 * q + 0.7 * 41 * q, rel=1e-5)
    assert dlogits[0, 0] == pytest.approx(-0.3 * q - 0.7 * 40 * q, rel=1e-5)


@pytest.mark.parametrize("loss", [losses.lq, losses.soft_bootstrapping])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("margin", [-3e38, -1e4, -80.0, 40.0, 1e4, 3e38])
def test_the_other_losses_are_stable_at_both_ends(loss, dtype, margin):
    value, dlogits = loss(np.array([[margin, 0.0]], dtype), np.array([0]), ONE)
    assert (np.asarray(value).dtype, dlogits.dtype) == (dtype, dtype)
    assert np.isfinite(value)
    assert np.isfinite(dlogits).all()
    right = 0 if margin > 0 else {losses.lq: 1 / 0.7, losses.soft_bootstrapping: 0.3 * -margin}[loss]
    assert value == pytest.approx(right, rel=1e-5, abs=1e-15)


@pytest.mark.parametrize(
    ("loss", "parameter", "says"),
    [(losses.lq, 0, "exponent"), (losses.lq, 1.1, "exponent"), (losses.soft_bootstrapping, -0.1, "beta")],
)
def test_parameters_beyond_their_range_are_refused(loss, parameter, says):
    with pytest.raises(ValueError, match=says):
        loss(np.zeros((1, 3)), np.array([0]), ONE, parameter)


def test_smoothed_labels_are_cross_entropy_to_a_mixture():
    rng = np.random.default_rng(0)
    logits, labels, weights = rng.standard_normal((5, 3)), np.array([0, 2, 1, 1, 0]), rng.uniform(0.5, 2, 5)
    plain = losses.cross_entropy(logits, labels, weights)
    loss, dlogits = losses.smoothed(*plain, logits, weights, 0.3)
    p = losses.softmax(logits)
    target = 0.7 * np.eye(3)[labels] + 0.1
    assert loss == pytest.approx(-(weights * (target * np.log(p)).sum(1)).sum() / weights.sum())
    np.testing.assert_allclose(dlogits, (weights / weights.sum())[:, None] * (p - target), atol=1e-12)
    assert losses.smoothed(*plain, logits, weights, 0.0) == plain
    parts = [
        losses.smoothed(
            *losses.cross_entropy(logits[i], labels[i], weights[i], weights.sum()),
            logits[i],
            weights[i],
            0.3,
            weights.sum(),
        )
        for i in (slice(0, 2), slice(2, 5))
    ]
    assert sum(part for part, _ in parts) == pytest.approx(loss)
    np.testing.assert_allclose(np.concatenate([gradient for _, gradient in parts]), dlogits, atol=1e-12)


def test_class_weights():
    np.testing.assert_allclose(losses.class_weights(np.array([0, 0, 0, 2]), 3), [3 / 3.5, 3 / 0.5, 3 / 1.5])


def test_softmax_is_scipys():
    from scipy.special import softmax

    logits = np.array([[1.0, -2.0, 1e4], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(losses.softmax(logits), softmax(logits, axis=1), atol=1e-15)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.array([3]), "0 … 2"),
        (np.array([-1]), "0 … 2"),
        (np.array([0.0]), "integers"),
        (np.array([[0]]), "integers"),
    ],
)
def test_labels_that_are_no_class_are_refused(labels, says):
    with pytest.raises(ValueError, match=says):
        losses.cross_entropy(np.zeros((1, 3)), labels, ONE)


def test_weights_of_another_length_are_refused():
    with pytest.raises(ValueError, match="weights"):
        losses.cross_entropy(np.zeros((2, 3)), np.array([0, 1]), ONE)
