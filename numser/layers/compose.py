"""Layers made of layers.

    Sequential   y = f_n(… f_2(f_1(x)))        dx = df_1(… df_n(dy)): the chain rule, from the last to the first
    Residual     y = x + f(x)                  dx = dy + df(dy): the gradient also goes straight through

A combinator is a layer itself: it has init, forward and backward. The parameters of all layers are one flat
dict with dotted names. A child called "stem" finds its "w" as "stem.w"; a child called "" shares its
parent's names, which is how layers without parameters, and pairs such as a dense layer and its PReLU, are put in.

Shapes      those of the layers
Remembers   what each layer remembers
Raises      ValueError: what the layers raise; Residual: f changes the shape of x
Deviation   none
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from numser.ragged import Ragged, frames_of, with_frames

Params = dict[str, np.ndarray]
Value = Ragged | np.ndarray


class Layer(Protocol):
    """What every layer can do. It holds hyper-parameters only, so that threads may share it."""

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw initial parameters."""

    def forward(self, params: Params, x: Value, *, rng: np.random.Generator | None = None) -> tuple[Value, Any]:
        """Compute (y, cache); the cache is what backward needs. Without `rng` this is inference."""

    def backward(self, params: Params, cache: Any, dy: np.ndarray) -> tuple[np.ndarray, Params]:
        """Compute (dx, grads) from the gradient of y; grads has the keys of params."""


def _scope(params: Params, name: str) -> Params:
    if not name:
        return params
    return {key[len(name) + 1 :]: value for key, value in params.items() if key.startswith(name + ".")}


def _prefixed(params: Params, name: str) -> Params:
    return {f"{name}.{key}" if name else key: value for key, value in params.items()}


@dataclass(frozen=True)
class Sequential:
    """One layer after the other, each with a name."""

    children: tuple[tuple[str, Layer], ...]

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw the initial parameters of each layer in turn."""
        params = {}
        for name, layer in self.children:
            params |= _prefixed(layer.init(rng, dtype), name)
        return params

    def forward(self, params: Params, x: Value, *, rng=None) -> tuple[Value, list]:
        """Go through the layers from first to last."""
        caches = []
        for name, layer in self.children:
            x, cache = layer.forward(_scope(params, name), x, rng=rng)
            caches.append(cache)
        return x, caches

    def backward(self, params: Params, cache: list, dy: np.ndarray) -> tuple[np.ndarray, Params]:
        """Go back through the layers from last to first."""
        grads = {}
        for (name, layer), layer_cache in zip(reversed(self.children), reversed(cache), strict=True):
            dy, layer_grads = layer.backward(_scope(params, name), layer_cache, dy)
            grads |= _prefixed(layer_grads, name)
        return dy, grads

    def weight_gradients(self, params: Params, cache: list, dy: np.ndarray) -> Params:
        """The parameters' gradients of `backward`, without the input's. The first layer must have this method too."""
        (name, first), *later = self.children
        dy, grads = Sequential(tuple(later)).backward(params, cache[1:], dy)
        return grads | _prefixed(first.weight_gradients(_scope(params, name), cache[0], dy), name)


@dataclass(frozen=True)
class Residual:
    """A layer and a way around it. Parameters have the inner layer's names."""

    layer: Layer

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw the initial parameters of the inner layer."""
        return self.layer.init(rng, dtype)

    def forward(self, params: Params, x: Value, *, rng=None) -> tuple[Value, Any]:
        """Add what the layer makes of x to x."""
        y, cache = self.layer.forward(params, x, rng=rng)
        if frames_of(y).shape != frames_of(x).shape:
            raise ValueError(
                f"x: a residual needs a layer that keeps the shape, found {frames_of(x).shape} "
                f"becoming {frames_of(y).shape}"
            )
        return with_frames(x, frames_of(x) + frames_of(y)), cache

    def backward(self, params: Params, cache: Any, dy: np.ndarray) -> tuple[np.ndarray, Params]:
        """Add the gradient through the layer to the one around it."""
        dx, grads = self.layer.backward(params, cache, dy)
        # forward: y = x + f(x), so:
        return dy + dx, grads
