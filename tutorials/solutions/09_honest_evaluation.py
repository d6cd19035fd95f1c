"""Answers to the exercises of lesson 09: right ones, and wrong ones that the checks catch."""

import numpy as np

from numser.metrics import confusion_matrix, unweighted_accuracy


def scores(confusion):
    """Hits over occurrences, over all, and over the mean of occurrences and answers."""
    occurrences, answers, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    occurs = occurrences > 0
    ua = np.mean(hits[occurs] / occurrences[occurs])
    f1 = np.mean(2 * hits[occurs] / (occurrences + answers)[occurs])
    return ua, hits.sum() / confusion.sum(), f1


def columns_for_rows(confusion):
    """Precision for recall: rows and columns exchanged."""
    return scores(confusion.T)


def every_class(confusion):
    """Counts a class that does not occur as one that was never recognised."""
    occurrences, answers, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    ua = np.mean(hits / np.maximum(occurrences, 1))
    return ua, hits.sum() / confusion.sum(), np.mean(2 * hits / np.maximum(occurrences + answers, 1))


def f1_of_answered(confusion):
    """Takes F1 over other classes than UA: those that are answered, too."""
    occurrences, answers, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    ua, wa, _ = scores(confusion)
    seen = occurrences + answers > 0
    return ua, wa, np.mean(2 * hits[seen] / (occurrences + answers)[seen])


def f1_of_means(confusion):
    """The harmonic mean of mean recall and mean precision is not the mean of the harmonic means."""
    ua, wa, _ = scores(confusion)
    precision, _, _ = scores(confusion.T)
    return ua, wa, 2 * ua * precision / (ua + precision)


def exchanged(confusion):
    """WA for UA."""
    ua, wa, f1 = scores(confusion)
    return wa, ua, f1


def speaker_splits(speakers):
    """The speaker tests, the next one validates, the others train."""
    names, speakers = sorted(set(speakers)), np.array(speakers)
    splits = []
    for k, name in enumerate(names):
        following = names[(k + 1) % len(names)]
        train = (speakers != name) & (speakers != following)
        splits.append(tuple(np.flatnonzero(part) for part in (train, speakers == following, speakers == name)))
    return splits


def validates_on_the_test(speakers):
    """Chooses the best step by looking at the test."""
    names, speakers = sorted(set(speakers)), np.array(speakers)
    return [(np.flatnonzero(speakers != n), *[np.flatnonzero(speakers == n)] * 2) for n in names]


def trains_on_validation(speakers):
    """The validating speaker stands on both sides."""
    speakers = np.array(speakers)
    return [(np.sort(np.concatenate([train, v])), v, test) for train, v, test in speaker_splits(speakers)]


def nobody_after_the_last(speakers):
    """names[k + 1] ends one too early."""
    names = sorted(set(speakers))
    where = {name: np.flatnonzero(np.array(speakers) == name) for name in names}
    return [(where[names[k - 1]], where[names[k + 1]], where[names[k]]) for k in range(len(names))]


def as_they_come(speakers):
    """In the order in which the speakers come, not in that of the alphabet."""
    names = list(dict.fromkeys(speakers))
    by_name = dict(zip(sorted(names), speaker_splits(speakers), strict=True))
    return [by_name[name] for name in names]


def ua_interval(truth, predicted, n_classes, resamples, rng):
    """UA of utterances drawn anew, again and again."""
    uas = []
    for _ in range(resamples):
        drawn = rng.integers(len(truth), size=len(truth))
        uas.append(unweighted_accuracy(confusion_matrix(truth[drawn], predicted[drawn], n_classes)))
    return tuple(np.percentile(uas, [2.5, 97.5]))


def without_replacement(truth, predicted, n_classes, resamples, rng):
    """A permutation has the same utterances, and the same UA, each time."""
    uas = []
    for _ in range(resamples):
        drawn = rng.permutation(len(truth))
        uas.append(unweighted_accuracy(confusion_matrix(truth[drawn], predicted[drawn], n_classes)))
    return tuple(np.percentile(uas, [2.5, 97.5]))


def drawn_apart(truth, predicted, n_classes, resamples, rng):
    """Draws truth and prediction each for itself: then they have nothing to do with one another."""
    uas = []
    for _ in range(resamples):
        one, other = rng.integers(len(truth), size=(2, len(truth)))
        uas.append(unweighted_accuracy(confusion_matrix(truth[one], predicted[other], n_classes)))
    return tuple(np.percentile(uas, [2.5, 97.5]))


def of_wa(truth, predicted, n_classes, resamples, rng):
    """The interval of WA."""
    drawn = rng.integers(len(truth), size=(resamples, len(truth)))
    return tuple(np.percentile((truth[drawn] == predicted[drawn]).mean(axis=1), [2.5, 97.5]))


def one_deviation(truth, predicted, n_classes, resamples, rng):
    """One standard deviation to either side holds two thirds of the draws, not 95 %."""
    uas = []
    for _ in range(resamples):
        drawn = rng.integers(len(truth), size=len(truth))
        uas.append(unweighted_accuracy(confusion_matrix(truth[drawn], predicted[drawn], n_classes)))
    return np.mean(uas) - np.std(uas), np.mean(uas) + np.std(uas)


WRONG = {
    "scores": [columns_for_rows, every_class, f1_of_answered, f1_of_means, exchanged],
    "speaker_splits": [validates_on_the_test, trains_on_validation, nobody_after_the_last, as_they_come],
    "ua_interval": [without_replacement, drawn_apart, of_wa, one_deviation],
}
