"""Adam, and clipping of the gradient's norm.        Paper §4.2; Kingma and Ba, 2015

    m ← β₁ m + (1−β₁) g          a running mean of the gradient
    v ← β₂ v + (1−β₂) g²         a running mean of its square
    w ← w − lr · √(1−β₂ᵗ) / (1−β₁ᵗ) · m / (√v + ε)

Both means start at 0 and are too small at first; the two powers make up for it. Each weight moves by about lr
a step, whatever the size of its gradient: m and √v scale alike.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Params = dict[str, np.ndarray]


class AdamState(NamedTuple):
    """What Adam remembers: the number of steps done and both running means, by parameter name."""

    step: int
    m: Params
    v: Params


@dataclass(frozen=True)
class Adam:
    """The optimiser's hyper-parameters."""

    lr: float = 3e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def init(self, params: Params) -> AdamState:
        """Both means at 0."""
        return AdamState(
            0,
            {name: np.zeros_like(w) for name, w in params.items()},
            {name: np.zeros_like(w) for name, w in params.items()},
        )

    def update(self, params: Params, grads: Params, state: AdamState) -> tuple[Params, AdamState]:
        """One step downhill. Returns new arrays, the old ones stay as they are."""
        step = state.step + 1
        rate = self.lr * math.sqrt(1 - self.beta2**step) / (1 - self.beta1**step)
        m = {name: self.beta1 * state.m[name] + (1 - self.beta1) * g for name, g in grads.items()}
        v = {name: self.beta2 * state.v[name] + (1 - self.beta2) * g * g for name, g in grads.items()}
        params = {name: w - rate * m[name] / (np.sqrt(v[name]) + self.epsilon) for name, w in params.items()}
        return params, AdamState(step, m, v)


def clip_global_norm(grads: Params, limit: float) -> tuple[Params, float]:
    """Scale all gradients together so that their common norm is at most `limit`. Returns the norm before, too.

    One scale for all keeps the direction: √(Σ over all tensors of Σ g²) is what is limited.
    """
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    if norm <= limit:
        return grads, norm
    return {name: g * (limit / norm) for name, g in grads.items()}, norm
