"""Logits and attention of many utterances.

A batch is dealt out into shards of a few utterances. Each shard goes through the network alone, and threads work on
different shards at once. Which utterance goes where depends on their lengths only: any number of threads gives the
same bits.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, cast

import numpy as np

from numser.layers import GRU, Sequential
from numser.layers.compose import scope
from numser.losses import log_softmax
from numser.model import SeparableSER
from numser.ragged import Params, Ragged, frames_of, offsets_of, pack, unpack
from numser.systems import SystemNetwork

Network = SeparableSER | SystemNetwork
FRAMES_PER_SHARD = SeparableSER.shard_frames


class Recognised(NamedTuple):
    """What the network makes of utterances."""

    logits: np.ndarray  # (B, K)
    attention: list[np.ndarray] | None  # the weights of each; None for a model without
    statistics: np.ndarray  # (B, 4H) mean and standard deviation of the GRU's states


def pieces(model: Network, frames: int) -> list[tuple[int, int]]:
    """Where the pieces begin and end in which a network is shown an utterance of so many frames: the fewest of
    `model.segment` frames that cover it, evenly spread; or all of it.
    """
    if model.segment is None or frames <= model.segment:
        return [(0, frames)]
    begins = np.linspace(0, frames - model.segment, math.ceil(frames / model.segment)).round().astype(int).tolist()
    return [(begin, begin + model.segment) for begin in begins]


class Pieces(Sequence[np.ndarray]):
    """Pieces of utterances, cut out whenever they are asked for: each a row of `index`, an utterance, where the piece
    begins, and where it ends.
    """

    def __init__(self, log_mels: Sequence[np.ndarray], index: np.ndarray):
        self._log_mels, self._index = log_mels, index
        self.lengths: list[int] = (index[:, 2] - index[:, 1]).tolist()

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, n: int) -> np.ndarray:  # type: ignore[override]  # no slices
        i, begin, end = self._index[n]
        return self._log_mels[i][begin:end]


def pieces_of(model: Network, lengths: Sequence[int], members: Iterable[int] | None = None) -> np.ndarray:
    """The index of all pieces of utterances of these lengths, or of some `members` of them: (n, 3) int."""
    members = range(len(lengths)) if members is None else members
    return np.array([(i, *piece) for i in members for piece in pieces(model, lengths[i])])


def recognise(model: Network, params: Params, log_mels: Sequence[np.ndarray], pool: Executor) -> Recognised:
    """Recognise standardised log-mels. Of a network that is shown pieces, each class has the logarithm of the largest
    probability that a piece gives it.
    """
    if model.segment is None:
        return _recognise(model, params, log_mels, pool)
    index = pieces_of(model, lengths_of(log_mels))
    of_pieces = _recognise(model, params, Pieces(log_mels, index), pool)
    _, first = np.unique(index[:, 0], return_index=True)
    with np.errstate(invalid="ignore"):  # callers look whether the logits are finite
        largest = np.maximum.reduceat(log_softmax(of_pieces.logits), first)
    return Recognised(largest, None, of_pieces.statistics[first])


def recognise_in_halves(model: Network, params: Params, log_mel: np.ndarray, pool: Executor) -> Recognised:
    """Recognise one standardised log-mel. Two threads take half of it each, up to the GRU's recurrence, and one
    direction each of that. Numbers are those of `recognise` but for their last digits: products of other sizes add up
    in another order.
    """
    if type(model) is not SeparableSER or len(cuts := halves(len(log_mel), model.blocks)) < 2:
        return recognise(model, params, [log_mel], pool)
    layers = dict(model.network.children)
    k = list(layers).index("gru")
    body, rest = Sequential(model.network.children[:k]), Sequential(model.network.children[k + 1 :])
    gru, grus = cast(GRU, layers["gru"]), scope(params, "gru")

    def one_half(cut: Half) -> Params:
        with np.errstate(over="ignore", invalid="ignore"):  # callers look whether the logits are finite
            y, _ = body.forward(params, model.image(pack([log_mel[cut.frames]])))
            return gru.project(grus, frames_of(y)[cut.kept])

    left, right = pool.map(one_half, cuts)
    a = {p: np.concatenate([left[p], right[p]]) for p in left}
    offsets = offsets_of([sum(cut.kept.stop - cut.kept.start for cut in cuts)])
    with np.errstate(over="ignore", invalid="ignore"):
        states, _ = gru.read(grus, a, offsets, pool.map)
        logits, cache = rest.forward(params, Ragged(states, offsets))
    cache = [None] * (k + 1) + cache
    attention = unpack(model.attention_weights(cache)) if model.attention else None
    return Recognised(frames_of(logits), attention, model.statistics(cache))


class Half(NamedTuple):
    """A part of an utterance: the frames it is given, and which steps of what becomes of them are its own."""

    frames: slice
    kept: slice


def halves(frames: int, blocks: int) -> list[Half]:
    """Cut an utterance of so many frames into two that overlap, or leave a short one whole.

    A step after pooling lies over 4 frames, and each block's filter sees one step more to either side. The stem's
    filter and the pool see less than one. So a half is given `blocks` + 2 steps of the other one. Where the pool's
    windows lie is decided by whether the entry leaves an even number of frames: in both halves as in the whole.
    """
    entered = (frames - 3) // 2 + 1
    steps = -(-entered // 2)
    middle, beyond = steps // 2, blocks + 2
    if steps < 4 * beyond:
        return [Half(slice(0, frames), slice(0, steps))]
    end, begin = middle + beyond, middle - beyond
    left = slice(0, 2 * (2 * end - entered % 2) + 1)
    return [Half(left, slice(0, middle)), Half(slice(4 * begin, frames), slice(beyond, steps - begin))]


def _recognise(model: Network, params: Params, log_mels: Sequence[np.ndarray], pool: Executor) -> Recognised:
    def of(logits: np.ndarray, cache: list) -> tuple:
        attention: Sequence[np.ndarray | None] = [None] * len(logits)
        if isinstance(model, SeparableSER) and model.attention:
            attention = unpack(model.attention_weights(cache))
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
    model: Network,
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


def shards(lengths: Sequence[int], frames_per_shard: int = FRAMES_PER_SHARD) -> list[np.ndarray]:
    """Deal utterances of these lengths out into shards of nearly the same size, about so many frames.

    The longest come first, each to the shard that has least so far. Shards are one, two, or a multiple of four
    where there are so many utterances, so that two or four threads end together. Returns each shard's utterances, in
    their order.
    """
    count = math.ceil(sum(lengths) / frames_per_shard)
    count = min(count if count <= 2 else 4 * math.ceil(count / 4), len(lengths))
    members: list[list[int]] = [[] for _ in range(count)]
    least = [(0, n) for n in range(count)]  # a heap of (frames, shard)
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        frames, n = least[0]
        members[n].append(i)
        heapq.heapreplace(least, (frames + lengths[i], n))
    return [np.sort(m) for m in members]
