"""Single passes over memory: bias, ReLU and its mask. For `fused.py`, which runs them on tiles.

All but `fetch` are a line or two of NumPy. As loops they read and write every number once; NumPy would go over an
array once for each operation.
"""

import numpy as np

from numser.jit import jit


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
