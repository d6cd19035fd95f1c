"""A corpus made ready for the network: log-mel frames, class numbers, and how much each utterance counts.

Frames are made once, before the first step, and then read in any order. They are in memory, up to a gibibyte: some
40,000 utterances of half a second. If there are more, all go into one file that is mapped: it is read as if it were
memory, and the system keeps as much of it there as there is room for. It lies in the system's temporary folder, which
$TMPDIR names (one on a disk, where /tmp is memory itself), and goes with the process, however that ends.
"""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from typing import IO

import numpy as np

from numser.corpora import Corpus, Utterance
from numser.difficulty import THRESHOLD, THRESHOLDS, level
from numser.errors import InputError
from numser.features import PAPER, FeatureSettings, Standardiser, frames_of_waveform
from numser.threads import available_cores, one_blas_thread

IN_MEMORY = 2**30  # bytes of frames; more go into a file
_AT_ONCE = 256  # utterances on their way through the threads


class LogMels(Sequence[np.ndarray]):
    """The frames of utterances, each (frames, bands) float32, in dB; or standardised, each by its own standardiser,
    whenever they are asked for. Threads may read it side by side.
    """

    def __init__(self, frames: Sequence[np.ndarray], standardisers: Sequence[Standardiser] | None = None):
        self._frames, self._standardisers = frames, standardisers

    @property
    def lengths(self) -> list[int]:
        """Frames of each utterance."""
        return [len(x) for x in self._frames]

    def standardised(self, standardisers: Sequence[Standardiser]) -> "LogMels":
        """The same, each standardised by its own."""
        return LogMels(self._frames, standardisers)

    def select(self, members: Sequence[int] | np.ndarray) -> "LogMels":
        """Some of the utterances, in any order."""
        own = None if self._standardisers is None else [self._standardisers[i] for i in members]
        return LogMels([self._frames[i] for i in members], own)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, i: int) -> np.ndarray:  # type: ignore[override]  # no slices: `select`
        return self._frames[i] if self._standardisers is None else self._standardisers[i].apply(self._frames[i])


@dataclass(frozen=True, eq=False)
class Dataset:
    """The utterances of a corpus as arrays, in the corpus's order."""

    utterances: Sequence[Utterance]
    classes: tuple[str, ...]  # in alphabetical order
    labels: np.ndarray  # (B,) int, indices into classes
    levels: tuple[str, ...]  # difficulty of each: A, B or C
    log_mels: LogMels  # each (frames, 128) float32: the middle of a long utterance; dB, or standardised
    starts: list[int]  # which frame of the whole utterance the first one is
    fingerprint: str = ""  # the same for the same utterances, with the same labels, and frames to about 1 dB

    def standardised(self, standardiser: Standardiser | Sequence[Standardiser]) -> "Dataset":
        """The same with every log-mel standardised, by one for all or by one each."""
        each = [standardiser] * len(self.labels) if isinstance(standardiser, Standardiser) else standardiser
        return replace(self, log_mels=self.log_mels.standardised(each))

    def speakers_standardisers(self, of_all: Standardiser, known: np.ndarray | None = None) -> list[Standardiser]:
        """For each utterance that of its speaker, made from all that the speaker says, or from what of it is among
        the `known`; labels play no part. Who says nothing of that has the one `of_all`.

        Raises      InputError: an utterance names no speaker
        """
        members: dict[str | None, list[int]] = {}
        for i in range(len(self.utterances)) if known is None else known:
            u = self.utterances[i]
            if u.speaker is None:
                raise InputError(f"‹standardise› speaker: {u.name} names no speaker; use ‹standardise› corpus")
            members.setdefault(u.speaker, []).append(i)
        fitted = {who: of_all.for_speaker(self.log_mels.select(own)) for who, own in members.items()}
        return [fitted.get(u.speaker, of_all) for u in self.utterances]


def prepare(
    corpus: Corpus,
    settings: FeatureSettings = PAPER,
    threads: int | None = None,
    report: Callable[[int, int], None] = lambda done, of: None,
    classes: tuple[str, ...] | None = None,
) -> Dataset:
    """Read every utterance of a corpus and compute its log-mel frames. `report(done, of)` follows the work.

    The classes are the corpus's labels, unless `classes` are given, which have them all.

    Raises      InputError: naming the utterance that cannot be read, is silent or too short; the frames are more than
                fit into memory and into the temporary folder
    """
    utterances = corpus.utterances
    if classes is None:
        classes = tuple(sorted({u.label for u in utterances}))
        if len(classes) < 2:
            raise InputError(
                f"‹corpus› {corpus.name}: all utterances are labelled {classes}; at least two emotions are needed"
            )
    starts, digest = [], sha256()
    with _Store() as store, one_blas_thread(), ThreadPoolExecutor(threads or available_cores()) as pool:
        for begin in range(0, len(utterances), _AT_ONCE):
            some = utterances[begin : begin + _AT_ONCE]
            for u, (frames, start) in zip(some, pool.map(lambda u: _frames_of(u, settings), some), strict=True):
                store.append(frames)
                starts.append(start)
                digest.update(_line(u, frames[:, : settings.n_mels]))
                report(len(starts), len(utterances))
        log_mels = LogMels(store.frames())
    threshold = THRESHOLDS.get(corpus.name, THRESHOLD)
    return Dataset(
        utterances,
        classes,
        np.array([classes.index(u.label) for u in utterances]),
        tuple(level(u.votes, threshold) for u in utterances),
        log_mels,
        starts,
        digest.hexdigest(),
    )


def _frames_of(utterance: Utterance, settings: FeatureSettings) -> tuple[np.ndarray, int]:
    where = utterance.name if utterance.segment else utterance.path or utterance.name
    return frames_of_waveform(utterance.read(), settings, str(where))


def _line(u: Utterance, frames: np.ndarray) -> bytes:
    """An utterance's part of the fingerprint. Frames are rounded, so that another FFT's last digits do not matter."""
    mean = " ".join(f"{band:.0f}" for band in frames.mean(0))
    return f"{u.facts}\t{len(frames)}\t{mean}\n".encode(errors="surrogateescape")


class _Store:
    """Takes in the frames of one utterance after the other: in memory, until there are too many."""

    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []
        self._ends = [0]  # of utterances, in frames
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "_Store":
        return self

    def __exit__(self, *_) -> None:
        if self._file is not None:
            self._file.close()  # what is mapped stays, though no name leads to it

    def append(self, frames: np.ndarray) -> None:
        """Take in the next utterance's frames.

        Raises      InputError: the temporary folder has no room for them
        """
        self._ends.append(self._ends[-1] + len(frames))
        self._kept.append(frames.copy())  # a view would keep all of an utterance of which this is the middle
        if self._file is None and self._ends[-1] * frames[0].nbytes <= IN_MEMORY:
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="numser-", buffering=0)  # noqa: SIM115
            for x in self._kept:
                rest = x.data.cast("B")
                while rest:  # a disk that is almost full takes a part
                    rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise InputError(
                f"{tempfile.tempdir or 'temporary folder'}: log-mels of more than {IN_MEMORY / 2**30:g} GiB cannot "
                f"be kept there ({error.strerror}); make room, or name another folder in the environment variable "
                "TMPDIR"
            ) from None
        self._kept.clear()

    def frames(self) -> list[np.ndarray]:
        """The frames of each utterance; those in the file are read-only."""
        if self._file is None:
            return self._kept
        mapped = np.asarray(np.memmap(self._file, np.float32, "r")).reshape(self._ends[-1], -1)
        return [mapped[a:b] for a, b in pairwise(self._ends)]
