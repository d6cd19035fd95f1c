"""The depthwise convolution of `depthwise.py` with a ReLU on each side, three positions at a time. For `fused.py`.

    y = ReLU(depthwise(x)),  x = ReLU(…)        dx = mask(x) · depthwiseᵀ(dy), where mask(x) is 1 where x > 0, else 0

The sums are those of `depthwise.py`; only the order of work differs, since memory is what these loops wait for:

- Away from the edges three neighbours on the frequency axis are computed together. They see 3 × 5 inputs and 3 × 3
  weights: 24 numbers for three results instead of 18 for each one.
- Each result goes to memory once, with the ReLU already applied.
- Indices are unsigned, hence never negative. With signed ones Numba would ask each time (x[−1] is the last), and
  the loop over channels would not be vectorised.

The kernels work on frames start … stop−1 of one utterance, so that `fused.py` can go on with them while they are
in the processor's cache.

Shapes      x, y, dx, dy (n, F, C): one utterance   w, dw (3, 3, C)   db (C,)
"""

import numpy as np

from numser.jit import jit


@jit
def filter_edge(x, w, t, f, y):
    """Fill y[t, f], where the window reaches over an edge."""
    for c in range(x.shape[2]):
        y[t, f, c] = 0
    for i in range(3):
        for j in range(3):
            s, g = t + i - 1, f + j - 1
            if 0 <= s < x.shape[0] and 0 <= g < x.shape[1]:
                for c in range(x.shape[2]):
                    y[t, f, c] += w[i, j, c] * x[s, g, c]
    for c in range(x.shape[2]):
        y[t, f, c] = max(y[t, f, c], w.dtype.type(0))


@jit
def depthwise_relu_forward(x, w, start, stop, y):
    """Fill y[start:stop]."""
    zero, channels = w.dtype.type(0), np.uintp(x.shape[2])
    frames, width = x.shape[0], x.shape[1]
    for t in range(start, stop):
        f = 0
        while f < width:
            if 0 < t < frames - 1 and 0 < f < width - 3:
                b, l, m = np.uintp(t), np.uintp(f - 1), np.uintp(f)
                n, r, q = np.uintp(f + 1), np.uintp(f + 2), np.uintp(f + 3)
                for c in range(channels):
                    y0 = y1 = y2 = zero
                    for i in range(3):
                        s = b - np.uintp(1) + np.uintp(i)
                        w0, w1, w2 = w[i, 0, c], w[i, 1, c], w[i, 2, c]
                        x0, x1, x2, x3, x4 = x[s, l, c], x[s, m, c], x[s, n, c], x[s, r, c], x[s, q, c]
                        y0 += w0 * x0 + w1 * x1 + w2 * x2
                        y1 += w0 * x1 + w1 * x2 + w2 * x3
                        y2 += w0 * x2 + w1 * x3 + w2 * x4
                    y[b, m, c], y[b, n, c], y[b, r, c] = max(y0, zero), max(y1, zero), max(y2, zero)
                f += 3
            else:
                filter_edge(x, w, t, f, y)
                f += 1


@jit
def filter_edge_backward(x, w, dy, t, f, dx, dw, db):
    """Fill dx[t, f], where the window reaches over an edge; add to dw and db."""
    for c in range(x.shape[2]):
        dx[t, f, c] = 0
    for i in range(3):
        for j in range(3):
            s, g = t + 1 - i, f + 1 - j
            if 0 <= s < x.shape[0] and 0 <= g < x.shape[1]:
                for c in range(x.shape[2]):
                    # forward: y[s, g] += w[i, j] * x[t, f], so:
                    dx[t, f, c] += w[i, j, c] * dy[s, g, c]
                    dw[i, j, c] += x[t, f, c] * dy[s, g, c]
    for c in range(x.shape[2]):
        # forward: x = ReLU(z + bias), and x > 0 where it let through, so:
        dx[t, f, c] = dx[t, f, c] if x[t, f, c] > 0 else w.dtype.type(0)
        db[c] += dx[t, f, c]


@jit
def depthwise_relu_backward(x, w, dy, start, stop, dx, dw, db):
    """Fill dx[start:stop]; add to dw, and to db the sum of dx: the gradient of a bias before the ReLU that made x."""
    zero, channels = w.dtype.type(0), np.uintp(x.shape[2])
    frames, width = x.shape[0], x.shape[1]
    for t in range(start, stop):
        f = 0
        while f < width:
            if 0 < t < frames - 1 and 0 < f < width - 3:
                b, l, m = np.uintp(t), np.uintp(f - 1), np.uintp(f)
                n, r, q = np.uintp(f + 1), np.uintp(f + 2), np.uintp(f + 3)
                for c in range(channels):  # dx: dy filtered with the weights turned by half a circle
                    dx0 = dx1 = dx2 = zero
                    for i in range(3):
                        s, v = b - np.uintp(1) + np.uintp(i), np.uintp(2 - i)
                        w0, w1, w2 = w[v, 0, c], w[v, 1, c], w[v, 2, c]
                        dy0, dy1, dy2, dy3, dy4 = dy[s, l, c], dy[s, m, c], dy[s, n, c], dy[s, r, c], dy[s, q, c]
                        dx0 += w2 * dy0 + w1 * dy1 + w0 * dy2
                        dx1 += w2 * dy1 + w1 * dy2 + w0 * dy3
                        dx2 += w2 * dy2 + w1 * dy3 + w0 * dy4
                    dx0 = dx0 if x[b, m, c] > zero else zero
                    dx1 = dx1 if x[b, n, c] > zero else zero
                    dx2 = dx2 if x[b, r, c] > zero else zero
                    dx[b, m, c], dx[b, n, c], dx[b, r, c] = dx0, dx1, dx2
                    db[c] += dx0 + dx1 + dx2
                for i in range(3):
                    s, v = b - np.uintp(1) + np.uintp(i), np.uintp(2 - i)
                    for c in range(channels):
                        x0, x1, x2 = x[b, m, c], x[b, n, c], x[b, r, c]
                        dy0, dy1, dy2, dy3, dy4 = dy[s, l, c], dy[s, m, c], dy[s, n, c], dy[s, r, c], dy[s, q, c]
                        dw[v, 2, c] += x0 * dy0 + x1 * dy1 + x2 * dy2
                        dw[v, 1, c] += x0 * dy1 + x1 * dy2 + x2 * dy3
                        dw[v, 0, c] += x0 * dy2 + x1 * dy3 + x2 * dy4
                f += 3
            else:
                filter_edge_backward(x, w, dy, t, f, dx, dw, db)
                f += 1
