"""Adam, clipping of the gradient's norm, the learning rate's schedule, and the weights' moving average.

                                                                            Paper §4.2; Kingma and Ba, 2015

    m ← β₁ m + (1−β₁) g          a running mean of the gradient
    v ← β₂ v + (1−β₂) g²         a running mean of its square
    w ← w − lr · √(1−β₂ᵗ) / (1−β₁ᵗ) · m / (√v + ε)

Both means start at 0 and are too small at first; the two powers make up for it. This is the form at the end of the
paper's section 2, which TensorFlow has too, and with it the authors' program. In Algorithm 1 ε is added to the
corrected √v, so that at first it weighs less, by √(1−β₂ᵗ). Each weight moves by about lr
a step, whatever the size of its gradient: m and √v scale alike.

So the weights never come to rest while lr stays as it is. Two remedies: let lr fall to 0 (`learning_rate`), or take
the mean of the last weights instead of the last ones (`averaged`).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from numser.ragged import Params


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
    weight_decay: float = 0.0  # w ← w − lr · weight_decay · w, of matrices alone, apart from the gradient's step

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
        moved = {  # a rate beyond float32 is infinite in it; before NumPy 2 it would make float64 of the weights
            name: w - w.dtype.type(rate) * m[name] / (np.sqrt(v[name]) + self.epsilon) for name, w in params.items()
        }
        decay = self.lr * self.weight_decay  # apart from g, where √v would scale it away: Loshchilov, Hutter 2019
        if decay:
            moved |= {name: moved[name] - w.dtype.type(decay) * w for name, w in params.items() if w.ndim > 1}
        return moved, AdamState(step, m, v)


def learning_rate(step: int, steps: int, highest: float, warm_up: int = 0, schedule: str = "constant") -> float:
    """The learning rate of a step, 1 to `steps`.        Loshchilov and Hutter, 2017, without restarts

        highest · min(step / warm_up, 1) · ½ (1 + cos(π (step−1) / steps))          the cosine only if asked for

    It rises at first, because the second moments of the first steps rest on too few gradients to be trusted; and it
    falls to 0, so that the weights come to rest where they are.
    """
    rising = min(step / warm_up, 1) if warm_up else 1.0
    falling = 0.5 * (1 + math.cos(math.pi * (step - 1) / steps)) if schedule == "cosine" else 1.0
    return highest * rising * falling


def averaged(average: Params, params: Params, decay: float, step: int) -> Params:
    """The moving average of the weights after a step, 1, 2, …: a ← d a + (1−d) w        Polyak and Juditsky, 1992

    d is `decay`, but at first less, so that the initial values are soon forgotten: at most step / (step + 9).
    Single steps jitter about a valley's floor; their mean lies nearer to it. Returns new arrays.
    """
    d = min(decay, step / (step + 9))
    return {name: d * a + (1 - d) * params[name] for name, a in average.items()}


def clip_global_norm(grads: Params, limit: float) -> tuple[Params, float]:
    """Scale all gradients together so that their common norm is at most `limit`. Returns the norm before, too.

    One scale for all keeps the direction: √(Σ over all tensors of Σ g²) is what is limited.
    """
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))
    if norm <= limit:
        return grads, norm
    return {name: g * (limit / norm) for name, g in grads.items()}, norm
