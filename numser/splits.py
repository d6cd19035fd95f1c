"""Which utterances train, which choose the best parameters, which are the test.        Paper §4.2

The paper cuts the corpus into ten random subsets with the same mix of emotions: one is the test, one in turn
validates, eight train. The subsets are drawn from a fixed seed, so that the test set is the same in every run.

Random subsets let a speaker stand on both sides, and a network that has learned the voice looks better than it
is. Leaving one speaker out asks the honest question: does it work for somebody it never heard?

Deviation   the paper reports random subsets only; we offer speakers left out beside them
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from numser.corpora import Utterance
from numser.errors import InputError

SUBSETS = 10
FEWEST = 3  # subsets: to train, to validate, to test
_SUBSET_SEED = 2020  # fixed, whatever the training's seed


class Split(NamedTuple):
    """Indices into the corpus's list of utterances, each rising."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def random_subsets(labels: Sequence[str], subsets: int = SUBSETS) -> list[np.ndarray]:
    """Subsets of the indices with the same mix of labels, as far as whole utterances allow.

    Each label's utterances are shuffled and dealt out like cards, each label going on where the last one ended.

    Raises      InputError: a label has fewer utterances than there are subsets, so that one would lack it
    """
    names = np.asarray(labels)
    rarest, fewest = min(Counter(labels).items(), key=lambda item: item[1])
    if fewest < subsets:
        remedy = f"use ‹subsets› {fewest}, or add recordings"
        if fewest < FEWEST:
            remedy = f"add recordings until each label has {FEWEST}: one to train on, one to validate, one to test"
        raise InputError(
            f"the corpus has {fewest} utterances of {rarest}, and {subsets} subsets need at least {subsets} of each "
            f"label; {remedy}"
        )
    rng = np.random.default_rng(_SUBSET_SEED)
    dealt = np.concatenate([rng.permutation(np.flatnonzero(names == label)) for label in np.unique(names)])
    return [np.sort(dealt[k::subsets]) for k in range(subsets)]


def fold(utterances: Sequence[Utterance], k: int, subsets: int = SUBSETS) -> Split:
    """Run k, 0 to 8, of the paper's nine: subset k validates, subset 9 is the test, the others train.

    Of a corpus that names a test set of its own this is the test, and subset k of nine of the rest validates; or the
    corpus's own validation set, where it has both. Then there is one run.

    Raises      InputError: there is no such fold; a label has too few utterances
    """
    parts, test = _parts_and_test(utterances, subsets)
    if not 0 <= k < len(parts):
        raise InputError(f"‹fold› {k}: should be 0 to {len(parts) - 1}; what is tested is the same for all of these")
    train = np.setdiff1d(np.arange(len(utterances)), np.concatenate([parts[k], test]))
    labels = np.array([u.label for u in utterances])
    if unheard := sorted(set(labels) - set(labels[train])):
        raise InputError(
            f"the corpus's own split has utterances of {', '.join(unheard)} that train nowhere; move some, or leave "
            "these labels out"
        )
    return Split(train, parts[k], test)


def folds(utterances: Sequence[Utterance], subsets: int = SUBSETS) -> int:
    """How many runs `fold` makes of a corpus. Raises what it does."""
    return len(_parts_and_test(utterances, subsets)[0])


def _parts_and_test(utterances: Sequence[Utterance], subsets: int) -> tuple[list[np.ndarray], np.ndarray]:
    """The sets of indices that validate, one in each run, and the one that is the test."""
    labels = np.array([u.label for u in utterances])
    own = np.array([u.split or "" for u in utterances])
    test = own == ("test" if "test" in own else "validation")
    if not test.any() or not (own == "train").any():
        *parts, last = random_subsets(labels.tolist(), subsets)
        return parts, last
    if "test" in own and (validation := np.flatnonzero(own == "validation")).size:
        return [validation], np.flatnonzero(test)
    rest = np.flatnonzero(~test)
    return [rest[part] for part in random_subsets(labels[rest].tolist(), subsets - 1)], np.flatnonzero(test)


def speakers_of(text: str, utterances: Sequence[Utterance]) -> list[str]:
    """The names in a text with commas between. One that the corpus knows may have commas itself: "Doe, Jane"."""
    known, parts, names = {u.speaker for u in utterances}, text.split(","), []
    while parts:
        ahead = [",".join(parts[:n]).strip() for n in range(1, len(parts) + 1)]
        n = next((n for n in range(len(parts), 0, -1) if ahead[n - 1] in known), 1)
        names.append(ahead[n - 1])
        del parts[:n]
    return names


def leave_speakers_out(utterances: Sequence[Utterance], speakers: Sequence[str]) -> Split:
    """Test on these speakers, validate on the next in order (after the last comes the first), train on the others.

    Utterances that name no speaker take no part: one of these speakers may be heard in them.

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
    train = ~test & ~validation & (who != "")
    labels = np.array([u.label for u in utterances])
    unheard = sorted(set(labels) - set(labels[train]))
    if unheard:
        raise InputError(
            f"speaker {','.join(speakers)} left out: no other training speaker has utterances of "
            f"{', '.join(unheard)}; leave out another, or add recordings"
        )
    return Split(*map(np.flatnonzero, (train, validation, test)))


def training_on_validation(split: Split) -> Split:
    """The same, but what would validate trains as well. That is no cheating where nothing is chosen by it."""
    return Split(np.sort(np.concatenate([split.train, split.validation])), split.validation[:0], split.test)


def remarks(utterances: Sequence[Utterance], split: Split) -> list[str]:
    """Sentences on what the corpus itself decided of a split: who takes no part, and what its own test set is."""
    sentences = []
    if nameless := len(utterances) - sum(map(len, split)):
        sentences.append(
            f"{nameless} utterances name no speaker and take no part: who is left out may be heard in them."
        )
    own = [{utterances[i].split for i in part} for part in split]
    if own[2] and None not in own[2] and not own[2] & own[0]:
        sentences.append(f"The corpus's own {'/'.join(own[2])} set, {len(split.test)} utterances, is the test.")
    return sentences
