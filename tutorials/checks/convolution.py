"""Checks of lesson 02."""

import numpy as np

from checker import Watched, Wrong, exercise, gradients, parts, same


@exercise
def conv1d_backward(answer):
    """dx, dw and db of a convolution with three weights and stride 2."""
    rng = np.random.default_rng(0)
    for n in (7, 12):  # of 12 inputs, the last one feeds nothing
        outputs = (n - 3) // 2 + 1
        x, w, dy = rng.standard_normal(n), rng.standard_normal(3), rng.standard_normal(outputs)
        feeds = np.zeros((outputs, n))  # y = feeds @ x + b
        for t in range(outputs):
            feeds[t, 2 * t : 2 * t + 3] = w
        dw = np.array([dy @ x[i : i + 2 * outputs : 2] for i in range(3)])
        found = answer(x.copy(), w.copy(), dy.copy())
        parts(found, "conv1d_backward", "dx", "dw", "db")
        for name, one, other in zip(("dx", "dw", "db"), found, (feeds.T @ dy, dw, dy.sum()), strict=True):
            same(one, other, f"{name}, with {n} inputs,")


@exercise
def numeric_gradient(answer):
    """Central differences of a curved function, one of whose slopes is large."""
    factors = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]])
    for w in (np.array([0.5, -1.0]), np.array([[0.3, 1.2, -0.7], [0.0, 2.0, 1.0]])):
        a = factors[tuple(slice(n) for n in (1, w.size))][0] if w.ndim == 1 else factors
        before = w.copy()
        found = answer(lambda v, a=a: float(np.sum(a * v**3)), w, 1e-3)
        if not np.array_equal(w, before):
            raise Wrong("It should leave w as it was; change a copy.")
        same(found, 3 * a * before**2, f"numeric_gradient at a w of shape {w.shape}", tolerance=1e-5)


@exercise
def SameConv(answer):
    """The student's layer: its forward is still right, and its backward is."""
    rng = np.random.default_rng(0)
    for T, F in ((4, 5), (3, 6), (1, 1)):
        layer, x = Watched(answer()), rng.standard_normal((T, F))
        params = {"w": rng.standard_normal((3, 3)), "b": rng.standard_normal(1)}
        expected = np.zeros_like(x) + params["b"]
        for (t, f), _ in np.ndenumerate(x):
            for (i, j), weight in np.ndenumerate(params["w"]):
                if 0 <= t + i - 1 < T and 0 <= f + j - 1 < F:
                    expected[t, f] += weight * x[t + i - 1, f + j - 1]
        same(layer.forward(params, x)[0], expected, "y")
        gradients(layer, params, x)
