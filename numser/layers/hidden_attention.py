"""Attention pooling whose score has a hidden layer.

    v[t] = σ(h[t] W + b)      s[t] = v[t] · u      α = softmax over the utterance's t of s      y = Σ_t α[t] h[t]

    dα[t] = dy · h[t]         ds[t] = α[t] (dα[t] − Σ_τ α[τ] dα[τ])
    du = Σ_t ds[t] v[t]       dp[t] = ds[t] u ∘ v[t] (1 − v[t])
    dW = Σ_t h[t]ᵀ dp[t]      db = Σ_t dp[t]
    dh[t] = α[t] dy + dp[t] Wᵀ

With tanh in the place of σ it is the same layer: σ(p) = ½ + ½ tanh(p/2), and the softmax does not see a constant.

Shapes      h (N, C)   w (C, M)   b (M,)   u (M,)   α (N,)   y (B, C);   B = utterances
Remembers   h, v, α
Raises      ValueError: features differ; offsets do not run 0 … N
Deviation   the paper's Eq. 1 has no hidden layer (attention.py)
Source      Bahdanau, Cho, Bengio, 2015; with M = 1 the program of Chen et al., "3-D convolutional recurrent …", 2018
Test        tests/test_hidden_attention.py, and its gradients in tests/test_contract.py
"""

from dataclasses import dataclass

import numpy as np

from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged


@dataclass(frozen=True)
class HiddenAttention:
    """Weighted mean over time, the weights from a small network. The equations stand at the top of this file."""

    features: int
    hidden: int

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.features, self.hidden), "b": (self.hidden,), "u": (self.hidden,)}

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """W Glorot-uniform, b 0, u normal with standard deviation 0.1."""
        w = glorot_uniform(rng, (self.features, self.hidden), self.features, self.hidden, dtype)
        return {"w": w, "b": np.zeros(self.hidden, dtype), "u": rng.normal(0, 0.1, self.hidden).astype(dtype)}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[np.ndarray, tuple]:
        """Pool each utterance."""
        check_ragged(x, (self.features,))
        check_parameters(params, x.data.dtype, self._shapes)
        half, starts = x.data.dtype.type(0.5), x.offsets[:-1]
        v = half + half * np.tanh(half * (x.data @ params["w"] + params["b"]))  # σ
        score = v @ params["u"]
        alpha = np.exp(score - np.repeat(np.maximum.reduceat(score, starts), x.lengths))
        alpha /= np.repeat(np.add.reduceat(alpha, starts), x.lengths)
        return np.add.reduceat(alpha[:, np.newaxis] * x.data, starts), (x, v, alpha)

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of the weights, given that of y."""
        x, v, alpha = cache
        check_array(dy, (len(x), self.features), x.data.dtype, "dy")
        dy = np.repeat(dy, x.lengths, axis=0)
        # forward: y = Σ α h, so:
        dalpha = (dy * x.data).sum(1)
        # forward: α = softmax(s), so:
        mean = np.add.reduceat(alpha * dalpha, x.offsets[:-1])
        dscore = (alpha * (dalpha - np.repeat(mean, x.lengths)))[:, np.newaxis]
        # forward: s = σ(p) u and p = h W + b, so:
        dp = dscore * params["u"] * v * (1 - v)
        grads = {"w": x.data.T @ dp, "b": dp.sum(0), "u": (dscore * v).sum(0)}
        return alpha[:, np.newaxis] * dy + dp @ params["w"].T, grads
