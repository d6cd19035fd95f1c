"""Entry convolution: 3×3, stride 2 in time and frequency, no padding; ReLU after it.    Paper §3, Fig. 1 (entry flow)

    z[t,f,o] = b[o] + Σ_ijc w[i,j,c,o] · x[2t+i, 2f+j, c]          i, j = 0 … 2
    y = z, or ReLU(z) with `relu`

    dz               = dy, or with `relu` dy where y > 0, else 0
    dw[i,j,c,o]      = Σ_tf x[2t+i, 2f+j, c] · dz[t,f,o]
    dx[2t+i,2f+j,c] += Σ_o  w[i,j,c,o] · dz[t,f,o]                 one input feeds up to four outputs
    db[o]            = Σ_tf dz[t,f,o]

Each output sees a window of 3 · 3 · C numbers. With all windows gathered as the rows of a matrix, the sums above
are matrix products, as in a pointwise convolution. Backward scatters the windows' gradients to where they came from.
The windows of a few frames at a time: then they, and what becomes of them, stay in the processor's cache.

Shapes      x (N, F, C)   w (3, 3, C, O)   b (O,)   z, y (N', (F−3)//2+1, O);   T frames become (T−3)//2+1
Remembers   x             (dw needs it; its windows are quickly gathered again), with `relu` y
Raises      ValueError: channels differ; an utterance has fewer than 3 frames; offsets do not run 0 … N
Deviation   none
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from numser.jit import jit
from numser.layers.initial import glorot_uniform
from numser.layers.passes import add_bias, add_bias_relu, relu_backward, rows
from numser.ragged import Ragged, check_array, check_parameters, check_ragged, offsets_of

TILE = 2**17  # numbers of y that are made together: half a mebibyte in float32


@jit
def gather_windows(x, windows):
    """Fill windows (n, F', 3, 3, C): for each position of y, the part of x (2n+1, F, C) that it sees."""
    for t in range(windows.shape[0]):
        for f in range(windows.shape[1]):
            for i in range(3):
                for j in range(3):
                    for c in range(x.shape[2]):
                        windows[t, f, i, j, c] = x[2 * t + i, 2 * f + j, c]


@jit
def scatter_windows(dwindows, dx):
    """Add to dx (2n+1, F, C) what each window says of the part it saw."""
    for t in range(dwindows.shape[0]):
        for f in range(dwindows.shape[1]):
            for i in range(3):
                for j in range(3):
                    for c in range(dx.shape[2]):
                        # forward: windows = x, so:
                        dx[2 * t + i, 2 * f + j, c] += dwindows[t, f, i, j, c]


class Remembered(NamedTuple):
    """What backward needs."""

    x: Ragged
    y: Ragged
    relu: bool

    def decisions(self) -> Iterator[np.ndarray]:
        """Where the ReLU let through, for the gradient check."""
        if self.relu:
            yield self.y.data > 0


@dataclass(frozen=True)
class Conv:
    """3×3 convolution with stride 2: halves time and frequency. The equations stand at the top of this file."""

    in_channels: int
    channels: int
    relu: bool = False

    def init(self, rng: np.random.Generator, dtype=np.float32) -> dict[str, np.ndarray]:
        """Weights Glorot-uniform with fans 9·C and 9·O, biases 0."""
        shape = (3, 3, self.in_channels, self.channels)
        return {
            "w": glorot_uniform(rng, shape, 9 * self.in_channels, 9 * self.channels, dtype),
            "b": np.zeros(self.channels, dtype),
        }

    def forward(self, params, x: Ragged, *, rng=None) -> tuple[Ragged, Remembered]:
        """Convolve each utterance; `rng` is not used."""
        check_ragged(x, (None, self.in_channels))
        shapes = {"w": (3, 3, self.in_channels, self.channels), "b": (self.channels,)}
        check_parameters(params, x.data.dtype, shapes)
        if x.lengths.min() < 3 or x.data.shape[1] < 3:
            raise ValueError(
                f"x: utterances need at least 3 frames of at least 3 frequencies, found one with "
                f"{x.lengths.min()} frames of {x.data.shape[1]}"
            )
        width = (x.data.shape[1] - 3) // 2 + 1
        offsets = offsets_of((x.lengths - 3) // 2 + 1)
        y = Ragged(np.empty((offsets[-1], width, self.channels), x.data.dtype), offsets)
        room = np.empty((self._frames_of_a_tile(width), width, 3, 3, self.in_channels), x.data.dtype)
        w = params["w"].reshape(-1, self.channels)
        for before, after in self._tiles(x, y):
            y_rows, windows = rows(y.data[after]), room[: after.stop - after.start]
            gather_windows(x.data[before], windows)
            np.matmul(windows.reshape(len(y_rows), -1), w, out=y_rows)
            if self.relu:
                add_bias_relu(y_rows, params["b"])
            else:
                add_bias(y_rows, params["b"])
        return y, Remembered(x, y, self.relu)

    def backward(self, params, cache: Remembered, dy: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Gradients of x and of w and b, given that of y."""
        dx = np.zeros_like(cache.x.data)
        return dx, self.weight_gradients(params, cache, dy, dx)

    def weight_gradients(self, params, cache: Remembered, dy: np.ndarray, dx: np.ndarray | None = None):
        """Gradients of w and b only, given that of y: a network's first layer needs no other. Adds to dx if given."""
        x, y, _ = cache
        check_array(dy, y.data.shape, y.data.dtype, "dy")
        grads = {name: np.zeros_like(p) for name, p in params.items()}
        w, dw = (p["w"].reshape(-1, self.channels) for p in (params, grads))
        step, width = self._frames_of_a_tile(dy.shape[1]), dy.shape[1]
        room = np.empty((step, width, 3, 3, self.in_channels), dy.dtype)
        dz = np.empty((step * width, self.channels), dy.dtype)
        for before, after in self._tiles(x, y):
            dz_rows, windows = rows(dy[after]), room[: after.stop - after.start]
            if self.relu:
                dz_rows = dz[: len(dz_rows)]
                relu_backward(rows(dy[after]), rows(y.data[after]), dz_rows)
            gather_windows(x.data[before], windows)
            window_rows = windows.reshape(len(dz_rows), -1)
            # forward: z = windows · w + b, so:
            dw += window_rows.T @ dz_rows
            grads["b"] += np.ones(len(dz_rows), dy.dtype) @ dz_rows
            if dx is not None:
                np.matmul(dz_rows, w.T, out=window_rows)  # dwindows, in the windows' room
                scatter_windows(windows, dx[before])
        return grads

    def _frames_of_a_tile(self, width: int) -> int:
        return max(1, TILE // (width * self.channels))

    def _tiles(self, x: Ragged, y: Ragged) -> Iterator[tuple[slice, slice]]:
        """A tile's frames of y, with the frames of x that they see: (x's, y's)."""
        step = self._frames_of_a_tile(y.data.shape[1])
        for x_first, first, last in zip(x.offsets, y.offsets, y.offsets[1:], strict=False):
            for start in range(first, last, step):
                stop, top = min(start + step, last), x_first + 2 * (start - first)
                yield slice(top, top + 2 * (stop - start) + 1), slice(start, stop)
