"""Entry convolution: 3×3, stride 2 in time and frequency, no padding.        Paper §3, Fig. 1 (entry flow)

    y[t,f,o] = b[o] + Σ_ijc w[i,j,c,o] · x[2t+i, 2f+j, c]          i, j = 0 … 2

    dw[i,j,c,o]      = Σ_tf x[2t+i, 2f+j, c] · dy[t,f,o]
    dx[2t+i,2f+j,c] += Σ_o  w[i,j,c,o] · dy[t,f,o]                 one input feeds up to four outputs
    db[o]            = Σ_tf dy[t,f,o]

Each output sees a window of 3 · 3 · C numbers. With all windows gathered as the rows of a matrix, the sums above
are matrix products, as in a pointwise convolution. Backward scatters the windows' gradients to where they came from.

Shapes      x (N, F, C)   w (3, 3, C, O)   b (O,)   y (N', (F−3)//2+1, O);   T frames become (T−3)//2+1
Remembers   the windows   (dw needs them)
Raises      ValueError: channels differ; an utterance has fewer than 3 frames; offsets do not run 0 … N
Deviation   none
"""

from dataclasses import dataclass

import numpy as np

from numser.jit import jit
from numser.layers.initial import glorot_uniform
from numser.ragged import Ragged, check_array, check_parameters, check_ragged, offsets_of


@jit
def gather_windows(x, x_offsets, windows, offsets):
    """Fill windows (N', F', 3, 3, C): for each position of y, the part of x that it sees."""
    for u in range(len(offsets) - 1):
        for t in range(offsets[u], offsets[u + 1]):
            top = x_offsets[u] + 2 * (t - offsets[u])
            for f in range(windows.shape[1]):
                for i in range(3):
                    for j in range(3):
                        for c in range(x.shape[2]):
                            windows[t, f, i, j, c] = x[top + i, 2 * f + j, c]


@jit
def scatter_windows(dwindows, offsets, dx, x_offsets):
    """Add to dx (N, F, C), which starts as zeros, what each window says of the part it saw."""
    for u in range(len(offsets) - 1):
        for t in range(offsets[u], offsets[u + 1]):
            top = x_offsets[u] + 2 * (t - offsets[u])
            for f in range(dwindows.shape[1]):
                for i in range(3):
                    for j in range(3):
                        for c in range(dx.shape[2]):
                            # forward: windows = x, so:
                            dx[top + i, 2 * f + j, c] += dwindows[t, f, i, j, c]


def conv_forward(windows, w, b):
    """Y = windows · W + b: each window, laid out as a row, times the weights, laid out as a matrix."""
    y = windows.reshape(-1, w[..., 0].size) @ w.reshape(-1, w.shape[3])
    y += b
    return y.reshape(*windows.shape[:2], w.shape[3])


def conv_backward(windows, w, dy):
    """Gradients (dwindows, dw, db), given that of y."""
    rows, dy_rows = windows.reshape(-1, w[..., 0].size), dy.reshape(-1, w.shape[3])
    # forward: Y = windows · W + b, so:
    dwindows = dy_rows @ w.reshape(-1, w.shape[3]).T
    dw = rows.T @ dy_rows
    db = dy_rows.sum(0)
    return dwindows.reshape(windows.shape), dw.reshape(w.shape), db


@dataclass(frozen=True)
class Conv:
    """3×3 convolution with stride 2: halves time and frequency. The equations stand at the top of this file."""

    in_channels: int
    channels: int

    def init(self, rng: np.random.Generator, dtype=np.float32) -> dict[str, np.ndarray]:
        """Weights Glorot-uniform with fans 9·C and 9·O, biases 0."""
        shape = (3, 3, self.in_channels, self.channels)
        return {
            "w": glorot_uniform(rng, shape, 9 * self.in_channels, 9 * self.channels, dtype),
            "b": np.zeros(self.channels, dtype),
        }

    def forward(self, params, x: Ragged, *, rng=None) -> tuple[Ragged, tuple]:
        """Convolve each utterance; `rng` is not used."""
        check_ragged(x, (None, self.in_channels))
        shapes = {"w": (3, 3, self.in_channels, self.channels), "b": (self.channels,)}
        check_parameters(params, x.data.dtype, shapes)
        if x.lengths.min() < 3 or x.data.shape[1] < 3:
            raise ValueError(
                f"x: utterances need at least 3 frames of at least 3 frequencies, found one with "
                f"{x.lengths.min()} frames of {x.data.shape[1]}"
            )
        offsets = offsets_of((x.lengths - 3) // 2 + 1)
        frequencies = (x.data.shape[1] - 3) // 2 + 1
        windows = np.empty((offsets[-1], frequencies, 3, 3, self.in_channels), x.data.dtype)
        gather_windows(x.data, x.offsets, windows, offsets)
        return Ragged(conv_forward(windows, params["w"], params["b"]), offsets), (windows, offsets, x)

    def backward(self, params, cache, dy: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Gradients of x and of w and b, given that of y."""
        windows, offsets, x = cache
        check_array(dy, (*windows.shape[:2], self.channels), windows.dtype, "dy")
        dwindows, dw, db = conv_backward(windows, params["w"], dy)
        dx = np.zeros_like(x.data)
        scatter_windows(dwindows, offsets, dx, x.offsets)
        return dx, {"w": dw, "b": db}
