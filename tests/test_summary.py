from dataclasses import replace

import numpy as np
import pytest
from made_runs import run_of

from numser.evaluation import Result, TestedUtterance
from numser.metrics import confusion_matrix, macro_f1, unweighted_accuracy, weighted_accuracy
from numser.recipe import Recipe
from numser.runs.result import RunResult
from numser.summary import RESAMPLES, chance, remarks, summarise, t_interval, ua_difference

T_OF_9 = 2.262157  # 97.5 % of Student's t with nine degrees of freedom lie below
T_OF_8 = 2.306004


def result(truth: str, predicted: str, first: int = 0, speaker: str | None = None, labels: str = "") -> Result:
    """A test's result: a letter an utterance."""
    labels = labels or "".join(sorted(set(truth + predicted)))
    shares = [1 / len(labels)] * len(labels)
    pairs = enumerate(zip(truth, predicted, strict=True), start=first)
    return Result.of(labels, [TestedUtterance(f"u{i}", None, speaker, "A", t, p, shares) for i, (t, p) in pairs])


def run(result: Result, fold: int | None, seed: int = 0, speaker: str | None = None) -> RunResult:
    """A result that says what it was trained for."""
    return run_of(result, fold=fold, test_speaker=speaker, recipe=Recipe(seed=seed))


def test_summary_by_hand():
    summary = summarise([result("aabb", "aabb"), result("aabb", "abbb"), result("aabb", "bbbb")])
    assert summary["ua"] == {"mean": pytest.approx(0.75), "sd": pytest.approx(0.25)}
    assert summary["confusion"] == [[3, 3], [0, 6]]
    assert (summary["runs"], summary["test_utterances"]) == (3, 4)


def test_the_interval_is_that_of_the_test_utterances():
    """80 of 100 right: a binomial share, 0.80 ± 0.08. Nine runs that agree know no more than one."""
    one = result("a" * 100, "a" * 80 + "b" * 20)
    low, high = summarise([one])["ua_interval"]
    assert low == pytest.approx(0.72, abs=0.015)
    assert high == pytest.approx(0.88, abs=0.015)
    assert summarise([one] * 9)["ua_interval"] == pytest.approx([low, high])
    apart = [result("a" * 100, "a" * 80 + "b" * 20, first=100 * k) for k in range(9)]  # other utterances in each run
    low, high = summarise(apart)["ua_interval"]
    assert high - low == pytest.approx(0.16 / 3, abs=0.01)


def test_each_score_has_its_interval():
    """Each resample's scores are those of its own confusion matrix."""
    truth, predicted = "aaaaabbbbbccdddd", "aaababbcbcccdaad"
    summary, labels = summarise([result(truth, predicted)], seed=3), "abcd"
    pairs = np.array([[labels.index(t), labels.index(p)] for t, p in zip(truth, predicted, strict=True)])
    order = np.argsort([f"u{i}" for i in range(len(truth))])  # summarise draws them by their names
    drawn = np.random.default_rng(3).multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=RESAMPLES)
    matrices = [confusion_matrix(*np.repeat(pairs[order], times, axis=0).T, 4) for times in drawn]
    for key, score in (("ua", unweighted_accuracy), ("wa", weighted_accuracy), ("f1", macro_f1)):
        low, high = np.percentile([score(matrix) for matrix in matrices], [2.5, 97.5])
        assert summary[f"{key}_interval"] == pytest.approx([low, high])
        assert low < summary[key]["mean"] < high


def test_a_class_that_is_not_drawn_does_not_count():
    low, high = summarise([result("ab", "ab")])["ua_interval"]
    assert (low, high) == (1, 1)


def test_the_interval_over_speakers_is_that_of_the_mean_of_so_many():
    """Ten people, UA from 0.5 to 0.95: their mean is uncertain by t·sd / √10, however much each has said."""
    of_each = [result("a" * 100, "a" * (50 + 5 * k) + "b" * (50 - 5 * k), 100 * k, f"s{k}") for k in range(10)]
    summary = summarise(of_each)
    low, high = summary["ua_interval_speakers"]
    expected = T_OF_9 * np.std([r.ua for r in of_each], ddof=1) / np.sqrt(10)
    assert (low + high) / 2 == pytest.approx(summary["ua"]["mean"], abs=1e-9)
    assert (high - low) / 2 == pytest.approx(expected, rel=1e-5)
    again = summarise([*of_each, *of_each])["ua_interval_speakers"]  # another seed is nobody else
    assert again == pytest.approx([low, high])


@pytest.mark.parametrize("speakers", [("s1", "s1"), (None, None), ("s1", None), ("s1",)])
def test_without_speakers_left_out_there_is_no_interval_over_speakers(speakers):
    results = [result("ab", "ab", 2 * k, speaker) for k, speaker in enumerate(speakers)]
    assert summarise(results)["ua_interval_speakers"] is None
    mixed = result("ab", "ab", 8)
    tested = [replace(u, speaker=s) for u, s in zip(mixed.utterances, ("s1", "s2"), strict=True)]
    mixed = replace(mixed, utterances=tested)
    assert summarise([*results, mixed])["ua_interval_speakers"] is None


def test_a_difference_is_of_pairs():
    """Two runs that err on the same utterances differ by nothing, and surely; the interval of each alone is wide."""
    one, other = result("ab" * 50, "aa" * 50), result("ab" * 50, "aa" * 49 + "ab")
    assert ua_difference([one], [one]) == [0, 0]
    low, high = ua_difference([other], [one])
    assert 0 <= low <= 0.01 <= high < 0.035
    with pytest.raises(ValueError, match="other utterances"):
        ua_difference([one], [result("ab", "ab", first=7)])


@pytest.mark.slow
def test_it_covers_19_in_20_where_drawing_few_anew_does_not():
    rng = np.random.default_rng(0)
    truth, uas = 0.8, 1 - rng.beta(2, 8, (4000, 10))  # ten people, again and again
    by_t = np.array([t_interval(of_ten) for of_ten in uas])
    drawn = np.array([np.percentile(np.mean(rng.choice(u, (500, 10)), axis=1), [2.5, 97.5]) for u in uas[:2000]])

    def covered(intervals):
        return np.mean((intervals[:, 0] <= truth) & (truth <= intervals[:, 1]))

    assert 0.93 < covered(by_t) < 0.96
    assert covered(drawn) < 0.91


def test_an_interval_over_speakers_has_only_uas_that_can_be():
    of_two = [result("ab", "ab", 0, "s1"), result("aabb", "aaba", 4, "s2")]
    low, high = summarise(of_two)["ua_interval_speakers"]
    assert high == 1 and low == 0  # t of one degree of freedom is 12.7


def test_an_interval_over_runs_has_only_uas_that_can_be():
    low, high = summarise([run(result("aabb", "aabb"), 0), run(result("aabb", "aaba"), 1)])["ua_interval"]
    assert high == 1 and 0 <= low < 0.5


def test_nine_nets_of_which_eight_score_chance_may_all_do():
    """Drawing utterances alone called 0.266 … 0.278 the mean UA: chance, which eight of nine had, was outside."""
    truth = "abcd" * 35
    one = "".join(t if i % 5 == 0 else "a" for i, t in enumerate(truth))
    nets = [run(result(truth, "a" * 140), fold) for fold in range(8)] + [run(result(truth, one), 8)]
    summary = summarise(nets)
    low, high = summary["ua_interval"]
    assert summary["chance"] == 0.25
    assert 0.26 < summary["ua"]["mean"] < 0.28
    assert low < 0.25 and high > summary["ua"]["mean"]
    assert summary["ua_interval_holds_runs"]
    half = T_OF_8 * summary["ua"]["sd"] / 3
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)  # the utterances add little here


def flipped(rng, p, n=60):
    """A run that is right on each of its n utterances with its probability."""
    return "".join("a" if right else "b" for right in rng.random(n) < p)


@pytest.mark.slow
def test_the_interval_covers_new_recordings_and_new_trainings():
    """Nine runs on one test: recordings are hard or easy, and runs are good or bad."""
    rng, n, times = np.random.default_rng(1), 60, 80
    covered = 0
    for _ in range(times):
        difficulty = rng.normal(0, 0.15, n)
        runs = [
            run(result("a" * n, flipped(rng, np.clip(0.7 + rng.normal(0, 0.1) + difficulty, 0, 1), n)), k)
            for k in range(9)
        ]
        low, high = summarise(runs)["ua_interval"]
        covered += low <= 0.7 <= high
    assert covered / times >= 0.93


def test_seeds_of_one_fold_are_compared_with_each_other_and_with_no_one_else():
    """Two speakers far apart, two seeds each that agree or not: only the seeds' spread is the training's."""

    def of(speaker, first, hits, seed):
        return run(result("a" * 200, "a" * hits + "b" * (200 - hits), first, speaker, "ab"), None, seed, speaker)

    agree = [of("s1", 0, 100, 0), of("s1", 0, 100, 1), of("s2", 200, 200, 0), of("s2", 200, 200, 1)]
    once = [agree[0], agree[2]]
    assert summarise(agree)["ua_interval_holds_runs"] and not summarise(once)["ua_interval_holds_runs"]
    assert summarise(agree)["ua_interval"] == pytest.approx(summarise(once)["ua_interval"])
    differ = [of("s1", 0, 90, 0), of("s1", 0, 110, 1), of("s2", 200, 180, 0), of("s2", 200, 200, 1)]
    low, high = summarise(differ)["ua_interval"]
    error = np.sqrt(2 * (0.05**2 + 0.05**2) / 2 / 4)  # of two means of two, a pooled sd of 0.05·√2
    assert (high - low) / 2 > 4.302653 * error  # t of two degrees of freedom
    assert (high - low) / 2 < 1.15 * 4.302653 * error


def test_folds_with_several_seeds_count_once():
    """Nine folds far apart, with two seeds that agree: eighteen runs are no more than nine."""
    nine = [run(result("ab" * 50, "aa" * (50 - 5 * k) + "ab" * 5 * k), k) for k in range(9)]
    low, high = summarise(nine)["ua_interval"]
    again = [replace(r, seed=1) for r in nine]
    assert summarise([*nine, *again])["ua_interval"] == pytest.approx([low, high])


def test_a_difference_holds_the_runs_spread():
    """The same recordings, three runs each: pairs that differ alike differ surely, runs that just differ do not."""

    def runs(hits):
        return [run(result("a" * 100, "a" * n + "b" * (100 - n)), k) for k, n in enumerate(hits)]

    few, many = runs([50, 60, 70]), runs([55, 65, 75])
    low, high = ua_difference(many, few)
    assert 0 < low < 0.05 < high < 0.1
    assert ua_difference(many[::-1], few) == pytest.approx([low, high])  # by fold, not by place
    low, high = ua_difference(runs([75, 55, 65]), few)
    assert low < 0 < high
    other_seeds = [replace(r, seed=1) for r in many]
    assert ua_difference(other_seeds, few)[0] < 0  # another seed is no pair
    unpaired = [replace(r, config=replace(r.config, fold=k + 3)) for k, r in enumerate(many)]
    low, high = ua_difference(unpaired, few)
    assert low < -0.1 and high > 0.2


def test_a_difference_over_speakers_left_out_is_by_students_t():
    few = [result("a" * 100, "a" * n + "b" * (100 - n), 100 * k, f"s{k}") for k, n in enumerate(range(40, 90, 5))]
    gains = [1, 5, 2, 8, -3, 4, 6, 0, 7, 3]
    many = [
        result("a" * 100, "a" * (40 + 5 * k + g) + "b" * (60 - 5 * k - g), 100 * k, f"s{k}")
        for k, g in enumerate(gains)
    ]
    half = T_OF_9 * np.std(gains, ddof=1) / np.sqrt(10) / 100
    middle = np.mean(gains) / 100
    assert ua_difference(many[::-1], few) == pytest.approx([middle - half, middle + half], rel=1e-5)


def test_chance_is_that_of_the_labels_that_were_tested():
    two_of_four = result("aabb", "aaaa", labels="abcd")
    assert two_of_four.ua == chance([two_of_four]) == 0.5
    four = result("abcd", "aaaa", first=4)
    assert chance([two_of_four, four]) == summarise([two_of_four, four])["chance"] == 0.375


def test_what_to_bear_in_mind_is_said():
    large = result("ab" * 15, "ab" * 15)
    assert remarks([large]) == []
    small = result("ab" * 14 + "a", "ab" * 14 + "a")
    assert remarks([small]) == [
        "Only 29 recordings were tested, fewer than 30: one more or less right moves the figures much."
    ]
    assert remarks([result("a", "a")])[0].startswith("Only 1 recording was tested")
    wide = result("ab" * 15, "ab" * 15, labels="abc")
    assert remarks([wide]) == ["UA and F1 are over the labels that were tested, 2 of 3: a, b."]
    another = result("abc" * 20, "abc" * 20, first=40)
    assert remarks([wide, another]) == ["UA and F1 of a run are over the labels that it was tested on, 2 to 3 of 3."]
    assert remarks([wide, result("ac", "ac", first=40, labels="abc")]) == [
        "UA and F1 of a run are over the labels that it was tested on, 2 of 3."
    ]
    assert summarise([small])["remarks"] == remarks([small])
