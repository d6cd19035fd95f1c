"""Proof of a gradient: what backward says, against what really happens when a value is moved a little.

    python -m numser.gradcheck          checks every layer, every loss and the whole network, and prints a table

Take any direction v for one tensor w, and any gradient dy for the output. Moving w by ±ε along v changes y, and

    analytic  Σ_i g_i v_i                           g = what backward returns for w
    numeric   Σ dy · (y(w + εv) − y(w − εv)) / 2ε   the central difference

should agree. The error is |analytic − numeric| / Σ |g_i v_i|: relative to the size of what was summed, so that it
means the same for every layer. One direction tests all entries of a tensor at once. Its entries are between 0.5 and
1.5 in size, of either sign: with one near 0 a wrong gradient would hide, and of equal ones two could cancel. Where
the gradient is 0, as that of a bias before a batch normalisation, or so small that rounding of Σ |dy · y| alone would
exceed the tolerance, the error is relative to the smallest that rounding would not.

A ReLU and a max-pool have corners. Where one lies between w − εv and w + εv the difference is no derivative. The
layers remember their decisions (which sign, which winner) as booleans and small integers in the cache; if they differ
between the two sides, another direction is drawn, with half the ε, as long as rounding allows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from numser import layers, losses
from numser.cli import command_line, run
from numser.layers import Layer
from numser.model import SeparableSER
from numser.ragged import Gradients, Params, Ragged, Value, frames_of, offsets_of, with_frames
from numser.systems import ACRNN, BCRNN, DRN

TOLERANCE = 1e-6
INPUT = "x"  # the input's name among the tensors
_SMALLEST = 5e-9  # ε; at 1e-9 the difference is so small that its rounding alone can exceed the tolerance
_ROUNDING = 4 * np.finfo(np.float64).eps  # of a sum, relative to its terms
_ATTEMPTS = 60  # one tensor in a thousand of the network needs more than the 11 that halve ε


@dataclass(frozen=True)
class Entry:
    """One entry of one tensor: where it is, its gradient after backward, and its gradient by moving it."""

    index: tuple[int, ...]
    analytic: float
    numeric: float


def gradcheck(layer: Layer, params: Params, x: Value, rng: np.random.Generator) -> dict[str, float]:
    """Error of every parameter's gradient, and of the input's under the name "x".

    Shapes      as the layer's; all float64
    Raises      ValueError: something is not float64; backward's gradients have other names than the parameters, or
                one has another shape than its tensor
                ArithmeticError: no direction was found without a corner
    """
    check = _Check(layer, params, x, rng)
    return {name: check.error(name) for name in check.gradients}


def worst_entry(layer: Layer, params: Params, x: Value, rng: np.random.Generator, tensor: str) -> Entry:
    """Where in `tensor` the gradient is worst: moves each half, keeps the worse one, down to one entry.

    Raises      as gradcheck
    """
    check = _Check(layer, params, x, rng)
    candidates = np.arange(check.gradients[tensor].size)
    while len(candidates) > 1:
        halves = np.array_split(candidates, 2)
        candidates = max(halves, key=lambda half: abs(np.subtract(*check.slopes(tensor, half)[:2])))
    analytic, numeric, direction, _ = check.slopes(tensor, candidates)
    index = np.unravel_index(candidates[0], check.gradients[tensor].shape)
    moved = direction.flat[candidates[0]]
    return Entry(tuple(int(i) for i in index), analytic / moved, numeric / moved)


def every_entry(
    layer: Layer, params: Params, x: Value, rng: np.random.Generator, tensor: str
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of `tensor` entry by entry: after backward, and by moving each entry alone.

    Forward is called twice an entry or more, so the tensor should be small. `plots.gradient_errors` draws where the
    two differ.

    Shapes      both as the tensor's
    Raises      as gradcheck
    """
    check = _Check(layer, params, x, rng)
    analytic = np.array(check.gradients[tensor], float)
    numeric = np.empty_like(analytic)
    for entry in range(analytic.size):
        _, slope, direction, _ = check.slopes(tensor, np.array([entry]))
        numeric.flat[entry] = slope / direction.flat[entry]
    return analytic, numeric


class _Check:
    """One layer at one point, with one gradient dy of its output."""

    def __init__(self, layer: Layer, params: Params, x: Value, rng: np.random.Generator):
        self.layer, self.params, self.x, self.rng = layer, params, x, rng
        for name, tensor in {**params, INPUT: frames_of(x)}.items():
            if tensor.dtype != np.float64:
                raise ValueError(f"{name}: a gradient check needs float64, found {tensor.dtype}")
        self.seed = int(rng.integers(2**63))  # every forward pass drops out the same units
        y, cache = self._forward(params, x)
        self.dy = rng.standard_normal(y.shape)
        self.size = float(np.abs(self.dy * y).sum())
        dx, grads = layer.backward(params, cache, self.dy)
        if grads.keys() != params.keys():
            raise ValueError(f"grads: should have the keys {sorted(params)}, found {sorted(grads)}")
        if dx is None:
            raise ValueError("backward: should return the gradient of x, found None")
        self.gradients = {INPUT: dx} | {name: grads[name] for name in params}
        for name, tensor in {**params, INPUT: frames_of(x)}.items():  # NumPy would stretch a shape that is too small
            if np.shape(self.gradients[name]) != tensor.shape:
                found = np.shape(self.gradients[name])
                raise ValueError(f"d{name}: should have the shape of {name}, {tensor.shape}, found {found}")

    def error(self, tensor: str) -> float:
        everything = np.arange(self.gradients[tensor].size)
        analytic, numeric, direction, step = self.slopes(tensor, everything)
        scale = np.abs(self.gradients[tensor] * direction).sum()
        blurred = (
            _ROUNDING * self.size / step / TOLERANCE
        )  # of a smaller gradient, rounding alone exceeds the tolerance
        return abs(analytic - numeric) / (max(scale, min(blurred, self.size)) or 1)

    def slopes(self, tensor: str, entries: np.ndarray) -> tuple[float, float, np.ndarray, float]:
        """Analytic and numeric slope along a random direction over these entries, the direction, and the step."""
        for attempt in range(_ATTEMPTS):
            step = max(1e-5 / 2**attempt, _SMALLEST)
            direction = np.zeros(self.gradients[tensor].shape)
            direction.flat[entries] = self.rng.choice((-1, 1), len(entries)) * self.rng.uniform(
                0.5, 1.5, len(entries)
            )
            ahead, decisions_ahead = self._moved(tensor, step * direction)
            behind, decisions_behind = self._moved(tensor, -step * direction)
            if _same(decisions_ahead, decisions_behind):
                numeric = np.sum(self.dy * (ahead - behind)) / (2 * step)
                return float(np.sum(self.gradients[tensor] * direction)), float(numeric), direction, step
        raise ArithmeticError(f"{tensor}: every direction tried crosses a corner of a ReLU or a max-pool")

    def _moved(self, tensor: str, by: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        params, x = self.params, self.x
        if tensor == INPUT:
            x = with_frames(x, frames_of(x) + by)
        else:
            params = params | {tensor: params[tensor] + by}
        y, cache = self._forward(params, x)
        return y, list(decisions(cache))

    def _forward(self, params: Params, x: Value) -> tuple[np.ndarray, Any]:
        y, cache = self.layer.forward(params, x, training=True, rng=np.random.default_rng(self.seed))
        return np.asarray(frames_of(y)), cache


def decisions(cache: Any) -> Iterator[np.ndarray]:
    """All arrays of booleans or small integers in a cache: signs, winners, dropped units.

    A cache that keeps none, since the signs show in what it keeps anyway, has a method `decisions` that yields them.
    """
    if isinstance(cache, np.ndarray):
        if cache.dtype in (np.bool_, np.uint8):
            yield cache
    elif hasattr(cache, "decisions"):
        yield from cache.decisions()
    elif isinstance(cache, (tuple, list)):
        for part in cache:
            yield from decisions(part)


def _same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(first, second) for first, second in zip(a, b, strict=True))


@dataclass(frozen=True)
class LossLayer:
    """A loss as a layer whose input is the logits and whose output is one number."""

    loss: Callable[[np.ndarray], tuple[float, np.ndarray]]

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """No parameters."""
        return {}

    def forward(self, params: Params, x: np.ndarray, *, training=False, rng=None) -> tuple[np.ndarray, np.ndarray]:
        """The loss, and its gradient as the cache."""
        loss, dlogits = self.loss(x)
        return np.asarray(loss), dlogits

    def backward(self, params: Params, cache: np.ndarray, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """The gradient of the logits, times that of the loss."""
        return dy * cache, {}


class Example(NamedTuple):
    """A layer with an input that fits it."""

    layer: Layer
    x: Value


def examples(
    rng: np.random.Generator, lengths: tuple[int, ...] = (7, 1, 4), frequencies: int = 6, channels: int = 3
) -> dict[str, Example]:
    """Every layer and every loss, small, with float64 input: utterances of `lengths` frames, `channels` wide."""
    offsets = offsets_of(lengths)
    batch, other = len(lengths), channels + 1

    def ragged(*frame, at_least=0):
        longer = offsets_of([n + at_least for n in lengths])
        return Ragged(rng.standard_normal((longer[-1], *frame)), longer)

    image = Ragged(rng.standard_normal((offsets[-1], frequencies, channels)), offsets)
    rows = rng.standard_normal((batch, channels))
    logits = rng.standard_normal((batch, other)) * 3
    labels = rng.integers(other, size=batch)
    weights, lam = rng.uniform(0.5, 2, batch), rng.choice([0.0, 0.5, 1.0, 2.0], batch)
    return {
        "Conv": Example(layers.Conv(channels, other), ragged(frequencies + 2, channels, at_least=2)),
        "Conv, ReLU": Example(layers.Conv(channels, other, relu=True), ragged(frequencies + 2, channels, at_least=2)),
        "Conv2D": Example(layers.Conv2D(channels, other, (3, 2), (2, 1), (1, 2), ((2, 1), (1, 1))), image),
        "Conv2D, same": Example(layers.Conv2D.same(channels, other, (5, 3), (1, 2), bias=False), image),
        "Conv2D, all frequencies": Example(
            layers.Conv2D(channels, other, (2, frequencies), padding=((1, 0), (0, 0))), image
        ),
        "PointwiseConv": Example(layers.PointwiseConv(channels, other), image),
        "DepthwiseConv": Example(layers.DepthwiseConv(channels), image),
        "ReLU": Example(layers.ReLU(), image),
        "PReLU": Example(layers.PReLU(channels), rows),
        "LeakyReLU": Example(layers.LeakyReLU(), image),
        "MaxPool": Example(layers.MaxPool(), image),
        "BlockMaxPool": Example(layers.BlockMaxPool(2, 3), ragged(frequencies + 2, channels, at_least=1)),
        "BatchNorm": Example(layers.BatchNorm(channels), image),
        "Flatten": Example(layers.Flatten(), image),
        "separable_block": Example(layers.separable_block(channels, other, channels), image),
        "inverted_residual": Example(layers.inverted_residual(channels, other), image),
        "FusedBlock": Example(layers.FusedBlock(channels, other, channels, residual=True), image),
        "FusedBlock, no residual": Example(layers.FusedBlock(channels, channels, other), image),
        "Residual": Example(layers.Residual(layers.DepthwiseConv(channels)), image),
        "EachOne": Example(layers.EachOne(layers.DepthwiseConv(channels)), image),
        "Sequential": Example(
            layers.Sequential((("flat", layers.Flatten()), ("gru", layers.GRU(frequencies * channels, other)))), image
        ),
        "GRU": Example(layers.GRU(channels, other), ragged(channels)),
        "GRU, untied": Example(layers.GRU(channels, other, tied=False), ragged(channels)),
        "LSTM": Example(layers.LSTM(channels, other), ragged(channels)),
        "LSTM, one direction": Example(layers.LSTM(channels, other, bidirectional=False), ragged(channels)),
        "SelfAttention": Example(layers.SelfAttention(2 * channels, 2), ragged(2 * channels)),
        "Attention": Example(layers.Attention(channels), ragged(channels)),
        "HiddenAttention": Example(layers.HiddenAttention(channels, other), ragged(channels)),
        "LastState, one direction": Example(layers.LastState(channels, bidirectional=False), ragged(channels)),
        "LastState": Example(layers.LastState(channels), ragged(2 * channels)),
        "Dense": Example(layers.Dense(channels, other), rows),
        "Dropout": Example(layers.Dropout(0.4), rows),
        "cross_entropy": Example(LossLayer(lambda v: losses.cross_entropy(v, labels, weights)), logits),
        "focal": Example(LossLayer(lambda v: losses.focal(v, labels, weights, lam)), logits),
        # where p is near 0 this loss is flat, and a difference of two losses has lost its slope: smaller logits
        "lq": Example(LossLayer(lambda v: losses.lq(v, labels, weights)), logits / 3),
        "focal, smoothed labels": Example(
            LossLayer(lambda v: losses.smoothed(*losses.focal(v, labels, weights, lam), v, weights, 0.3)), logits
        ),
        "soft_bootstrapping": Example(LossLayer(lambda v: losses.soft_bootstrapping(v, labels, weights)), logits),
    }


def networks(rng: np.random.Generator) -> dict[str, Example]:
    """The whole network in its variants, and those of other systems, with float64 log-mel-like input."""
    offsets = offsets_of((19, 5, 12))
    x = Ragged(rng.standard_normal((offsets[-1], 128)), offsets)
    return {
        "SeparableSER": Example(SeparableSER(4, blocks=1, dropout=0.2), x),
        "SeparableSER, no attention": Example(SeparableSER(4, blocks=1, attention=False), x),
        "SeparableSER, untied": Example(SeparableSER(4, blocks=1, tied=False), x),
        **{
            type(model).__name__: Example(model, Ragged(rng.standard_normal((offsets[-1], model.inputs)), offsets))
            for model in (ACRNN(4, blocks=2), DRN(4, blocks=0), BCRNN(4, blocks=2, binary=False))
        },
    }


def random_params(layer: Layer, rng: np.random.Generator) -> Params:
    """Initial values, and a little more: biases and slopes that start at 0 would hide errors."""
    params = layer.init(rng, np.float64)
    return {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in params.items()}


def main(argv: list[str] | None = None) -> int:
    """Check everything and print the table."""
    parser = command_line("gradcheck", main.__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the random inputs and directions (default 0)")
    args = parser.parse_args(argv)
    if args.seed < 0:
        parser.error(f"--seed should be 0 or more, found {args.seed}")
    rng = np.random.default_rng(args.seed)
    print(f"{'layer':<27}{'tensor':<24}{'entries':>9}{'error':>10}  verdict (at most {TOLERANCE:g})")
    failures = 0
    for name, (layer, x) in {**examples(rng), **networks(rng)}.items():
        params = random_params(layer, rng)
        for tensor, error in gradcheck(layer, params, x, rng).items():
            size = frames_of(x).size if tensor == INPUT else params[tensor].size
            verdict = "ok" if error <= TOLERANCE else "WRONG"
            failures += verdict != "ok"
            print(f"{name:<27}{tensor:<24}{size:>9}{error:>10.1e}  {verdict}")
            if verdict != "ok":
                worst = worst_entry(layer, params, x, rng, tensor)
                print(f"    worst at {list(worst.index)}: is {worst.analytic:.6g}, should be {worst.numeric:.6g}")
    print(f"{failures} wrong" if failures else "every gradient is what it should be")
    return 1 if failures else 0


if __name__ == "__main__":
    run(main)
