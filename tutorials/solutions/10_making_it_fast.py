"""Answers to the exercises of lesson 10: right ones, and wrong ones that the checks catch."""

import numpy as np


def attainable(intensity, peak, rate):
    """The lower one of the flat roof and the slope."""
    return np.minimum(peak, intensity * rate)


def higher_one(intensity, peak, rate):
    """The higher one: as if computing did not have to wait for numbers."""
    return np.maximum(peak, intensity * rate)


def upside_down(intensity, peak, rate):
    """Intensity is FLOP a byte, not bytes a FLOP."""
    return np.minimum(peak, rate / intensity)


def block_intensity(c, m):
    """35072 FLOP over 2560 and over 512 bytes, for 64 and 128 channels."""
    flop = 2 * c * m + 18 * m + 2 * m * c
    return flop / (4 * ((c + m) + (m + m) + (m + c))), flop / (4 * (c + c))


def numbers_not_bytes(c, m):
    """A float32 has four bytes."""
    return tuple(4 * i for i in block_intensity(c, m))


def multiplications_only(c, m):
    """An addition is an operation, too."""
    return tuple(i / 2 for i in block_intensity(c, m))


def never_read(c, m):
    """Counts what each step writes, and not what it reads."""
    flop = 2 * c * m + 18 * m + 2 * m * c
    return flop / (4 * (m + m + c)), flop / (4 * c)


def four_at_once(x, w, y):
    """Six inputs and three weights a row for four results; the rest one by one."""
    T, F, C = y.shape
    for t in range(T):
        for f in range(0, F - 3, 4):
            for c in range(C):
                a0 = a1 = a2 = a3 = w.dtype.type(0)
                for i in range(3):
                    w0, w1, w2 = w[i, 0, c], w[i, 1, c], w[i, 2, c]
                    x0, x1, x2 = x[t + i, f, c], x[t + i, f + 1, c], x[t + i, f + 2, c]
                    x3, x4, x5 = x[t + i, f + 3, c], x[t + i, f + 4, c], x[t + i, f + 5, c]
                    a0 += w0 * x0 + w1 * x1 + w2 * x2
                    a1 += w0 * x1 + w1 * x2 + w2 * x3
                    a2 += w0 * x2 + w1 * x3 + w2 * x4
                    a3 += w0 * x3 + w1 * x4 + w2 * x5
                y[t, f, c], y[t, f + 1, c], y[t, f + 2, c], y[t, f + 3, c] = a0, a1, a2, a3
        for f in range(F - F % 4, F):
            for c in range(C):
                total = w.dtype.type(0)
                for i in range(3):
                    for j in range(3):
                        total += w[i, j, c] * x[t + i, f + j, c]
                y[t, f, c] = total


def one_at_a_time(x, w, y):
    """Right, but it fetches every input nine times."""
    for t, f, c in np.ndindex(y.shape):
        y[t, f, c] = sum(w[i, j, c] * x[t + i, f + j, c] for i in range(3) for j in range(3))


def weights_again(x, w, y):
    """Keeps the inputs, and fetches the weights anew for each of the four."""
    T, F, C = y.shape
    for t, c in np.ndindex(T, C):
        for f in range(0, F, 4):
            n = min(4, F - f)
            seen = [[x[t + i, f + j, c] for j in range(n + 2)] for i in range(3)]
            for k in range(n):
                y[t, f + k, c] = sum(w[i, j, c] * seen[i][j + k] for i in range(3) for j in range(3))


def without_the_rest(x, w, y):
    """Whole groups only."""
    F = y.shape[1] - y.shape[1] % 4
    four_at_once(x, w, y[:, :F])


def turned(x, w, y):
    """The filter turned by half a circle, as backward needs it."""
    four_at_once(x, w[::-1, ::-1], y)


def adds_up(x, w, y):
    """`+=`, to what stood in y before."""
    result = np.empty_like(y)
    four_at_once(x, w, result)
    y += result


def in_tiles(x, expand, filter_frames, step):
    """Expanding runs one frame ahead of filtering."""
    T, ready, e, d = len(x), 0, None, []
    for start in range(0, T, step):
        stop = min(start + step, T)
        ahead = min(stop + 1, T)
        new = expand(x[ready:ahead])
        if e is None:
            e = np.zeros((T + 2, *new.shape[1:]), new.dtype)
        e[ready + 1 : ahead + 1] = new
        ready = ahead
        d.append(filter_frames(e[start : stop + 2]))
    return np.concatenate(d)


def without_neighbours(x, expand, filter_frames, step):
    """Each tile as if it were an utterance of its own."""
    border = (1, 1), (0, 0), (0, 0)
    tiles = (x[t : t + step] for t in range(0, len(x), step))
    return np.concatenate([filter_frames(np.pad(expand(tile), border)) for tile in tiles])


def neighbours_twice(x, expand, filter_frames, step):
    """Expands the frames around each tile anew."""
    d = []
    for start in range(0, len(x), step):
        first, last = max(start - 1, 0), min(start + step + 1, len(x))
        e = np.concatenate([expand(x[t : t + 1]) for t in range(first, last)])
        d.append(filter_frames(np.pad(e, ((start == 0, start + step >= len(x)), (0, 0), (0, 0)))))
    return np.concatenate(d)


def two_walks(x, expand, filter_frames, step):
    """First expands all, tile by tile, and then filters all: the first tiles have left the cache by then."""
    e = np.concatenate([expand(x[t : t + step]) for t in range(0, len(x), step)])
    e = np.pad(e, ((1, 1), (0, 0), (0, 0)))
    return np.concatenate([filter_frames(e[t : min(t + step, len(x)) + 2]) for t in range(0, len(x), step)])


def all_at_once(x, expand, filter_frames, step):
    """One tile as long as the utterance."""
    return filter_frames(np.pad(expand(x), ((1, 1), (0, 0), (0, 0))))


WRONG = {
    "attainable": [higher_one, upside_down],
    "block_intensity": [numbers_not_bytes, multiplications_only, never_read],
    "four_at_once": [one_at_a_time, weights_again, without_the_rest, turned, adds_up],
    "in_tiles": [without_neighbours, neighbours_twice, two_walks, all_at_once],
}
