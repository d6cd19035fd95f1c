"""From the frames of an utterance to one vector: attention pooling, and last-state pooling.        Paper Eq. 1–2

    s[t] = h[t] · w        α = softmax over the utterance's t of s        y = Σ_t α[t] h[t]

    dα[t] = dy · h[t]                          y is a weighted sum: the weight's gradient …
    ds[t] = α[t] (dα[t] − Σ_τ α[τ] dα[τ])      … goes through the softmax, where weights compete …
    dw = Σ_t ds[t] h[t]                        … to the scores, which are products of w and h
    dh[t] = α[t] dy + ds[t] w                  h is used twice: it is what is summed, and what is scored

Shapes      h (N, C)   w (C,)   α (N,)   y (B, C);   B = utterances
Remembers   h, α
Raises      ValueError: features differ; offsets do not run 0 … N
Deviation   the authors' program puts a sigmoid into the score and lets padding take part; we follow Eq. 1
Test        tests/test_attention.py, and its gradients in tests/test_contract.py
"""

import math
from dataclasses import dataclass

import numpy as np

from numser.jit import jit
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged


@jit
def attention_forward(h, offsets, w, alpha, y):
    """Fill alpha (N,) and y (B, C)."""
    features = h.shape[1]
    for n in range(len(offsets) - 1):
        first, stop = offsets[n], offsets[n + 1]
        highest = w.dtype.type(-np.inf)
        for t in range(first, stop):
            alpha[t] = 0
            for c in range(features):
                alpha[t] += h[t, c] * w[c]
            highest = max(highest, alpha[t])
        total = w.dtype.type(0)
        for t in range(first, stop):
            alpha[t] = math.exp(alpha[t] - highest)  # at most 1, so that nothing overflows
            total += alpha[t]
        y[n] = 0
        for t in range(first, stop):
            alpha[t] /= total
            for c in range(features):
                y[n, c] += alpha[t] * h[t, c]


@jit
def attention_backward(h, offsets, w, alpha, dy, dh, dw):
    """Fill dh (N, C); add to dw (C,), which starts as zeros."""
    features = h.shape[1]
    dalpha = np.empty_like(alpha)
    for n in range(len(offsets) - 1):
        first, stop = offsets[n], offsets[n + 1]
        mean = w.dtype.type(0)
        for t in range(first, stop):
            # forward: y += alpha * h, so:
            dalpha[t] = 0
            for c in range(features):
                dalpha[t] += dy[n, c] * h[t, c]
            mean += alpha[t] * dalpha[t]
        for t in range(first, stop):
            # forward: alpha = softmax(score), so:
            dscore = alpha[t] * (dalpha[t] - mean)
            for c in range(features):
                # forward: y += alpha * h and score += h * w, so:
                dh[t, c] = alpha[t] * dy[n, c] + dscore * w[c]
                dw[c] += dscore * h[t, c]


@dataclass(frozen=True)
class Attention:
    """Weighted mean over time, the weights learned. The equations stand at the top of this file."""

    features: int

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights normal with standard deviation 0.1."""
        return {"w": rng.normal(0, 0.1, self.features).astype(dtype)}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[np.ndarray, tuple]:
        """Pool each utterance."""
        check_ragged(x, (self.features,))
        check_parameters(params, x.data.dtype, {"w": (self.features,)})
        alpha = np.empty(len(x.data), x.data.dtype)
        y = np.empty((len(x), self.features), x.data.dtype)
        attention_forward(x.data, x.offsets, params["w"], alpha, y)
        return y, (x, alpha)

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of w, given that of y."""
        x, alpha = cache
        check_array(dy, (len(x), self.features), x.data.dtype, "dy")
        dx, dw = np.empty_like(x.data), np.zeros_like(params["w"])
        attention_backward(x.data, x.offsets, params["w"], alpha, dy, dx, dw)
        return dx, {"w": dw}


@dataclass(frozen=True)
class LastState:
    """Each direction's last state: Table 2's "No Attention". It has no parameters.

    The forward direction ends at the last frame, the backward direction at the first:
        y = [h[T−1, :H], h[0, H:]]          and where there is one direction alone: y = h[T−1]
    """

    units: int
    bidirectional: bool = True

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[np.ndarray, Ragged]:
        """Pick the two states of each utterance."""
        check_ragged(x, (self._width,))
        first, last = x.offsets[:-1], x.offsets[1:] - 1
        return np.hstack([x.data[last, : self.units], x.data[first, self.units :]]), x

    def backward(self, params: Params, cache: Ragged, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradient of x, given that of y."""
        x = cache
        check_array(dy, (len(x), self._width), x.data.dtype, "dy")
        dx = np.zeros_like(x.data)
        dx[x.offsets[1:] - 1, : self.units] = dy[:, : self.units]
        dx[x.offsets[:-1], self.units :] = dy[:, self.units :]
        return dx, {}

    @property
    def _width(self) -> int:
        return 2 * self.units if self.bidirectional else self.units
