"""Entry convolution: 3×3, stride 2 in time and frequency, no padding.        Paper §3, Fig. 1 (entry flow)

    y[t,f,o] = b[o] + Σ_ijc w[i,j,c,o] · x[2t+i, 2f+j, c]          i, j = 0 … 2

    dw[i,j,c,o]      = Σ_tf x[2t+i, 2f+j, c] · dy[t,f,o]
    dx[2t+i,2f+j,c] += Σ_o  w[i,j,c,o] · dy[t,f,o]                 one input feeds up to four outputs
    db[o]            = Σ_tf dy[t,f,o]

Shapes      x (N, F, C)   w (3, 3, C, O)   b (O,)   y (N', (F−3)//2+1, O);   T frames become (T−3)//2+1
Remembers   x             (dw needs it)
Raises      ValueError: channels differ; an utterance has fewer than 3 frames; offsets do not run 0 … N
Deviation   none
"""

from dataclasses import dataclass

import numpy as np

from numser.jit import jit
from numser.layers.initial import glorot_uniform
from numser.ragged import Ragged, check_array, check_parameters, check_ragged, offsets_of


@jit
def conv_forward(x, x_offsets, w, b, y, y_offsets):
    """Fill y (N', F', O) from x (N, F, C)."""
    in_channels, channels = w.shape[2], w.shape[3]
    for u in range(len(x_offsets) - 1):
        for t in range(y_offsets[u], y_offsets[u + 1]):
            top = x_offsets[u] + 2 * (t - y_offsets[u])
            for f in range(y.shape[1]):
                for o in range(channels):
                    y[t, f, o] = b[o]
                for i in range(3):
                    for j in range(3):
                        for c in range(in_channels):
                            for o in range(channels):
                                y[t, f, o] += w[i, j, c, o] * x[top + i, 2 * f + j, c]


@jit
def conv_backward(x, x_offsets, w, dy, y_offsets, dx, dw):
    """Add to dx (N, F, C) and dw (3, 3, C, O), which start as zeros."""
    in_channels, channels = w.shape[2], w.shape[3]
    for u in range(len(x_offsets) - 1):
        for t in range(y_offsets[u], y_offsets[u + 1]):
            top = x_offsets[u] + 2 * (t - y_offsets[u])
            for f in range(dy.shape[1]):
                for i in range(3):
                    for j in range(3):
                        for c in range(in_channels):
                            # forward: y += w * x, so: dw += x * dy and dx += w * dy
                            pixel = x[top + i, 2 * f + j, c]
                            gradient = dx[top + i, 2 * f + j, c]
                            for o in range(channels):
                                dw[i, j, c, o] += pixel * dy[t, f, o]
                                gradient += w[i, j, c, o] * dy[t, f, o]
                            dx[top + i, 2 * f + j, c] = gradient


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
        y = np.empty((offsets[-1], (x.data.shape[1] - 3) // 2 + 1, self.channels), x.data.dtype)
        conv_forward(x.data, x.offsets, params["w"], params["b"], y, offsets)
        return Ragged(y, offsets), (x, offsets)

    def backward(self, params, cache, dy: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Gradients of x and of w and b, given that of y."""
        x, offsets = cache
        shape = (offsets[-1], (x.data.shape[1] - 3) // 2 + 1, self.channels)
        check_array(dy, shape, x.data.dtype, "dy")
        dx, dw = np.zeros_like(x.data), np.zeros_like(params["w"])
        conv_backward(x.data, x.offsets, params["w"], dy, offsets, dx, dw)
        return dx, {"w": dw, "b": dy.sum((0, 1))}
