"""Long short-term memory, in one direction or in both.

    a = x W + b + h U         split into ai, ag, af, ao
    i = σ(ai)   g = tanh(ag)   f = σ(af)   o = σ(ao)        write, what to write, keep, show
    c' = f∘c + i∘g             h' = o∘tanh(c')              both 0 before the first frame

Backward walks each direction from its end to its start and carries dh and dc:
    dc' += dh'∘o∘(1 − tanh² c')
    dai = dc'∘g∘i(1−i)   dag = dc'∘i∘(1−g²)   daf = dc'∘c∘f(1−f)   dao = dh'∘tanh(c')∘o(1−o)
    dh = da Uᵀ           dc = dc'∘f
and then, over all frames at once: dx = da Wᵀ, dW = xᵀ da, db = Σ da, dU = Σ hᵀ da.

All utterances take their step together, so that h U is a matrix product: the longest stand first, and those that have
ended drop out at the bottom.

Shapes      x (N, C)   w (C, 4H)   u (H, 4H)   b (4H,)   y (N, H), or both directions (N, 2H): forward, then backward
            columns of w, u, b: i, g, f, o
Remembers   x, and of each direction i, g, f, o (N, 4H), c and h (N, H)
Raises      ValueError: features differ; offsets do not run 0 … N
Deviation   not in the paper. As TensorFlow's BasicLSTMCell, but for its constant 1 in σ(af + 1), with which memory is
            kept at first: here b starts with it
Source      Hochreiter and Schmidhuber, 1997; Gers, Schmidhuber, Cummins, 2000
Test        tests/test_lstm.py, and its gradients in tests/test_contract.py
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged


class Remembered(NamedTuple):
    """What backward needs of one direction."""

    gates: np.ndarray
    c: np.ndarray
    h: np.ndarray


def frames_by_step(offsets: np.ndarray, reverse: bool) -> Iterator[np.ndarray]:
    """Which frames are read in each step: one of each utterance that has not ended, the longest utterance first."""
    lengths = np.diff(offsets)
    order = np.argsort(-lengths, kind="stable")
    ascending = np.sort(lengths)
    begin = (offsets[1:] - 1 if reverse else offsets[:-1])[order]
    for step in range(lengths.max()):
        going = len(lengths) - np.searchsorted(ascending, step, side="right")
        yield begin[:going] + (-step if reverse else step)


def lstm_forward(a: np.ndarray, offsets: np.ndarray, u: np.ndarray, reverse: bool) -> Remembered:
    """One direction. Overwrites a (N, 4H) with i, g, f, o."""
    units, half = len(u), a.dtype.type(0.5)
    c, h = np.empty((2, len(a), units), a.dtype)
    before_c, before_h = np.zeros((2, len(offsets) - 1, units), a.dtype)
    for rows in frames_by_step(offsets, reverse):
        before_c, before_h = before_c[: len(rows)], before_h[: len(rows)]
        gates = (a[rows] + before_h @ u).reshape(-1, 4, units)
        gates[:, [0, 2, 3]] *= half  # σ(x) = (1 + tanh(x / 2)) / 2
        gates = np.tanh(gates)
        gates[:, [0, 2, 3]] = half + half * gates[:, [0, 2, 3]]
        i, g, f, o = gates.transpose(1, 0, 2)
        before_c = f * before_c + i * g
        before_h = o * np.tanh(before_c)
        a[rows], c[rows], h[rows] = gates.reshape(-1, 4 * units), before_c, before_h
    return Remembered(a, c, h)


def lstm_backward(
    dy: np.ndarray, offsets: np.ndarray, u: np.ndarray, reverse: bool, cache: Remembered
) -> tuple[np.ndarray, np.ndarray]:
    """Of one direction the gradients of a (N, 4H) and of u."""
    units, steps = len(u), list(frames_by_step(offsets, reverse))
    da, past = np.empty_like(cache.gates), np.zeros_like(cache.h)
    dh, dc = np.zeros((2, 0, units), dy.dtype)
    ended = np.zeros((len(offsets) - 1, units), dy.dtype)
    for step in range(len(steps) - 1, -1, -1):
        rows = steps[step]
        dh = dy[rows] + np.concatenate([dh, ended[len(dh) : len(rows)]])
        dc = np.concatenate([dc, ended[len(dc) : len(rows)]])
        c = cache.c[steps[step - 1][: len(rows)]] if step else ended[: len(rows)]
        if step:
            past[rows] = cache.h[steps[step - 1][: len(rows)]]
        i, g, f, o = cache.gates[rows].reshape(-1, 4, units).transpose(1, 0, 2)
        shown = np.tanh(cache.c[rows])
        # forward: h' = o * tanh(c'), so:
        dc = dc + dh * o * (1 - shown * shown)
        # forward: c' = f * c + i * g, and σ' = σ (1 − σ), tanh' = 1 − tanh², so:
        d = [dc * g * i * (1 - i), dc * i * (1 - g * g), dc * c * f * (1 - f), dh * shown * o * (1 - o)]
        da[rows] = np.concatenate(d, axis=1)
        # forward: a += h @ u, so:
        dh, dc = da[rows] @ u.T, dc * f
    return da, past.T @ da


@dataclass(frozen=True)
class LSTM:
    """Long short-term memory. The equations stand at the top of this file."""

    inputs: int
    units: int
    bidirectional: bool = True

    @property
    def _prefixes(self) -> tuple[str, ...]:
        return ("forward.", "backward.") if self.bidirectional else ("",)

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform with the fans of the stacked [x; h] matrix; biases 1 for f, else 0."""
        n, h = self.inputs, self.units
        params = {}
        for prefix in self._prefixes:
            stacked = glorot_uniform(rng, (n + h, 4 * h), n + h, 4 * h, dtype)
            params[prefix + "w"], params[prefix + "u"] = stacked[:n].copy(), stacked[n:].copy()
            params[prefix + "b"] = np.repeat(np.array([0, 0, 1, 0], dtype), h)
        return params

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, tuple]:
        """Read each utterance."""
        n, h = self.inputs, self.units
        check_ragged(x, (n,))
        shapes = {"w": (n, 4 * h), "u": (h, 4 * h), "b": (4 * h,)}
        check_parameters(
            params, x.data.dtype, {p + name: shape for p in self._prefixes for name, shape in shapes.items()}
        )
        directions = [
            lstm_forward(x.data @ params[p + "w"] + params[p + "b"], x.offsets, params[p + "u"], p == "backward.")
            for p in self._prefixes
        ]
        return Ragged(np.hstack([d.h for d in directions]), x.offsets), (x, directions)

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of the weights, given that of y."""
        x, directions = cache
        check_array(dy, (len(x.data), len(directions) * self.units), x.data.dtype, "dy")
        grads, dx = {}, np.zeros_like(x.data)
        for p, direction, own in zip(self._prefixes, directions, np.split(dy, len(directions), 1), strict=True):
            da, grads[p + "u"] = lstm_backward(own, x.offsets, params[p + "u"], p == "backward.", direction)
            # forward: a = x @ w + b, so:
            grads[p + "w"], grads[p + "b"] = x.data.T @ da, da.sum(0)
            dx += da @ params[p + "w"].T
        return dx, grads
