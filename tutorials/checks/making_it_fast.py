"""Checks of lesson 10."""

import numpy as np

from checker import Wrong, exercise, same


@exercise
def attainable(answer):
    """The roofline, left and right of its edge."""
    intensity = np.array([0.1, 2.25, 8.0, 10.0, 70.0])
    for peak, rate in ((100e9, 10e9), (50e9, 25e9)):
        expected = np.where(intensity * rate < peak, intensity * rate, peak)
        same(answer(intensity.copy(), peak, rate), expected, f"attainable with peak {peak:.0e} and rate {rate:.0e}")


@exercise
def block_intensity(answer):
    """FLOP a byte of an inverted residual."""
    for c, m in ((64, 128), (16, 96)):
        flop = 2 * c * m + 18 * m + 2 * m * c
        moved = 4 * ((c + m) + (m + m) + (m + c)), 4 * (c + c)
        same(answer(c, m), (flop / moved[0], flop / moved[1]), f"block_intensity({c}, {m})")


class Counted:
    """An array that counts how many of its numbers are read."""

    def __init__(self, array):
        self.array, self.shape, self.ndim, self.dtype, self.read = array, array.shape, array.ndim, array.dtype, 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, index):
        """A copy: who keeps it need not read it again."""
        found = np.array(self.array[index])
        self.read += found.size
        return found if found.ndim else found[()]


@exercise
def four_at_once(answer):
    """The filter's numbers, with whole groups and with a rest; then what was read for them."""
    plain = getattr(answer, "py_func", answer)  # of a compiled function
    rng = np.random.default_rng(0)
    for T, F, C in ((2, 8, 3), (3, 7, 2), (1, 2, 1)):
        x, w = rng.standard_normal((T + 2, F + 2, C)), rng.standard_normal((3, 3, C))
        expected = sum(w[i, j] * x[i : i + T, j : j + F] for i in range(3) for j in range(3))
        counted_x, counted_w, y = Counted(x), Counted(w), np.full((T, F, C), np.nan)
        plain(counted_x, counted_w, y)
        same(y, expected, f"y for {T} frames, {F} frequencies and {C} channels")
        groups, rest = T * C * (F // 4), T * C * (F % 4)
        for name, counted, most in (("x", counted_x, 18 * groups + 9 * rest), ("w", counted_w, 9 * (groups + rest))):
            if counted.read > most:
                raise Wrong(
                    f"y is right, but {counted.read} numbers of {name} were read for {T} frames, {F} frequencies and "
                    f"{C} channels; {most} are enough. Read each once for four neighbours, into a variable."
                )


@exercise
def in_tiles(answer):
    """Tiles of several lengths; each frame is expanded once, and not before it is needed."""
    rng = np.random.default_rng(0)
    F, C, M = 3, 2, 4
    weights, filters = rng.standard_normal((C, M)), rng.standard_normal((3, 3, M))
    for frames, step in ((6, 2), (7, 3), (6, 5), (5, 8), (4, 1)):
        x = rng.standard_normal((frames, F, C))
        x[:, 0, 0] = np.arange(1, frames + 1)  # by which an expanded frame is known
        what = f"with {frames} frames in tiles of {step}"
        expanded, filtered = [], 0

        def expand(some, expanded=expanded, step=step, what=what):
            expanded += [round(t) for t in np.asarray(some)[:, 0, 0]]
            if len(some) > step + 1:
                raise Wrong(f"{what}: {len(some)} frames were expanded at once. A tile and one frame are enough.")
            return np.maximum(some @ weights, 0)

        def filter_frames(window, expanded=expanded, step=step, what=what):
            nonlocal filtered
            n = len(window) - 2
            if not 1 <= n <= step:
                raise Wrong(
                    f"{what}: filter_frames got {len(window)} frames. It should get a tile and two neighbours."
                )
            filtered += n
            if len(set(expanded)) > filtered + 1:
                raise Wrong(
                    f"{what}: when frame {filtered - 1} was filtered, {len(set(expanded))} frames had been expanded. "
                    f"Only those up to one behind the tile are needed; by then the others would have left the cache."
                )
            padded = np.pad(window, ((0, 0), (1, 1), (0, 0)))
            return sum(filters[i, j] * padded[i : i + n, j : j + F] for i in range(3) for j in range(3))

        found = answer(x.copy(), expand, filter_frames, step)
        e = np.pad(np.maximum(x @ weights, 0), ((1, 1), (1, 1), (0, 0)))
        expected = sum(filters[i, j] * e[i : i + frames, j : j + F] for i in range(3) for j in range(3))
        same(found, expected, f"in_tiles {what}")
        if sorted(expanded) != list(range(1, frames + 1)):
            twice = sorted({t - 1 for t in expanded if expanded.count(t) > 1})
            raise Wrong(f"The result is right, but {what} these frames were expanded more than once: {twice}.")
