"""What several runs found, taken together: means, spreads, and intervals that say how far to trust them.

Two promises make two intervals of the mean UA. Each is meant to hold the true one in 19 of 20 cases.

    ua_interval            other recordings of the same people, and networks trained anew
    ua_interval_speakers   other people:  mean ± t·s/√S,  s the spread of the S speakers' UAs

The first puts two things together. Which recordings were tested: they are drawn anew, with replacement, RESAMPLES
times, and each time the mean of the runs' UA is taken. How training went: to each of these means t·s/√R is added; s
is the spread of R runs that share their test, and t is drawn from Student's distribution. What a run and a recording
have to do with each other alone is in both, which errs on the wide side.

The second needs no more, since what a speaker said and how his run went is in his UA already. Few people are not
drawn anew: they hold too little of what other people may be, and of 20 intervals of ten people drawn so, 18 hold the
truth. Student's t knows how few there are. Few people make a wide interval, however much each of them has said.

Limits      runs of folds learn from nearly the same recordings, so they differ less than on other recordings. Where
            each test had one run, how training went cannot be told from what was tested: `ua_interval` then is over
            recordings alone
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numser.evaluation import Result

SCORES = ("ua", "wa", "f1")
RESAMPLES = 2000
FEW = 30  # a test of fewer recordings is said to be small


def summarise(results: Sequence["Result"], seed: int = 0) -> dict[str, Any]:
    """Mean and standard deviation (n−1) of UA, WA and F1 over the runs, 95 % intervals of their means, chance, the
    sum of the confusion matrices, and what to bear in mind.

    `ua_interval`, and WA's and F1's, is over test utterances, and over runs where a test had several:
    `ua_interval_holds_runs`. An utterance that several runs were tested on is drawn for all of them together.
    `ua_interval_speakers` is over speakers, where each was tested by runs of his own, and is None elsewhere.
    """
    scores = {key: np.array([getattr(result, key) for result in results]) for key in SCORES}
    names = _test_utterances(results)
    anew = _resampled(results, names, seed)
    _, freedom = _error_of_training(results, scores["ua"])
    for key in SCORES:
        anew[key] = anew[key] + _trained_anew(*_error_of_training(results, scores[key]), seed)
    return {
        "runs": len(results),
        "test_utterances": len(names),
        **{
            key: {"mean": float(v.mean()), "sd": float(v.std(ddof=1)) if len(v) > 1 else None}
            for key, v in scores.items()
        },
        "chance": chance(results),
        **{f"{key}_interval": np.clip(np.percentile(v, [2.5, 97.5]), 0, 1).tolist() for key, v in anew.items()},
        "ua_interval_holds_runs": freedom > 0,
        "ua_interval_speakers": _interval_over_speakers(results),
        "remarks": remarks(results),
        "labels": results[0].labels,
        "confusion": np.sum([result.confusion for result in results], axis=0).tolist(),
    }


def ua_difference(results: Sequence["Result"], others: Sequence["Result"], seed: int = 0) -> list[float]:
    """A 95 % interval of the mean UA of the first runs minus that of the others, tested on the same utterances.

    Both are taken on the same resamples: what is hard for both cancels out. So does what runs have in common that
    pair up, by fold and seed. Where the same speakers were left out, it is over speakers, by Student's t.

    Raises      ValueError: the test utterances differ
    """
    names = _test_utterances(results)
    if names != _test_utterances(others):
        raise ValueError("others: were tested on other utterances")
    ours, theirs = _speakers_uas(results), _speakers_uas(others)
    if ours and theirs and ours.keys() == theirs.keys():
        return t_interval([float(np.mean(ours[speakers]) - np.mean(theirs[speakers])) for speakers in ours])
    differences = _resampled(results, names, seed)["ua"] - _resampled(others, names, seed)["ua"]
    if (pairs := _pairs(results, others)) is not None:
        paired = [result.ua - other.ua for result, other in pairs]
        differences += _trained_anew(*_error_of_training(results, paired), seed)
    else:
        for k, runs in enumerate((results, others)):
            differences += _trained_anew(*_error_of_training(runs, [run.ua for run in runs]), seed + k)
    return np.percentile(differences, [2.5, 97.5]).tolist()


def t_interval(values: list[float] | np.ndarray) -> list[float]:
    """The 95 % interval of the mean of what these values were drawn from: mean ± t·s/√n.

    Shapes      values (n,), n ≥ 2
    Source      Student, "The probable error of a mean", 1908
    """
    from scipy.special import stdtrit  # late: SciPy is slow to import

    values = np.asarray(values)
    half = stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values))
    return [float(values.mean() - half), float(values.mean() + half)]


def chance(results: Sequence["Result"]) -> float:
    """UA of always the same answer: 1 / the number of labels that were tested. Its mean over the runs."""
    return float(np.mean([1 / len(_tested_labels(result)) for result in results]))


def remarks(results: Sequence["Result"]) -> list[str]:
    """Sentences on what to bear in mind: over which labels the figures are, if not all; that the test is small."""
    sentences = []
    known, tested = len(results[0].labels), [_tested_labels(result) for result in results]
    fewest, most = min(map(len, tested)), max(map(len, tested))
    if all(labels == tested[0] for labels in tested):
        if most < known:
            names = ", ".join(tested[0])
            sentences.append(f"UA and F1 are over the labels that were tested, {most} of {known}: {names}.")
    else:
        span = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        sentences.append(f"UA and F1 of a run are over the labels that it was tested on, {span} of {known}.")
    if (n := len(_test_utterances(results))) < FEW:
        were = "recording was" if n == 1 else "recordings were"
        sentences.append(f"Only {n} {were} tested, fewer than {FEW}: one more or less right moves the figures much.")
    return sentences


def _tested_labels(result: "Result") -> list[str]:
    return sorted({u.truth for u in result.utterances})


def _interval_over_speakers(results: Sequence["Result"]) -> list[float] | None:
    """An interval of the mean UA over those who were left out, or None if they were not."""
    uas = _speakers_uas(results)
    if uas is None:
        return None
    return np.array(t_interval([float(np.mean(of_one)) for of_one in uas.values()])).clip(0, 1).tolist()


def _speakers_uas(results: Sequence["Result"]) -> dict[frozenset, list[float]] | None:
    """The UAs of the runs that tested each speaker, or None unless each was tested by runs of his own."""
    uas: dict[frozenset, list[float]] = {}
    for result in results:
        uas.setdefault(frozenset(u.speaker for u in result.utterances), []).append(result.ua)
    everyone = frozenset().union(*uas)
    return None if len(uas) < 2 or None in everyone or sum(map(len, uas)) > len(everyone) else uas


def _pairs(results: Sequence["Result"], others: Sequence["Result"]) -> list[tuple["Result", "Result"]] | None:
    """Each run with the other one of the same fold, seed and test; None if they do not pair up."""
    partners = {_identity(other): other for other in others}
    ours = [_identity(result) for result in results]
    if None in ours or len({*ours}) < len(ours) or len(others) != len(ours) or {*ours} != partners.keys():
        return None
    return [(result, partners[key]) for result, key in zip(results, ours, strict=True)]


def _identity(result: "Result") -> tuple | None:
    """What was tested after what training, so far as another recipe has it too."""
    return result.training and (*result.training, frozenset(_test_utterances([result])))


def _error_of_training(results: Sequence["Result"], values: list[float] | np.ndarray) -> tuple[float, int]:
    """The standard error of the mean of these values, one a run, as far as it comes from the training; and how many
    degrees of freedom it has, 0 if runs of one test are nowhere to compare.

    Runs are compared with those that share their test. Seeds of one fold have the same training utterances; where
    there are several folds, a fold counts as one, with its mean.
    """
    tests: dict[frozenset, dict[Any, list[float]]] = {}
    for i, (result, value) in enumerate(zip(results, values, strict=True)):
        folds = tests.setdefault(frozenset(_test_utterances([result])), {})
        split = result.training[:-1] if result.training else i
        folds.setdefault(split, []).append(value)
    squares = freedom = share = 0.0
    for folds in tests.values():
        seeds = next(iter(folds.values()))
        apart = np.array(seeds if len(folds) == 1 else [np.mean(of_fold) for of_fold in folds.values()])
        squares += ((apart - apart.mean()) ** 2).sum()
        freedom += len(apart) - 1
        share += (sum(map(len, folds.values())) / len(results)) ** 2 / len(apart)
    return (float(np.sqrt(squares / freedom * share)), int(freedom)) if freedom else (0.0, 0)


def _trained_anew(error: float, freedom: int, seed: int) -> np.ndarray:
    """What training may add to the mean of each resample, (RESAMPLES,): t·error, t evenly from Student's t."""
    if not freedom:
        return np.zeros(RESAMPLES)
    from scipy.special import stdtrit  # late: SciPy is slow to import

    t = stdtrit(freedom, (np.arange(RESAMPLES) + 0.5) / RESAMPLES)
    return error * np.random.default_rng([seed, 1]).permutation(t)


def _test_utterances(results: Sequence["Result"]) -> list[str]:
    return sorted({u.name for result in results for u in result.utterances})


def _resampled(results: Sequence["Result"], names: list[str], seed: int) -> dict[str, np.ndarray]:
    """The runs' mean scores for each resample of the utterances called `names`, (RESAMPLES,) each."""
    position = {name: i for i, name in enumerate(names)}
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    each = [_resampled_scores(result, position, drawn) for result in results]
    return dict(zip(SCORES, np.mean(each, axis=0), strict=True))


def _resampled_scores(result: "Result", position: dict[str, int], drawn: np.ndarray) -> np.ndarray:
    """A run's UA, WA and F1 for each resample, (3, RESAMPLES). A class of which none was drawn does not count."""
    weights = drawn[:, [position[u.name] for u in result.utterances]]
    truth = np.array([u.truth for u in result.utterances])
    predicted = np.array([u.predicted for u in result.utterances])
    recalls, f1s = [], []
    for label in np.unique(truth):
        total, taken = weights[:, truth == label].sum(1), weights[:, predicted == label].sum(1)
        hits = weights[:, (truth == label) & (predicted == label)].sum(1)
        recalls.append(_share(hits, total, total))
        f1s.append(_share(2 * hits, total + taken, total))
    drew = weights.sum(1)
    ua, f1 = (np.nansum(of, axis=0) / np.maximum((~np.isnan(of)).sum(0), 1) for of in (recalls, f1s))
    return np.array([ua, weights[:, truth == predicted].sum(1) / np.maximum(drew, 1), f1])


def _share(hits: np.ndarray, total: np.ndarray, occurs: np.ndarray) -> np.ndarray:
    """hits / total; NaN for resamples in which the class does not occur."""
    return np.divide(hits, total, out=np.full(len(total), np.nan), where=occurs > 0)
