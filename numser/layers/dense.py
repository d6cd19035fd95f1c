"""Fully connected layer.        Paper §3.2 (hidden and output layer)

    y[u,o] = b[o] + Σ_c x[u,c] · w[c,o]

    dx[u,c] = Σ_o dy[u,o] · w[c,o]      dw[c,o] = Σ_u x[u,c] · dy[u,o]      db[o] = Σ_u dy[u,o]

Shapes      x (B, C)   w (C, O)   b (O,)   y (B, O);   B = utterances
Remembers   x             (dw needs it)
Raises      ValueError: units differ
Deviation   none
Test        tests/test_dense.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, check_array, check_parameters


@dataclass(frozen=True)
class Dense:
    """Every output sees every input. The equations stand at the top of this file."""

    inputs: int
    units: int

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform with fans C and O, biases 0."""
        shape = (self.inputs, self.units)
        return {
            "w": glorot_uniform(rng, shape, self.inputs, self.units, dtype),
            "b": np.zeros(self.units, dtype),
        }

    def forward(self, params: Params, x: np.ndarray, *, training=False, rng=None) -> tuple[np.ndarray, np.ndarray]:
        """Y = X W + b."""
        check_array(x, (None, self.inputs))
        check_parameters(params, x.dtype, {"w": (self.inputs, self.units), "b": (self.units,)})
        return x @ params["w"] + params["b"], x

    def backward(self, params: Params, cache: np.ndarray, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of w and b, given that of y."""
        x = cache
        check_array(dy, (len(x), self.units), x.dtype, "dy")
        # forward: Y = X W + b, so:
        return dy @ params["w"].T, {"w": x.T @ dy, "b": dy.sum(0)}
