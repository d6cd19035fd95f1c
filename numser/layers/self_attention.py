"""Multi-head self-attention: each frame of an utterance asks all frames of it, and takes what answers.

    q = x Q    k = x K    v = x V               of head n, columns n·d … (n+1)·d
    A = softmax over the row of q kᵀ/√d         who listens to whom, (T, T) a head
    y = [A₁v₁ … A_h v_h] O

    dO = zᵀ dy     dz = dy Oᵀ                   z: the heads' A v side by side
    dA = dz vᵀ     dv = Aᵀ dz
    dS = A ∘ (dA − rowsum(A∘dA)) / √d           through the softmax, where weights compete
    dq = dS k      dk = dSᵀ q
    dx = dq Qᵀ + dk Kᵀ + dv Vᵀ                  dQ = xᵀ dq    dK = xᵀ dk    dV = xᵀ dv

Shapes      x (N, C)   q, k, v (C, C)   o (C, C)   y (N, C);   C = heads · d
Remembers   x, its queries, keys and values, z, and A of each utterance: heads · T² numbers
Raises      ValueError: features differ, or are no multiple of the heads; offsets do not run 0 … N
Deviation   not in the paper
Source      Vaswani et al., "Attention is all you need", 2017; without biases, residual and position
Test        tests/test_self_attention.py, and its gradients in tests/test_contract.py
"""

import math
from dataclasses import dataclass

import numpy as np

from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged, unpack


@dataclass(frozen=True)
class SelfAttention:
    """Multi-head self-attention within each utterance. The equations stand at the top of this file."""

    features: int
    heads: int

    def __post_init__(self):
        if self.heads < 1 or self.features % self.heads:
            raise ValueError(f"heads: should divide the {self.features} features, found {self.heads}")

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform."""
        n = self.features
        return {name: glorot_uniform(rng, (n, n), n, n, dtype) for name in "qkvo"}

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, tuple]:
        """Let the frames of each utterance attend to each other."""
        check_ragged(x, (self.features,))
        check_parameters(params, x.data.dtype, dict.fromkeys("qkvo", (self.features,) * 2))
        projected = {name: x.data @ params[name] for name in "qkv"}
        z, weights = np.empty_like(x.data), []
        heads = {name: self._heads(p, x.offsets) for name, p in {**projected, "z": z}.items()}
        for q, k, v, out in zip(*(heads[name] for name in "qkvz"), strict=True):
            scores = q @ k.transpose(0, 2, 1) * q.dtype.type(1 / math.sqrt(q.shape[2]))
            a = np.exp(scores - scores.max(2, keepdims=True))  # at most 1, so that nothing overflows
            a /= a.sum(2, keepdims=True)
            weights.append(a)
            out[...] = a @ v
        return Ragged(z @ params["o"], x.offsets), (x, projected, z, weights)

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of the weights, given that of y."""
        x, projected, z, weights = cache
        check_array(dy, x.data.shape, x.data.dtype, "dy")
        # forward: y = z @ o, so:
        gradients = {name: np.empty_like(z) for name in "qkv"} | {"z": dy @ params["o"].T}
        ours = {name: self._heads(p, x.offsets) for name, p in projected.items()}
        theirs = {name: self._heads(p, x.offsets) for name, p in gradients.items()}
        for n, a in enumerate(weights):
            q, k, v = (ours[name][n] for name in "qkv")
            dq, dk, dv, dz = (theirs[name][n] for name in "qkvz")
            # forward: z = a @ v, so:
            da, dv[...] = dz @ v.transpose(0, 2, 1), a.transpose(0, 2, 1) @ dz
            # forward: a = softmax(q @ kᵀ / √d), so:
            ds = a * (da - (a * da).sum(2, keepdims=True)) * q.dtype.type(1 / math.sqrt(q.shape[2]))
            dq[...], dk[...] = ds @ k, ds.transpose(0, 2, 1) @ q
        # forward: q = x @ Q, and so on, so:
        grads = {name: x.data.T @ gradients[name] for name in "qkv"} | {"o": z.T @ dy}
        return sum(gradients[name] @ params[name].T for name in "qkv"), grads

    def _heads(self, rows: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
        """Of each utterance a view (heads, T, d)."""
        return [u.reshape(len(u), self.heads, -1).transpose(1, 0, 2) for u in unpack(Ragged(rows, offsets))]
