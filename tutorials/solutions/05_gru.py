"""Answers to the exercises of lesson 05: right ones, and wrong ones that the checks catch."""

import numpy as np

from numser.layers import GRU


def memory_backward(x, h, z, dy):
    """From the end, the gradient of the state in hand."""
    dx, dz, dh = np.zeros_like(x), 0.0, 0.0
    for t in reversed(range(len(x))):
        before = h[t - 1] if t > 0 else 0.0
        dh += dy[t]
        dx[t] = (1 - z) * dh
        dz += (before - x[t]) * dh
        dh *= z
    return dx, dz


def no_past(x, h, z, dy):
    """Each step for itself: the gradient is not carried back."""
    before = np.append(0.0, h[:-1])
    return (1 - z) * dy, np.sum((before - x) * dy)


def last_before_first(x, h, z, dy):
    """h[−1] for the state before the first step."""
    dx, dz = memory_backward(x, h, z, dy)
    return dx, dz + h[-1] * dx[0] / (1 - z)


def forwards(x, h, z, dy):
    """Walks from the first step to the last, as forward does."""
    dx, dz = memory_backward(x[::-1], h[::-1], z, dy[::-1])
    return dx[::-1], dz


class MyGRU:
    """One direction."""

    def __init__(self, inputs, units):
        self.inputs, self.units = inputs, units

    def init(self, rng, dtype=np.float32):
        """As numser's."""
        return GRU(self.inputs, self.units).init(rng, dtype)

    def forward(self, params, x, *, training=False, rng=None):
        """As the lesson has it."""
        w, u, b, H = params["w"], params["u"], params["b"], self.units
        before, r, z, c = np.zeros((4, len(x), H))
        y = np.zeros((len(x), H))
        for t in range(len(x)):
            if t > 0:
                before[t] = y[t - 1]
            a = x[t] @ w + b
            r[t] = 1 / (1 + np.exp(-(a[:H] + before[t] @ u[:, :H])))
            z[t] = 1 / (1 + np.exp(-(a[H : 2 * H] + before[t] @ u[:, H : 2 * H])))
            c[t] = np.tanh(a[2 * H :] + (r[t] * before[t]) @ u[:, 2 * H :])
            y[t] = z[t] * before[t] + (1 - z[t]) * c[t]
        return y, (x, before, r, z, c)

    def step(self, u, dh, h, r, z, c):
        """Gradients (da, dh) of one step's a (3H,) and old state, given that of its new state."""
        H = self.units
        # forward: h' = z * h + (1 - z) * c, so:
        daz = dh * (h - c) * z * (1 - z)
        dac = dh * (1 - z) * (1 - c * c)
        # forward: c = tanh(ac + q @ Uc) and q = r * h, so:
        dq = dac @ u[:, 2 * H :].T
        dar = dq * h * r * (1 - r)
        return np.concatenate([dar, daz, dac]), dh * z + dq * r + dar @ u[:, :H].T + daz @ u[:, H : 2 * H].T

    def backward(self, params, cache, dy):
        """Steps from the last to the first; then all steps at once."""
        x, before, r, z, c = cache
        H = self.units
        da, dh = np.zeros((len(x), 3 * H)), np.zeros(H)
        for t in reversed(range(len(x))):
            da[t], dh = self.step(params["u"], dh + dy[t], before[t], r[t], z[t], c[t])
        du = np.hstack([before.T @ da[:, : 2 * H], (r * before).T @ da[:, 2 * H :]])
        return da @ params["w"].T, {"w": x.T @ da, "u": du, "b": da.sum(axis=0)}


class OneStepOnly(MyGRU):
    """The gradient is not carried back in time."""

    def step(self, u, dh, h, r, z, c):
        """As if the old state had come from nowhere."""
        da, before = super().step(u, dh, h, r, z, c)
        return da, np.zeros_like(before)


class OnlyThroughZ(MyGRU):
    """The old state is thought to be used once: in h' = z∘h + …"""

    def step(self, u, dh, h, r, z, c):
        """Three of four summands are missing."""
        return super().step(u, dh, h, r, z, c)[0], dh * z


class NoResetInU(MyGRU):
    """dUc from h, where the candidate saw r∘h."""

    def backward(self, params, cache, dy):
        """Only du is wrong, and only in its last third."""
        dx, grads = super().backward(params, cache, dy)
        x, before, r, z, c = cache
        ones = super().backward(params, (x, before, np.ones_like(r), z, c), dy)[1]
        H = self.units
        return dx, grads | {"u": np.hstack([grads["u"][:, : 2 * H], ones["u"][:, 2 * H :]])}


class GatesExchanged(MyGRU):
    """z and 1 − z exchanged on the way back."""

    def step(self, u, dh, h, r, z, c):
        """As torch and some books write it: h' = (1−z)∘h + z∘c would need it."""
        return super().step(u, dh, h, r, 1 - z, c)


def gru_parameters(inputs, units, tied):
    """w (C, 3H), u (H, 3H), b (3H,)."""
    return (1 if tied else 2) * 3 * units * (inputs + units + 1)


def always_two(inputs, units, tied):
    """Each direction its own, whatever is asked."""
    return 2 * gru_parameters(inputs, units, True)


def two_biases(inputs, units, tied):
    """PyTorch's has a second bias, for the product with the state."""
    return gru_parameters(inputs, units, tied) + (1 if tied else 2) * 3 * units


def no_state(inputs, units, tied):
    """u is forgotten."""
    return (1 if tied else 2) * 3 * units * (inputs + 1)


WRONG = {
    "memory_backward": [no_past, last_before_first, forwards],
    "MyGRU": [OneStepOnly, OnlyThroughZ, NoResetInU, GatesExchanged],
    "gru_parameters": [always_two, two_biases, no_state],
}
