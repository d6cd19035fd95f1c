"""After DRN: a dilated residual network over time with self-attention and an LSTM.        Paper Table 5

    python -m numser.model --system drn --classes 4          prints its layers

    over time, 100 frames a second: convolution of 10 frames to 32 channels
    stride 2 to 64, residual blocks of 5 frames            50 a second
    stride 2 to 128, residual blocks of 5 frames           25 a second, and so it stays
    to 256, residual blocks of 3 frames, 2 apart           dilation sees further without losing frames
    to 512, residual blocks of 3 frames, 4 apart
    self-attention, 8 heads of 64; two LSTM of 512, their last state; two hidden layers of 200, ReLU; output layer

    residual block     ReLU(x + norm(conv(ReLU(norm(conv(x))))))          no biases in it

Pieces      none: it is shown whole utterances, of at most 7 s
Recipe      `numser.recipe`: Adam at 3e-4, 32 utterances a step, about 60 epochs of Emo-DB, the best validation's
            parameters. Protocol: numser's two, random subsets and speakers left out
Shapes      x (N, 128) log-mel frames   logits (B, K)
Raises      ValueError: the number of bands differs
Deviation   Its authors' text was not at hand: what is known are its abstract, 9.9M parameters in the paper's Table 5,
            and a program of others, which has its layers without the attention. With that program's 17 inputs this
            network would have 9.93M. Proposed here: the attention's place (`--system drn-late`: after the LSTM) and
            heads, loss, rate, batch, length; and log-mels in the place of 17 descriptors that need a pitch tracker,
            which is 0.4 % of the weights. A frame that a stride leaves over is paired with zeros. So its figures are
            those of a network "after" DRN
Source      Li, Wu, Jia, Zhao, Meng, "Dilated residual network with multi-head self-attention for speech emotion
            recognition", ICASSP 2019, its abstract; `EmoDRNLSTM` of github.com/santi-pdp/pase
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from numser.layers import (
    LSTM,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    LastState,
    ReLU,
    Residual,
    SelfAttention,
    Sequential,
)
from numser.layers.compose import Layer
from numser.ragged import Gradients, Params, Ragged
from numser.systems.network import SystemNetwork, chain

BANDS = 128


def residual_block(channels: int, frames: int, dilation: int) -> Sequential:
    """Two convolutions over time and a way around them."""
    layers: list[tuple[str, Layer]] = []
    for n in (1, 2):
        convolution = Conv2D.same(channels, channels, (frames, 1), (dilation, 1), bias=False)
        layers += [(f"conv{n}", convolution), (f"norm{n}", BatchNorm(channels)), ("", ReLU())]
    return chain(Residual(Sequential(tuple(layers[:-1]))), ReLU())


def halving(in_channels: int, channels: int) -> Conv2D:
    """Two frames become one."""
    return Conv2D(in_channels, channels, (2, 1), (2, 1), padding=((0, 1), (0, 0)))


@dataclass(frozen=True)
class DRN(SystemNetwork):
    """After DRN. What it is made of stands at the top of this file."""

    blocks: int = 2  # residual blocks at each width
    late: bool = False  # attention after the LSTM

    inputs: ClassVar[int] = BANDS
    features: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __post_init__(self):
        super().__post_init__()
        self._check("blocks", 0, 20)

    @cached_property
    def network(self) -> Sequential:
        """The layers, from entry to output."""
        attention = ("attention", SelfAttention(512, 8))
        recurrent = (("lstm1", LSTM(512, 512, bidirectional=False)), ("lstm2", LSTM(512, 512, bidirectional=False)))
        return Sequential(
            (
                ("entry", Conv2D(BANDS, 32, (10, 1), padding=((4, 5), (0, 0)))),
                ("to64", halving(32, 64)),
                *self._residuals(64, 5, 1),
                ("to128", halving(64, 128)),
                *self._residuals(128, 5, 1),
                ("to256", Conv2D(128, 256, (1, 1))),
                *self._residuals(256, 3, 2),
                ("to512", Conv2D(256, 512, (1, 1))),
                *self._residuals(512, 3, 4),
                ("flatten", Flatten()),
                *((*recurrent, attention) if self.late else (attention, *recurrent)),
                ("last", LastState(512, bidirectional=False)),
                ("hidden1", chain(Dense(512, 200), ReLU())),
                ("hidden2", chain(Dense(200, 200), ReLU())),
                ("output", Dense(200, self.n_classes)),
            )
        )

    def _residuals(self, channels: int, frames: int, dilation: int) -> list[tuple[str, Layer]]:
        return [(f"res{channels}.{i}", residual_block(channels, frames, dilation)) for i in range(self.blocks)]

    def image(self, x: Ragged) -> Ragged:
        """Frames as the entry takes them, the bands as channels: (N, 1, 128)."""
        return Ragged(x.data[:, None], x.offsets)

    def backward(self, params: Params, cache: list, dy, *, input_gradient=True) -> Gradients:
        """Gradients of the frames (N, 128) and of all parameters, given that of the logits (B, K)."""
        dx, grads = super().backward(params, cache, dy, input_gradient=input_gradient)
        return None if dx is None else dx[:, 0], grads
