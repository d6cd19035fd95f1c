"""The separable block in one piece: what `inverted_residual.py` composes, shaped to the processor.

    e = ReLU(x We + be)       d = ReLU(depthwise(e))       y = d Wp + bp, and + x if residual

The matrix products are the same. Composed of layers, every step between them walks through memory once more, and
there it waits: the arrays are larger than the processor's nearest cache. So here

- bias and ReLU change e and d where they lie, in the pass that touches them anyway;
- no mask is kept: e > 0 says where the ReLU let through;
- backward makes the gradient of e, its mask and its sum (the bias's gradient) in one pass.

The equations of the depthwise convolution stand in `depthwise.py`, and its plain loops too. A test holds this block
against the composed one.

Shapes      x (N, F, C)   e, d (N, F, M)   y (N, F, O);   residual: O = C
Parameters  as in inverted_residual.py
Remembers   x, e, d
Raises      ValueError: channels differ; offsets do not run 0 … N
Deviation   none
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from numser.jit import jit
from numser.layers.depthwise import depthwise_relu_backward, depthwise_relu_forward
from numser.layers.inverted_residual import separable_block
from numser.ragged import Ragged, check_array, check_parameters, check_ragged


class Remembered(NamedTuple):
    """What backward needs."""

    x: Ragged
    e: np.ndarray
    d: np.ndarray

    def decisions(self) -> Iterator[np.ndarray]:
        """Where each ReLU let through, for the gradient check."""
        yield self.e > 0
        yield self.d > 0


@jit
def bias_relu(x, b):
    """x ← ReLU(x + b), for x (rows, M)."""
    zero = b.dtype.type(0)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            x[n, c] = max(x[n, c] + b[c], zero)


@jit
def bias_skip(y, b, x):
    """y ← y + b + x, for y and x (rows, C)."""
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            y[n, c] += b[c] + x[n, c]


@jit
def relu_backward(dy, y):
    """dy ← dy where y > 0, else 0, for dy and y (rows, M)."""
    zero = dy.dtype.type(0)
    for n in range(dy.shape[0]):
        for c in range(dy.shape[1]):
            dy[n, c] = dy[n, c] if y[n, c] > zero else zero


@dataclass(frozen=True)
class FusedBlock:
    """Expand, filter, project, and the way around. The equations stand at the top of this file."""

    in_channels: int
    expanded: int
    channels: int
    residual: bool = False

    def init(self, rng: np.random.Generator, dtype=np.float32) -> dict[str, np.ndarray]:
        """The composed block's parameters."""
        return separable_block(self.in_channels, self.expanded, self.channels).init(rng, dtype)

    def forward(self, params, x: Ragged, *, rng=None) -> tuple[Ragged, Remembered]:
        """Expand, filter, project; `rng` is not used."""
        check_ragged(x, (None, self.in_channels))
        check_parameters(params, x.data.dtype, self._shapes())
        frames, frequencies, _ = x.data.shape
        x_rows = x.data.reshape(-1, self.in_channels)
        e_rows = x_rows @ params["expand.w"]
        bias_relu(e_rows, params["expand.b"])
        e = e_rows.reshape(frames, frequencies, -1)
        d = np.empty_like(e)
        depthwise_relu_forward(e, x.offsets, params["depthwise.w"], d)
        y = d.reshape(-1, self.expanded) @ params["project.w"]
        if self.residual:
            bias_skip(y, params["project.b"], x_rows)
        else:
            y += params["project.b"]
        return Ragged(y.reshape(frames, frequencies, -1), x.offsets), Remembered(x, e, d)

    def backward(self, params, cache: Remembered, dy: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Gradients of x and of the parameters, given that of y."""
        x, e, d = cache
        check_array(dy, (*x.data.shape[:2], self.channels), x.data.dtype, "dy")
        x_rows, d_rows = x.data.reshape(-1, self.in_channels), d.reshape(-1, self.expanded)
        dy_rows = dy.reshape(-1, self.channels)
        grads = {"project.w": d_rows.T @ dy_rows, "project.b": dy_rows.sum(0)}
        dd_rows = dy_rows @ params["project.w"].T
        relu_backward(dd_rows, d_rows)
        de, dw, db = np.empty_like(e), np.zeros_like(params["depthwise.w"]), np.zeros_like(params["expand.b"])
        depthwise_relu_backward(e, x.offsets, params["depthwise.w"], dd_rows.reshape(e.shape), de, dw, db)
        de_rows = de.reshape(-1, self.expanded)
        grads |= {"depthwise.w": dw, "expand.w": x_rows.T @ de_rows, "expand.b": db}
        dx = de_rows @ params["expand.w"].T
        if self.residual:
            dx += dy_rows
        return dx.reshape(x.data.shape), grads

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "expand.w": (self.in_channels, self.expanded),
            "expand.b": (self.expanded,),
            "depthwise.w": (3, 3, self.expanded),
            "project.w": (self.expanded, self.channels),
            "project.b": (self.channels,),
        }
