"""Dropout: while training, each unit is left out with probability `rate`.        Paper: not mentioned; off by default

    y = m ∘ x / (1 − rate)          dx = m ∘ dy / (1 − rate)          m = 1 or 0, drawn anew each time

Dividing by 1 − rate keeps the mean, so that nothing has to change for inference, where nothing is left out
(Srivastava et al., 2014).

Shapes      x, y (...)
Remembers   m, or None where nothing was left out
Raises      ValueError: rate is not in [0, 1); training without rng
Deviation   none
Test        tests/test_dropout.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.ragged import Gradients, Params, Value, check_array, frames_of, with_frames


@dataclass(frozen=True)
class Dropout:
    """Leaves units out at random while training."""

    rate: float

    def __post_init__(self):
        if not 0 <= self.rate < 1:
            raise ValueError(f"rate: should be at least 0 and below 1, found {self.rate}")

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, np.ndarray | None]:
        """Leave units out while `training`; else y = x."""
        if not training or self.rate == 0:
            return x, None
        if rng is None:
            raise ValueError("rng: dropout draws what it leaves out while training; give it a random generator")
        data = frames_of(x)
        kept = rng.random(data.shape) >= self.rate
        return with_frames(x, self._scaled(data, kept)), kept

    def backward(self, params: Params, cache: np.ndarray | None, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradient of x, given that of y."""
        kept = cache
        if kept is None:
            return dy, {}
        check_array(dy, kept.shape, None, "dy")
        return self._scaled(dy, kept), {}

    def _scaled(self, data: np.ndarray, kept: np.ndarray) -> np.ndarray:
        return data * kept * data.dtype.type(1 / (1 - self.rate))
