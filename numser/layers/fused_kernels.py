"""The loops of `fused.py`: the depthwise convolution with a ReLU on each side, matrix products with their bias and
ReLU, and single passes over memory.

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

**The products** here have 32 to 128 columns. A BLAS first copies both matrices into an order of its own, which pays
for many columns more than for so few. Here the weights are laid out once, in panels of as many columns as one or two
registers hold, and x is read where it lies. Four rows of x times a panel are four sums that stay in registers:

    for each k: the panel's row k, times x[i,k], x[i+1,k], x[i+2,k], x[i+3,k], is added to the four sums

At first a sum is the bias, and at the end the larger of it and a floor is written, 0 for a ReLU: no other pass over y
is needed. Numba's compiler does not find this by itself (loops reached half of the speed), so `four_rows` writes the
machine's code, in LLVM's notation; `product` has the loops that say the same, for the columns that fill no panel.
Gained over OpenBLAS: a sixth, and with the passes that are saved a fifth of a block's way forward.

**Single passes**: the skip, and a ReLU's mask. All but `fetch` are a line or two of NumPy. As loops they read and
write every number once; NumPy would go over an array once for each operation.

**The whole way forward** of an utterance, tile by tile. From Python a tile would be several calls, so tiles would
have to be large, and two threads would wait for each other's turn; here a tile is small enough to stay near.

Shapes      x, dy (T+2, F+2, C): some frames of one utterance, those before and after them, and the border
            y, dx (T, F, C)   w, dw (3, 3, C)   db (C,)
Test        tests/test_fused.py
"""

import numpy as np

from numser.jit import compiles, intrinsic, jit

PANEL = 512  # bits of a panel's row: a register of AVX-512, two of AVX2, of which four rows take eight
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
def add_skip(y, x):
    """y ← y + x, for y and x (rows, C)."""
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            y[n, c] += x[n, c]


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


@intrinsic
def four_rows(typing, x, i, panels, p, b, floor, y):
    """y[i : i+4] in the columns of panel p: max(b + x[i : i+4] @ panels[p], floor); a NaN stays."""
    from numba.core import types

    return types.void(x, types.intp, panels, types.intp, b, floor, y), _four_rows


def _four_rows(context, builder, signature, values):
    """The loop over k: a piece of a panel's row, times four numbers, onto four sums that stay in registers."""
    from llvmlite import ir
    from numba.core import cgutils

    x, panels, b, y = (context.make_array(signature.args[n])(context, builder, values[n]) for n in (0, 2, 4, 6))
    first, panel, floor = values[1], values[3], values[5]
    index, lanes = first.type, PANEL // signature.args[0].dtype.bitwidth
    vector = ir.VectorType(floor.type, lanes)
    depth, width = (cgutils.unpack_tuple(builder, array.shape, 2)[1] for array in (x, y))
    begin = builder.mul(panel, index(lanes))

    def place(array, row, row_length, column):
        return builder.gep(array.data, [builder.add(builder.mul(row, row_length), column)])

    def piece(where):
        return builder.bitcast(where, vector.as_pointer())

    def everywhere(number):
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
        return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))

    multiply_add = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector, [vector] * 3),
        f"llvm.fmuladd.v{lanes}f{floor.type.intrinsic_name[1:]}",
    )
    the_rows = [builder.add(first, index(r)) for r in range(4)]
    bias, before = builder.load(piece(builder.gep(b.data, [begin])), align=4), builder.block
    loop, after = builder.append_basic_block("k"), builder.append_basic_block("stored")
    builder.branch(loop)
    builder.position_at_end(loop)
    k, sums = builder.phi(index), [builder.phi(vector) for _ in the_rows]
    weights = place(panels, builder.add(builder.mul(panel, depth), k), index(lanes), index(0))
    weights = builder.load(piece(weights), align=4)
    for total, row in zip(sums, the_rows, strict=True):
        added = builder.call(multiply_add, [everywhere(builder.load(place(x, row, depth, k))), weights, total])
        total.add_incoming(bias, before)
        total.add_incoming(added, loop)
    following = builder.add(k, index(1))
    k.add_incoming(index(0), before)
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    builder.position_at_end(after)
    least = everywhere(floor)
    for total, row in zip(sums, the_rows, strict=True):
        added = total.incomings[1][0]
        larger = builder.select(builder.fcmp_unordered(">", added, least), added, least)
        builder.store(larger, piece(place(y, row, width, begin)), align=4)
    return context.get_dummy_value()


def panels_of(w: np.ndarray) -> np.ndarray:
    """Columns of w (K, O), as many side by side as `four_rows` takes, a panel of them after the other; what is left
    over is in none. (O // n, K, n), with n numbers in PANEL bits
    """
    n = PANEL // 8 // w.itemsize
    whole = w.shape[1] // n if compiles() else 0
    return np.ascontiguousarray(w[:, : whole * n].reshape(len(w), whole, n).transpose(1, 0, 2))


@jit
def product(x, w, panels, b, floor, y):
    """Fill y (n, O) with max(b + x @ w, floor), for x (n, K) and w (K, O), of which panels are the whole ones."""
    count = x.shape[0]
    whole = panels.shape[0] * panels.shape[2] if count >= 4 else 0
    if whole:
        for i in range(0, count, 4):
            for p in range(panels.shape[0]):
                four_rows(x, min(i, count - 4), panels, p, b, floor, y)  # the last four overlap those before
    for i in range(count):
        for o in range(whole, w.shape[1]):
            total = b[o]
            for k in range(w.shape[0]):
                total += x[i, k] * w[k, o]
            y[i, o] = floor if total < floor else total  # a NaN stays here, too


@jit
def block_forward(x, expand_w, expand_b, w, project_w, project_b, expand, project, residual, d, e, y):
    """Fill e (T+2, F+2, M) and y (T, F, O) of one utterance x (T, F, C).

    expand and project are the panels of those weights; d (n, F, M) is room for a tile of n frames.
    """
    frames, width, _ = x.shape
    zero, none = w.dtype.type(0), -w.dtype.type(np.inf)
    e[0] = e[frames + 1] = zero
    ready = 0
    for start in range(0, frames, len(d)):
        stop = min(start + len(d), frames)
        ahead = min(stop + 1, frames)
        for t in range(ready, ahead):
            its = e[t + 1]
            its[0] = its[width + 1] = zero
            product(x[t], expand_w, expand, expand_b, zero, its[1 : width + 1])
        depthwise_relu_forward(e[start : stop + 2], w, d[: stop - start])
        n = (stop - start) * width
        y_rows = y[start:stop].reshape(n, y.shape[2])
        product(d[: stop - start].reshape(n, d.shape[2]), project_w, project, project_b, none, y_rows)
        if residual:
            add_skip(y_rows, x[start:stop].reshape(n, x.shape[2]))
        ready = ahead
