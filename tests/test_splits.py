from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser.corpora import Utterance
from numser.errors import InputError
from numser.splits import fold, folds, leave_speakers_out, random_subsets, remarks, speakers_of

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
    with pytest.raises(
        InputError, match=r"9 utterances of a, and 10 subsets need .*; use subsets 9, or add recordings"
    ):
        random_subsets(["a"] * 9 + ["b"] * 10)
    with pytest.raises(
        InputError, match=r"2 utterances of b, and 10 subsets .*; add recordings until each label has 3"
    ):
        random_subsets(["a"] * 9 + ["b"] * 2)
    with pytest.raises(InputError, match="no such speaker; the corpus has s0, s1, s2, s3, s4"):
        leave_speakers_out(CORPUS, ["03"])
    with pytest.raises(InputError, match="leaves 1 of the corpus's 2 speakers, and validation"):
        leave_speakers_out([u for u in CORPUS if u.speaker in ("s0", "s1")], ["s0"])
    lonely = [*CORPUS, Utterance("v", "rare", speaker="s2")]
    with pytest.raises(InputError, match=r"^speaker s2 left out: no other training speaker has utterances of rare"):
        leave_speakers_out(lonely, ["s2"])


def test_names_of_speakers_may_have_commas():
    """ "Doe, Jane" is one speaker, where the corpus knows her so; spaces around commas are no part of a name."""
    spoken = [Utterance(f"u{i}", "a", speaker=name) for i, name in enumerate(("Doe, Jane", "Doe", "03", "08"))]
    assert speakers_of("Doe, Jane", spoken) == ["Doe, Jane"]
    assert speakers_of("03, Doe, Jane,08 ,Doe", spoken) == ["03", "Doe, Jane", "08", "Doe"]
    assert speakers_of("Jane,Doe", spoken) == ["Jane", "Doe"]  # which is for others to refuse


def test_few_recordings_make_fewer_subsets():
    few = [Utterance(f"u{i}", "ab"[i % 2]) for i in range(6)]
    assert folds(few, 3) == 2
    for k in (0, 1):
        assert [Counter(few[i].label for i in part) for part in fold(few, k, 3)] == 3 * [{"a": 1, "b": 1}]
    with pytest.raises(InputError, match="fold 2: should be 0 to 1"):
        fold(few, 2, 3)


def with_splits(**counts):
    return [Utterance(f"{s}{i}", "ab"[i % 2], split=s) for s, n in counts.items() for i in range(n)]


def test_the_corpus_own_test_is_the_test():
    corpus = with_splits(test=6, train=36)
    assert folds(corpus) == 9
    splits = [fold(corpus, k) for k in range(9)]
    for split in splits:
        assert split.test.tolist() == list(range(6))
        assert sorted(np.concatenate(split)) == list(range(42))
    assert sorted(np.concatenate([s.validation for s in splits])) == list(range(6, 42))
    assert remarks(corpus, splits[0]) == ["The corpus's own test set, 6 utterances, is the test."]


def test_the_corpus_own_validation_validates():
    corpus = with_splits(test=6, train=10, validation=4)
    assert folds(corpus) == 1
    assert [part.tolist() for part in fold(corpus, 0)] == [list(range(6, 16)), list(range(16, 20)), list(range(6))]
    with pytest.raises(InputError, match="fold 1: should be 0 to 0"):
        fold(corpus, 1)


def test_without_a_test_the_validation_is_the_test_and_without_training_there_is_no_split():
    corpus = with_splits(train=18, validation=4)
    assert fold(corpus, 0).test.tolist() == list(range(18, 22))
    only = with_splits(test=40)
    assert len(fold(only, 0).test) == 4
    assert remarks(only, fold(only, 0)) == []


def test_a_label_that_trains_nowhere():
    corpus = [*with_splits(test=6, train=36), Utterance("v", "rare", split="test")]
    with pytest.raises(InputError, match="the corpus's own split has utterances of rare that train nowhere"):
        fold(corpus, 0)


def test_who_names_no_speaker_takes_no_part_where_speakers_are_left_out():
    corpus = [*CORPUS, *(Utterance(f"v{i}", "a") for i in range(7))]
    split = leave_speakers_out(corpus, ["s4"])
    assert sorted(np.concatenate(split)) == list(range(90))
    assert remarks(corpus, split) == [
        "7 utterances name no speaker and take no part: who is left out may be heard in them."
    ]
    assert remarks(CORPUS, leave_speakers_out(CORPUS, ["s4"])) == []
