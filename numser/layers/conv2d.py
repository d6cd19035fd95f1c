"""Convolution over time and frequency with any window, stride, dilation and padding, as matrix products.

    y[t,f,o] = b[o] + Σ_ijc w[i,j,c,o] · x[s,g,c]          s = σₜ·t + δₜ·i − pₜ,  g = σ_f·f + δ_f·j − p_f

    dw[i,j,c,o] = Σ_tf x[s,g,c] · dy[t,f,o]                db[o] = Σ_tf dy[t,f,o]
    dx[s,g,c]  += Σ_o w[i,j,c,o] · dy[t,f,o]               one input feeds many outputs

What lies outside the utterance is zero: its own edges are padded, and no neighbour is seen. Utterance by utterance
the windows are copied side by side into the rows of a matrix A, (T'·F', I·J·C). Then Y = A W and dW = Aᵀ dY are one
product each. A is many times as large as x, so it is not kept but made again; and dA never is: each of the I·J taps
adds its own dY Wᵀ to dx. Where F = 1 it is a convolution over time alone.

Shapes      x (N, F, C)   w (I, J, C, O)   b (O,)   y (N', F', O)
            T' = ⌊(T + before + after − δ(I−1) − 1) / σ⌋ + 1, and F' likewise
Remembers   x             (dw needs it)
Raises      ValueError: channels differ; an utterance is shorter than the window; offsets do not run 0 … N
Deviation   not in the paper, whose convolutions have layers of their own
Source      Chellapilla, Puri, Simard, "High performance convolutional neural networks", 2006
Test        tests/test_conv2d.py, and its gradients in tests/test_contract.py
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged, offsets_of, unpack

Pair = tuple[int, int]  # of time and of frequency


@dataclass(frozen=True)
class Conv2D:
    """A convolution of any size. Each pair is (time, frequency). The equations stand at the top of this file."""

    in_channels: int
    channels: int
    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))  # zeros before and after, of time and of frequency
    bias: bool = True

    @staticmethod
    def same(in_channels: int, channels: int, kernel: Pair, dilation: Pair = (1, 1), bias: bool = True) -> "Conv2D":
        """With stride 1, and padded so that the size stays."""
        time, frequency = (divmod(d * (k - 1), 2) for d, k in zip(dilation, kernel, strict=True))
        padding = ((time[0], sum(time)), (frequency[0], sum(frequency)))
        return Conv2D(in_channels, channels, kernel, dilation=dilation, padding=padding, bias=bias)

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"w": (*self.kernel, self.in_channels, self.channels)}
        return shapes | ({"b": (self.channels,)} if self.bias else {})

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform with fans I·J·C and I·J·O, biases 0."""
        taps = math.prod(self.kernel)
        w = glorot_uniform(rng, self._shapes["w"], taps * self.in_channels, taps * self.channels, dtype)
        return {"w": w} | ({"b": np.zeros(self.channels, dtype)} if self.bias else {})

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, Ragged]:
        """Convolve each utterance."""
        check_ragged(x, (None, self.in_channels))
        check_parameters(params, x.data.dtype, self._shapes)
        frames, frequencies = self._size(x.lengths, 0), self._size(x.data.shape[1], 1)
        if frames.min() < 1 or frequencies < 1:
            raise ValueError(
                f"x: the window reaches over {self._reach(0)} frames of {self._reach(1)} frequencies, found an "
                f"utterance with {x.lengths.min()} frames of {x.data.shape[1]}"
            )
        y = Ragged(np.empty((frames.sum(), frequencies, self.channels), x.data.dtype), offsets_of(frames))
        w = params["w"].reshape(-1, self.channels)
        for u, out in zip(unpack(x), unpack(y), strict=True):
            np.matmul(self._windows(u, len(out)), w, out=out.reshape(-1, self.channels))
        if self.bias:
            y.data[...] += params["b"]
        return y, x

    def backward(self, params: Params, cache: Ragged, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of w and b, given that of y."""
        x, w = cache, params["w"]
        offsets = offsets_of(self._size(x.lengths, 0))
        check_array(dy, (offsets[-1], self._size(x.data.shape[1], 1), self.channels), x.data.dtype, "dy")
        dw, dx = np.zeros_like(w), np.empty_like(x.data) if input_gradient else None
        for n, (u, dout) in enumerate(zip(unpack(x), unpack(Ragged(dy, offsets)), strict=True)):
            # forward: Y = A W, so:
            dw += (self._windows(u, len(dout)).T @ dout.reshape(-1, self.channels)).reshape(w.shape)
            if dx is not None:
                padded = self._padded(np.zeros_like(u))
                for i, j, tap in self._taps(padded, len(dout)):
                    # forward: y += x[s, g] w[i, j], so:
                    tap += dout @ w[i, j].T
                (top, _), (left, _) = self.padding
                dx[x.offsets[n] : x.offsets[n + 1]] = padded[top : top + len(u), left : left + u.shape[1]]
        return dx, {"w": dw} | ({"b": dy.sum((0, 1))} if self.bias else {})

    def _reach(self, axis: int) -> int:
        """How many inputs a window reaches over."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def _size(self, n, axis: int):
        """How many outputs n inputs become."""
        return (n + sum(self.padding[axis]) - self._reach(axis)) // self.stride[axis] + 1

    def _padded(self, x: np.ndarray) -> np.ndarray:
        return np.pad(x, (*self.padding, (0, 0)))

    def _taps(self, padded: np.ndarray, frames: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """For each (i, j), what all outputs see of a padded utterance there: a view (T', F', C)."""
        frequencies = (padded.shape[1] - self._reach(1)) // self.stride[1] + 1
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                cuts = (
                    slice(d * k, d * k + s * (n - 1) + 1, s)
                    for d, k, s, n in zip(self.dilation, (i, j), self.stride, (frames, frequencies), strict=True)
                )
                yield i, j, padded[tuple(cuts)]

    def _windows(self, x: np.ndarray, frames: int) -> np.ndarray:
        """The matrix A of one utterance."""
        taps = [tap for _, _, tap in self._taps(self._padded(x), frames)]
        return np.concatenate(taps, axis=2).reshape(-1, math.prod(self._shapes["w"][:-1]))
