"""Depthwise convolution over time and frequency.        Paper §3.1, Fig. 2(b)

    y[t,f,c] = Σ_ij w[i,j,c] · x[t+i−1, f+j−1, c]          i, j = 0 … 2; x is zero outside the utterance

    dx[t,f,c] = Σ_ij w[i,j,c] · dy[t+1−i, f+1−j, c]        the input at t fed the output at t+1−i
    dw[i,j,c] = Σ_tf x[t,f,c] · dy[t+1−i, f+1−j, c]

Each channel is filtered alone: no sum over channels, so no matrix product, and NumPy has no call for it. The
kernels are plain loops, compiled by Numba. Channels stand last and are the innermost loop, so that the processor
computes 8 or 16 of them at once. `fused_kernels.py` has faster ones, with these as their measure.

Shapes      x (N, F, C)   w (3, 3, C)   y (N, F, C);   N = frames of all utterances
Remembers   x             (dw needs it)
Raises      ValueError: channels differ; offsets do not run 0 … N
Deviation   in the authors' program a batch is padded, and what biases make of the padding leaks into the last real
            frames; here an utterance ends where it ends
Test        tests/test_depthwise.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.jit import jit
from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged


@jit
def filter_position(x, w, first, last, t, f, y):
    """Fill y[t, f]; the utterance's frames are first … last."""
    for c in range(x.shape[2]):
        y[t, f, c] = 0
    for i in range(3):
        for j in range(3):
            s, g = t + i - 1, f + j - 1
            if first <= s <= last and 0 <= g < x.shape[1]:
                for c in range(x.shape[2]):
                    y[t, f, c] += w[i, j, c] * x[s, g, c]


@jit
def filter_position_backward(x, w, dy, first, last, s, g, dx, dw):
    """Fill dx[s, g], and add to dw what x[s, g] had to do with y."""
    for c in range(x.shape[2]):
        dx[s, g, c] = 0
    for i in range(3):
        for j in range(3):
            t, f = s + 1 - i, g + 1 - j
            if first <= t <= last and 0 <= f < x.shape[1]:
                for c in range(x.shape[2]):
                    # forward: y[t,f] += w[i,j] * x[s,g], so:
                    dx[s, g, c] += w[i, j, c] * dy[t, f, c]
                    dw[i, j, c] += x[s, g, c] * dy[t, f, c]


@jit
def depthwise_forward(x, offsets, w, y):
    """Fill y (N, F, C)."""
    for u in range(len(offsets) - 1):
        first, last = offsets[u], offsets[u + 1] - 1
        for t in range(first, last + 1):
            for f in range(x.shape[1]):
                filter_position(x, w, first, last, t, f, y)


@jit
def depthwise_backward(x, offsets, w, dy, dx, dw):
    """Fill dx (N, F, C); add to dw (3, 3, C), which starts as zeros."""
    for u in range(len(offsets) - 1):
        first, last = offsets[u], offsets[u + 1] - 1
        for s in range(first, last + 1):
            for g in range(x.shape[1]):
                filter_position_backward(x, w, dy, first, last, s, g, dx, dw)


@dataclass(frozen=True)
class DepthwiseConv:
    """3×3 convolution of each channel by itself. The equations stand at the top of this file."""

    channels: int

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform with fans 9·C and 9, no bias. An output sees only 9 inputs; TensorFlow, and so the
        authors' program, counts those of all channels.
        """
        return {"w": glorot_uniform(rng, (3, 3, self.channels), 9 * self.channels, 9, dtype)}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, Ragged]:
        """Filter each channel of each utterance."""
        check_ragged(x, (None, self.channels))
        check_parameters(params, x.data.dtype, {"w": (3, 3, self.channels)})
        y = np.empty_like(x.data)
        depthwise_forward(x.data, x.offsets, params["w"], y)
        return Ragged(y, x.offsets), x

    def backward(self, params: Params, cache: Ragged, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of w, given that of y."""
        x = cache
        check_array(dy, x.data.shape, x.data.dtype, "dy")
        dx, dw = np.empty_like(x.data), np.zeros_like(params["w"])
        depthwise_backward(x.data, x.offsets, params["w"], dy, dx, dw)
        return dx, {"w": dw}
