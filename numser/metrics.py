"""How good predictions are: confusion matrix, UA, WA, macro F1.        Paper §4.2

Emotion corpora have unequal classes. WA, the plain accuracy, can be high for a model that ignores the rare ones;
UA, the mean of the classes' recalls, cannot, and is the figure to look at. UA and F1 are over the classes that occur.
Where k of them do, always the same one of these answers has UA = 1/k: that is chance.
"""

import numpy as np


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts (K, K): row = true class, column = predicted class."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Share of each class that was recognised, (K,); NaN for a class that does not occur."""
    totals = confusion.sum(1)
    return np.divide(confusion.diagonal(), totals, out=np.full(len(totals), np.nan), where=totals > 0)


def unweighted_accuracy(confusion: np.ndarray) -> float:
    """UA: the mean of the recalls of the classes that occur."""
    return float(np.nanmean(recalls(confusion)))


def weighted_accuracy(confusion: np.ndarray) -> float:
    """WA: the share of all utterances that was recognised."""
    return float(confusion.trace() / confusion.sum())


def macro_f1(confusion: np.ndarray) -> float:
    """F1: 2·hits / (occurrences + predictions), averaged over the classes that occur, as UA is."""
    occurs = confusion.sum(1) > 0
    either = confusion.sum(0) + confusion.sum(1)
    return float(np.mean(2 * confusion.diagonal()[occurs] / either[occurs]))
