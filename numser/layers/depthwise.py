"""Depthwise convolution over time and frequency.        Paper §3.1, Fig. 2(b)

    y[t,f,c] = Σ_ij w[i,j,c] · x[t+i−1, f+j−1, c]          i, j = 0 … 2; x is zero outside the utterance

    dx[t,f,c] = Σ_ij w[i,j,c] · dy[t+1−i, f+1−j, c]        the input at t fed the output at t+1−i
    dw[i,j,c] = Σ_tf x[t,f,c] · dy[t+1−i, f+1−j, c]

Each channel is filtered alone: no sum over channels, so no matrix product, and NumPy has no call for it. The
kernels are plain loops, compiled by Numba. Channels stand last and are the innermost loop, so that the processor
computes 8 or 16 of them at once. The `…_relu_…` kernels do the same with a ReLU behind (forward) or before
(backward), for `fused.py`, and twice as fast: away from the edges they write the nine products as one
expression, so that each result goes to memory once. Their indices are unsigned, hence never negative; with signed
ones Numba would ask each time, and the loop over channels would not be vectorised.

Shapes      x (N, F, C)   w (3, 3, C)   y (N, F, C);   N = frames of all utterances
Remembers   x             (dw needs it)
Raises      ValueError: channels differ; offsets do not run 0 … N
Deviation   in the authors' program a batch is padded, and what biases make of the padding leaks into the last real
            frames; here an utterance ends where it ends
"""

from dataclasses import dataclass

import numpy as np

from numser.jit import jit
from numser.layers.initial import glorot_uniform
from numser.ragged import Ragged, check_array, check_parameters, check_ragged


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


@jit
def depthwise_relu_forward(x, offsets, w, y):
    """Fill y (N, F, C) with ReLU(depthwise(x))."""
    zero, channels = w.dtype.type(0), np.uintp(x.shape[2])
    for u in range(len(offsets) - 1):
        first, last = offsets[u], offsets[u + 1] - 1
        for t in range(first, last + 1):
            for f in range(x.shape[1]):
                b, m = np.uintp(t), np.uintp(f)
                if first < t < last and 0 < f < x.shape[1] - 1:
                    a, c, l, r = np.uintp(t - 1), np.uintp(t + 1), np.uintp(f - 1), np.uintp(f + 1)
                    for k in range(channels):
                        total = w[0, 0, k] * x[a, l, k] + w[0, 1, k] * x[a, m, k] + w[0, 2, k] * x[a, r, k]
                        total += w[1, 0, k] * x[b, l, k] + w[1, 1, k] * x[b, m, k] + w[1, 2, k] * x[b, r, k]
                        total += w[2, 0, k] * x[c, l, k] + w[2, 1, k] * x[c, m, k] + w[2, 2, k] * x[c, r, k]
                        y[b, m, k] = max(total, zero)
                else:
                    filter_position(x, w, first, last, t, f, y)
                    for k in range(channels):
                        y[b, m, k] = max(y[b, m, k], zero)


@jit
def depthwise_relu_backward(x, offsets, w, dy, dx, dw, db):
    """Fill dx (N, F, C) behind the ReLU that made x; add to dw (3, 3, C) and db (C,), which start as zeros.

    db is the sum of dx: the gradient of a bias before that ReLU.
    """
    zero, channels = w.dtype.type(0), np.uintp(x.shape[2])
    for u in range(len(offsets) - 1):
        first, last = offsets[u], offsets[u + 1] - 1
        for t in range(first, last + 1):
            for f in range(x.shape[1]):
                b, m = np.uintp(t), np.uintp(f)
                if first < t < last and 0 < f < x.shape[1] - 1:
                    a, c, l, r = np.uintp(t - 1), np.uintp(t + 1), np.uintp(f - 1), np.uintp(f + 1)
                    for k in range(channels):  # dx: dy filtered with the weights turned by half a circle
                        total = w[2, 2, k] * dy[a, l, k] + w[2, 1, k] * dy[a, m, k] + w[2, 0, k] * dy[a, r, k]
                        total += w[1, 2, k] * dy[b, l, k] + w[1, 1, k] * dy[b, m, k] + w[1, 0, k] * dy[b, r, k]
                        total += w[0, 2, k] * dy[c, l, k] + w[0, 1, k] * dy[c, m, k] + w[0, 0, k] * dy[c, r, k]
                        dx[b, m, k] = total
                    for k in range(channels):
                        dw[2, 2, k] += x[b, m, k] * dy[a, l, k]
                        dw[2, 1, k] += x[b, m, k] * dy[a, m, k]
                        dw[2, 0, k] += x[b, m, k] * dy[a, r, k]
                        dw[1, 2, k] += x[b, m, k] * dy[b, l, k]
                        dw[1, 1, k] += x[b, m, k] * dy[b, m, k]
                        dw[1, 0, k] += x[b, m, k] * dy[b, r, k]
                        dw[0, 2, k] += x[b, m, k] * dy[c, l, k]
                        dw[0, 1, k] += x[b, m, k] * dy[c, m, k]
                        dw[0, 0, k] += x[b, m, k] * dy[c, r, k]
                else:
                    filter_position_backward(x, w, dy, first, last, t, f, dx, dw)
                for k in range(channels):
                    # forward: x = ReLU(z + bias), and x > 0 where it let through, so:
                    dx[b, m, k] = dx[b, m, k] if x[b, m, k] > zero else zero
                    db[k] += dx[b, m, k]


@dataclass(frozen=True)
class DepthwiseConv:
    """3×3 convolution of each channel by itself. The equations stand at the top of this file."""

    channels: int

    def init(self, rng: np.random.Generator, dtype=np.float32) -> dict[str, np.ndarray]:
        """Weights Glorot-uniform with fans 9·C and 9, no bias. An output sees only 9 inputs; TensorFlow, and so the
        authors' program, counts those of all channels.
        """
        return {"w": glorot_uniform(rng, (3, 3, self.channels), 9 * self.channels, 9, dtype)}

    def forward(self, params, x: Ragged, *, rng=None) -> tuple[Ragged, Ragged]:
        """Filter each channel of each utterance; `rng` is not used."""
        check_ragged(x, (None, self.channels))
        check_parameters(params, x.data.dtype, {"w": (3, 3, self.channels)})
        y = np.empty_like(x.data)
        depthwise_forward(x.data, x.offsets, params["w"], y)
        return Ragged(y, x.offsets), x

    def backward(self, params, cache: Ragged, dy: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Gradients of x and of w, given that of y."""
        x = cache
        check_array(dy, x.data.shape, x.data.dtype, "dy")
        dx, dw = np.empty_like(x.data), np.zeros_like(params["w"])
        depthwise_backward(x.data, x.offsets, params["w"], dy, dx, dw)
        return dx, {"w": dw}
