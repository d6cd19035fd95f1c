"""Which utterances train, which choose the best parameters, which are the test.        Paper §4.2

The paper cuts the corpus into ten random subsets with the same mix of emotions: one is the test, one in turn
validates, eight train. The subsets are drawn from a fixed seed, so that the test set is the same in every run.

Random subsets let a speaker stand on both sides, and a network that has learned the voice looks better than it
is. Leaving one speaker out asks the honest question: does it work for somebody it never heard?

Deviation   the paper reports random subsets only; we offer speakers left out beside them
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from numser.corpora import Utterance
from numser.errors import InputError

SUBSETS = 10
_SUBSET_SEED = 2020  # fixed, whatever the training's seed


class Split(NamedTuple):
    """Indices into the corpus's list of utterances, each rising."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def random_subsets(labels: Sequence[str]) -> list[np.ndarray]:
    """Ten subsets of the indices with the same mix of labels, as far as whole utterances allow.

    Each label's utterances are shuffled and dealt out like cards, each label going on where the last one ended.

    Raises      InputError: a label has fewer than ten utterances, so that a subset would lack it
    """
    names = np.asarray(labels)
    rng = np.random.default_rng(_SUBSET_SEED)
    shuffled = []
    for label in np.unique(names):
        members = np.flatnonzero(names == label)
        if len(members) < SUBSETS:
            raise InputError(
                f"the corpus has {len(members)} utterances of {label}, and ten subsets need at least {SUBSETS} of "
                f"each label; add recordings or use ‹test_speaker›"
            )
        shuffled.append(rng.permutation(members))
    dealt = np.concatenate(shuffled)
    return [np.sort(dealt[k::SUBSETS]) for k in range(SUBSETS)]


def fold(utterances: Sequence[Utterance], k: int) -> Split:
    """Run k, 0 to 8, of the paper's nine: subset k validates, subset 9 is the test, the others train.

    Raises      InputError: there is no such fold; a label has too few utterances
    """
    if not 0 <= k < SUBSETS - 1:
        raise InputError(f"‹fold› {k}: should be 0 to {SUBSETS - 2}; subset {SUBSETS - 1} is always the test")
    subsets = random_subsets([u.label for u in utterances])
    train = [subset for i, subset in enumerate(subsets[:-1]) if i != k]
    return Split(np.sort(np.concatenate(train)), subsets[k], subsets[-1])


def leave_speakers_out(utterances: Sequence[Utterance], speakers: Sequence[str]) -> Split:
    """Test on these speakers, validate on the next in order (after the last comes the first), train on the rest.

    Raises      InputError: there is no such speaker; nobody is left to train on; a label is not in the training set
    """
    known = sorted({u.speaker for u in utterances if u.speaker is not None})
    option = f"‹test_speaker› {','.join(speakers)}"
    for speaker in speakers:
        if speaker not in known:
            raise InputError(f"{option}: there is no such speaker; the corpus has {', '.join(known) or 'none'}")
    others = [s for s in known if s not in speakers]
    if len(others) < 2:
        raise InputError(
            f"{option}: leaves {len(others)} of the corpus's {len(known)} speakers, and validation and training "
            f"need one each; name fewer, or use ‹fold›"
        )
    following = next((s for s in others if s > max(speakers)), others[0])
    who = np.array([u.speaker or "" for u in utterances])
    test, validation = np.isin(who, speakers), who == following
    train = ~test & ~validation
    labels = np.array([u.label for u in utterances])
    unheard = sorted(set(labels) - set(labels[train]))
    if unheard:
        raise InputError(
            f"{option}: no other training speaker has utterances of {', '.join(unheard)}; "
            f"choose another speaker or add recordings"
        )
    return Split(*map(np.flatnonzero, (train, validation, test)))


def training_on_validation(split: Split) -> Split:
    """The same, but what would validate trains as well. That is no cheating where nothing is chosen by it."""
    return Split(np.sort(np.concatenate([split.train, split.validation])), split.validation[:0], split.test)
