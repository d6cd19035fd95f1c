"""Checks of lesson 09."""

from functools import cache

import numpy as np

from checker import Wrong, exercise, parts, same
from numser.metrics import macro_f1, unweighted_accuracy, weighted_accuracy
from numser.splits import leave_speakers_out


@exercise
def scores(answer):
    """UA, WA and F1, also of tables with a class that does not occur."""
    tables = {
        "three classes": [[50, 8, 2], [3, 10, 7], [1, 2, 3]],
        "a class that does not occur, and is answered": [[8, 1, 1], [2, 4, 0], [0, 0, 0]],
        "a class that neither occurs nor is answered": [[8, 2, 0], [1, 3, 0], [0, 0, 0]],
        "a class that is never answered": [[9, 0], [4, 0]],
    }
    for what, table in tables.items():
        confusion = np.array(table)
        expected = unweighted_accuracy(confusion), weighted_accuracy(confusion), macro_f1(confusion)
        same(answer(confusion.copy()), expected, f"scores, with {what},")


class _Spoken:
    """As much of an utterance as splits ask for."""

    label = "anger"

    def __init__(self, speaker):
        self.speaker = speaker


@exercise
def speaker_splits(answer):
    """A split a speaker, against numser's."""
    for speakers in (list("abcabc"), list("dbacdbacca"), ["09", "03", "10", "03", "10", "10"]):
        names, spoken = sorted(set(speakers)), [_Spoken(s) for s in speakers]
        found = answer(list(speakers))
        if not isinstance(found, list | tuple | np.ndarray) or len(found) != len(names):
            n = len(found) if hasattr(found, "__len__") else type(found).__name__
            raise Wrong(f"speaker_splits({speakers}) should be a list of {len(names)} tuples, found {n}.")
        for name, split in zip(names, found, strict=True):
            parts(split, f"The split that tests on {name}", "train", "validation", "test")
            for part, one, other in zip(
                ("train", "validation", "test"), split, leave_speakers_out(spoken, [name]), strict=True
            ):
                if np.array_equal(one, other):
                    continue
                raise Wrong(
                    f"With speakers {speakers}, the {part} of the split that tests on {name} is "
                    f"{np.asarray(one).tolist()}, should be {other.tolist()}."
                )


@exercise
def ua_interval(answer):
    """The percentiles, up to what chance leaves; one class is so small that some draws lack it."""
    for sizes, hits in (((14, 7, 2), (12, 3, 1)), ((30, 6), (27, 3)), ((60, 1), (54, 1))):
        truth = np.repeat(np.arange(len(sizes)), sizes)
        right = np.concatenate([np.arange(n) < h for n, h in zip(sizes, hits, strict=True)])
        predicted = np.where(right, truth, (truth + 1) % len(sizes))
        expected = _interval(tuple(truth), tuple(right), len(sizes))
        found = answer(truth.copy(), predicted.copy(), len(sizes), 2000, np.random.default_rng(1))
        what = f"ua_interval of {len(truth)} utterances in classes of {' and '.join(map(str, sizes))}"
        found = np.ravel(parts(found, what, "low", "high"))
        if not np.all(np.abs(found - expected) <= 0.03):
            raise Wrong(
                f"{what} is {found[0]:.3f} … {found[1]:.3f}. It should be {expected[0]:.3f} … {expected[1]:.3f}, to "
                f"0.03, within which chance may vary."
            )


@cache
def _interval(truth, right, n_classes):
    """Ten times as many draws as are asked for."""
    truth, right = np.array(truth), np.array(right)
    drawn = np.random.default_rng(0).integers(len(truth), size=(20_000, len(truth)))
    shares = []
    for k in range(n_classes):
        of_class = truth[drawn] == k
        n = of_class.sum(axis=1)
        hits = (of_class & right[drawn]).sum(axis=1)
        shares.append(np.divide(hits, n, where=n > 0, out=np.full(len(drawn), np.nan)))
    return np.percentile(np.nanmean(shares, axis=0), [2.5, 97.5])
