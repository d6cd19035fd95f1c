import numpy as np
import pytest

from numser.summary import summarise, ua_difference


def result(truth: str, predicted: str, first: int = 0, speaker: str | None = None) -> dict:
    """A run's result: a letter an utterance."""
    labels = sorted(set(truth))
    pairs = list(zip(truth, predicted, strict=True))
    rows = [
        {"name": f"u{first + i}", "truth": t, "predicted": p, "speaker": speaker} for i, (t, p) in enumerate(pairs)
    ]
    recalls = [np.mean([p == t for t, p in pairs if t == label]) for label in labels]
    confusion = [[pairs.count((a, b)) for b in labels] for a in labels]
    return {
        "ua": np.mean(recalls),
        "wa": 0.5,
        "f1": 0.5,
        "labels": labels,
        "utterances": rows,
        "confusion": confusion,
    }


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


def test_a_class_that_is_not_drawn_does_not_count():
    low, high = summarise([result("ab", "ab")])["ua_interval"]
    assert (low, high) == (1, 1)


def test_the_interval_over_speakers_is_that_of_the_mean_of_so_many():
    """Ten people, UA from 0.5 to 0.95: their mean is uncertain by 1.96 sd / √10, however much each has said."""
    of_each = [result("a" * 100, "a" * (50 + 5 * k) + "b" * (50 - 5 * k), 100 * k, f"s{k}") for k in range(10)]
    summary = summarise(of_each)
    low, high = summary["ua_interval_speakers"]
    expected = 1.96 * np.std([r["ua"] for r in of_each]) / np.sqrt(10)
    assert (low + high) / 2 == pytest.approx(summary["ua"]["mean"], abs=0.01)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.06)
    again = summarise([*of_each, *of_each])["ua_interval_speakers"]  # another seed is nobody else
    assert again == pytest.approx([low, high])


@pytest.mark.parametrize("speakers", [("s1", "s1"), (None, None), ("s1", None), ("s1",)])
def test_without_speakers_left_out_there_is_no_interval_over_speakers(speakers):
    results = [result("ab", "ab", 2 * k, speaker) for k, speaker in enumerate(speakers)]
    assert summarise(results)["ua_interval_speakers"] is None
    mixed = result("ab", "ab", 8)
    for row, speaker in zip(mixed["utterances"], ("s1", "s2"), strict=True):
        row["speaker"] = speaker
    assert summarise([*results, mixed])["ua_interval_speakers"] is None


def test_a_difference_is_of_pairs():
    """Two runs that err on the same utterances differ by nothing, and surely; the interval of each alone is wide."""
    one, other = result("ab" * 50, "aa" * 50), result("ab" * 50, "aa" * 49 + "ab")
    assert ua_difference([one], [one]) == [0, 0]
    low, high = ua_difference([other], [one])
    assert 0 <= low <= 0.01 <= high < 0.035
    with pytest.raises(ValueError, match="other utterances"):
        ua_difference([one], [result("ab", "ab", first=7)])
