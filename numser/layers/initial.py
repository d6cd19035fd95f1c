"""Initial values of weights."""

import math

import numpy as np


def glorot_uniform(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int, dtype: np.dtype
) -> np.ndarray:
    """Weights drawn evenly from ±√(6 / (fan_in + fan_out)).

    With this spread a layer neither inflates nor shrinks the variance of what passes through it, forward or
    backward (Glorot and Bengio, 2010). The fans are how many inputs one output sees, and the reverse.
    The numbers are drawn in float64, so that one seed gives the same network in both precisions.
    """
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape).astype(dtype)
