# %% [markdown]
# # 10 · Making it fast
#
# **Question.** Lesson 03's depthwise loops became faster and faster: plain Python, NumPy, compiled. How fast *can* they
# become on this machine? And how do we know when to stop?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§5): “To facilitate the SER application to real-time system, we proposed a lightweight model based on
# separable convolution network and inverted residuals.”
#
# A light model is not yet a fast one. At the end you have measured the two speeds that limit every program on your
# machine, drawn the limit as a *roofline*, gone from plain loops to tiles, and seen how near to the roof numser ends.
#
# *An hour and a half. You need lesson 03, and the block of lesson 04. numser's files: `numser/layers/depthwise.py`,
# `fused_kernels.py`, `fused.py`, `numser/jit.py` and `numser/threads.py`.*
#
# All times are measured while the lesson runs. Yours will differ from those printed here, and the text holds for both:
# it says what to look for.

# %%
import inspect
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import NamedTuple
from unittest.mock import patch

import numba
import numpy as np

from checker import RESULTS
from checks import making_it_fast as check
from numser import plots
from numser.jit import jit
from numser.layers import FusedBlock, fused, inverted_residual
from numser.layers.depthwise import depthwise_forward, filter_position
from numser.layers.fused_kernels import block_forward, depthwise_relu_forward, rows
from numser.ragged import Ragged, offsets_of
from numser.threads import available_cores, one_blas_thread

plt = plots.pyplot()
rng = np.random.default_rng(10)

# %% [markdown]
# ## 1. Two speeds
#
# A core does two things at once: it **computes**, and it **moves numbers** between itself and the memory. Each has a
# highest speed. Measure both, with work that does nothing else.
#
# First the clock. It should stand still while another program has the core: `time.thread_time` counts only the time in
# which our own thread computes. (On Windows it is too coarse.) What others do to caches and memory still shows, but only
# ever makes a call slower. So the fastest of many calls says what the machine can do. And contestants take turns, so
# that a bad minute hits all of them.


# %%
computing = time.perf_counter if sys.platform == "win32" else time.thread_time


def fastest(contestants, seconds=1.5, clock=computing):
    """Seconds of each one's fastest call. They take turns until the time is over, five rounds at least."""
    for work in contestants.values():
        work()  # compiles, and fetches what can be kept near
    times = {name: [] for name in contestants}
    end, rounds = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or rounds < 5:
        rounds += 1
        for name, work in contestants.items():
            start = clock()
            work()
            times[name].append(clock() - start)
    return {name: min(took) for name, took in times.items()}


# %% [markdown]
# **Moving.** The loop below reads every number of `x` and writes one to `y`: 8 bytes moved, one multiplication. It does
# so again and again with the same arrays, first small ones, then larger ones.
#
# **Guess first.** How many times faster are the smallest arrays than the largest?


# %%
@jit
def scale(x, y, times):
    factor = x.dtype.type(1)
    for _ in range(times):
        factor += x.dtype.type(1)
        for i in range(len(x)):
            y[i] = factor * x[i]


sizes = 2 ** np.arange(14, 29)  # bytes of x and y together
moved = []
for size in sizes:
    x, y = np.ones((2, size // 8), np.float32)
    times = max(1, 2**24 // size)
    moved.append(times * size / fastest({"scale": lambda x=x, y=y, n=times: scale(x, y, n)}, 0.12)["scale"])
plt.figure(figsize=(8, 3))
plt.loglog(sizes / 2**20, np.array(moved) / 1e9, "o-", base=2)
plt.gca().set(xlabel="size of both arrays (MiB)", ylabel="moved (GB/s)", title="the larger, the further away")
plt.gca().set_yticks(ticks := [2**k for k in range(1, 9)], ticks)
plt.gca().set(ylim=(min(moved) / 2e9, max(moved) / 5e8))
# Picture: Moved gigabytes a second over the size of the arrays, falling in steps from left to right.
plt.show()

# %% [markdown]
# The curve falls in steps. A core keeps what it used last in a small memory of its own, the first *cache*. Behind it lies
# a larger and slower one, often a third, shared by the cores, and at last the main memory. Where your curve falls, one
# of them is full. On the right everything comes from main memory: many times slower than on the left.
#
# **Computing.** What keeps a core busiest with arithmetic is a large matrix product. People have tuned it for decades,
# and each number that it fetches is used hundreds of times. So its speed is our measure of what the core can compute. One
# multiplication and one addition count as two floating-point operations, two *FLOP*.

# %%
a, b, c = rng.standard_normal((3, 768, 768), dtype=np.float32)


def product():
    np.matmul(a, b, out=c)


with one_blas_thread():
    peak = 2 * 768**3 / fastest({"product": product}, 1.0)["product"]
memory, cache = moved[-1], moved[list(sizes).index(2**21)]
print(f"computing:                      {peak / 1e9:6.1f} GFLOP/s")
print(f"moving, from main memory:       {memory / 1e9:6.1f} GB/s")
print(f"moving, 2 MiB kept in a cache:  {cache / 1e9:6.1f} GB/s")
print(f"while one number of 4 bytes comes from main memory, the core could do {4 * peak / memory:.0f} FLOP")

# %% [markdown]
# The last line is the whole lesson. A program that does fewer operations with each number that it fetches is not
# computing. It is waiting.
#
# ## 2. The roof
#
# A kernel, as such loops are called, does $W$ FLOP and moves $Q$ bytes. Computing takes at least $W / \text{peak}$
# seconds, moving at least $Q / \text{rate}$. Both go on at once, so the longer one decides:
#
# $$\text{seconds} \ge \max\!\left(\frac{W}{\text{peak}},\ \frac{Q}{\text{rate}}\right)
# \qquad\Longrightarrow\qquad
# \frac{W}{\text{seconds}} \le \min\!\left(\text{peak},\ I \cdot \text{rate}\right), \qquad I = \frac{W}{Q}$$
#
# $I$ is the *intensity*, in FLOP a byte. It belongs to the kernel; peak and rate belong to the machine. Drawn over $I$,
# the limit is a slope that ends in a flat roof: hence *roofline* ([Williams, Waterman and Patterson, 2009](https://doi.org/10.1145/1498765.1498785)).
#
# Take the depthwise filter. For each number of the result it needs 9 multiplications and 9 additions, $W = 18$. At the
# very least it must read $x$ once and write $y$ once, $Q = 4 + 4$ bytes in float32: $I = 2.25$. The weights are so few that
# they stay near.
#
# ### Exercise 1 · roof and intensity
#
# Write `attainable(intensity, peak, rate)`: the highest FLOP/s. `intensity` (n,) in FLOP a byte, `peak` in FLOP/s, `rate`
# in bytes a second; it returns (n,).
#
# And `block_intensity(c, m)`, for the paper's inverted residual, at one position, in float32: expand from c channels to
# m (a matrix product), filter m channels, project back to c. It returns `(step_by_step, in_one_piece)`, in FLOP a byte.
# Step by step, each of the three reads its input from memory and writes its result. In one piece, only the block's input
# is read and its result written. Count biases, ReLU and the final addition as nothing.
#
# <details><summary>Hint 1</summary>
#
# `min` compares two numbers. `np.minimum` compares arrays, entry by entry.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Expand and project: one multiplication and one addition for each of the c·m weights. So $W = 2cm + 18m + 2mc$. Moved
# step by step: c + m numbers, then m + m, then m + c.
#
# </details>


# %%
def attainable(intensity, peak, rate):
    raise NotImplementedError


def block_intensity(c, m):
    raise NotImplementedError


# %%
check.attainable(attainable)
check.block_intensity(block_intensity)

# %% [markdown]
# ## 3. From loops to machine code
#
# What the blocks filter of 32 utterances, 3 s each: 75 frames, 32 frequencies, 128 channels. That is half a batch, and
# 39 MB. Around each utterance lies a border of zeros, so that no loop need ask for edges.
#
# numser's plain kernel fills one position like this:

# %%
print(inspect.getsource(filter_position.py_func))

# %% [markdown]
# `filter_position` is the compiled function, `filter_position.py_func` what Python would do. So we can time the *same
# lines* both ways. Between them stands NumPy, with nine whole-array steps.

# %%
U, T, F, C = 32, 75, 32, 128
bordered = np.zeros((U, T + 2, F + 2, C), np.float32)
bordered[:, 1:-1, 1:-1] = rng.standard_normal((U, T, F, C), dtype=np.float32)
x = np.ascontiguousarray(bordered[:, 1:-1, 1:-1]).reshape(U * T, F, C)
w = rng.standard_normal((3, 3, C), dtype=np.float32)
y, offsets = np.empty_like(x), offsets_of([T] * U)


def in_python():
    for f in range(8):  # of so many positions
        filter_position.py_func(x, w, 0, T - 1, 1, f, y)


def in_numpy():
    result = y.reshape(U, T, F, C)
    result[:] = 0
    for i in range(3):
        for j in range(3):
            result += w[i, j] * bordered[:, i : i + T, j : j + F]


def compiled_loops():
    depthwise_forward(x, offsets, w, y)


in_numpy()
expected = y.copy()
compiled_loops()
print(f"NumPy and compiled loops differ by {np.abs(y - expected).max():.0e}")

# %% [markdown]
# Each goes into a list, with its intensity and its FLOP, and `compare` times some of them. The two roofs are measured
# anew each time, in turn with the kernels, so that all of them share good and bad moments.
#
# **Guess first.** NumPy's nine steps are compiled, too. How near will they come to the compiled loops?


# %%
class Kernel(NamedTuple):
    intensity: float
    flop: int
    work: Callable
    near: bool = False  # whether its numbers lie in a cache


kernels = {
    "plain Python": Kernel(2.25, 18 * 8 * C, in_python),
    "NumPy": Kernel(0.1, 18 * x.size, in_numpy),
    "compiled loops": Kernel(2.25, 18 * x.size, compiled_loops),
}
near_x, near_y = np.ones((2, 2**18), np.float32)  # 2 MiB


def compare(*names, seconds=1.5):
    """Print each kernel's speed and roof. Gives the speeds, the peak, and the rates of memory and cache."""
    roofs = {
        "peak": product,
        "memory": lambda: scale(x.reshape(-1), y.reshape(-1), 1),
        "cache": lambda: scale(near_x, near_y, 16),
    }
    with one_blas_thread():
        took = fastest({name: kernels[name].work for name in names} | roofs, seconds)
    peak, memory, cache = 2 * 768**3 / took["peak"], 8 * x.size / took["memory"], 16 * 2**21 / took["cache"]
    speeds = {name: kernels[name].flop / took[name] for name in names}
    print(f"{'':<30}{'GFLOP/s':>9}{'its roof':>10}")
    for name, speed in speeds.items():
        roof = min(peak, kernels[name].intensity * (cache if kernels[name].near else memory))
        print(f"{name:<30}{speed / 1e9:>9.3g}{roof / 1e9:>10.3g}{speed / roof:>8.1%} of it")
    return speeds, peak, memory, cache


_ = compare("plain Python", "NumPy", "compiled loops")

# %% [markdown]
# From line to line the ratio is large. Python looks up types, checks bounds and makes objects for each product. But why is
# NumPy so far below the compiled loops, when each of its steps is compiled too? Count what *its* nine steps move.
# `w[i, j] * x` reads x and writes a temporary array; `result +=` reads the temporary and the result, and writes the
# result. Five numbers moved, nine times: $Q = 180$ bytes for $W = 18$ FLOP, $I = 0.1$. Its roof is low, however fast its
# steps are. The compiled loops make one walk, $I = 2.25$.
#
# So **the first thing to ask is not how a loop computes, but how often it walks through memory**.
#
# ## 4. Count what the loop fetches
#
# Suppose that the numbers lie near. Then the compiled loops have another limit. Look at their innermost line:
#
#     y[t, f, c] += w[i, j, c] * x[s, g, c]
#
# Three numbers are fetched and one is stored, for one multiplication with addition. (The compiler makes 8 or 16 channels at
# once of it; the ratio stays.) But a core can fetch only two or three times a clock, even from its nearest cache, while
# it could do about two multiply-adds. So the arithmetic waits for *fetching*. The way out: fetch a number into a
# *register*, of which a core has 16 or 32, and use it more than once.
#
# Neighbours share their inputs. Four results side by side see 3 × 6 inputs, not 4 × 9, and the same 9 weights:
#
# | results at once | inputs | weights | fetched for each result |
# |---|---|---|---|
# | 1 | 3 × 3 | 9 | 18 |
# | 4 (1 × 4) | 3 × 6 | 9 | 6.75 |
# | 8 (2 × 4) | 4 × 6 | 9 | 4.1 |
#
# Why not go on? Each result and each input takes a register. When they run out, the compiler puts some back into memory,
# and what was won is lost.
#
# ### Exercise 2 · four at once
#
# Write `four_at_once(x, w, y)`: fill `y` (T, F, C) with the filtered `x`, which has a border of one:
# $y_{t,f,c} = \sum_{i,j} w_{i,j,c}\, x_{t+i,\,f+j,\,c}$. Shapes: `x` (T + 2, F + 2, C), `w` (3, 3, C). Plain loops; take four
# neighbours in frequency together, and what is left at the end one by one. The check counts: for four results you may
# read 18 numbers of `x` and 9 of `w`.
#
# <details><summary>Hint 1</summary>
#
# For each `t`, each group of four, each `c`: set `a0 = a1 = a2 = a3 = w.dtype.type(0)`. For each row `i`, put three weights and six
# inputs into variables. Then `a0 += w0 * x0 + w1 * x1 + w2 * x2`, and `a1` begins at `x1`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `for f in range(0, F - 3, 4)` are the whole groups. `for f in range(F - F % 4, F)` are the rest.
#
# </details>


# %%
def four_at_once(x, w, y):
    raise NotImplementedError


# %%
check.four_at_once(four_at_once)

# %% [markdown]
# numser takes eight, and the ReLU behind the filter with them, since each result is at hand anyway:

# %%
print(inspect.getsource(depthwise_relu_forward.py_func))

# %% [markdown]
# Is it fast? Time it where the numbers are near: always the same tile of 1 MiB, as often as there are tiles in the
# batch. Beside it, the same source compiled by plain `numba.njit`, without what `numser.jit` adds. Last, give it the whole
# batch, which lies in main memory.
#
# **Guess first.** What costs more: the missing promise, or the way to main memory?

# %%
tile, tile_y = bordered[0, :66], y[:64]  # frames
cautious = numba.njit(depthwise_relu_forward.py_func)


def from_memory():
    for u in range(U):
        depthwise_relu_forward(bordered[u], w, y[u * T : (u + 1) * T])


def in_cache(kernel):
    def work():
        for _ in range(U):
            kernel(tile, w, tile_y)

    return Kernel(2.25, 18 * U * tile_y.size, work, near=True)


kernels["eight, near, numba.njit"] = in_cache(cautious)
kernels["eight, near"] = in_cache(depthwise_relu_forward)
kernels["eight, from memory"] = Kernel(2.25, 18 * x.size, from_memory)
_ = compare("compiled loops", "eight, near, numba.njit", "eight, near", "eight, from memory")

# %% [markdown]
# Compare the two lines in the middle. The source is the same, and so is the result. `numba.njit` must fear that `y`
# overlaps `x`: then writing one result would change the inputs of the next. So it reads everything again, and takes one
# channel at a time. `numser.jit` promises that arrays do not overlap (`noalias`, in `numser/jit.py`). A promise costs
# nothing; a false one gives wrong numbers.
#
# You can time your own: `kernels["four, near"] = in_cache(jit(four_at_once))`. (Begin the sums with `w.dtype.type(0)`. A
# `0.0` is a float64, and would make all sums so.)
#
# Now the last line: much of what the registers won is gone, only because the numbers come from main memory. Yet its speed
# is far below its roof there, too. So this roofline does not tell what limits it. The roof was measured with a loop that
# reads one long row and writes another; a filter reads three rows of frames at once and computes in between, and a core
# that waits for the one does not always go on with the other. A roof says what cannot be exceeded. It does not say what
# holds a kernel below it; for that one has to change one thing and measure again, as we did here: the same kernel, near
# and far.
#
# ## 5. Work where the numbers are
#
# At $I = 2.25$ no kernel, however clever, gets higher than $2.25 \cdot \text{rate}$. Tuning its arithmetic further would be
# work for nothing. **We must raise the intensity**: do more with each number while it is here.
#
# The filter does not stand alone. In the block (lesson 04), expand comes before it, project after it. Layer by layer, the
# wide array of 128 channels goes to memory and comes back, twice. Instead, take a *tile* of some frames, and send it
# through all three steps while it lies in a cache. From exercise 1, for 64 and 128 channels: 14 FLOP a byte become 68.
#
# One thing must be minded. To filter frame $t$, expanded frames $t-1$, $t$, $t+1$ are needed. So expanding must run
# one frame ahead of filtering, and no frame should be expanded twice.
#
# ### Exercise 3 · in tiles
#
# Write `in_tiles(x, expand, filter_frames, step)` for one utterance `x` (T, F, C). `expand` makes (n, F, M) of frames
# (n, F, C). `filter_frames` makes (n, F, M) of n + 2 expanded frames, (n + 2, F, M): the first and the last are only seen
# as neighbours. Outside the utterance they are zeros. Return the filtered frames, (T, F, M).
#
# Tile by tile of `step` frames (the last may be shorter): expand what the tile needs and is not there yet, then filter
# the tile. The check watches both functions.
#
# <details><summary>Hint 1</summary>
#
# Keep expanded frames in an array with a border, `e = np.zeros((T + 2, F, M))`: frame t stands in `e[t + 1]`. A tile from
# `start` to `stop` needs `e[start : stop + 2]`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Count in `ready` how many frames are expanded. Before a tile is filtered, expand `x[ready : min(stop + 1, T)]`. For
# the last tile that may be nothing.
#
# </details>
# <details><summary>Hint 3</summary>
#
# M is not given. Expand the first tile, and look at the shape.
#
# </details>


# %%
def in_tiles(x, expand, filter_frames, step):
    raise NotImplementedError


# %%
check.in_tiles(in_tiles)

# %% [markdown]
# numser's block in one piece does this. Find the three steps, and the array with a border. (`product` is a matrix product
# with its bias, cut off below a floor, 0 for a ReLU, and written where we want it. `numser/layers/fused_kernels.py` says why
# numser has its own.)

# %%
print(inspect.getsource(block_forward.py_func))

# %% [markdown]
# How large should a tile be? Try. As one recording of 48 s, so that tiles may be as large as we like; the dashed line is
# the block composed of plain layers.
#
# **Guess first.** Which is worse, a tile too small or a tile too large?

# %%
frames = 1200
narrow = Ragged(rng.standard_normal((frames, F, 64), dtype=np.float32), offsets_of([frames]))
block, composed = FusedBlock(64, 128, 64, residual=True), inverted_residual(64, 128)
params = block.init(rng)
flop = 2 * 64 * 128 + 18 * 128 + 2 * 128 * 64  # at one position
kernels["block, layer by layer"] = Kernel(flop / 2560, flop * frames * F, lambda: composed.forward(params, narrow))
kernels["block, in tiles"] = Kernel(flop / 512, flop * frames * F, lambda: block.forward(params, narrow))
difference = np.abs(block.forward(params, narrow)[0].data - composed.forward(params, narrow)[0].data).max()
print(f"the two blocks' results differ by {difference:.0e}")


def with_tiles_of(numbers):
    with patch.object(fused, "TILE", numbers):
        return block.forward(params, narrow)


tile_sizes = [2**k for k in range(12, 23)]
contestants = {n: lambda n=n: with_tiles_of(n) for n in tile_sizes}
with one_blas_thread():
    took = fastest(contestants | {"composed": kernels["block, layer by layer"].work}, 3)
speeds = {name: flop * frames * F / seconds / 1e9 for name, seconds in took.items()}
plt.figure(figsize=(8, 3))
mebibytes = np.array(tile_sizes) / 2**18
plt.semilogx(mebibytes, [speeds[n] for n in tile_sizes], "o-", base=2, label="in one piece, by tiles")
plt.axhline(speeds["composed"], color=plots.ORANGE, linestyle="--", label="layer by layer")
plt.axvline(fused.TILE / 2**18, color=plots.GREY, linewidth=0.8, linestyle=":", label="numser's tile")
plt.gca().set(xlabel="expanded numbers in a tile (MiB)", ylabel="speed (GFLOP/s)", ylim=(0, None))
plt.legend(frameon=False)
# Picture: Speed of the block over the size of a tile: low on the left, a broad hill in the middle, lower on the
# right; a dashed line for the block layer by layer lies below the hill.
plt.show()

# %% [markdown]
# Look at the two ends. On the left a tile is a frame or two, and a product of so few rows is slow: before the library
# multiplies, it copies both matrices into an order of its own, the weights anew for each tile. On the right tiles no longer
# fit into the cache. Between them lies a broad hill. numser's tile need not be the best on your machine, since caches
# differ; it should stand well above the dashed line.
#
# ## 6. Under the roof
#
# Now the picture that all this was for. Each point is a kernel: its intensity, and its speed. The two slopes are main
# memory and the cache; the flat line is the peak.

# %%
shown = [name for name in kernels if name not in ("plain Python", "eight, near, numba.njit")]
speeds, peak, memory, cache = compare(*shown, seconds=4)
axis = np.logspace(-1.5, 2.5, 200)
plt.figure(figsize=(8.5, 4.4))
plt.loglog(axis, np.minimum(peak, axis * cache) / 1e9, "--", color=plots.GREY, label="roof, numbers in a cache")
plt.loglog(axis, np.minimum(peak, axis * memory) / 1e9, color="black", label="roof, numbers in main memory")
for name, marker in zip(shown, "osD^vP", strict=True):
    look = {"color": plots.BLUE if "block" in name else plots.ORANGE, "fillstyle": "none", "mew": 1.8}
    plt.loglog(kernels[name].intensity, speeds[name] / 1e9, marker, markersize=9, label=name, **look)
plt.gca().set(xlabel="intensity (FLOP a byte)", ylabel="speed (GFLOP/s)", title="the roofline of one core")
plt.legend(frameon=False, loc="lower right")
# Picture: The roofline: two slopes that end in a flat roof, and a point for each kernel below them. NumPy stands
# low on the left; the block in tiles stands on the right, under the flat roof.
plt.show()

# %% [markdown]
# Read it from left to right. NumPy walks through memory nine times over, and stands low for that. Compiling moved us to
# the *right*: one walk. Registers moved us *up*, towards the roof. Tiles moved us to the right again, to where the roof is
# flat. There, no memory, however fast, would help any more: only more arithmetic a second.
#
# So how near did we end? What is left between the block and the peak?

# %%
wide, out = np.ones((64 * F, 128), np.float32), np.empty((64 * F, 64), np.float32)


def products_alone():
    for start in range(0, frames, 64):
        some = rows(narrow.data[start : start + 64])
        np.matmul(some, params["expand.w"], out=wide[: len(some)])
        np.matmul(wide[: len(some)], params["project.w"], out=out[: len(some)])


kernels["its two products alone"] = Kernel(4 * 64 * 128 / 512, 4 * 64 * 128 * frames * F, products_alone)
speeds, *_ = compare("block, in tiles", "its two products alone", "eight, near")
seconds = flop / speeds["block, in tiles"]  # for one position
products, filtering = 4 * 64 * 128 / speeds["its two products alone"], 18 * 128 / speeds["eight, near"]
print(f"\nof the block's time: products {products / seconds:.0%}, filter with its ReLU {filtering / seconds:.0%}")
print(f"the rest, {1 - (products + filtering) / seconds:.0%}: biases, ReLU, the way around, memory")

# %% [markdown]
# Most of the time should be in the matrix products, which are not ours. They are small ones, 64 or 128 wide, and so a
# little slower than the large one. That is where to stop: the filter, which was the question, has become a small part.
# If it took no time at all, the block would be faster by its few per cent, and no more.
#
# ## 7. More cores
#
# Each thread takes its own utterances. Python lets only one thread run at a time, but a kernel of `numser.jit` gives that
# lock back while it works (`nogil`). BLAS, which does the matrix products, must be held to one thread, or its threads and
# ours would fight for the cores: `numser.threads.one_blas_thread`.
#
# Will two cores be twice as fast? Each has its own registers and nearest caches. But there is one main memory for all.

# %%
cores = available_cores()
far = np.ones((cores, 2, 2**22), np.float32)  # 32 MiB for each thread
own = [(tile.copy(), tile_y.copy()) for _ in range(cores)]


def filters(k):
    for _ in range(20):
        depthwise_relu_forward(own[k][0], w, own[k][1])


with ThreadPoolExecutor(cores) as pool:
    took = fastest(
        {
            "moving, 1": lambda: scale(far[0, 0], far[0, 1], 1),
            "moving, all": lambda: list(pool.map(lambda k: scale(far[k, 0], far[k, 1], 1), range(cores))),
            "filters, 1": lambda: filters(0),
            "filters, all": lambda: list(pool.map(filters, range(cores))),
        },
        clock=time.perf_counter,
    )
print(f"{cores} cores do, in the time in which one does its part once:")
print(f"  moving in main memory    {cores * took['moving, 1'] / took['moving, all']:.1f} parts")
print(f"  filtering in the caches  {cores * took['filters, 1'] / took['filters, all']:.1f} parts")

# %% [markdown]
# The more cores share a memory, the lower the memory's roof for each. A kernel under the flat roof hardly notices. (If
# both figures are far below the number of cores, something else is running on your machine.) What threads must not
# change is the result: numser cuts a batch by the data, never by the number of threads, and adds the gradients in a fixed
# order. The same seed gives the same bits on any number of cores.
#
# ## 8. Where it ends
#
# A training step is more than one block. This needs a quiet machine and real recordings, so we read committed results.
# `python benchmarks/layers.py --data emodb` and `python benchmarks/train_step.py --data emodb` made them, on two cores.

# %%
measured = json.loads((RESULTS / "layers-recordings.json").read_text())
seconds, work = {}, {}
for name, m in measured["layers"].items():
    if m["times"]:  # how often the network has it
        seconds[name] = m["times"] * (median(m["forward"]["numser"]) + median(m["backward"]["numser"]))
        work[name] = 3 * m["times"] * m["flop"]  # backward does twice as much as forward
print(f"{'layer':<14}{'arithmetic':>11}{'time':>8}{'speed, of peak':>16}")
for name in seconds:
    shares = work[name] / sum(work.values()), seconds[name] / sum(seconds.values())
    print(
        f"{name:<14}{shares[0]:>11.1%}{shares[1]:>8.1%}{work[name] / seconds[name] / measured['sgemm_flops']:>16.0%}"
    )
blocks = seconds["blocks.0"] / sum(seconds.values())
whole = json.loads((RESULTS / "train_step-recordings.json").read_text())
took, limit = median(whole["seconds"]["numser"]), whole["limit_seconds"]
print(f"\na whole step: {took:.2f} s; its arithmetic alone, at peak, {limit:.2f} s: {limit / took:.0%} of it")
print(f"if all blocks (blocks.0 stands for them) took no time, the layers would be {1 / (1 - blocks):.1f}× faster")

# %% [markdown]
# The last line is *Amdahl's law*: what takes the share $p$ of the time, made $s$ times faster, makes the whole only
# $1 / (1 - p + p/s)$ times faster. So measure first, and begin with the largest share. When that is near its roof, and the
# rest is small, stop. [The benchmarks' page](../benchmarks/README.md) says what helped, and what was tried and did not:
# good ideas, too, have to be measured.
#
# The paper wanted emotion recognition in real time. `python benchmarks/inference.py --data emodb` made the last figure:

# %%
inference = json.loads((RESULTS / "inference-recordings.json").read_text())
spoken = inference["settings"]["frames"] / 100  # seconds; 100 frames each
needed = median(inference["threads"]["1"]["seconds"]["numser"])
print(f"{spoken:.1f} s of speech take {needed * 1000:.0f} ms on one core, {needed / spoken:.1%} of the time spoken")

# %% [markdown]
# ## What you can do now
#
# Say of a loop how fast it could be on your machine, find out whether it computes or waits, and stop in time.
#
# ## What to keep
#
# - A core computes, and it moves numbers. The slower of the two decides: min(peak, intensity × rate).
# - First fewer walks through memory, then registers, then tiles. Tuning what is not the limit wins nothing.
# - Count what the innermost loop fetches. Promise the compiler what it cannot know.
# - Measure before and after, by ratios, and stop at the roof.
#
# The answers, and wrong ones: `solutions/10_making_it_fast.py`. Next: [11 · the whole way back](11_whole_way_back.ipynb).
