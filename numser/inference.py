"""Logits and attention of many utterances.

A batch is dealt out into shards of a few utterances. Each shard goes through the network alone, and threads work on
different shards at once. Which utterance goes where depends on their lengths only: any number of threads gives the
same bits.
"""

import heapq
import math
from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np

from numser.model import SeparableSER
from numser.ragged import Params, pack, unpack

FRAMES_PER_SHARD = 1200


def recognise(
    model: SeparableSER, params: Params, log_mels: Sequence[np.ndarray], pool: Executor
) -> tuple[np.ndarray, list[np.ndarray] | None]:
    """Logits (B, K) of standardised log-mels, and the attention weights of each (None for a model without)."""

    def one_shard(cut: np.ndarray) -> tuple[np.ndarray, list[np.ndarray] | None]:
        with np.errstate(over="ignore", invalid="ignore"):  # callers look whether the logits are finite
            logits, cache = model.forward(params, pack([log_mels[i] for i in cut]))
        return logits, unpack(model.attention_weights(cache)) if model.attention else None

    cuts = shards(lengths_of(log_mels))
    logits, attention = zip(*pool.map(one_shard, cuts), strict=True)
    back = np.argsort(np.concatenate(cuts))  # from the order of the shards to that of the utterances
    if not model.attention:
        return np.concatenate(logits)[back], None
    weights = [w for shard in attention for w in shard]
    return np.concatenate(logits)[back], [weights[i] for i in back]


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
