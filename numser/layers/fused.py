"""The separable block in one piece: what `inverted_residual.py` composes, shaped to the processor.

    e = ReLU(x We + be)       d = ReLU(depthwise(e))       y = d Wp + bp, and + x if residual

The matrix products are the same. Composed of layers, every step between them walks through memory once more, and
there it waits: the arrays are larger than the processor's nearest cache. So here

- an utterance goes through all three steps a tile of frames at a time, while the tile is in that cache. A frame's
  filter needs the frame after it, so expanding runs one frame ahead of filtering;
- bias and ReLU change e and d where they lie, in the pass that touches them anyway;
- no mask is kept: e > 0 says where the ReLU let through;
- backward makes the gradient of e, its mask and its sum (the bias's gradient) in one pass.

The equations of the depthwise convolution stand in `depthwise.py`, its fast loops in `depthwise_relu.py`. A test
holds this block against the composed one.

Shapes      x (N, F, C)   e, d (N, F, M)   y (N, F, O);   residual: O = C
Parameters  as in inverted_residual.py
Remembers   x, e, d; without `rng`, which means inference, only x, and backward would compute the others again
Raises      ValueError: channels differ; offsets do not run 0 … N
Deviation   none
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from numser.jit import jit
from numser.layers.depthwise_relu import depthwise_relu_backward, depthwise_relu_forward
from numser.layers.inverted_residual import separable_block
from numser.ragged import Ragged, check_array, check_parameters, check_ragged

TILE = 1024  # positions, frames times frequencies, that go through the block together


class Remembered(NamedTuple):
    """What backward needs."""

    x: Ragged
    e: np.ndarray | None
    d: np.ndarray | None

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


def rows(x: np.ndarray) -> np.ndarray:
    """All positions of x (frames, F, C) as the rows of one matrix."""
    return x.reshape(-1, x.shape[-1])


def tiles(x: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where each tile of one utterance's frames starts and stops."""
    step = max(1, TILE // x.shape[1])
    return ((start, min(start + step, len(x))) for start in range(0, len(x), step))


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
        """Expand, filter, project. No random number is drawn; `rng` only says that backward will follow."""
        check_ragged(x, (None, self.in_channels))
        check_parameters(params, x.data.dtype, self._shapes())
        frames, frequencies, _ = x.data.shape
        y = np.empty((frames, frequencies, self.channels), x.data.dtype)
        keep = rng is not None
        e, d = np.empty((2, frames if keep else x.lengths.max(), frequencies, self.expanded), x.data.dtype)
        for first, last in zip(x.offsets[:-1], x.offsets[1:], strict=True):
            own = slice(first, last) if keep else slice(0, last - first)
            self._forward(params, x.data[first:last], e[own], d[own], y[first:last])
        return Ragged(y, x.offsets), Remembered(x, e, d) if keep else Remembered(x, None, None)

    def _forward(self, params, x, e, d, y) -> None:
        """Fill e, d and y of one utterance."""
        expanded = 0
        for start, stop in tiles(x):
            ahead = slice(expanded, min(stop + 1, len(x)))
            np.matmul(rows(x[ahead]), params["expand.w"], out=rows(e[ahead]))
            bias_relu(rows(e[ahead]), params["expand.b"])
            expanded = ahead.stop
            depthwise_relu_forward(e, params["depthwise.w"], start, stop, d)
            y_rows = rows(y[start:stop])
            np.matmul(rows(d[start:stop]), params["project.w"], out=y_rows)
            if self.residual:
                bias_skip(y_rows, params["project.b"], rows(x[start:stop]))
            else:
                y_rows += params["project.b"]

    def backward(self, params, cache: Remembered, dy: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Gradients of x and of the parameters, given that of y."""
        x, e, d = cache
        check_array(dy, (*x.data.shape[:2], self.channels), x.data.dtype, "dy")
        if e is None:
            _, (_, e, d) = self.forward(params, x, rng=np.random.default_rng())
        dx, grads = np.empty_like(x.data), {name: np.zeros_like(w) for name, w in params.items()}
        grads["project.b"] = rows(dy).sum(0)
        buffers = np.empty((2, x.lengths.max(), *e.shape[1:]), e.dtype)
        for first, last in zip(x.offsets[:-1], x.offsets[1:], strict=True):
            own = slice(first, last)
            self._backward(params, x.data[own], e[own], d[own], dy[own], *buffers, dx[own], grads)
        return dx, grads

    def _backward(self, params, x, e, d, dy, dd, de, dx, grads) -> None:
        """Fill dx of one utterance and add to grads. dd and de are room to work in."""
        projected = 0
        for start, stop in tiles(x):
            ahead = slice(projected, min(stop + 1, len(x)))
            d_rows, dd_rows, dy_rows = rows(d[ahead]), rows(dd[ahead]), rows(dy[ahead])
            # forward: y = d @ Wp + bp, so:
            grads["project.w"] += d_rows.T @ dy_rows
            np.matmul(dy_rows, params["project.w"].T, out=dd_rows)
            relu_backward(dd_rows, d_rows)
            projected = ahead.stop
            dw, db = grads["depthwise.w"], grads["expand.b"]
            depthwise_relu_backward(e, params["depthwise.w"], dd, start, stop, de, dw, db)
            # forward: e = x @ We + be, and y + x if residual, so:
            de_rows, dx_rows = rows(de[start:stop]), rows(dx[start:stop])
            grads["expand.w"] += rows(x[start:stop]).T @ de_rows
            np.matmul(de_rows, params["expand.w"].T, out=dx_rows)
            if self.residual:
                dx_rows += rows(dy[start:stop])

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "expand.w": (self.in_channels, self.expanded),
            "expand.b": (self.expanded,),
            "depthwise.w": (3, 3, self.expanded),
            "project.w": (self.expanded, self.channels),
            "project.b": (self.channels,),
        }
