"""The loops of `fused.py`: the depthwise convolution with a ReLU on each side, and single passes over memory.

**The convolution** is that of `depthwise.py`, eight positions at a time:

    y = ReLU(depthwise(x)),  x = ReLU(…)        dx = mask(x) · depthwiseᵀ(dy), where mask(x) is 1 where x > 0, else 0

The sums are those of `depthwise.py`. What differs is the order of work, since these loops wait for numbers to
arrive, not for the processor to multiply them:

- x and dy have a border of zeros, one wide: what lies outside the utterance is there to be read, and no loop asks
  whether it is at an edge.
- Eight neighbours, two in time and four in frequency, are computed together. They see 4 × 6 inputs and 3 × 3
  weights: 33 numbers for eight results instead of 18 for each one. Where no eight are left, it goes one by one.
- Each result goes to memory once, with the ReLU already applied.
- Both ways have the same eight sums, and each writes them out: as a function of their own that both call, they were
  ten times as slow, since the loop over channels was not vectorised then.
- Indices are unsigned, hence never negative. With signed ones Numba would provide for x[−1], the last.

**Single passes**: bias, ReLU and its mask. All but `fetch` are a line or two of NumPy. As loops they read and write
every number once; NumPy would go over an array once for each operation.

**The whole way forward** of an utterance, tile by tile. From Python a tile would be six calls, so tiles would have to
be large, and two threads would wait for each other's turn; here a tile is small enough to stay near.

Shapes      x, dy (T+2, F+2, C): some frames of one utterance, those before and after them, and the border
            y, dx (T, F, C)   w, dw (3, 3, C)   db (C,)
Test        tests/test_fused.py
"""

import numpy as np

from numser.jit import jit

_0, _1, _2, _3, _4, _5 = map(np.uintp, range(6))


@jit
def filter_position(x, w, t, f, y):
    """Fill y[t, f]. It lies at x[t+1, f+1], so its window begins at x[t, f]."""
    for c in range(x.shape[2]):
        total = w.dtype.type(0)
        for i in range(3):
            for j in range(3):
                total += w[i, j, c] * x[t + i, f + j, c]
        y[t, f, c] = max(total, w.dtype.type(0))


@jit
def depthwise_relu_forward(x, w, y):
    """Fill y."""
    zero = w.dtype.type(0)
    frames, width, channels = np.uintp(y.shape[0]), np.uintp(y.shape[1]), np.uintp(y.shape[2])
    for t in range(_0, frames, _2):
        for f in range(_0, width, _4):
            if t + _1 < frames and f + _3 < width:
                for c in range(channels):
                    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero
                    for i in range(_3):
                        w0, w1, w2 = w[i, _0, c], w[i, _1, c], w[i, _2, c]
                        s = t + i
                        x0, x1, x2 = x[s, f, c], x[s, f + _1, c], x[s, f + _2, c]
                        x3, x4, x5 = x[s, f + _3, c], x[s, f + _4, c], x[s, f + _5, c]
                        a0 += w0 * x0 + w1 * x1 + w2 * x2
                        a1 += w0 * x1 + w1 * x2 + w2 * x3
                        a2 += w0 * x2 + w1 * x3 + w2 * x4
                        a3 += w0 * x3 + w1 * x4 + w2 * x5
                        s = t + i + _1  # the row below, for the results below
                        x0, x1, x2 = x[s, f, c], x[s, f + _1, c], x[s, f + _2, c]
                        x3, x4, x5 = x[s, f + _3, c], x[s, f + _4, c], x[s, f + _5, c]
                        b0 += w0 * x0 + w1 * x1 + w2 * x2
                        b1 += w0 * x1 + w1 * x2 + w2 * x3
                        b2 += w0 * x2 + w1 * x3 + w2 * x4
                        b3 += w0 * x3 + w1 * x4 + w2 * x5
                    y[t, f, c], y[t, f + _1, c] = max(a0, zero), max(a1, zero)
                    y[t, f + _2, c], y[t, f + _3, c] = max(a2, zero), max(a3, zero)
                    y[t + _1, f, c], y[t + _1, f + _1, c] = max(b0, zero), max(b1, zero)
                    y[t + _1, f + _2, c], y[t + _1, f + _3, c] = max(b2, zero), max(b3, zero)
            else:
                for s in range(t, min(t + _2, frames)):
                    for g in range(f, min(f + _4, width)):
                        filter_position(x, w, s, g, y)


@jit
def filter_position_backward(x, w, dy, t, f, dx, dw, db):
    """Fill dx[t, f]; add to dw and db."""
    zero = w.dtype.type(0)
    for c in range(x.shape[2]):
        here, total = x[t + _1, f + _1, c], zero
        for i in range(3):
            for j in range(3):
                # forward: y[t+1−i, f+1−j] += w[i, j] * x[t, f], and dy[2, 2] of a border is dy[1, 1] without, so:
                total += w[i, j, c] * dy[t + _2 - np.uintp(i), f + _2 - np.uintp(j), c]
                dw[i, j, c] += here * dy[t + _2 - np.uintp(i), f + _2 - np.uintp(j), c]
        # forward: x = ReLU(z + bias), and x > 0 where it let through, so:
        dx[t, f, c] = total if here > zero else zero
        db[c] += dx[t, f, c]


@jit
def depthwise_relu_backward(x, w, dy, dx, dw, db):
    """Fill dx; add to dw, and to db the sum of dx: the gradient of a bias before the ReLU that made x."""
    zero = w.dtype.type(0)
    frames, width, channels = np.uintp(dx.shape[0]), np.uintp(dx.shape[1]), np.uintp(dx.shape[2])
    for t in range(_0, frames, _2):
        for f in range(_0, width, _4):
            if t + _1 < frames and f + _3 < width:
                for c in range(channels):  # dx: dy filtered with the weights turned by half a circle
                    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = zero
                    for i in range(_3):
                        w0, w1, w2 = w[_2 - i, _2, c], w[_2 - i, _1, c], w[_2 - i, _0, c]
                        s = t + i
                        y0, y1, y2 = dy[s, f, c], dy[s, f + _1, c], dy[s, f + _2, c]
                        y3, y4, y5 = dy[s, f + _3, c], dy[s, f + _4, c], dy[s, f + _5, c]
                        a0 += w0 * y0 + w1 * y1 + w2 * y2
                        a1 += w0 * y1 + w1 * y2 + w2 * y3
                        a2 += w0 * y2 + w1 * y3 + w2 * y4
                        a3 += w0 * y3 + w1 * y4 + w2 * y5
                        s = t + i + _1
                        y0, y1, y2 = dy[s, f, c], dy[s, f + _1, c], dy[s, f + _2, c]
                        y3, y4, y5 = dy[s, f + _3, c], dy[s, f + _4, c], dy[s, f + _5, c]
                        b0 += w0 * y0 + w1 * y1 + w2 * y2
                        b1 += w0 * y1 + w1 * y2 + w2 * y3
                        b2 += w0 * y2 + w1 * y3 + w2 * y4
                        b3 += w0 * y3 + w1 * y4 + w2 * y5
                    s = t + _1
                    a0, a1 = a0 if x[s, f + _1, c] > zero else zero, a1 if x[s, f + _2, c] > zero else zero
                    a2, a3 = a2 if x[s, f + _3, c] > zero else zero, a3 if x[s, f + _4, c] > zero else zero
                    s = t + _2
                    b0, b1 = b0 if x[s, f + _1, c] > zero else zero, b1 if x[s, f + _2, c] > zero else zero
                    b2, b3 = b2 if x[s, f + _3, c] > zero else zero, b3 if x[s, f + _4, c] > zero else zero
                    dx[t, f, c], dx[t, f + _1, c], dx[t, f + _2, c], dx[t, f + _3, c] = a0, a1, a2, a3
                    s = t + _1
                    dx[s, f, c], dx[s, f + _1, c], dx[s, f + _2, c], dx[s, f + _3, c] = b0, b1, b2, b3
                    db[c] += (a0 + a1 + a2 + a3) + (b0 + b1 + b2 + b3)
                for i in range(_3):
                    for c in range(channels):
                        total0 = total1 = total2 = zero
                        for k in range(_2):
                            s, u = t + k + _1, t + k + _2 - i
                            x0, x1, x2, x3 = x[s, f + _1, c], x[s, f + _2, c], x[s, f + _3, c], x[s, f + _4, c]
                            y0, y1, y2 = dy[u, f, c], dy[u, f + _1, c], dy[u, f + _2, c]
                            y3, y4, y5 = dy[u, f + _3, c], dy[u, f + _4, c], dy[u, f + _5, c]
                            total2 += x0 * y0 + x1 * y1 + x2 * y2 + x3 * y3
                            total1 += x0 * y1 + x1 * y2 + x2 * y3 + x3 * y4
                            total0 += x0 * y2 + x1 * y3 + x2 * y4 + x3 * y5
                        dw[i, _0, c] += total0
                        dw[i, _1, c] += total1
                        dw[i, _2, c] += total2
            else:
                for s in range(t, min(t + _2, frames)):
                    for g in range(f, min(f + _4, width)):
                        filter_position_backward(x, w, dy, s, g, dx, dw, db)


def rows(x: np.ndarray) -> np.ndarray:
    """All positions of x (frames, F, C) as the rows of one matrix."""
    return x.reshape(-1, x.shape[-1])


@jit
def fetch(arrays):
    """Read a tuple of arrays (n, F, C) from end to end, so that they are in the processor's cache when needed.

    Read in order, memory delivers ahead of time; in the order of a filter or of a matrix product it is waited for.
    """
    total = arrays[0].dtype.type(0)
    for x in arrays:
        for t in range(x.shape[0]):
            for f in range(x.shape[1]):
                for c in range(0, x.shape[2], 16):  # one number of each cache line
                    total += x[t, f, c]
    return total


@jit
def add_bias(y, b):
    """y ← y + b, for y (rows, C)."""
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            y[n, c] += b[c]


@jit
def add_bias_and_skip(y, b, x):
    """y ← y + b + x, for y and x (rows, C)."""
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            y[n, c] += b[c] + x[n, c]


@jit
def bias_relu_bordered(z, b, y):
    """Fill frames of y (n, F+2, C), except their border's zeros, with ReLU(z + b), for z (n, F, C)."""
    zero = b.dtype.type(0)
    for t in range(z.shape[0]):
        y[t, 0] = zero
        for f in range(z.shape[1]):
            for c in range(z.shape[2]):
                y[t, f + 1, c] = max(z[t, f, c] + b[c], zero)
        y[t, z.shape[1] + 1] = zero


@jit
def relu_backward_bordered(dy, y, dz):
    """Fill frames of dz (n, F+2, C), except their border's zeros: dy where y > 0, else 0, for dy and y (n, F, C)."""
    zero = dy.dtype.type(0)
    for t in range(dy.shape[0]):
        dz[t, 0] = zero
        for f in range(dy.shape[1]):
            for c in range(dy.shape[2]):
                dz[t, f + 1, c] = dy[t, f, c] if y[t, f, c] > zero else zero
        dz[t, dy.shape[1] + 1] = zero


@jit
def block_forward(x, expand_w, expand_b, w, project_w, project_b, residual, z, d, e, y):
    """Fill e (T+2, F+2, M) and y (T, F, O) of one utterance x (T, F, C).

    z (n+1, F, M) and d (n, F, M) are room for a tile of n frames; z also for the one that expanding runs ahead.
    """
    frames, width, channels = x.shape
    expanded, out = w.shape[2], y.shape[2]
    e[0] = e[frames + 1] = w.dtype.type(0)
    ready = 0
    for start in range(0, frames, len(d)):
        stop = min(start + len(d), frames)
        ahead = min(stop + 1, frames)
        n, m = ahead - ready, stop - start
        np.dot(x[ready:ahead].reshape(n * width, channels), expand_w, z[:n].reshape(n * width, expanded))
        bias_relu_bordered(z[:n], expand_b, e[ready + 1 : ahead + 1])
        depthwise_relu_forward(e[start : stop + 2], w, d[:m])
        y_rows = y[start:stop].reshape(m * width, out)
        np.dot(d[:m].reshape(m * width, expanded), project_w, y_rows)
        if residual:
            add_bias_and_skip(y_rows, project_b, x[start:stop].reshape(m * width, channels))
        else:
            add_bias(y_rows, project_b)
        ready = ahead
