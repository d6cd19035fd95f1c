"""After BCRNN: a convolutional recurrent network whose weights are one bit each.        Paper Table 5

    python -m numser.model --system bcrnn --classes 4          prints its layers

It is 3D-ACRNN (acrnn.py) with binary weights (layers/binarised.py) in all convolutions but the first, in the linear
layer, and in what the LSTM does with its input; and with a batch normalisation after each of these convolutions,
since a binary weight has no size of its own.

Real stay the first convolution, which has few weights, the LSTM's recurrent matrices, which are known to fail
otherwise, biases, normalisation, attention and the dense layers. `stored_bytes` says what that takes.

Pieces      as 3D-ACRNN
Recipe      as 3D-ACRNN. Its twin with real weights is `--system bcrnn-real`
Shapes      x (N, 120) frames: 40 bands, 40 Δ, 40 ΔΔ   logits (B, K)
Raises      ValueError: the number of columns differs; an utterance has fewer than 2 frames
Deviation   Its authors' architecture is not known: their abstract says that weights have two values, and that the
            network is convolutional and recurrent. All else is proposed here, and nothing can be said about the
            4.34M of the paper's Table 5. Its figures are of a network "after" BCRNN
Source      Zhao, Xiao, Han, Zhang, ICASSP 2019, its abstract; Courbariaux, Bengio, David, "BinaryConnect", 2015;
            recurrent weights: Ott et al., "Recurrent neural networks with limited numerical precision", 2016
"""

from dataclasses import dataclass

from numser.layers import BatchNorm, Binarised
from numser.layers.batch_norm import is_learned
from numser.layers.compose import Layer
from numser.ragged import Params
from numser.systems.acrnn import ACRNN
from numser.systems.network import chain


@dataclass(frozen=True)
class BCRNN(ACRNN):
    """After BCRNN. What it is made of stands at the top of this file."""

    blocks: int = 5
    binary: bool = True  # False: the same with real weights

    def _convolution(self, n: int) -> Layer:
        return chain(self._inner(super()._convolution(n)), BatchNorm(256))

    def _inner(self, layer: Layer) -> Layer:
        return Binarised(layer) if self.binary else layer

    def stored_bytes(self, params: Params) -> float:
        """What the parameters take: a bit each binary weight, four bytes each other."""
        learned = {name: w.size for name, w in params.items() if is_learned(name)}
        inner = [n for n, layer in self.network.children if n.startswith(("conv", "linear", "lstm")) and n != "conv1"]
        binary = sum(n for name, n in learned.items() if name.split(".")[0] in inner and name.endswith(".w"))
        binary = binary if self.binary else 0
        return binary / 8 + 4 * (sum(learned.values()) - binary)
