import numpy as np
import pytest

from numser.metrics import confusion_matrix, macro_f1, recalls, unweighted_accuracy, weighted_accuracy

# Eight utterances of class 0, two of class 1. One of each is taken for the other; nobody is taken for class 2.
TRUTH = np.array([0] * 8 + [1] * 2)
PREDICTED = np.array([0] * 7 + [1] + [1, 0])


def test_by_hand():
    confusion = confusion_matrix(TRUTH, PREDICTED, 2)
    assert confusion.tolist() == [[7, 1], [1, 1]]
    assert recalls(confusion).tolist() == [7 / 8, 1 / 2]
    assert unweighted_accuracy(confusion) == pytest.approx((7 / 8 + 1 / 2) / 2)
    assert weighted_accuracy(confusion) == pytest.approx(8 / 10)
    assert macro_f1(confusion) == pytest.approx((2 * 7 / 16 + 2 * 1 / 4) / 2)


def test_a_class_that_does_not_occur_has_no_recall():
    confusion = confusion_matrix(TRUTH, PREDICTED, 3)
    assert np.isnan(recalls(confusion)[2])
    assert unweighted_accuracy(confusion) == pytest.approx((7 / 8 + 1 / 2) / 2)
    assert macro_f1(confusion) == pytest.approx((2 * 7 / 16 + 2 * 1 / 4) / 2)


def test_f1_is_over_the_classes_that_ua_is_over():
    """One utterance is taken for a class of which there is none: that is a miss of its own class, and no more."""
    confusion = np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]])
    assert unweighted_accuracy(confusion) == pytest.approx((3 / 4 + 1) / 2)
    assert macro_f1(confusion) == pytest.approx((2 * 3 / 7 + 1) / 2)


def test_always_the_largest_class_fools_wa_and_not_ua():
    confusion = confusion_matrix(TRUTH, np.zeros(10, int), 2)
    assert weighted_accuracy(confusion) == 0.8
    assert unweighted_accuracy(confusion) == 0.5
