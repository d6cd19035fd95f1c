"""Rectified linear units: ReLU, PReLU with a learned slope, leaky.        Paper §3.1 (ReLU), §3.2 (PReLU)

    ReLU     y = x where x > 0, else 0              dx = dy where x > 0, else 0
    PReLU    y = x where x > 0, else a·x            dx = dy where x > 0, else a·dy
             one slope a for each unit              da = Σ x·dy over where x ≤ 0
    Leaky    y = x where x > 0, else a·x            dx = dy where x > 0, else a·dy        a is not learned

At x = 0 the functions have a corner and no derivative; we take the left one.

Shapes      x, y (..., C)   slope (C,)
Remembers   ReLU: where x > 0.   Leaky: the same, eight to a byte.   PReLU: x, and where it is > 0
Raises      ValueError: PReLU: units differ
Deviation   none
Test        tests/test_activation.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.ragged import Gradients, Params, Value, check_array, check_parameters, frames_of, with_frames


@dataclass(frozen=True)
class ReLU:
    """Rectified linear unit. It has no parameters."""

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, np.ndarray]:
        """Set what is negative to zero."""
        data = frames_of(x)
        return with_frames(x, np.maximum(data, 0)), data > 0

    def backward(self, params: Params, cache: np.ndarray, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradient of x, given that of y."""
        positive = cache
        check_array(dy, positive.shape, None, "dy")
        return dy * positive, {}


@dataclass(frozen=True)
class PReLU:
    """Rectified linear unit with a learned slope on the negative side (He et al., 2015)."""

    units: int

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Slopes 0: it starts as a ReLU."""
        return {"slope": np.zeros(self.units, dtype)}

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, tuple]:
        """Scale what is negative by each unit's slope."""
        data = frames_of(x)
        check_array(data, (*(None,) * (data.ndim - 1), self.units))
        check_parameters(params, data.dtype, {"slope": (self.units,)})
        positive = data > 0
        return with_frames(x, np.where(positive, data, params["slope"] * data)), (data, positive)

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of the slopes, given that of y."""
        data, positive = cache
        check_array(dy, data.shape, data.dtype, "dy")
        # forward: y = slope * x where x <= 0, so:
        dx = np.where(positive, dy, params["slope"] * dy)
        dslope = np.where(positive, 0, data * dy).sum(tuple(range(dy.ndim - 1)))
        return dx, {"slope": dslope}


@dataclass(frozen=True)
class LeakyReLU:
    """Rectified linear unit with one fixed slope on the negative side (Maas et al., 2013)."""

    slope: float = 0.01

    def __post_init__(self):
        if not 0 <= self.slope <= 1:
            raise ValueError(f"slope: should be from 0 to 1, found {self.slope}")

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, tuple]:
        """Scale what is negative by the slope."""
        data = frames_of(x)
        y = data.dtype.type(self.slope) * data
        np.maximum(y, data, out=y)  # several times as quick as np.where
        return with_frames(x, y), (np.packbits(data > 0), data.shape)

    def backward(self, params: Params, cache: tuple, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradient of x, given that of y."""
        packed, shape = cache
        check_array(dy, shape, None, "dy")
        positive = np.unpackbits(packed, count=dy.size).reshape(shape)
        dx = np.maximum(positive, dy.dtype.type(self.slope), dtype=dy.dtype)  # the factor, 1 or the slope
        return np.multiply(dx, dy, out=dx), {}
