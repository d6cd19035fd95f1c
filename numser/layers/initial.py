"""Initial values of weights.

Test        tests/test_initial.py
"""

import math

import numpy as np


def glorot_uniform(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int, dtype: np.dtype
) -> np.ndarray:
    """Weights drawn evenly from ±√(6 / (fan_in + fan_out)).

    The fans are how many inputs one output sees, and the reverse. A weight's variance is then 2 / (fan_in + fan_out).
    A linear layer multiplies the variance of what passes through it by fan_in times that, and of what comes back by
    fan_out times that. Only where the fans are equal are both 1; else this is the compromise of the two (Glorot and
    Bengio, 2010).
    The numbers are drawn in float64, so that one seed gives the same network in both precisions.
    """
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def he_convolutions(rng: np.random.Generator, params: dict[str, np.ndarray], blocks: int) -> dict[str, np.ndarray]:
    """Parameters of the network whose convolutions have He's spread, ±√(3 · gain / fan_in), instead of Glorot's.

    A ReLU takes half of the power away, hence gain 2 before one; a projection is linear, gain 1. And a depthwise
    filter sees 9 inputs, however many channels stand beside it: TensorFlow's fan of 9·C makes its weights several
    times too small. From the log-mel to the GRU the paper's initial values shrink the signal a hundredfold, and the
    residual blocks add next to nothing to what they are given; the first hundred steps go into growing the weights.
    Here the signal keeps its size, and each of the n residual branches is scaled by 1/n, so that together they
    add only a little at first.

    Source      He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015; branches: Zhang, Dauphin, Ma, "Fixup", 2019
    """
    drawn = dict(params)
    for name, w in params.items():
        layer = name.removesuffix(".w")
        if w.ndim < 2 or not layer.startswith(("entry", "stem.", "blocks.")):
            continue
        fan_in = 9 if layer.endswith("depthwise") else math.prod(w.shape[:-1])
        projects = layer.endswith("project")
        gain = (1 if projects else 2) / (blocks**2 if projects and layer.startswith("blocks.") else 1)
        limit = math.sqrt(3 * gain / fan_in)
        drawn[name] = rng.uniform(-limit, limit, w.shape).astype(w.dtype)
    return drawn
