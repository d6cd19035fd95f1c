"""A recogniser's test on utterances whose emotions are known, and what came out of it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from numser.dataset import Dataset
from numser.declared import from_json
from numser.errors import InputError, quoted
from numser.features import frame_seconds
from numser.inference import recognise
from numser.losses import softmax
from numser.metrics import confusion_matrix, macro_f1, unweighted_accuracy, weighted_accuracy
from numser.model import attended_frames
from numser.recogniser import Recogniser
from numser.threads import one_blas_thread

SHARE, AMOUNT = {"least": 0, "most": 1}, {"least": 0, "most": 1e12}  # what a field's numbers can be, read from JSON


@dataclass(frozen=True)
class TestedUtterance:
    """An utterance, and what it was taken for. Probabilities are in the order of the result's labels."""

    __test__ = False  # for pytest, which takes classes of such names for its own

    name: str
    path: str | None  # None: the corpus was made on the spot
    speaker: str | None
    difficulty: str  # A, B or C
    truth: str
    predicted: str
    probabilities: list[float] = field(metadata=SHARE)
    attention: list[float] | None = field(
        default=None, metadata=SHARE
    )  # a weight a time step; None: the network has none
    attention_seconds: list[float] | None = field(default=None, metadata=AMOUNT)  # where each is centred
    segment: list[float] | None = field(default=None, metadata=AMOUNT)  # seconds of the file; None: all of it

    @property
    def right(self) -> bool:
        """Whether it was recognised."""
        return self.predicted == self.truth


@dataclass(frozen=True)
class Result:
    """What a test found.

    Raises      ValueError: its parts do not fit together; the message says which
    """

    ua: float = field(metadata=SHARE)
    wa: float = field(metadata=SHARE)
    f1: float = field(metadata=SHARE)
    labels: list[str]
    confusion: list[list[int]] = field(metadata=AMOUNT)  # a row a true label
    utterances: list[TestedUtterance]

    def __post_init__(self) -> None:
        labels, n = self.labels, len(self.labels)
        if len(set(labels)) < max(n, 1):
            raise ValueError(f"labels should be different texts, found {quoted(labels)}")
        if [len(row) for row in self.confusion] != [n] * n:
            raise ValueError(f"confusion should be {n} rows of {n} counts")
        if not self.utterances:
            raise ValueError("utterances should not be empty")
        for u in self.utterances:
            _check_against(u, labels)
        if _counts(labels, self.utterances).tolist() != self.confusion:
            raise ValueError("its confusion matrix is not that of its utterances")

    @staticmethod
    def of(labels: Sequence[str], utterances: Sequence[TestedUtterance]) -> "Result":
        """The result of these utterances: its counts and scores follow from what each was taken for."""
        counts = _counts(labels, utterances)
        scores = unweighted_accuracy(counts), weighted_accuracy(counts), macro_f1(counts)
        return Result(*scores, list(labels), counts.tolist(), list(utterances))

    @classmethod
    def from_json(cls, values: Any, name: str = "") -> Self:
        """The reverse of `to_json`, with care: another program, or a person, may have had the file in hand.

        Raises      ValueError: something is missing, or is not what it should be; the message says what
        """
        return from_json(cls, values, name)

    def to_json(self) -> dict[str, Any]:
        """What goes into a JSON file."""
        values = asdict(self)
        for row in values["utterances"]:
            for key in [key for key in ("attention", "attention_seconds", "segment") if row[key] is None]:
                del row[key]
        return values

    @property
    def training(self) -> tuple[Any, ...] | None:
        """What tells the trainings of a cross-validation apart: the split, then the seed. None: it does not say."""
        return None


def _check_against(u: TestedUtterance, labels: list[str]) -> None:
    for key, known in (("truth", labels), ("predicted", labels), ("difficulty", ["A", "B", "C"])):
        if getattr(u, key) not in known:
            raise ValueError(
                f"{key} of {quoted(u.name)} should be one of {', '.join(known)}, found {quoted(getattr(u, key))}"
            )
    if len(u.probabilities) != len(labels):
        raise ValueError(f"probabilities of {quoted(u.name)} should be {len(labels)}")
    if len(u.attention or []) != len(u.attention_seconds or []):
        raise ValueError(f"attention of {quoted(u.name)} should have as many seconds as weights")
    if u.segment is not None and not (len(u.segment) == 2 and u.segment[0] < u.segment[1]):
        raise ValueError(f"segment of {quoted(u.name)} should be its start and its end")


def _counts(labels: Sequence[str], utterances: Sequence[TestedUtterance]) -> np.ndarray:
    number = {label: k for k, label in enumerate(labels)}
    truth, predicted = ([number[getattr(u, key)] for u in utterances] for key in ("truth", "predicted"))
    return confusion_matrix(np.array(truth), np.array(predicted), len(labels))


def test(
    recogniser: Recogniser,
    dataset: Dataset,
    members: np.ndarray,
    threads: int,
    answers: Sequence[str] | None = None,
    by_speaker: bool = False,
) -> Result:
    """Recognise utterances of a standardised dataset that has the recogniser's classes. Where `answers` are given,
    only these labels may be answered; the probabilities then are shares of theirs. `by_speaker`: the dataset is
    standardised so, and all its utterances of a speaker are known.

    Shapes      members (B,) int, indices into the dataset
    Raises      InputError: the model's numbers are so large that no probabilities come of them
    """
    log_mels, head = dataset.log_mels.select(members), recogniser.speaker_head
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        logits, attention, statistics = recognise(recogniser.model, recogniser.params, log_mels, pool)
        if by_speaker and head is not None:
            speakers = [u.speaker for u in dataset.utterances]
            asked = {speakers[i] for i in members}
            others = np.setdiff1d([i for i, speaker in enumerate(speakers) if speaker in asked], members)
            if len(others):  # known, and not asked about
                theirs = recognise(recogniser.model, recogniser.params, dataset.log_mels.select(others), pool)
                statistics = np.concatenate([statistics, theirs.statistics])
            known = [speakers[i] for i in (*members, *others)]
            logits = head.logits_by_speaker(statistics, known)[: len(members)]
    for row in np.flatnonzero(~np.isfinite(logits).all(1))[:1]:
        name = dataset.utterances[members[row]].name
        raise InputError(f"{name}: the model's numbers grow beyond all bounds on it; train the model anew")
    if answers is not None:
        logits[:, [label not in answers for label in dataset.classes]] = -np.inf
    probabilities, lengths, tested = softmax(logits), log_mels.lengths, []
    for row, i in enumerate(members):
        u, weights, seconds = dataset.utterances[i], None, None
        if attention is not None:
            weights = [round(w, 6) for w in attention[row].tolist()]
            centres = np.asarray(dataset.starts[i] + attended_frames(lengths[row]))
            seconds = [round(s, 3) for s in np.asarray(frame_seconds(centres, recogniser.features)).tolist()]
        tested.append(
            TestedUtterance(
                u.name,
                str(u.path) if u.path else None,
                u.speaker,
                dataset.levels[i],
                u.label,
                dataset.classes[int(logits[row].argmax())],
                [round(p, 6) for p in probabilities[row].tolist()],
                weights,
                seconds,
                list(u.segment) if u.segment else None,
            )
        )
    return Result.of(dataset.classes, tested)
