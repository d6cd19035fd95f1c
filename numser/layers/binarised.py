"""Binarised weights: a layer that computes with one bit a weight, and learns with all of them.

    Wb = H · sign(W)          sign(0) = +1        H = ½ √(6 / (fan_in + fan_out)), half of Glorot's limit
    y  = f(x; Wb)             dx = df(dy; Wb)     both directions see the binary weights

    dW = dWb, but 0 where |W| > H and the step would lead further out

Sign is flat, so the true gradient of W is 0 and would teach nothing. So the gradient of Wb goes straight through to
the real W, in which many small steps add up until a sign turns. Beyond ±H they would add up for nothing.

Shapes      those of the layer; W: each of its weights that has two axes or more and a name in `names`
Remembers   what the layer remembers
Raises      ValueError: what the layer raises
Deviation   not in the paper. BinaryConnect clips W to ±H after the optimiser's step; here its gradient ends there,
            which needs nothing of the optimiser, and lets W pass by what Adam's momentum carries
Source      Courbariaux, Bengio, David, "BinaryConnect", 2015, deterministic
Test        tests/test_binarised.py
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from numser.layers.compose import Layer
from numser.ragged import Gradients, Params, Value


def largest(w: np.ndarray) -> float:
    """H: what a weight becomes, or its negative."""
    taps = math.prod(w.shape[:-2])
    return 0.5 * math.sqrt(6 / (taps * (w.shape[-2] + w.shape[-1])))


def binary(w: np.ndarray) -> np.ndarray:
    """Wb."""
    h = w.dtype.type(largest(w))
    return np.where(w >= 0, h, -h)


@dataclass(frozen=True)
class Binarised:
    """A layer with binary weights. The equations stand at the top of this file."""

    layer: Layer
    names: tuple[str, ...] = ("w",)  # the last part of the names of what is binarised

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """The layer's; what is binarised evenly from ±H."""
        drawn = self.layer.init(rng, dtype)
        own = {name: rng.uniform(-largest(w), largest(w), w.shape).astype(dtype) for name, w in self._own(drawn)}
        return drawn | own

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, Any]:
        """What the layer does with binary weights."""
        return self.layer.forward(self.binary(params), x, training=training, rng=rng)

    def backward(self, params: Params, cache: Any, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """The layer's gradients at its binary weights, those of W where a step may lead."""
        dx, grads = self.layer.backward(self.binary(params), cache, dy, input_gradient=input_gradient)
        for name, w in self._own(params):
            outward = (np.abs(w) > largest(w)) & (w * grads[name] < 0)  # a step goes against the gradient
            grads[name] = np.where(outward, 0, grads[name])
        return dx, grads

    def binary(self, params: Params) -> Params:
        """The parameters that the layer computes with."""
        return params | {name: binary(w) for name, w in self._own(params)}

    def _own(self, params: Params) -> list[tuple[str, np.ndarray]]:
        return [(name, w) for name, w in params.items() if name.split(".")[-1] in self.names and w.ndim > 1]
