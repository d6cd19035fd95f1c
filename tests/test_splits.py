from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser.corpora import Utterance
from numser.errors import InputError
from numser.splits import fold, leave_speakers_out, random_subsets

CORPUS = [Utterance(f"u{i}", "ab"[i % 3 == 0], speaker=f"s{i % 5}") for i in range(90)]


@given(st.lists(st.integers(10, 40), min_size=2, max_size=7))
def test_subsets_share_out_everything_with_the_same_mix(sizes):
    labels = [f"label{k}" for k, n in enumerate(sizes) for _ in range(n)]
    subsets = random_subsets(labels)
    assert sorted(np.concatenate(subsets)) == list(range(len(labels)))
    assert max(map(len, subsets)) - min(map(len, subsets)) <= 1
    for k, n in enumerate(sizes):
        counts = [sum(labels[i] == f"label{k}" for i in subset) for subset in subsets]
        assert set(counts) <= {n // 10, -(-n // 10)}


def test_the_test_set_is_the_same_in_all_folds_and_apart_from_the_others():
    splits = [fold(CORPUS, k) for k in range(9)]
    for split in splits:
        np.testing.assert_array_equal(split.test, splits[0].test)
        assert sorted(np.concatenate(split)) == list(range(90))
    assert Counter(np.concatenate([s.validation for s in splits])) == Counter(np.setdiff1d(range(90), splits[0].test))


def test_a_speaker_left_out_is_heard_nowhere_else():
    split = leave_speakers_out(CORPUS, ["s4"])
    speakers = [{CORPUS[i].speaker for i in part} for part in split]
    assert speakers == [{"s1", "s2", "s3"}, {"s0"}, {"s4"}]
    assert sorted(np.concatenate(split)) == list(range(90))


def test_several_speakers_may_be_left_out():
    for left_out, parts in (
        (["s1", "s2"], [{"s0", "s4"}, {"s3"}, {"s1", "s2"}]),
        (["s1", "s3"], [{"s0", "s2"}, {"s4"}, {"s1", "s3"}]),
    ):
        split = leave_speakers_out(CORPUS, left_out)
        assert [{CORPUS[i].speaker for i in part} for part in split] == parts
        assert sorted(np.concatenate(split)) == list(range(90))


def test_the_mistakes_get_a_sentence():
    with pytest.raises(InputError, match=r"^fold 9: should be 0 to 8"):
        fold(CORPUS, 9)
    with pytest.raises(InputError, match="9 utterances of a"):
        random_subsets(["a"] * 9 + ["b"] * 10)
    with pytest.raises(InputError, match="no such speaker; the corpus has s0, s1, s2, s3, s4"):
        leave_speakers_out(CORPUS, ["03"])
    with pytest.raises(InputError, match="leaves 1 of the corpus's 2 speakers, and validation"):
        leave_speakers_out([u for u in CORPUS if u.speaker in ("s0", "s1")], ["s0"])
    lonely = [*CORPUS, Utterance("v", "rare", speaker="s2")]
    with pytest.raises(InputError, match="no other training speaker has utterances of rare"):
        leave_speakers_out(lonely, ["s2"])
