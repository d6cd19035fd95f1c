"""Deltas: how each band rises or falls, and how that changes, as further columns of the frames.

    Δ[t] = Σ_{n=1,2} n (x[t+n] − x[t−n]) / 10            the slope of a line through five frames
    y    = [x, Δ, ΔΔ, …]                                 ΔΔ is the Δ of Δ

Before the first frame and after the last these are repeated.

Shapes      x (T, bands)   y (T, (1 + orders) · bands) float32
Units       x and y in dB; Δ in dB a frame, ΔΔ in dB a frame²
Source      Furui, 1986; HTK's regression formula
"""

import numpy as np


def deltas(x: np.ndarray) -> np.ndarray:
    """Δ of frames, (T, bands)."""
    padded = np.pad(x, ((2, 2), (0, 0)), mode="edge")
    return (padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])) / x.dtype.type(10)


def with_deltas(x: np.ndarray, orders: int) -> np.ndarray:
    """The frames with so many orders of deltas behind their bands; with none, themselves."""
    columns = [x]
    for _ in range(orders):
        columns.append(deltas(columns[-1]))
    return np.hstack(columns) if orders else x
