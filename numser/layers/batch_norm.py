"""Batch normalisation: each channel to mean 0 and variance 1 over all frames of the batch, then to γ and β.

    m = mean x    v = mean (x−m)²    s = 1/√(v+ε)    x̂ = (x−m) s    y = γ x̂ + β        means over all rows of a batch

    dβ = Σ dy     dγ = Σ dy x̂        dx = γ s (dy − mean dy − x̂ mean(dy x̂))

A ragged batch has no padding, so nothing but speech is counted. Without `training` each utterance is treated alike,
whatever its batch-mates: m and v then are the running ones.

    M ← ρ M + (1−ρ) m        V ← ρ V + (1−ρ) v

M and V stand among the parameters, so that they are saved and averaged with them, but nothing learns them: while
training y does not depend on them, and their gradient is 0. `forward` leaves them as they are. They move once a step,
after the optimiser: `with_statistics` takes `batch_statistics` of every part of the batch. Where a batch is dealt out
into parts, each part is normalised by its own m and v (a "ghost batch"), and their means go into M and V.

Shapes      x, y (N, …, C)   gamma, beta, running_mean M, running_variance V (C,)
Remembers   x̂, s, m, v
Raises      ValueError: channels differ; backward without training=True
Deviation   not in the paper
Source      Ioffe and Szegedy, "Batch normalization", 2015; Hoffer et al., "Train longer, generalize better", 2017
Test        tests/test_batch_norm.py, and its gradients in tests/test_contract.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from numser.layers.compose import Residual, Sequential
from numser.ragged import Gradients, Params, Value, check_array, check_parameters, frames_of, with_frames

_RUNNING = ("running_mean", "running_variance")
RHO = 0.99


class Remembered(NamedTuple):
    """What backward needs, and what the running statistics do."""

    normalised: np.ndarray  # x̂
    scale: np.ndarray  # s
    mean: np.ndarray | None  # of the batch; None where the running ones were used
    variance: np.ndarray | None


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation. The equations stand at the top of this file."""

    channels: int
    epsilon: float = 1e-3

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """γ 1, β 0; M 0, V 1."""
        ones, zeros = np.ones(self.channels, dtype), np.zeros(self.channels, dtype)
        return {"gamma": ones, "beta": zeros, "running_mean": zeros.copy(), "running_variance": ones.copy()}

    def forward(self, params: Params, x: Value, *, training=False, rng=None) -> tuple[Value, Remembered]:
        """Normalise by the batch's own statistics while `training`, else by the running ones."""
        data = frames_of(x)
        check_array(data, (*(None,) * (data.ndim - 1), self.channels))
        check_parameters(params, data.dtype, dict.fromkeys(("gamma", "beta", *_RUNNING), (self.channels,)))
        mean, variance = (params[name] for name in _RUNNING)
        if training:
            axes = tuple(range(data.ndim - 1))
            mean, variance = data.mean(axes), data.var(axes)
        scale = 1 / np.sqrt(variance + data.dtype.type(self.epsilon))
        normalised = (data - mean) * scale
        y = with_frames(x, params["gamma"] * normalised + params["beta"])
        return y, Remembered(normalised, scale, *((mean, variance) if training else (None, None)))

    def backward(self, params: Params, cache: Remembered, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of γ and β, given that of y."""
        check_array(dy, cache.normalised.shape, cache.scale.dtype, "dy")
        if cache.mean is None:
            raise ValueError("cache: is of a forward pass without training=True")
        axes = tuple(range(dy.ndim - 1))
        dbeta, dgamma = dy.sum(axes), (dy * cache.normalised).sum(axes)
        rows = dy.dtype.type(dy.size // self.channels)
        # forward: y = γ x̂ + β, and m and v are means of x, so:
        dx = params["gamma"] * cache.scale * (dy - dbeta / rows - cache.normalised * (dgamma / rows))
        return dx, {"gamma": dgamma, "beta": dbeta} | {name: np.zeros_like(dbeta) for name in _RUNNING}


def is_learned(name: str) -> bool:
    """Whether a parameter is learned; the others are running statistics."""
    return name.split(".")[-1] not in _RUNNING


def batch_statistics(layer: Any, cache: Any) -> Params:
    """The m and v of a forward pass while training, by the names of the M and V that they go into."""
    if isinstance(layer, BatchNorm):
        return dict(zip(_RUNNING, (cache.mean, cache.variance), strict=True))
    if isinstance(layer, Residual):
        return batch_statistics(layer.layer, cache)
    if not isinstance(layer, Sequential):
        return {}
    return {
        f"{name}.{key}" if name else key: values
        for (name, child), own in zip(layer.children, cache, strict=True)
        for key, values in batch_statistics(child, own).items()
    }


def with_statistics(params: Params, parts: Sequence[Params]) -> Params:
    """The parameters after a step whose batch had parts with these statistics."""
    return params | {
        name: RHO * params[name] + (1 - RHO) * sum(p[name] for p in parts) / len(parts) for name in parts[0]
    }
