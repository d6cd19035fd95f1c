"""Flatten: frequency and channels become one axis, time stays.        Paper §3.2 (before the Bi-RNN)

    y[t, f·C + c] = x[t,f,c]          dx[t,f,c] = dy[t, f·C + c]

Shapes      x (N, F, C)   y (N, F·C)
Remembers   F and C
Raises      ValueError: x is not (frames, frequency, channels); offsets do not run 0 … N
Deviation   none
Test        tests/test_compose.py, and its gradient in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.ragged import Gradients, Params, Ragged, check_array, check_ragged


@dataclass(frozen=True)
class Flatten:
    """One row of features a frame. It has no parameters."""

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, tuple[int, int]]:
        """Join the two last axes."""
        check_ragged(x, (None, None))
        frames, frequencies, channels = x.data.shape
        return Ragged(x.data.reshape(frames, -1), x.offsets), (frequencies, channels)

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradient of x, given that of y."""
        frequencies, channels = cache
        check_array(dy, (None, frequencies * channels), None, "dy")
        return dy.reshape(-1, frequencies, channels), {}
