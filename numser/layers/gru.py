"""Bidirectional gated recurrent unit: reads each utterance from both ends.        Paper §3.2 (Bi-RNN)

    a = x W + b                                       for all frames at once, split into ar, az, ac
    r = σ(ar + h Ur)        reset: how much of the past the candidate sees
    z = σ(az + h Uz)        update: how much of the past is kept
    c = tanh(ac + (r∘h) Uc) candidate
    h' = z∘h + (1−z)∘c      the new state, from the last one, h; h = 0 before the first frame

Backward: the equations through time stand at their loop, `gru_backward`. Over all frames at once follow
    dx = da Wᵀ    dW = xᵀ da    db = Σ da    dUr,z = Σ hᵀ da(r,z)    dUc = Σ qᵀ dac        q = r∘h

Tied: both directions use one set of weights, and x W + b is computed once for the two.

Shapes      x (N, C)   w (C, 3H)   u (H, 3H)   b (3H,)   y (N, 2H): forward states, then backward states
            columns of w, u, b: reset, update, candidate
Remembers   x, y, and r, z, c of each direction (N, 3H)
Raises      ValueError: features differ; offsets do not run 0 … N
Deviation   the paper does not say that the directions share weights. Its parameter counts (Table 4) come out
            only if they do. The reset comes before the product with Uc, as in version 3 of Cho et al., 2014
            (arXiv 1406.1078); in torch.nn.GRU it comes after, as in their version 1
Test        tests/test_gru.py, and its gradients in tests/test_contract.py
"""

import math
from dataclasses import dataclass

import numpy as np

from numser.jit import jit
from numser.layers.initial import glorot_uniform
from numser.ragged import Gradients, Params, Ragged, check_array, check_parameters, check_ragged

_SERIES = tuple(1 / math.factorial(k) for k in range(15, 0, -1))


@jit
def tanh(x):
    """(e²ˣ − 1) / (e²ˣ + 1), to the last digits of float64, by steps that a processor takes for many x at once.

    Of math.tanh it takes one at a time, and that was half the time of this layer. Let u = eʸ − 1. For a small y a
    series gives u, and as y doubles, u becomes u·(u + 2): (u + 1)² − 1. With y < 0 nothing can overflow.
    """
    y = -2 * min(abs(x), 20.0) / 64  # beyond 20 all digits of the result are 9
    u = 0.0
    for coefficient in _SERIES:
        u = (u + coefficient) * y
    for _ in range(6):  # 2⁶ = 64
        u *= u + 2
    return -u / (u + 2) if x >= 0 else u / (u + 2)


@jit
def add_product(x, w, y):
    """y ← y + x w, for x (K,), w (K, M), y (M,). Four rows of w at a time: y is read and written once for the four.

    Indices are unsigned, so that the loop over y is vectorised (see fused_kernels.py).
    """
    _0, _1, _2, _3, _4 = np.uintp(0), np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    fours, columns = np.uintp(len(x)) // _4 * _4, np.uintp(len(y))
    for k in range(_0, fours, _4):
        x0, x1, x2, x3 = x[k], x[k + _1], x[k + _2], x[k + _3]
        for j in range(columns):
            y[j] += x0 * w[k, j] + x1 * w[k + _1, j] + x2 * w[k + _2, j] + x3 * w[k + _3, j]
    for k in range(fours, np.uintp(len(x))):
        for j in range(columns):
            y[j] += x[k] * w[k, j]


@jit
def gru_forward(a, offsets, u_gates, u_candidate, reverse, gates, y, column):
    """Fill gates (N, 3H) with r, z, c, and y[:, column:column+H] with the states of one direction.

    u_gates (H, 2H) and u_candidate (H, H) are u, split into two.
    """
    units = len(u_candidate)
    one, half = a.dtype.type(1), a.dtype.type(0.5)
    h, q = np.empty(units, a.dtype), np.empty(units, a.dtype)
    for n in range(len(offsets) - 1):
        first, last = offsets[n], offsets[n + 1] - 1
        h[:] = 0
        for step in range(last - first + 1):
            t = last - step if reverse else first + step
            g = gates[t]
            for j in range(3 * units):
                g[j] = a[t, j]
            rz, c = g[: 2 * units], g[2 * units :]
            add_product(h, u_gates, rz)
            for j in range(2 * units):
                rz[j] = half + half * tanh(half * rz[j])  # σ
            for k in range(units):
                q[k] = rz[k] * h[k]
            add_product(q, u_candidate, c)
            for k in range(units):
                c[k] = tanh(c[k])
                z = rz[units + k]
                h[k] = z * h[k] + (one - z) * c[k]
                y[t, column + k] = h[k]


@jit
def gru_backward(
    dy, offsets, u_gates_transposed, u_candidate_transposed, reverse, gates, y, column, da, past, reset_past
):
    """Fill da (N, 3H), past (N, H) with the h that each frame saw, and reset_past (N, H) with q = r∘h.

    From the end of each direction to its start, with dh, the gradient of the state, in hand:
        dac = dh'∘(1−z)∘(1−c²)        dq = dac Ucᵀ
        dar = dq∘h∘r∘(1−r)            daz = dh'∘(h−c)∘z∘(1−z)
        dh = dh'∘z + dq∘r + dar Urᵀ + daz Uzᵀ
    """
    units = len(u_candidate_transposed)
    one = dy.dtype.type(1)
    dh, dq = np.empty(units, da.dtype), np.empty(units, da.dtype)
    for n in range(len(offsets) - 1):
        first, last = offsets[n], offsets[n + 1] - 1
        dh[:] = 0
        for step in range(last - first, -1, -1):
            t = last - step if reverse else first + step
            for k in range(units):
                if step == 0:
                    past[t, k] = 0
                else:
                    past[t, k] = y[t + 1 if reverse else t - 1, column + k]
            g, h, d = gates[t], past[t], da[t]
            for k in range(units):
                r, z, c = g[k], g[units + k], g[2 * units + k]
                dh[k] += dy[t, column + k]
                # forward: h' = z * h + (1 - z) * c, with z = σ(az) and c = tanh(ac), so:
                d[units + k] = dh[k] * (h[k] - c) * z * (one - z)
                d[2 * units + k] = dh[k] * (one - z) * (one - c * c)
                dh[k] *= z
                reset_past[t, k] = r * h[k]
            # forward: ac += (r * h) @ Uc, so:
            dq[:] = 0
            add_product(d[2 * units :], u_candidate_transposed, dq)
            for k in range(units):
                r = g[k]  # forward: r = σ(ar), and σ' = r (1 - r), so:
                d[k] = dq[k] * h[k] * r * (one - r)
                dh[k] += dq[k] * r
            # forward: ar += h @ Ur and az += h @ Uz, so:
            add_product(d[: 2 * units], u_gates_transposed, dh)


def split_gates(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns of u (H, 3H) for both gates, and those for the candidate, each in one piece."""
    columns = 2 * len(u)
    return np.ascontiguousarray(u[:, :columns]), np.ascontiguousarray(u[:, columns:])


@dataclass(frozen=True)
class GRU:
    """Bidirectional GRU. The equations stand at the top of this file."""

    inputs: int
    units: int
    tied: bool = True

    @property
    def _prefixes(self) -> tuple[str, str]:
        return ("", "") if self.tied else ("forward.", "backward.")

    def init(self, rng: np.random.Generator, dtype=np.float32) -> Params:
        """Weights Glorot-uniform with the fans of the stacked [x; h] matrix; biases 1 for r and z, 0 for c."""
        n, h = self.inputs, self.units
        params = {}
        for prefix in dict.fromkeys(self._prefixes):
            gates = glorot_uniform(rng, (n + h, 2 * h), n + h, 2 * h, dtype)
            candidate = glorot_uniform(rng, (n + h, h), n + h, h, dtype)
            stacked = np.concatenate([gates, candidate], axis=1)
            params[prefix + "w"], params[prefix + "u"] = stacked[:n].copy(), stacked[n:].copy()
            params[prefix + "b"] = np.repeat(np.array([1, 1, 0], dtype), h)
        return params

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[Ragged, tuple]:
        """Read each utterance in both directions."""
        n, h = self.inputs, self.units
        check_ragged(x, (n,))
        shapes = {"w": (n, 3 * h), "u": (h, 3 * h), "b": (3 * h,)}
        check_parameters(
            params, x.data.dtype, {p + name: shape for p in self._prefixes for name, shape in shapes.items()}
        )
        y, gates = self.read(params, self.project(params, x.data), x.offsets)
        return Ragged(y, x.offsets), (x, y, gates)

    def project(self, params: Params, x: np.ndarray) -> Params:
        """a = x W + b of frames x (N, C), for each set of weights: (N, 3H)."""
        return {p: x @ params[p + "w"] + params[p + "b"] for p in dict.fromkeys(self._prefixes)}

    def read(self, params: Params, a: Params, offsets: np.ndarray, each=map) -> tuple[np.ndarray, np.ndarray]:
        """States (N, 2H) and gates (2, N, 3H) of utterances, given their `a`. With a pool's map for `each`, each
        direction has a thread.
        """
        h, (frames, _), dtype = self.units, a[self._prefixes[0]].shape, a[self._prefixes[0]].dtype
        y, gates = np.empty((frames, 2 * h), dtype), np.empty((2, frames, 3 * h), dtype)

        def one_direction(i: int) -> None:
            p = self._prefixes[i]
            gru_forward(a[p], offsets, *split_gates(params[p + "u"]), i == 1, gates[i], y, i * h)

        list(each(one_direction, (0, 1)))
        return y, gates

    def backward(self, params: Params, cache, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """Gradients of x and of the weights, given that of y."""
        x, y, gates = cache
        h = self.units
        check_array(dy, y.shape, y.dtype, "dy")
        da: Params = {}
        grads: Params = {}
        for i, p in enumerate(self._prefixes):
            direction = np.empty_like(gates[i])
            past, reset_past = np.empty((2, len(y), h), y.dtype)
            ut = [np.ascontiguousarray(part.T) for part in split_gates(params[p + "u"])]
            gru_backward(dy, x.offsets, *ut, i == 1, gates[i], y, i * h, direction, past, reset_past)
            du = np.hstack([past.T @ direction[:, : 2 * h], reset_past.T @ direction[:, 2 * h :]])
            grads[p + "u"] = grads[p + "u"] + du if p + "u" in grads else du
            da[p] = da[p] + direction if p in da else direction
        for p, d in da.items():  # forward: a = x @ w + b, so:
            grads[p + "w"], grads[p + "b"] = x.data.T @ d, d.sum(0)
        forward, *rest = (d @ params[p + "w"].T for p, d in da.items())
        return forward + rest[0] if rest else forward, grads
