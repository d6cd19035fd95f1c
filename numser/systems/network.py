"""What a system's network is: layers under each other, and what the rest of numser asks of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from numser.errors import quoted
from numser.layers import Layer, Sequential
from numser.ragged import Gradients, Params, Ragged, check_ragged, frames_of


def chain(*layers: Layer) -> Sequential:
    """Layers that share one name, under which each parameter is once."""
    return Sequential(tuple(("", layer) for layer in layers))


@dataclass(frozen=True)
class SystemNetwork:
    """A network beside `SeparableSER`, a layer as that is. Each system gives `network`, and says what it is shown.

    Raises      ValueError: a hyper-parameter that cannot be
    """

    n_classes: int
    blocks: int = 1  # how deep it is; each system says of what

    inputs: ClassVar[int]  # columns of a frame
    features: ClassVar[Mapping[str, Any]]  # what its frames differ in from the paper's, as `FeatureSettings` names it
    segment: ClassVar[int | None] = None  # frames it is shown at once; longer utterances are cut into such pieces
    shard_frames: ClassVar[int] = 3000  # so many of a batch share batch normalisation's statistics
    attention: ClassVar[bool] = False  # whether a prediction tells what was attended to

    def __post_init__(self):
        self._check("n_classes", 2, 1000)

    def _check(self, name: str, least: int, most: int) -> None:
        number = getattr(self, name)
        whole = isinstance(number, Integral) and not isinstance(number, bool)
        if not whole or not least <= number <= most:
            raise ValueError(f"{name}: should be a whole number from {least} to {most}, found {quoted(number)}")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return str(self)

    @cached_property
    def network(self) -> Sequential:
        """The layers, from entry to output."""
        raise NotImplementedError

    def image(self, x: Ragged) -> Ragged:
        """Frames as the first layer takes them."""
        raise NotImplementedError

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw initial parameters."""
        return self.network.init(rng, dtype)

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[np.ndarray, list]:
        """Logits (B, K) of a batch of frames (N, inputs), and the cache."""
        check_ragged(x, (self.inputs,))
        logits, cache = self.network.forward(params, self.image(x), training=training, rng=rng)
        return frames_of(logits), cache

    def backward(self, params: Params, cache: list, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of the frames as the first layer took them, and of all parameters, given that of the logits."""
        return self.network.backward(params, cache, dy, input_gradient=input_gradient)

    def statistics(self, cache: list) -> np.ndarray:
        """What a head for known people would be given: these networks have none. (B, 0)"""
        return np.zeros((len(cache[-1]), 0), np.float32)
