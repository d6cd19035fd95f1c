"""Entry convolution: 3×3, stride 2 in time and frequency, no padding; ReLU after it.    Paper §3, Fig. 1 (entry flow)

    z[t,f,o] = b[o] + Σ_ijc w[i,j,c,o] · x[2t+i, 2f+j, c]          i, j = 0 … 2
    y = z, or ReLU(z) with `relu`

    dz               = dy, or with `relu` dy where y > 0, else 0
    dw[i,j,c,o]      = Σ_tf x[2t+i, 2f+j, c] · dz[t,f,o]
    db[o]            = Σ_tf dz[t,f,o]
    dx[2t+i,2f+j,c] += Σ_o  w[i,j,c,o] · dz[t,f,o]                 one input feeds up to four outputs

The innermost loop of the first two goes over o, the outputs: they lie side by side in memory, and the processor takes
many at once. Forward adds the three taps of a row together, so that y is read and written once for three products.

Shapes      x (N, F, C)   w (3, 3, C, O)   b (O,)   z, y (N', (F−3)//2+1, O);   T frames become (T−3)//2+1
Remembers   x             (dw needs it), and y (whose sign is ReLU's mask)
Raises      ValueError: channels differ; an utterance has fewer than 3 frames; offsets do not run 0 … N
Deviation   none
Test        tests/test_conv.py, and its gradients in tests/test_contract.py
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from numser.jit import jit
from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged, offsets_of


@jit
def conv_forward(x, x_offsets, w, b, relu, y, offsets):
    """Fill y."""
    zero = w.dtype.type(0)
    for u in range(len(offsets) - 1):
        for t in range(offsets[u], offsets[u + 1]):
            top = x_offsets[u] + 2 * (t - offsets[u])
            for f in range(y.shape[1]):
                for o in range(y.shape[2]):
                    y[t, f, o] = b[o]
                for i in range(3):
                    for c in range(x.shape[2]):
                        x0, x1, x2 = x[top + i, 2 * f, c], x[top + i, 2 * f + 1, c], x[top + i, 2 * f + 2, c]
                        for o in range(y.shape[2]):
                            y[t, f, o] += w[i, 0, c, o] * x0 + w[i, 1, c, o] * x1 + w[i, 2, c, o] * x2
                if relu:
                    for o in range(y.shape[2]):
                        y[t, f, o] = max(y[t, f, o], zero)


@jit
def conv_backward(x, x_offsets, y, offsets, relu, dy, dw, db):
    """Add to dw and db, which start as zeros."""
    zero = dy.dtype.type(0)
    dz = np.empty(dy.shape[2], dy.dtype)
    for u in range(len(offsets) - 1):
        for t in range(offsets[u], offsets[u + 1]):
            top = x_offsets[u] + 2 * (t - offsets[u])
            for f in range(dy.shape[1]):
                # forward: y = ReLU(z) if relu, else z, so:
                for o in range(dy.shape[2]):
                    dz[o] = zero if relu and not y[t, f, o] > zero else dy[t, f, o]
                    db[o] += dz[o]
                # forward: z += w * x, so:
                for i in range(3):
                    for j in range(3):
                        for c in range(x.shape[2]):
                            for o in range(dy.shape[2]):
                                dw[i, j, c, o] += x[top + i, 2 * f + j, c] * dz[o]


@jit
def conv_backward_input(w, y, offsets, relu, dy, dx, x_offsets):
    """Add to dx (N, F, C), which starts as zeros. Of a network's first layer, training does not need it."""
    for u in range(len(offsets) - 1):
        for t in range(offsets[u], offsets[u + 1]):
            top = x_offsets[u] + 2 * (t - offsets[u])
            for f in range(dy.shape[1]):
                for o in range(dy.shape[2]):
                    if not relu or y[t, f, o] > 0:
                        for i in range(3):
                            for j in range(3):
                                for c in range(dx.shape[2]):
                                    # forward: z += w * x, so:
                                    dx[top + i, 2 * f + j, c] += w[i, j, c, o] * dy[t, f, o]


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

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform with fans 9·C and 9·O, biases 0."""
        shape = (3, 3, self.in_channels, self.channels)
        return {
            "w": glorot_uniform(rng, shape, 9 * self.in_channels, 9 * self.channels, dtype),
            "b": np.zeros(self.channels, dtype),
        }

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, Remembered]:
        """Convolve each utterance."""
        check_ragged(x, (None, self.in_channels))
        shapes = {"w": (3, 3, self.in_channels, self.channels), "b": (self.channels,)}
        check_parameters(params, x.data.dtype, shapes)
        if x.lengths.min() < 3 or x.data.shape[1] < 3:
            raise ValueError(
                f"x: utterances need at least 3 frames of at least 3 frequencies, found one with "
                f"{x.lengths.min()} frames of {x.data.shape[1]}"
            )
        offsets = offsets_of((x.lengths - 3) // 2 + 1)
        y = Ragged(np.empty((offsets[-1], (x.data.shape[1] - 3) // 2 + 1, self.channels), x.data.dtype), offsets)
        conv_forward(x.data, x.offsets, params["w"], params["b"], self.relu, y.data, offsets)
        return y, Remembered(x, y, self.relu)

    def backward(self, params: Params, cache: Remembered, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of w and b, given that of y."""
        x, y, _ = cache
        check_array(dy, y.data.shape, y.data.dtype, "dy")
        grads = {name: np.zeros_like(w) for name, w in params.items()}
        conv_backward(x.data, x.offsets, y.data, y.offsets, self.relu, dy, grads["w"], grads["b"])
        if not input_gradient:
            return None, grads
        dx = np.zeros_like(x.data)
        conv_backward_input(params["w"], y.data, y.offsets, self.relu, dy, dx, x.offsets)
        return dx, grads
