"""Logits and attention of many utterances.

A batch is dealt out into shards of a few utterances. Each shard goes through the network alone, and threads work on
different shards at once. Which utterance goes where depends on their lengths only: any number of threads gives the
same bits.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from numser.model import SeparableSER
from numser.ragged import Params, pack, unpack

FRAMES_PER_SHARD = 1200


class Recognised(NamedTuple):
    """What the network makes of utterances."""

    logits: np.ndarray  # (B, K)
    attention: list[np.ndarray] | None  # the weights of each; None for a model without
    statistics: np.ndarray  # (B, 4H) mean and standard deviation of the GRU's states


def recognise(model: SeparableSER, params: Params, log_mels: Sequence[np.ndarray], pool: Executor) -> Recognised:
    """Recognise standardised log-mels."""

    def of(logits: np.ndarray, cache: list) -> tuple:
        attention = unpack(model.attention_weights(cache)) if model.attention else [None] * len(logits)
        return logits, attention, model.statistics(cache)

    logits, attention, statistics = zip(*_forward_each(model, params, log_mels, pool, of), strict=True)
    return Recognised(np.array(logits), list(attention) if model.attention else None, np.array(statistics))


def head_inputs(
    model: SeparableSER, params: Params, log_mels: Sequence[np.ndarray], pool: Executor
) -> tuple[np.ndarray, np.ndarray]:
    """What the network's head is given of standardised log-mels, (B, 2H), and their statistics, (B, 4H)."""
    rows = _forward_each(
        model, params, log_mels, pool, lambda _, cache: (model.vectors(cache), model.statistics(cache))
    )
    vectors, statistics = map(np.array, zip(*rows, strict=True))
    return vectors, statistics


def _forward_each(
    model: SeparableSER,
    params: Params,
    log_mels: Sequence[np.ndarray],
    pool: Executor,
    of: Callable[[np.ndarray, list], tuple],
) -> list[tuple]:
    """A row for each utterance. `of(logits, cache)` makes columns of a shard's forward pass."""

    def one_shard(cut: np.ndarray) -> list[tuple]:
        with np.errstate(over="ignore", invalid="ignore"):  # callers look whether the logits are finite
            logits, cache = model.forward(params, pack([log_mels[i] for i in cut]))
            return list(zip(*of(logits, cache), strict=True))

    cuts = shards(lengths_of(log_mels))
    rows = [row for shard in pool.map(one_shard, cuts) for row in shard]
    return [rows[i] for i in np.argsort(np.concatenate(cuts))]  # back to the order of the utterances


def lengths_of(log_mels: Sequence[np.ndarray]) -> list[int]:
    """Frames of each utterance. A dataset's `LogMels` knows them, and need not standardise its frames for that."""
    return log_mels.lengths if hasattr(log_mels, "lengths") else [len(x) for x in log_mels]


def shards(lengths: Sequence[int]) -> list[np.ndarray]:
    """Deal utterances of these lengths out into shards of nearly the same size, about FRAMES_PER_SHARD frames.

    The longest come first, each to the shard that has least so far. Shards are one, two, or a multiple of four
    where there are so many utterances, so that two or four threads end together. Returns each shard's utterances, in
    their order.
    """
    count = math.ceil(sum(lengths) / FRAMES_PER_SHARD)
    count = min(count if count <= 2 else 4 * math.ceil(count / 4), len(lengths))
    members: list[list[int]] = [[] for _ in range(count)]
    least = [(0, n) for n in range(count)]  # a heap of (frames, shard)
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        frames, n = least[0]
        members[n].append(i)
        heapq.heapreplace(least, (frames + lengths[i], n))
    return [np.sort(m) for m in members]
