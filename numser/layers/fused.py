"""The separable block in one piece: what `inverted_residual.py` composes, shaped to the processor.

    e = ReLU(x We + be)       d = ReLU(depthwise(e))       y = d Wp + bp, and + x if residual

Composed of layers, every step between the matrix products walks through memory once more, and there it waits: the
arrays are larger than the processor's nearest cache. So here

- an utterance goes through all three steps a tile of frames at a time, while the tile is in that cache. A frame's
  filter needs the frame after it, so expanding runs one frame ahead of filtering;
- the products add their bias, take their ReLU, and write where the result is needed;
- e and the gradient of d have a border of zeros, so that the depthwise loops need not ask for edges. Expanding writes
  inside it, and the gradient is copied there in the pass that takes the mask anyway;
- no mask is kept: e > 0 says where the ReLU let through;
- d is not kept for backward, which computes it once more: that is faster than to write it to memory and read it;
- backward makes the gradient of e, its mask and its sum (the bias's gradient) in one pass.

The equations of the depthwise convolution stand in `depthwise.py`, its fast loops and the products in
`fused_kernels.py`. A test holds this block against the composed one.

Shapes      x (N, F, C)   d (N, F, M)   y (N, F, O);   residual: O = C
            e (N+2B, F+2, M): each of B utterances has a frame of zeros before and after it
Parameters  as in inverted_residual.py
Remembers   x, e, and w, by which the gradient check finds where d > 0; in inference no e, and backward would have to
            compute it once more
Raises      ValueError: channels differ; offsets do not run 0 … N
Deviation   none
Test        tests/test_fused.py, and its gradients in tests/test_contract.py
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from numser.layers.fused_kernels import (
    block_forward,
    depthwise_relu_backward,
    depthwise_relu_forward,
    fetch,
    panels_of,
    product,
    relu_backward_bordered,
    rows,
)
from numser.layers.inverted_residual import separable_block
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged


def second_cache(file: Path = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")) -> int:
    """How large the processor's second cache is, in bytes; where no such file says it, as many have it."""
    try:
        size = file.read_text().strip()  # such as 512K
        return min(max(int(size.removesuffix("K")) * 2**10, 2**18), 2**21)
    except (OSError, ValueError):
        return 2**19


TILE = second_cache() // 16  # numbers of e made together forward: in float32 a quarter of it, as x, d and y take more


class Remembered(NamedTuple):
    """What backward needs."""

    x: Ragged
    e: np.ndarray | None
    w: np.ndarray

    def decisions(self) -> Iterator[np.ndarray]:
        """Where each ReLU let through, for the gradient check."""
        if self.e is None:
            raise ValueError("cache: forward was called without training=True, and does not remember that")
        yield self.e > 0
        d = np.empty((*self.x.data.shape[:2], self.e.shape[2]), self.e.dtype)
        for its, bordered in utterances(self.x.offsets):
            depthwise_relu_forward(self.e[bordered], self.w, d[its])
        yield d > 0


def utterances(offsets: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Where each utterance's frames lie, and where they lie together with their border."""
    for n in range(len(offsets) - 1):
        yield slice(offsets[n], offsets[n + 1]), slice(offsets[n] + 2 * n, offsets[n + 1] + 2 * n + 2)


def tiles(frames: int, step: int) -> Iterator[tuple[slice, slice]]:
    """Cut an utterance into tiles. With each come the frames that have to be ready before it, and are not yet.

    Those are the frames up to one after the tile, since a filter sees that.
    """
    ready = 0
    for start in range(0, frames, step):
        tile = slice(start, min(start + step, frames))
        ahead = slice(ready, min(tile.stop + 1, frames))
        yield tile, ahead
        ready = ahead.stop


def with_neighbours(frames: slice) -> slice:
    """What the filter sees for these frames of an utterance, in an array with a border."""
    return slice(frames.start, frames.stop + 2)


def inside_border(frames: slice) -> slice:
    """Where these frames of an utterance lie in an array with a border."""
    return slice(frames.start + 1, frames.stop + 1)


@dataclass(frozen=True)
class FusedBlock:
    """Expand, filter, project, and the way around. The equations stand at the top of this file."""

    in_channels: int
    expanded: int
    channels: int
    residual: bool = False

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """The composed block's parameters."""
        return separable_block(self.in_channels, self.expanded, self.channels).init(rng, dtype)

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, Remembered]:
        """Expand, filter, project; while `training`, remember what expanding made."""
        check_ragged(x, (None, self.in_channels))
        check_parameters(params, x.data.dtype, self._shapes())
        frames, width, _ = x.data.shape
        longest = x.lengths.max()
        y = np.empty((frames, width, self.channels), x.data.dtype)
        e = np.empty((frames + 2 * len(x) if training else longest + 2, width + 2, self.expanded), x.data.dtype)
        _, d = self._room_for_tiles(width, x.data.dtype, TILE)
        weights = [params[name] for name in self._shapes()]
        panels = panels_of(params["expand.w"]), panels_of(params["project.w"])
        for its, bordered in utterances(x.offsets):
            its_e = e[bordered] if training else e[: its.stop - its.start + 2]
            block_forward(x.data[its], *weights, *panels, self.residual, d[:-1], its_e, y[its])
        return Ragged(y, x.offsets), Remembered(x, e if training else None, params["depthwise.w"])

    def backward(self, params: Params, cache: Remembered, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of the parameters, given that of y."""
        x, e, _ = cache
        check_array(dy, (*x.data.shape[:2], self.channels), x.data.dtype, "dy")
        if e is None:
            _, cache = self.forward(params, x, training=True)
            return self.backward(params, cache, dy)
        dx, grads = np.empty_like(x.data), {name: np.zeros_like(w) for name, w in params.items()}
        dd = np.empty((x.lengths.max() + 2, *e.shape[1:]), e.dtype)
        d, de = self._room_for_tiles(x.data.shape[1], e.dtype, 4 * TILE)  # a tile is 20 calls from Python
        turned = {name: np.ascontiguousarray(params[f"{name}.w"].T) for name in ("project", "expand")}
        back = {
            name: (w, panels_of(w), np.zeros(w.shape[1], w.dtype), w.dtype.type(-np.inf))
            for name, w in turned.items()
        }
        for its, bordered in utterances(x.offsets):
            its_dd = dd[: its.stop - its.start + 2]
            self._backward(params, back, x.data[its], e[bordered], dy[its], its_dd, d, de, dx[its], grads)
        return dx, grads

    def _backward(self, params, back, x, e, dy, dd, d, de, dx, grads) -> None:
        """Fill dx of one utterance and add to grads; dd, d and de are room to work in."""
        w, dw, db = params["depthwise.w"], grads["depthwise.w"], grads["expand.b"]
        grads["project.b"] += np.ones(len(rows(dy)), dy.dtype) @ rows(dy)
        dd[0] = dd[-1] = 0
        for tile, ahead in tiles(len(x), len(d) - 1):
            n = ahead.stop - ahead.start
            its_d, its_dd, dy_rows = d[:n], de[:n], rows(dy[ahead])
            fetch((e[with_neighbours(ahead)], dy[ahead], x[tile]))
            depthwise_relu_forward(e[with_neighbours(ahead)], w, its_d)
            # forward: y = d @ Wp + bp, so:
            grads["project.w"] += rows(its_d).T @ dy_rows
            product(dy_rows, *back["project"], rows(its_dd))
            relu_backward_bordered(its_dd, its_d, dd[inside_border(ahead)])
            # forward: d = depthwise(e), e = ReLU(x @ We + be), so:
            its_de, dx_rows = de[: tile.stop - tile.start], rows(dx[tile])
            depthwise_relu_backward(e[with_neighbours(tile)], w, dd[with_neighbours(tile)], its_de, dw, db)
            grads["expand.w"] += rows(x[tile]).T @ rows(its_de)
            product(rows(its_de), *back["expand"], dx_rows)
            if self.residual:
                dx_rows += rows(dy[tile])

    def _room_for_tiles(self, width: int, dtype: np.dtype, numbers: int) -> np.ndarray:
        """Two empty arrays for the frames of a tile of about so many numbers, and for one frame ahead."""
        return np.empty((2, max(1, numbers // (width * self.expanded)) + 1, width, self.expanded), dtype)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "expand.w": (self.in_channels, self.expanded),
            "expand.b": (self.expanded,),
            "depthwise.w": (3, 3, self.expanded),
            "project.w": (self.expanded, self.channels),
            "project.b": (self.channels,),
        }
