"""The log-mel frames of a whole corpus, in bounded memory.

A hundred thousand utterances are more than memory holds. So as many are kept as fit into a bound, and the others are
loaded again whenever they are asked for, from the feature cache or from the sound.
"""

from collections.abc import Callable, Sequence

import numpy as np

from numser.features import Standardiser

MEMORY = 2**30  # bytes of frames that are kept


class LogMels(Sequence[np.ndarray]):
    """The frames of utterances, each (frames, bands) float32, in dB or standardised. Loads what is not kept.

    It is filled by `append`, in order. Threads may read it side by side. `load(i, length)` loads utterance i again,
    which had `length` frames.
    """

    def __init__(self, load: Callable[[int, int], np.ndarray]):
        self.lengths: list[int] = []  # frames of each
        self._load, self._room = load, MEMORY
        self._kept: dict[int, np.ndarray] = {}
        self._standardisers: Sequence[Standardiser] | None = None  # one each

    def append(self, frames: np.ndarray) -> None:
        """Take in the next utterance's frames, and keep them if there is room."""
        if frames.nbytes <= self._room:
            self._room -= frames.nbytes
            self._kept[len(self.lengths)] = frames
        else:
            self._room = 0  # what is kept is then the beginning of the corpus
        self.lengths.append(len(frames))

    def standardised(self, standardisers: Sequence[Standardiser]) -> "LogMels":
        """The same, standardised whenever they are asked for, each by its own."""
        other = LogMels(self._load)
        other.lengths, other._kept, other._standardisers = self.lengths, self._kept, standardisers
        return other

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, i: int) -> np.ndarray:
        if not 0 <= i < len(self.lengths):
            raise IndexError(f"there are {len(self.lengths)} utterances, and none has the number {i}")
        frames = self._kept.get(i)
        if frames is None:
            frames = self._load(i, self.lengths[i])
        return frames if self._standardisers is None else self._standardisers[i].apply(frames)


class Selection(Sequence[np.ndarray]):
    """Some of the utterances of a sequence, in any order, loaded no earlier than they are asked for."""

    def __init__(self, log_mels: Sequence[np.ndarray], members: Sequence[int]):
        self._log_mels, self._members = log_mels, members

    @property
    def lengths(self) -> list[int]:
        """Frames of each."""
        lengths = lengths_of(self._log_mels)
        return [lengths[i] for i in self._members]

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, i: int) -> np.ndarray:
        return self._log_mels[self._members[i]]


def lengths_of(log_mels: Sequence[np.ndarray]) -> list[int]:
    """Frames of each utterance, without loading any."""
    return log_mels.lengths if isinstance(log_mels, LogMels | Selection) else [len(x) for x in log_mels]
