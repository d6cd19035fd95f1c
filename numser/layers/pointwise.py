"""Pointwise convolution: a 1×1 convolution, which mixes channels and nothing else.        Paper §3.1, Fig. 2(b)

    y[t,f,o] = b[o] + Σ_c x[t,f,c] · w[c,o]

    dx[t,f,c] = Σ_o dy[t,f,o] · w[c,o]      dw[c,o] = Σ_tf x[t,f,c] · dy[t,f,o]      db[o] = Σ_tf dy[t,f,o]

Every position is treated alike, so all positions of all utterances are the rows of one matrix and each line
above is one matrix product: Y = X W + b, dX = dY Wᵀ, dW = Xᵀ dY. Most of the network's arithmetic is here.

Shapes      x (N, F, C)   w (C, O)   b (O,)   y (N, F, O)
Remembers   x             (dw needs it)
Raises      ValueError: channels differ; offsets do not run 0 … N
Deviation   none
Test        tests/test_pointwise.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged


def pointwise_forward(x, w, b):
    """Y = X W + b, for x (N, F, C)."""
    y = x.reshape(-1, w.shape[0]) @ w
    y += b
    return y.reshape(*x.shape[:-1], w.shape[1])


def pointwise_backward(x, w, dy):
    """Gradients (dx, dw, db), given that of y."""
    x_rows, dy_rows = x.reshape(-1, w.shape[0]), dy.reshape(-1, w.shape[1])
    # forward: Y = X W + b, so:
    dx = dy_rows @ w.T
    dw = x_rows.T @ dy_rows
    db = dy_rows.sum(0)
    return dx.reshape(x.shape), dw, db


@dataclass(frozen=True)
class PointwiseConv:
    """1×1 convolution. The equations stand at the top of this file."""

    in_channels: int
    channels: int

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform with fans C and O, biases 0."""
        shape = (self.in_channels, self.channels)
        return {
            "w": glorot_uniform(rng, shape, self.in_channels, self.channels, dtype),
            "b": np.zeros(self.channels, dtype),
        }

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, Ragged]:
        """Mix the channels at each position."""
        check_ragged(x, (None, self.in_channels))
        shapes = {"w": (self.in_channels, self.channels), "b": (self.channels,)}
        check_parameters(params, x.data.dtype, shapes)
        return Ragged(pointwise_forward(x.data, params["w"], params["b"]), x.offsets), x

    def backward(self, params: Params, cache: Ragged, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of w and b, given that of y."""
        x = cache.data
        check_array(dy, (*x.shape[:2], self.channels), x.dtype, "dy")
        dx, dw, db = pointwise_backward(x, params["w"], dy)
        return dx, {"w": dw, "b": db}
