"""Layers made of layers.

    Sequential   y = f_n(… f_2(f_1(x)))        dx = df_1(… df_n(dy)): the chain rule, from the last to the first
    Residual     y = x + f(x)                  dx = dy + df(dy): the gradient also goes straight through
    EachOne      y_u = f(x_u)                  dx_u = df(dy_u), and f's gradients are summed over the utterances u

A combinator is a layer itself: it has init, forward and backward. The parameters of all layers are one flat
dict with dotted names. A child called "stem" finds its "w" as "stem.w"; a child called "" shares its
parent's names, which is how layers without parameters, and pairs such as a dense layer and its PReLU, are put in.

Shapes      those of the layers
Remembers   what each layer remembers
Raises      ValueError: what the layers raise; Residual: f changes the shape of x; EachOne: offsets do not run 0 … N
Deviation   none
Test        tests/test_compose.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from numser.ragged import Gradients, Params, Ragged, Value, check_ragged, frames_of, pack, unpack, with_frames


class Layer(Protocol):
    """What every layer can do. It holds hyper-parameters only, so that threads may share it."""

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw initial parameters."""

    def forward(
        self, params: Params, x: Any, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> tuple[Value, Any]:
        """Compute (y, cache). While `training`, the cache has all that backward needs; `rng` is for dropout alone.

        x is a Ragged or an array: each layer says which it takes.
        """

    def backward(self, params: Params, cache: Any, dy: np.ndarray, *, input_gradient: bool = True) -> Gradients:
        """Compute (dx, grads) from the gradient of y; grads has the keys of params.

        Without `input_gradient` nobody wants dx. A layer that saves work by it leaves dx out: None.
        """


def scope(params: Params, name: str) -> Params:
    """The parameters of a child, by its own names."""
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
        params: Params = {}
        for name, layer in self.children:
            params |= _prefixed(layer.init(rng, dtype), name)
        return params

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, list]:
        """Go through the layers from first to last."""
        caches = []
        for name, layer in self.children:
            x, cache = layer.forward(scope(params, name), x, training=training, rng=rng)
            caches.append(cache)
        return x, caches

    def backward(self, params: Params, cache: list, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Go back through the layers from last to first."""
        dx: np.ndarray | None = dy
        grads: Params = {}
        for i, (name, layer) in reversed(list(enumerate(self.children))):
            assert dx is not None  # only the first layer, which comes last here, may leave it out
            wanted = input_gradient or i > 0
            dx, layer_grads = layer.backward(scope(params, name), cache[i], dx, input_gradient=wanted)
            grads |= _prefixed(layer_grads, name)
        return dx, grads


@dataclass(frozen=True)
class Residual:
    """A layer and a way around it. Parameters have the inner layer's names."""

    layer: Layer

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw the initial parameters of the inner layer."""
        return self.layer.init(rng, dtype)

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, Any]:
        """Add what the layer makes of x to x."""
        y, cache = self.layer.forward(params, x, training=training, rng=rng)
        if frames_of(y).shape != frames_of(x).shape:
            raise ValueError(
                f"x: a residual needs a layer that keeps the shape, found {frames_of(x).shape} "
                f"becoming {frames_of(y).shape}"
            )
        return with_frames(x, frames_of(x) + frames_of(y)), cache

    def backward(self, params: Params, cache: Any, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Add the gradient through the layer to the one around it."""
        dx, grads = self.layer.backward(params, cache, dy, input_gradient=input_gradient)
        # forward: y = x + f(x), so:
        return None if dx is None else dy + dx, grads


@dataclass(frozen=True)
class EachOne:
    """A layer that goes through a batch one utterance after the other. Parameters have the inner layer's names.

    The result is the same. But what is made on the way, and not remembered, is there for one utterance at a time:
    where that is large, it takes less memory, and stays in the processor's cache.
    """

    layer: Layer

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw the initial parameters of the inner layer."""
        return self.layer.init(rng, dtype)

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, Any]:
        """Go through one utterance after the other."""
        check_ragged(x, (None,) * (x.data.ndim - 1))
        each = [self.layer.forward(params, pack([u]), training=training, rng=rng) for u in unpack(x)]
        y = pack([frames_of(own) for own, _ in each])
        return y, (y.offsets, [cache for _, cache in each])

    def backward(self, params: Params, cache: Any, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Go back through each utterance, and add up the gradients of the parameters."""
        offsets, caches = cache
        dxs: list[np.ndarray] = []
        grads: Params = {}
        for own, dout in zip(caches, unpack(Ragged(dy, offsets)), strict=True):
            dx, of_one = self.layer.backward(params, own, dout, input_gradient=input_gradient)
            dxs += [] if dx is None else [dx]
            for name, g in of_one.items():
                grads[name] = grads[name] + g if name in grads else g
        return np.concatenate(dxs) if dxs else None, grads
