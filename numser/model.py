"""SeparableSER: the paper's network, from log-mel frames to logits.        Paper Fig. 1

    python -m numser.model --blocks 4 --classes 7          prints its layers; --system, those of another network

    entry flow    3×3 convolution, stride 2
    middle flow   stem (a separable block without residual), max-pool, n inverted residuals
    exit flow     bidirectional GRU, attention, hidden layer with PReLU, output layer

Shapes      x (N, 128) log-mel frames   logits (B, K)
Remembers   what its layers remember
Raises      ValueError: the number of mel bands differs; an utterance has fewer than 3 frames
Deviation   the GRU's directions share their weights (see layers/gru.py); the paper does not say so, but Table 4's
            parameter counts come out only with them: in multiples of 2²⁰, cut after two digits
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from numser.cli import command_line, run
from numser.errors import quoted
from numser.layers import (
    GRU,
    Attention,
    Conv,
    Dense,
    Dropout,
    EachOne,
    Flatten,
    FusedBlock,
    HiddenAttention,
    LastState,
    Layer,
    MaxPool,
    PReLU,
    SelfAttention,
    Sequential,
)
from numser.layers.batch_norm import is_learned
from numser.layers.pool import padding_before
from numser.ragged import Gradients, Params, Ragged, check_ragged, frames_of, offsets_of, unpack

BANDS = 128
UNITS = 128  # of the GRU, a direction
SHORTEST = 3  # frames an utterance needs: the entry convolution's window


@dataclass(frozen=True)
class SeparableSER:
    """The network's hyper-parameters. It is a layer: init, forward, backward."""

    n_classes: int = field(metadata={"least": 2, "most": 1000})
    blocks: int = field(default=4, metadata={"least": 0, "most": 100})
    attention: bool = True  # False: the GRU's last states, Table 2's "No Attention"
    tied: bool = True  # False: each direction of the GRU has its own weights
    dropout: float = field(default=0.0, metadata={"least": 0, "most": 1})

    inputs: ClassVar[int] = BANDS  # columns of a frame
    features: ClassVar[Mapping[str, Any]] = MappingProxyType({})  # what they differ in from `FeatureSettings`
    segment: ClassVar[int | None] = None  # frames it is shown at once of a longer utterance; None: all
    shard_frames: ClassVar[int] = 1200  # about so many of a batch go through it at once

    def __post_init__(self):
        for name, least in (("n_classes", 2), ("blocks", 0)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, Integral) or number < least:
                raise ValueError(f"{name}: should be a whole number of at least {least}, found {quoted(number)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: should be at least 0 and below 1, found {self.dropout}")

    @cached_property
    def network(self) -> Sequential:
        """The layers, from entry to output."""
        return Sequential(
            (
                ("entry", Conv(1, 32, relu=True)),
                ("stem", FusedBlock(32, 64, 64)),
                ("pool", MaxPool()),
                *((f"blocks.{i}", FusedBlock(64, 128, 64, residual=True)) for i in range(self.blocks)),
                ("flatten", Flatten()),
                ("gru", GRU(32 * 64, UNITS, self.tied)),
                ("attention", Attention(2 * UNITS)) if self.attention else ("last", LastState(UNITS)),
                *((("dropout", Dropout(self.dropout)),) if self.dropout else ()),
                ("hidden", Sequential((("", Dense(2 * UNITS, 64)), ("", PReLU(64))))),
                ("output", Dense(64, self.n_classes)),
            )
        )

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Draw initial parameters, named as in the table that `python -m numser.model` prints."""
        return self.network.init(rng, dtype)

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[np.ndarray, list]:
        """Logits (B, K) of a batch, and the cache. While `training`, dropout is on, and draws from `rng`."""
        check_ragged(x, (BANDS,))
        if x.lengths.min() < SHORTEST:
            raise ValueError(
                f"x: an utterance has {x.lengths.min()} frames, and the network needs at least {SHORTEST}"
            )
        logits, cache = self.network.forward(params, self.image(x), training=training, rng=rng)
        return frames_of(logits), cache

    def image(self, x: Ragged) -> Ragged:
        """Frames as the entry convolution takes them: (N, 128, 1)."""
        return Ragged(x.data[:, :, None], x.offsets)

    def backward(self, params: Params, cache: list, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of the log-mels (N, 128), which training does not need, and of all parameters, given that of the
        logits (B, K).
        """
        dx, grads = self.network.backward(params, cache, dy, input_gradient=input_gradient)
        return None if dx is None else dx[:, :, 0], grads

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"{self.blocks} blocks, attention {'on' if self.attention else 'off'}"

    @property
    def head(self) -> Sequential:
        """The layers after pooling: hidden and output."""
        return Sequential(self.network.children[-2:])

    def vectors(self, cache: list) -> np.ndarray:
        """What the head was given in a forward pass without training, from its cache: (B, 2·UNITS)."""
        return cache[-2][0]  # what its first layer, Dense, remembers

    def statistics(self, cache: list) -> np.ndarray:
        """Mean and standard deviation over time of the GRU's states, from a forward pass's cache: (B, 4·UNITS)."""
        names = [name for name, _ in self.network.children]
        states = cache[names.index("attention")][0] if self.attention else cache[names.index("last")]
        return np.array([statistics_of(h) for h in unpack(states)])

    def attention_weights(self, cache: list) -> Ragged:
        """The attention of a forward pass, from its cache: data (N',), summing to 1 in each utterance.

        `attended_frames` says where in the input each weight lies.

        Raises      ValueError: the model has no attention
        """
        if not self.attention:
            raise ValueError("attention: this model was made without it")
        names = [name for name, _ in self.network.children]
        states, alpha = cache[names.index("attention")]
        return Ragged(alpha, states.offsets)


def statistics_of(states: np.ndarray) -> np.ndarray:
    """Mean and standard deviation over time, (2·C,), of an utterance's states (N', C)."""
    return np.concatenate([states.mean(0), states.std(0)])


def attended_frames(frames: int) -> np.ndarray:
    """The input frame on which each attention weight of an utterance of so many frames is centred, (N',)."""
    entered = (frames - 3) // 2 + 1
    weights = -(-entered // 2)
    return 4 * np.arange(weights) + 3 - 2 * padding_before(entered)


class Stage(NamedTuple):
    """One row of the layer table."""

    name: str
    output: tuple[int, ...]
    parameters: int
    multiply_accumulates: int


def stages(model: Any, frames: int) -> list[Stage]:
    """The layer table of a network for one utterance of so many frames.

    A weight matrix is used once at each output position, so it costs size · positions multiply-accumulates. The
    GRU uses tied matrices U once a direction; attention scores each frame and sums it; self-attention lets each frame
    score and sum all others. What batch normalisation keeps of its batches is no parameter.
    """
    params = model.init(np.random.default_rng(0))
    x: Any = model.image(Ragged(np.zeros((frames, model.inputs), np.float32), offsets_of([frames])))
    table = []
    for name, layer in _layers(model.network):
        own = {k.removeprefix(name + "."): w for k, w in params.items() if k.startswith(name + ".")}
        learned = sum(w.size for k, w in own.items() if is_learned(k))
        y, _ = layer.forward(own, x)
        output = y.data.shape if isinstance(y, Ragged) else y.shape[1:]
        if isinstance(layer, Attention | HiddenAttention):
            cost = len(x.data) * (sum(w.size for k, w in own.items() if k != "b") + layer.features)
        else:
            matrices = sum(w.size for w in own.values() if w.ndim >= 2)
            again = own["u"].size if isinstance(layer, GRU) and layer.tied else 0
            again += 2 * len(x.data) * layer.features if isinstance(layer, SelfAttention) else 0
            cost = (matrices + again) * int(np.prod(output[:-1]))
        if name:  # else it belongs to the stage before
            table.append(Stage(name, output, learned, cost))
        x = y
    return table


def _layers(network: Sequential) -> Iterator[tuple[str, Layer]]:
    for name, layer in network.children:
        if isinstance(layer, EachOne) and isinstance(layer.layer, Sequential):
            yield from layer.layer.children
        else:
            yield name, layer


def main(argv: list[str] | None = None) -> None:
    """Print the network's layers: output shape for an utterance, parameters, multiply-accumulates."""
    from numser.systems import SYSTEMS

    parser = command_line("model", main.__doc__)
    parser.add_argument("--system", choices=SYSTEMS, help="a network that the paper's Table 5 compares with")
    parser.add_argument(
        "--blocks", type=int, help="inverted residuals, 0 to 100 (default 4); a system's convolutions"
    )
    parser.add_argument("--classes", type=int, default=7, help="emotions, 2 to 1000 (default 7)")
    parser.add_argument("--seconds", type=float, default=3, help="length of the utterance, 0.02 to 60 (default 3)")
    parser.add_argument("--no-attention", action="store_true", help="the GRU's last states instead")
    parser.add_argument("--untied", action="store_true", help="own GRU weights for each direction")
    args = parser.parse_args(argv)
    if args.system and (args.no_attention or args.untied):
        parser.error(f"--system {args.system}: has neither --no-attention nor --untied; leave them out")
    for name, least, most in (("blocks", 0, 100), ("classes", 2, 1000), ("seconds", 0.02, 60)):
        if getattr(args, name) is not None and not least <= getattr(args, name) <= most:  # NaN is refused too
            parser.error(f"--{name} should be from {least} to {most}, found {getattr(args, name)}")
    blocks = {} if args.blocks is None else {"blocks": args.blocks}
    try:
        model: Any = SYSTEMS[args.system](args.classes, **blocks) if args.system else None
    except ValueError as error:
        parser.error(f"--{error}")
    if model is None:
        model = SeparableSER(args.classes, attention=not args.no_attention, tied=not args.untied, **blocks)
    frames = 1 + int(args.seconds * 100)
    table = stages(model, frames)
    print(model)
    print(f"{'stage':<12}{'output':<18}{'parameters':>12}{'multiply-accumulates':>22}")
    print(f"{'log-mel':<12}{f'{frames} × {model.inputs}':<18}")
    for stage in table:
        shape = " × ".join(map(str, stage.output))
        print(f"{stage.name:<12}{shape:<18}{stage.parameters:>12,}{stage.multiply_accumulates:>22,}")
    parameters, cost = (sum(column) for column in list(zip(*table, strict=True))[2:])
    print(f"{'total':<12}{'':<18}{parameters:>12,}{cost:>22,}")
    print(f"{parameters / 2**20:.3f} · 2²⁰ parameters; output is frames × frequency × channels")


if __name__ == "__main__":
    run(main)
