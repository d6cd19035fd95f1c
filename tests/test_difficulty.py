from collections import Counter

import numpy as np
import pytest

from numser.corpora import emodb
from numser.difficulty import THRESHOLDS, focal_exponents, level


@pytest.mark.parametrize(
    ("votes", "expected"),
    [(1.0, "A"), (None, "A"), (0.9999, "B"), (4 / 6, "B"), (0.65, "B"), (0.6499, "C"), (0.0, "C")],
)
def test_level_from_the_papers_threshold(votes, expected):
    assert level(votes) == expected


@pytest.mark.parametrize(
    ("votes", "expected"), [(1.0, "A"), (18 / 20, "B"), (0.875, "B"), (18 / 21, "C"), (0.8, "C")]
)
def test_level_from_emodbs_threshold(votes, expected):
    assert level(votes, THRESHOLDS["emodb"]) == expected


@pytest.mark.parametrize("votes", [-0.1, 1.1, 95.0, float("nan")])
def test_refuses_votes_that_are_no_share(votes):
    with pytest.raises(ValueError, match="votes: should be a share from 0 to 1"):
        level(votes)


def test_levels_of_the_full_corpus(shared_data):
    if not (shared_data / "emodb").is_dir():
        pytest.skip("emodb is not there")
    corpus = emodb.load(shared_data / "emodb")
    counts = Counter(level(u.votes, THRESHOLDS[corpus.name]) for u in corpus.utterances)
    assert counts == {"A": 184, "B": 247, "C": 104}


def test_focal_exponents():
    exponents = focal_exponents(["A", "C", "B", "A"])
    assert exponents.dtype == np.float32
    np.testing.assert_array_equal(exponents, [0, 2, 1, 0])
    np.testing.assert_array_equal(focal_exponents(["B", "C", "A"], b=1.5, c=3), [1.5, 3, 0])
    assert focal_exponents([]).shape == (0,)


@pytest.mark.parametrize(
    ("levels", "exponents", "complaint"),
    [
        (["A", "D"], {}, "levels: .* found D"),
        (["a"], {}, "levels: .* found a"),
        (["A"], {"b": -1}, "b: .* found -1"),
        (["A"], {"c": float("nan")}, "c: .* found nan"),
        (["A"], {"c": float("inf")}, "c: .* found inf"),
    ],
)
def test_refuses(levels, exponents, complaint):
    with pytest.raises(ValueError, match=complaint):
        focal_exponents(levels, **exponents)
