"""3D-ACRNN: a convolutional recurrent network with attention, on log-mels and their deltas.        Paper Table 5

    python -m numser.model --system acrnn --blocks 5 --classes 7          prints its layers

    input         static, Δ and ΔΔ of 40 log-mel bands are 3 channels of a picture: "3-D" is no more than that
    convolutions  5×3, "same", leaky ReLU: one of 128 channels, max-pool 2×4, then n−1 of 256
    a frame       linear layer to 768, batch normalisation, leaky ReLU
    over frames   bidirectional LSTM, 128 units a direction; attention
    a piece       hidden layer of 64, leaky ReLU; output layer

Pieces      an utterance of more than 3 s is cut into the fewest pieces of 3 s that cover it, evenly spread. All
            train, with the utterance's label. An answer has for each class the largest of the pieces' probabilities
Recipe      `numser.recipe`: Adam at 1e-4, 40 pieces a step, at most 1,000 steps, the best validation's
            parameters. Protocol: one speaker tests, another validates, eight train; `crossval --speakers`
Shapes      x (N, 120) frames: 40 bands, 40 Δ, 40 ΔΔ   logits (B, K)
Raises      ValueError: the number of columns differs; an utterance has fewer than 2 frames
Deviation   Its authors' paper and program differ. From the program: the pool (the paper's is 2×2: `--system
            acrnn-pool2`), batch normalisation after the linear layer, not after the hidden one, and the sigmoid in
            the attention's score. From the paper: Hamming windows, the rate, the batch. From neither: running
            statistics in the test, where the program takes the batch's; short utterances are not padded; first
            weights are Glorot's, since the program's standard deviation of 0.1 is 4 times He's; the recording's level
            is taken out, not its variance; Adam does not look ahead; emotions are weighted by how rare they are
Source      Chen, He, Yang, Zhang, "3-D convolutional recurrent neural networks with attention model for speech
            emotion recognition", IEEE Signal Processing Letters, 2018, and the authors' program
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from numser.layers import (
    LSTM,
    BatchNorm,
    BlockMaxPool,
    Conv2D,
    Dense,
    EachOne,
    Flatten,
    HiddenAttention,
    LeakyReLU,
    Sequential,
)
from numser.layers.compose import Layer
from numser.ragged import Gradients, Params, Ragged
from numser.systems.network import SystemNetwork, chain

BANDS, CHANNELS = 40, 3


@dataclass(frozen=True)
class ACRNN(SystemNetwork):
    """3D-ACRNN. What it is made of stands at the top of this file."""

    blocks: int = 6  # convolutions; the authors use 6 for IEMOCAP, 5 for Emo-DB
    pool: int = 4  # bands under a max-pool's window

    inputs: ClassVar[int] = BANDS * CHANNELS
    features: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"win_length": 400, "n_fft": 512, "n_mels": BANDS, "deltas": CHANNELS - 1, "max_frames": 3000}
    )
    segment: ClassVar[int | None] = 300

    def __post_init__(self):
        super().__post_init__()
        self._check("blocks", 1, 20)
        self._check("pool", 1, BANDS)

    @cached_property
    def network(self) -> Sequential:
        """The layers, from entry to output."""
        channels, leaky = 128 if self.blocks == 1 else 256, ("", LeakyReLU())
        # pooled before the leaky ReLU: the same, of fewer numbers
        entry = (("conv1", Conv2D.same(CHANNELS, 128, (5, 3))), ("pool", BlockMaxPool(2, self.pool)), leaky)
        return Sequential(
            (
                ("", EachOne(Sequential(entry))),
                *(layer for n in range(2, self.blocks + 1) for layer in ((f"conv{n}", self._convolution(n)), leaky)),
                ("linear", self._inner(Conv2D(channels, 768, (1, BANDS // self.pool)))),
                ("norm", chain(BatchNorm(768), LeakyReLU())),
                ("flatten", Flatten()),
                ("lstm", self._inner(LSTM(768, 128))),
                ("attention", HiddenAttention(256, 1)),
                ("hidden", chain(Dense(256, 64), LeakyReLU())),
                ("output", Dense(64, self.n_classes)),
            )
        )

    def _convolution(self, n: int) -> Layer:
        return Conv2D.same(128 if n == 2 else 256, 256, (5, 3))

    def _inner(self, layer: Layer) -> Layer:
        """What stands where a relative has its binary weights (bcrnn.py)."""
        return layer

    def image(self, x: Ragged) -> Ragged:
        """Frames as pictures: (N, 40, 3)."""
        return Ragged(x.data.reshape(-1, CHANNELS, BANDS).transpose(0, 2, 1), x.offsets)

    def backward(self, params: Params, cache: list, dy, *, input_gradient=True) -> Gradients:
        """Gradients of the frames (N, 120) and of all parameters, given that of the logits (B, K)."""
        dx, grads = super().backward(params, cache, dy, input_gradient=input_gradient)
        return None if dx is None else dx.transpose(0, 2, 1).reshape(-1, self.inputs), grads
