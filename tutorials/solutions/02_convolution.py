"""Answers to the exercises of lesson 02: right ones, and wrong ones that the checks catch."""

import numpy as np


def conv1d_backward(x, w, dy):
    """Forward's loops, and two lines for its one."""
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for t in range(len(dy)):
        for i in range(3):
            dw[i] += x[2 * t + i] * dy[t]
            dx[2 * t + i] += w[i] * dy[t]
    return dx, dw, dy.sum()


def overwrites(x, w, dy):
    """`=` for `+=`: an input that feeds two outputs keeps only the later one's share."""
    dx, dw, db = conv1d_backward(x, w, dy)
    for t in range(len(dy)):
        for i in range(3):
            dx[2 * t + i] = w[i] * dy[t]
    return dx, dw, db


def forgets_the_stride(x, w, dy):
    """x[t + i] for x[2t + i]."""
    dx, _, db = conv1d_backward(x, w, dy)
    dw = np.array([sum(x[t + i] * dy[t] for t in range(len(dy))) for i in range(3)])
    return dx, dw, db


def stops_early(x, w, dy):
    """The last output is forgotten."""
    return conv1d_backward(x, w, np.append(dy[:-1], 0))


def numeric_gradient(f, w, eps):
    """Two steps an entry."""
    gradient = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        ahead, behind = w.copy(), w.copy()
        ahead[index] += eps
        behind[index] -= eps
        gradient[index] = (f(ahead) - f(behind)) / (2 * eps)
    return gradient


def one_sided(f, w, eps):
    """One step an entry: the error falls only as ε."""
    gradient = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        ahead = w.copy()
        ahead[index] += eps
        gradient[index] = (f(ahead) - f(w)) / eps
    return gradient


def forgets_the_two(f, w, eps):
    """The two points are 2ε apart, not ε."""
    return 2 * numeric_gradient(f, w, eps)


def moves_w_itself(f, w, eps):
    """Works on w, and does not put it back."""
    gradient = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        w[index] += eps
        ahead = f(w)
        w[index] -= 2 * eps
        gradient[index] = (ahead - f(w)) / (2 * eps)
    return gradient


class SameConv:
    """A 3×3 convolution, zero outside."""

    def init(self, rng, dtype=np.float32):
        """Nine weights and a bias."""
        return {"w": rng.standard_normal((3, 3)).astype(dtype), "b": np.zeros(1, dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        """As the lesson has it."""
        (T, F), w = x.shape, params["w"]
        padded = np.pad(x, 1)
        y = np.zeros_like(x) + params["b"]
        for i in range(3):
            for j in range(3):
                y += w[i, j] * padded[i : i + T, j : j + F]
        return y, x

    def backward(self, params, cache, dy):
        """Forward: y += w[i, j] * slice of padded, so the weight gets the slice, and the slice the weight."""
        x = cache
        (T, F), w = x.shape, params["w"]
        padded = np.pad(x, 1)
        dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
        for i in range(3):
            for j in range(3):
                dw[i, j] = np.sum(padded[i : i + T, j : j + F] * dy)
                dpadded[i : i + T, j : j + F] += w[i, j] * dy
        return dpadded[1:-1, 1:-1], {"w": dw, "b": dy.sum(keepdims=True)[0]}


class NotTurned(SameConv):
    """Convolves dy with w as forward does: but what lies to the right of an input fed it from the left."""

    def backward(self, params, cache, dy):
        """dx[t, f] should take w[i, j] from dy[t + 1 − i, f + 1 − j]."""
        _, grads = super().backward(params, cache, dy)
        no_bias = {"w": params["w"], "b": np.zeros(1)}
        return self.forward(no_bias, dy)[0], grads


class BorderKept(SameConv):
    """Cuts the wrong two rows and columns off."""

    def backward(self, params, cache, dy):
        """The gradient of `padded` begins with the border."""
        (T, F), w = cache.shape, params["w"]
        dpadded = np.zeros((T + 2, F + 2))
        for i in range(3):
            for j in range(3):
                dpadded[i : i + T, j : j + F] += w[i, j] * dy
        return dpadded[:T, :F], super().backward(params, cache, dy)[1]


class MeanBias(SameConv):
    """The bias's gradient as a mean over the outputs."""

    def backward(self, params, cache, dy):
        """It should be the sum."""
        dx, grads = super().backward(params, cache, dy)
        return dx, grads | {"b": grads["b"] / dy.size}


class StopsEarly(SameConv):
    """The last frame is forgotten."""

    def backward(self, params, cache, dy):
        """As in the lesson."""
        forgotten = dy.copy()
        forgotten[-1] = 0
        return super().backward(params, cache, forgotten)


WRONG = {
    "conv1d_backward": [overwrites, forgets_the_stride, stops_early],
    "numeric_gradient": [one_sided, forgets_the_two, moves_w_itself],
    "SameConv": [NotTurned, BorderKept, MeanBias, StopsEarly],
}
