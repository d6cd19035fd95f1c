"""Max-pooling over blocks of I frames and J frequencies that touch; what is left over at the end is dropped.

    y[t,f,c] = max_ij x[I·t + i, J·f + j, c]        dx[I·t + i, J·f + j, c] = dy[t,f,c] where (i, j) won, else 0

Among equal values the first in (time, frequency) order wins; a NaN wins, so that it is seen.

Shapes      x (N, F, C)   y (N', F // J, C);   T frames become T // I
Remembers   which of the I·J won, i·J + j
Raises      ValueError: an utterance is smaller than a block; offsets do not run 0 … N
Deviation   not in the paper, whose pooling overlaps (pool.py)
Test        tests/test_block_pool.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from numser.ragged import Gradients, Params, Ragged, check_array, check_ragged, offsets_of, unpack


@dataclass(frozen=True)
class BlockMaxPool:
    """Max-pooling of any size, with a stride of that size. The equations stand at the top of this file."""

    frames: int
    frequencies: int

    def __post_init__(self):
        if not 1 <= self.frames * self.frequencies <= 256:
            raise ValueError(f"frames, frequencies: a block should hold 1 to 256 values, found {self}")

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, tuple]:
        """Keep the largest value of each block."""
        check_ragged(x, (None, None))
        frames, frequencies = x.lengths // self.frames, x.data.shape[1] // self.frequencies
        if frames.min() < 1 or frequencies < 1:
            raise ValueError(
                f"x: a block has {self.frames} frames of {self.frequencies} frequencies, found an utterance with "
                f"{x.lengths.min()} frames of {x.data.shape[1]}"
            )
        y = Ragged(np.empty((frames.sum(), frequencies, x.data.shape[2]), x.data.dtype), offsets_of(frames))
        winner = np.empty(y.data.shape, np.uint8)
        for u, out, place in zip(unpack(x), unpack(y), unpack(Ragged(winner, y.offsets)), strict=True):
            first, *others = self._taps(u)
            out[...], place[...] = first, 0
            for k, tap in enumerate(others, 1):
                place[tap > out] = k
                np.maximum(out, tap, out=out)
        return y, (winner, y.offsets, x.offsets, x.data.shape[1])

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradient of x, given that of y."""
        winner, offsets, x_offsets, frequencies = cache
        check_array(dy, winner.shape, None, "dy")
        dx = np.zeros((x_offsets[-1], frequencies, dy.shape[2]), dy.dtype)
        for u, (first, stop) in enumerate(pairwise(offsets)):
            own = dx[x_offsets[u] : x_offsets[u + 1]]
            for k, tap in enumerate(self._taps(own)):
                # forward: y = x where k won, so:
                np.multiply(dy[first:stop], winner[first:stop] == k, out=tap)
        return dx, {}

    def _taps(self, x: np.ndarray) -> list[np.ndarray]:
        """What stands at each place of the blocks of one utterance: views (T', F', C)."""
        frames, frequencies = len(x) // self.frames * self.frames, x.shape[1] // self.frequencies * self.frequencies
        places = np.ndindex(self.frames, self.frequencies)
        return [x[i : frames : self.frames, j : frequencies : self.frequencies] for i, j in places]
