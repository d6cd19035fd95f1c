"""Max-pooling 3×3 with stride 2, "same": T frames become ⌈T/2⌉.        Paper §3.1 (end of the first block)

    y[t,f,c] = max_ij x[2t+i−p, 2f+j−q, c]          i, j = 0 … 2, only where that is inside the utterance

    dx[2t+i−p, 2f+j−q, c] += dy[t,f,c]              for the one (i, j) that won

p and q say how far the first window reaches over the edge: p = padding_before(T), q = padding_before(F). The window
sees nothing outside the utterance. Zeros there would be wrong: the values are signed, and a zero could win. Among
equal values the first in (time, frequency) order wins and receives the whole gradient.

Shapes      x (N, F, C)   y (N', ⌈F/2⌉, C)
Remembers   which of the nine won, 3i + j, in 8 bits
Raises      ValueError: x is not (frames, frequency, channels); offsets do not run 0 … N
Deviation   in the authors' program the windows lie by the padded batch, and padding can win; here neither happens
Test        tests/test_pool.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.jit import jit
from numser.ragged import Gradients, Params, Ragged, check_array, check_ragged, offsets_of


def padding_before(n: int) -> int:
    """How far the first window reaches over the edge of n values (TensorFlow's "same")."""
    total = max((-(-n // 2) - 1) * 2 + 3 - n, 0)
    return total // 2


@jit
def better(value, here, best, place):
    """The best of two values, and its place. A NaN wins, and stays, so that it is seen."""
    wins = (not value <= best) & (best == best)
    return value if wins else best, here if wins else place


@jit
def pool_forward(x, x_offsets, y, y_offsets, time_before, frequency_before, winner):
    """Fill y and winner (N', F', C).

    A window's best values and their places are gathered in numbers of the same width, which the processor compares
    many at a time; in y and the narrow `winner` it would take one after the other. Where a window lies inside, the
    three of a row are compared before the best so far is written again.
    """
    channels = np.uintp(x.shape[2])
    best, place = np.empty(channels, x.dtype), np.empty(channels, np.int32)
    for u in range(len(x_offsets) - 1):
        first, last = x_offsets[u], x_offsets[u + 1] - 1
        for t in range(y_offsets[u], y_offsets[u + 1]):
            top = first + 2 * (t - y_offsets[u]) - time_before[u]
            for f in range(y.shape[1]):
                left = 2 * f - frequency_before
                begin, end = max(0, -left), min(3, x.shape[1] - left)
                best[:] = -np.inf
                place[:] = 0
                for i in range(max(0, first - top), min(3, last + 1 - top)):
                    here = np.int32(3 * i)
                    if end - begin == 3:
                        values0, values1, values2 = x[top + i, left], x[top + i, left + 1], x[top + i, left + 2]
                        for c in range(channels):
                            b, p = better(values0[c], here, best[c], place[c])
                            b, p = better(values1[c], np.int32(here + 1), b, p)
                            best[c], place[c] = better(values2[c], np.int32(here + 2), b, p)
                    else:
                        for j in range(begin, end):
                            values, p = x[top + i, left + j], np.int32(here + j)
                            for c in range(channels):
                                best[c], place[c] = better(values[c], p, best[c], place[c])
                for c in range(channels):
                    y[t, f, c] = best[c]
                    winner[t, f, c] = place[c]


@jit
def pool_backward(dy, y_offsets, x_offsets, time_before, frequency_before, winner, dx):
    """Fill dx (N, F, C)."""
    zero, cleared = dy.dtype.type(0), 0
    for u in range(len(x_offsets) - 1):
        first, last = x_offsets[u], x_offsets[u + 1] - 1
        for t in range(y_offsets[u], y_offsets[u + 1]):
            top = first + 2 * (t - y_offsets[u]) - time_before[u]
            while cleared < min(top + 3, last + 1):  # only now: so dx goes through the cache once
                dx[cleared] = zero
                cleared += 1
            for f in range(dy.shape[1]):
                left = 2 * f - frequency_before
                for i in range(max(0, first - top), min(3, last + 1 - top)):
                    for j in range(max(0, -left), min(3, dx.shape[1] - left)):
                        for c in range(dx.shape[2]):
                            # forward: y = x where (i, j) won, so:
                            dx[top + i, left + j, c] += dy[t, f, c] if winner[t, f, c] == 3 * i + j else zero


@dataclass(frozen=True)
class MaxPool:
    """3×3 max-pooling with stride 2. The equations stand at the top of this file."""

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, tuple]:
        """Keep the largest value of each window."""
        check_ragged(x, (None, None))
        _, frequencies, channels = x.data.shape
        offsets = offsets_of((x.lengths + 1) // 2)
        y = np.empty((offsets[-1], (frequencies + 1) // 2, channels), x.data.dtype)
        winner = np.empty(y.shape, np.uint8)
        edges = np.array([padding_before(n) for n in x.lengths]), padding_before(frequencies)
        pool_forward(x.data, x.offsets, y, offsets, *edges, winner)
        return Ragged(y, offsets), (winner, offsets, x.offsets, edges, frequencies)

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradient of x, given that of y."""
        winner, offsets, x_offsets, edges, frequencies = cache
        check_array(dy, winner.shape, None, "dy")
        dx = np.empty((x_offsets[-1], frequencies, dy.shape[2]), dy.dtype)
        pool_backward(dy, offsets, x_offsets, *edges, winner, dx)
        return dx, {}
