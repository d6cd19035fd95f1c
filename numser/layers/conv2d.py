"""Convolution over time and frequency with any window, stride, dilation and padding, as matrix products.

    y[t,f,o] = b[o] + Σ_ijc w[i,j,c,o] · x[s,g,c]          s = σₜ·t + δₜ·i − pₜ,  g = σ_f·f + δ_f·j − p_f

    dw[i,j,c,o] = Σ_tf x[s,g,c] · dy[t,f,o]                db[o] = Σ_tf dy[t,f,o]
    dx[s,g,c]  += Σ_o w[i,j,c,o] · dy[t,f,o]               one input feeds many outputs

What lies outside the utterance is zero: its own edges are padded, and no neighbour is seen. Utterance by utterance
the J frequencies under a window are copied side by side into the rows of a matrix, (T·F', J·C). The rows that tap i
of time sees lie one after another in it, A_i, so that nothing is copied I times: Y = Σ_i A_i W_i, dW_i = A_iᵀ dY.
Only where channels are few is it quicker to put all taps side by side, in one product. The matrix is several times
as large as x, so it is not kept but made again.

dx is a convolution too: of dy, its frames moved σ apart and zeros between them, with the window turned round. Where
F = 1 it is a convolution over time alone.

Shapes      x (N, F, C)   w (I, J, C, O)   b (O,)   y (N', F', O)
            T' = ⌊(T + before + after − δ(I−1) − 1) / σ⌋ + 1, and F' likewise
Remembers   x             (dw needs it)
Raises      ValueError: channels differ; an utterance is shorter than the window; offsets do not run 0 … N
Deviation   not in the paper, whose convolutions have layers of their own
Source      Chellapilla, Puri, Simard, "High performance convolutional neural networks", 2006
Test        tests/test_conv2d.py, and its gradients in tests/test_contract.py
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged, offsets_of, unpack

Pair = tuple[int, int]  # of time and of frequency
_FEW = 256  # columns: products of fewer have more to write than to multiply


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
        for u, out in zip(unpack(x), unpack(y), strict=True):
            _convolve(self._padded(u), params["w"], self.stride, self.dilation, out)
        if self.bias:
            y.data[...] += params["b"]
        return y, x

    def backward(self, params: Params, cache: Ragged, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of w and b, given that of y."""
        x, w = cache, params["w"]
        if self._sees_all(x):
            return self._backward_over_time(params, x, dy, input_gradient)
        offsets = offsets_of(self._size(x.lengths, 0))
        check_array(dy, (offsets[-1], self._size(x.data.shape[1], 1), self.channels), x.data.dtype, "dy")
        dw, dx = np.zeros_like(w), Ragged(np.empty(x.data.shape, x.data.dtype), x.offsets) if input_gradient else None
        for u, dout in zip(unpack(x), unpack(Ragged(dy, offsets)), strict=True):
            rows = _rows(self._padded(u), w.shape, self.stride, self.dilation, dout.shape)
            for a, of_tap in zip(rows, dw.reshape(len(rows), -1, self.channels), strict=True):
                # forward: y += a w, so:
                of_tap += a.T @ dout.reshape(-1, self.channels)
        if dx is None:
            return None, self._with_bias(dw, dy)
        turned = np.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3))
        for dout, out in zip(unpack(Ragged(dy, offsets)), unpack(dx), strict=True):
            # forward: y[t] += x[σt + δi − p] w[i], so:
            _convolve(self._apart(dout, out.shape), turned, (1, 1), self.dilation, out)
        return dx.data, self._with_bias(dw, dy)

    def _sees_all(self, x: Ragged) -> bool:
        """Whether there are several frequencies, and all stand under one window."""
        return self.kernel[1] == x.data.shape[1] > 1 and self.padding[1] == (0, 0) and self.dilation[1] == 1

    def _backward_over_time(self, params: Params, x: Ragged, dy: np.ndarray, input_gradient: bool) -> Gradients:
        """Gradients where one window sees all F frequencies: it is one over time alone, of F·C channels. Turned round
        it would be moved over F places, and see but one frequency of dy from each.
        """
        taps, channels = self.kernel[0], self.in_channels * self.kernel[1]
        alone = replace(self, in_channels=channels, kernel=(taps, 1), stride=(self.stride[0], 1))
        flat = Ragged(x.data.reshape(len(x.data), 1, channels), x.offsets)
        w = params["w"].reshape(taps, 1, channels, self.channels)
        dx, grads = alone.backward(params | {"w": w}, flat, dy, input_gradient=input_gradient)
        grads["w"] = grads["w"].reshape(params["w"].shape)
        return None if dx is None else dx.reshape(x.data.shape), grads

    def _with_bias(self, dw: np.ndarray, dy: np.ndarray) -> Params:
        return {"w": dw} | ({"b": dy.sum((0, 1))} if self.bias else {})

    def _reach(self, axis: int) -> int:
        """How many inputs a window reaches over."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def _size(self, n, axis: int):
        """How many outputs n inputs become."""
        return (n + sum(self.padding[axis]) - self._reach(axis)) // self.stride[axis] + 1

    def _padded(self, x: np.ndarray) -> np.ndarray:
        return np.pad(x, (*self.padding, (0, 0)))

    def _apart(self, dy: np.ndarray, inputs: tuple[int, ...]) -> np.ndarray:
        """An utterance's dy, σ apart and between zeros, so that each input (T, F) has its window in it."""
        reach = self._reach(0), self._reach(1)
        apart = np.zeros((inputs[0] + reach[0] - 1, inputs[1] + reach[1] - 1, self.channels), dy.dtype)
        here, there = [], []
        for axis in (0, 1):
            begin = reach[axis] - 1 - self.padding[axis][0]
            skipped = max(0, -(begin // self.stride[axis]))  # outputs that see nothing but what was padded before
            begin += skipped * self.stride[axis]
            here.append(slice(begin, None, self.stride[axis]))
            there.append(slice(skipped, skipped + len(range(begin, apart.shape[axis], self.stride[axis]))))
        seen = dy[tuple(there)]
        apart[tuple(here)][: seen.shape[0], : seen.shape[1]] = seen
        return apart


def _convolve(padded: np.ndarray, w: np.ndarray, stride: Pair, dilation: Pair, out: np.ndarray) -> None:
    """out[t,f,o] = Σ_ijc w[i,j,c,o] · padded[σₜ·t + δₜ·i, σ_f·f + δ_f·j, c]"""
    channels = w.shape[-1]
    rows, y = _rows(padded, w.shape, stride, dilation, out.shape), out.reshape(-1, channels)
    first, *others = zip(rows, w.reshape(len(rows), -1, channels), strict=True)
    np.matmul(*first, out=y)
    product = np.empty_like(y) if others else None
    for a, of_tap in others:
        y += np.matmul(a, of_tap, out=product)


def _rows(
    padded: np.ndarray, window: tuple[int, ...], stride: Pair, dilation: Pair, outputs: tuple[int, ...]
) -> list[np.ndarray]:
    """What the outputs see of an utterance: (T'·F', J·C) through each tap of time, or (T'·F', I·J·C) through all."""

    def cut(n: int, axis: int) -> slice:
        return slice(dilation[axis] * n, dilation[axis] * n + stride[axis] * (outputs[axis] - 1) + 1, stride[axis])

    taps, columns = window[0], math.prod(window[1:3])
    side_by_side = np.concatenate([padded[:, cut(j, 1)] for j in range(window[1])], axis=2)
    rows = [side_by_side[cut(i, 0)] for i in range(taps)]
    if taps * columns <= _FEW:
        rows, columns = [np.concatenate(rows, axis=2)], taps * columns
    return [a.reshape(-1, columns) for a in rows]
