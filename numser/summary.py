"""What several runs found, taken together: means, spreads, and intervals that say how far to trust them.

Intervals are percentile bootstraps: what was tested is drawn anew, with replacement, RESAMPLES times, and each time
the mean of the runs' UA is taken. Draw what the promise is about: utterances, for other sentences of the same people;
people, for other people. Few people make a wide interval, however much each of them has said.
"""

from typing import Any

import numpy as np

RESAMPLES = 2000


def summarise(results: list[dict[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Mean and standard deviation (n−1) of UA, WA and F1 over the runs, 95 % intervals of the mean UA, and the sum of
    the confusion matrices.

    `ua_interval` draws test utterances. One that several runs were tested on is drawn for all of them together.
    `ua_interval_speakers` draws speakers, where each was tested by runs of his own, and is None elsewhere.
    """
    scores = {key: np.array([result[key] for result in results]) for key in ("ua", "wa", "f1")}
    names = _test_utterances(results)
    low, high = np.percentile(_resampled_uas(results, names, seed), [2.5, 97.5])
    return {
        "runs": len(results),
        "test_utterances": len(names),
        **{
            key: {"mean": float(v.mean()), "sd": float(v.std(ddof=1)) if len(v) > 1 else None}
            for key, v in scores.items()
        },
        "ua_interval": [float(low), float(high)],
        "ua_interval_speakers": _interval_over_speakers(results, seed),
        "labels": results[0]["labels"],
        "confusion": np.sum([result["confusion"] for result in results], axis=0).tolist(),
    }


def ua_difference(results: list[dict[str, Any]], others: list[dict[str, Any]], seed: int = 0) -> list[float]:
    """A 95 % interval of the mean UA of the first runs minus that of the others, tested on the same utterances.

    Both are taken on the same resamples: what is hard for both cancels out.

    Raises      ValueError: the test utterances differ
    """
    names = _test_utterances(results)
    if names != _test_utterances(others):
        raise ValueError("others: were tested on other utterances")
    differences = _resampled_uas(results, names, seed) - _resampled_uas(others, names, seed)
    return np.percentile(differences, [2.5, 97.5]).tolist()


def _interval_over_speakers(results: list[dict[str, Any]], seed: int) -> list[float] | None:
    """An interval of the mean UA by drawing those who were left out, or None if they were not."""
    uas: dict[frozenset, list[float]] = {}
    for result in results:
        uas.setdefault(frozenset(row.get("speaker") for row in result["utterances"]), []).append(result["ua"])
    everyone = frozenset().union(*uas)
    if len(uas) < 2 or None in everyone or sum(map(len, uas)) > len(everyone):
        return None
    means = np.array([np.mean(of_one) for of_one in uas.values()])
    drawn = np.random.default_rng(seed).choice(means, (RESAMPLES, len(means)))
    return np.percentile(drawn.mean(axis=1), [2.5, 97.5]).tolist()


def _test_utterances(results: list[dict[str, Any]]) -> list[str]:
    return sorted({row["name"] for result in results for row in result["utterances"]})


def _resampled_uas(results: list[dict[str, Any]], names: list[str], seed: int) -> np.ndarray:
    """The runs' mean UA for each resample of the utterances called `names`, (RESAMPLES,)."""
    position = {name: i for i, name in enumerate(names)}
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    return np.mean([_resampled_ua(result, position, drawn) for result in results], axis=0)


def _resampled_ua(result: dict[str, Any], position: dict[str, int], drawn: np.ndarray) -> np.ndarray:
    """A run's UA for each resample, (RESAMPLES,). A class of which none was drawn does not count."""
    rows = result["utterances"]
    weights = drawn[:, [position[row["name"]] for row in rows]]
    truth = np.array([row["truth"] for row in rows])
    right = np.array([row["truth"] == row["predicted"] for row in rows])
    recalls = []
    for label in np.unique(truth):
        of_class = truth == label
        total = weights[:, of_class].sum(1)
        hits = weights[:, of_class & right].sum(1)
        recalls.append(np.divide(hits, total, out=np.full(len(total), np.nan), where=total > 0))
    counted = ~np.isnan(recalls)
    return np.nansum(recalls, axis=0) / np.maximum(counted.sum(0), 1)
