"""A corpus made ready for the network: log-mel frames, class numbers, and how much each utterance counts."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from numser.audio import read_audio
from numser.corpora import Corpus, Utterance
from numser.difficulty import THRESHOLD, THRESHOLDS, level
from numser.errors import InputError
from numser.feature_cache import FeatureCache, feature_cache, key_of
from numser.features import PAPER, FeatureSettings, Standardiser, frames_of_waveform
from numser.log_mels import LogMels, Selection
from numser.threads import available_cores, one_blas_thread

_AT_ONCE = 256  # utterances on their way through the threads


@dataclass(frozen=True, eq=False)
class Dataset:
    """The utterances of a corpus as arrays, in the corpus's order."""

    utterances: Sequence[Utterance]
    classes: tuple[str, ...]  # in alphabetical order
    labels: np.ndarray  # (B,) int, indices into classes
    levels: tuple[str, ...]  # difficulty of each: A, B or C
    log_mels: Sequence[np.ndarray]  # each (frames, 128) float32: the middle of a long utterance; dB, or standardised
    starts: list[int]  # which frame of the whole utterance the first one is
    fingerprint: str = ""  # the same for the same utterances, with the same labels, and frames to about 1 dB

    def standardised(self, standardiser: "Standardiser | Sequence[Standardiser]") -> "Dataset":
        """The same with every log-mel standardised, by one for all or by one each."""
        each = [standardiser] * len(self.labels) if isinstance(standardiser, Standardiser) else standardiser
        return replace(self, log_mels=self.log_mels.standardised(each))

    def speakers_standardisers(self, of_all: Standardiser) -> list[Standardiser]:
        """For each utterance that of its speaker, made from all that the speaker says; labels play no part.

        Raises      InputError: an utterance names no speaker
        """
        members: dict[str | None, list[int]] = {}
        for i, u in enumerate(self.utterances):
            if u.speaker is None:
                raise InputError(f"--standardise speaker: {u.name} names no speaker; use --standardise corpus")
            members.setdefault(u.speaker, []).append(i)
        fitted = {who: of_all.for_speaker(Selection(self.log_mels, own)) for who, own in members.items()}
        return [fitted[u.speaker] for u in self.utterances]


def prepare(
    corpus: Corpus,
    settings: FeatureSettings = PAPER,
    threads: int | None = None,
    report: Callable[[int, int], None] = lambda done, of: None,
    classes: tuple[str, ...] | None = None,
) -> Dataset:
    """Read every utterance of a corpus and compute its log-mel frames. `report(done, of)` follows the work.

    Frames that were computed before come from the feature cache, with the same bits; those that do not fit into
    memory are loaded again whenever they are asked for. The classes are the corpus's labels, unless `classes` are
    given, which have them all.

    Raises      InputError: naming the utterance that cannot be read, is silent or too short
    """
    utterances = corpus.utterances
    if classes is None:
        classes = tuple(sorted({u.label for u in utterances}))
        if len(classes) < 2:
            raise InputError(
                f"--corpus {corpus.name}: all utterances are labelled {classes}; at least two emotions are needed"
            )
    cache, starts, digest = feature_cache(), [], sha256()
    log_mels = LogMels(lambda i, length: _again(utterances[i], settings, cache, length))
    with one_blas_thread(), ThreadPoolExecutor(threads or available_cores()) as pool:
        for begin in range(0, len(utterances), _AT_ONCE):
            some = utterances[begin : begin + _AT_ONCE]
            for u, (frames, start) in zip(
                some, pool.map(lambda u: _remembered(u, settings, cache), some), strict=True
            ):
                log_mels.append(frames)
                starts.append(start)
                digest.update(_line(u, frames))
                report(len(starts), len(utterances))
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


def _line(u: Utterance, frames: np.ndarray) -> bytes:
    """An utterance's part of the fingerprint. Frames are rounded, so that another FFT's last digits do not matter."""
    mean = " ".join(f"{band:.0f}" for band in frames.mean(0))
    return f"{u.name}\t{u.label}\t{u.speaker}\t{u.votes}\t{len(frames)}\t{mean}\n".encode(errors="surrogateescape")


def _again(utterance: Utterance, settings: FeatureSettings, cache: FeatureCache, length: int) -> np.ndarray:
    """An utterance's frames, once more.

    Raises      InputError: they are not what they were; what `frames_of_utterance` raises
    """
    with one_blas_thread():  # as at first, since BLAS adds in another order with more
        frames, _ = _remembered(utterance, settings, cache)
    if len(frames) != length:
        raise InputError(f"{utterance.path or utterance.name}: has changed while it was in use; start again")
    return frames


def _remembered(utterance: Utterance, settings: FeatureSettings, cache: FeatureCache) -> tuple[np.ndarray, int]:
    """As `frames_of_utterance`, from the cache if they are there; if not, they are afterwards."""
    key = key_of(utterance, settings) if cache.limit else None
    if key is None:
        return frames_of_utterance(utterance, settings)
    found = cache.get(key, settings)
    if found is None:
        found = frames_of_utterance(utterance, settings)
        cache.put(key, *found)
    return found


def frames_of_utterance(utterance: Utterance, settings: FeatureSettings) -> tuple[np.ndarray, int]:
    """The log-mel frames of the middle of an utterance, and which frame of the whole the first one is.

    Raises      InputError: naming the utterance that cannot be read, is silent or too short
    """
    if utterance.waveform is None:
        return frames_of_waveform(read_audio(utterance.path), settings, str(utterance.path))
    return frames_of_waveform(utterance.waveform, settings, utterance.name)
