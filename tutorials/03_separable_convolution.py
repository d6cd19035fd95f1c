# %% [markdown]
# # 03 · Separable convolution
#
# **Question.** A 3×3 convolution from 128 channels to 64 has 73 728 weights. The paper's network does the same job with
# 9 344. What did it give up, and what did it gain?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§3.1), for filters of $k \times k$, $d_m$ channels in and $d_n$ out: “The parameters number of standard
# convolution is calculated by $k \times k \times d_m \times d_n$. That of separable convolution is
# $k \times k \times d_m + d_m \times d_n$. Compared with standard convolution, the parameters number of depthwise separable
# convolution is reduced by 5 times approximately.”
#
# At the end you have counted both, timed both, and written the depthwise loop and compiled it.
#
# *About an hour and a half. You need lesson 02. numser's files: `numser/layers/depthwise.py`, `pointwise.py` and
# `numser/jit.py`.*

# %%
import inspect
import time

import numpy as np

from checks import separable_convolution as check
from numser import plots
from numser.jit import jit, safe_jit
from numser.layers import DepthwiseConv, PointwiseConv, depthwise, pointwise
from numser.model import SeparableSER, stages
from numser.ragged import Ragged, offsets_of
from numser.threads import one_blas_thread

plt = plots.pyplot()
rng = np.random.default_rng(3)

# %% [markdown]
# ## 1. Two questions instead of one
#
# A standard convolution (here with stride 1 and zeros outside, so that it keeps the picture's size) answers two
# questions with one set of weights: *where* in the 3×3 neighbourhood, and *from which channel*?
#
# $$y_{t,f,o} = \sum_{i,j} \sum_{c} w_{i,j,c,o}\; x_{t+i-1,\,f+j-1,\,c}$$
#
# A separable one asks them one after the other. First **depthwise**: each channel is filtered alone, so $d$ has a 3×3
# filter a channel, and no sum over channels. Then **pointwise**: each position is treated alone, so $p$ mixes channels,
# and has no neighbourhood.
#
# $$u_{t,f,c} = \sum_{i,j} d_{i,j,c}\; x_{t+i-1,\,f+j-1,\,c} \qquad\qquad y_{t,f,o} = \sum_c p_{c,o}\; u_{t,f,c}$$
#
# ![Two channels, each with a filter of its own. A window of 3 × 3 walks over both, and fills in one number of each
# result at each place; no channel sees the other.](pictures/depthwise.gif)
#
# | | shape | numbers |
# |---|---|---|
# | standard w | (k, k, m, n) | k²·m·n |
# | depthwise d | (k, k, m) | k²·m |
# | pointwise p | (m, n) | m·n |
#
# Put the first equation into the second:
#
# $$y_{t,f,o} = \sum_{i,j} \sum_c \underbrace{d_{i,j,c}\; p_{c,o}}_{w_{i,j,c,o}}\; x_{t+i-1,\,f+j-1,\,c}$$
#
# So **every separable convolution is a standard one**, whose weights are products. What it gave up: a standard one may
# have another 3×3 filter for each pair of channels. Here all outputs share one filter a channel, and may only scale it.
# Seen as a matrix with 9 rows for the places and n columns for the outputs, the weights of one input channel have rank 1.
# (In the paper's blocks a ReLU stands between the two halves. Then they are no standard convolution any more; the count is
# the same.) A picture, for 1 channel in and 6 out:

# %%
free = rng.standard_normal((9, 6))
places, scales = rng.standard_normal(9), rng.standard_normal(6)
figure, panels = plt.subplots(1, 2, figsize=(9, 3.4))
spread = np.abs(free).max()
for ax, matrix, title in (
    (panels[0], free, "standard: 9 · 6 = 54 free numbers"),
    (panels[1], np.outer(places, scales), "separable: 9 + 6 = 15, every column the same filter, scaled"),
):
    image = ax.imshow(matrix, cmap="RdBu", vmin=-spread, vmax=spread, aspect="auto")
    ax.set(xlabel="output channel o", ylabel="place (i, j)", title=title)
    ax.set_yticks(range(9), [f"{i}, {j}" for i in range(3) for j in range(3)])
figure.colorbar(image, ax=panels, label="weight", pad=0.01)
# Picture: Two matrices of 9 places by 6 output channels. The standard weights are a free pattern; in the
# separable ones every column is the same pattern, scaled.
plt.show()

# %% [markdown]
# ### Exercise 1 · as a standard convolution
#
# Write `as_standard(d, p)`: from `d` (3, 3, m) and `p` (m, n) to the weights `w` (3, 3, m, n) of the standard convolution
# that does the same.
#
# <details><summary>Hint</summary>
#
# `d[:, :, :, np.newaxis]` has shape (3, 3, m, 1). NumPy stretches axes of length 1, and adds missing ones in front: that is
# *broadcasting*.
#
# </details>


# %%
def as_standard(d, p):
    raise NotImplementedError


# %%
check.as_standard(as_standard)

# %% [markdown]
# ## 2. Count
#
# How many times fewer weights? The m cancels:
#
# $$\frac{k^2 m n}{k^2 m + m n} = \frac{k^2 n}{k^2 + n}$$
#
# For one output channel that is less than 1: nothing gained. For very many it goes towards $k^2$, which is 9 here. The
# paper says “5 times approximately”. Let us see where its own layers lie.

# %%
n = np.arange(1, 257)
plt.figure(figsize=(7.5, 3.2))
for k, style in ((3, "-"), (5, "--")):
    plt.plot(n, k * k * n / (k * k + n), style, label=f"{k} × {k} filters, at most {k * k}")
own = 9 * 64 / (9 + 64)
plt.plot([64], [own], "o", color="black")
plt.annotate(
    f"all the paper's separable layers, n = 64: {own:.1f}", (64, own), (80, 1.5), arrowprops={"arrowstyle": "->"}
)
plt.axhline(5, color=plots.GREY, linewidth=0.8, linestyle=":")
plt.text(258, 5, "the paper's “5 times”", va="bottom", ha="right", color=plots.GREY)
plt.gca().set(xlabel="output channels n", ylabel="times fewer weights", xlim=(0, 260), ylim=(0, 25))
plt.legend(frameon=False)
# Picture: How many times fewer weights a separable layer has, over its output channels: curves that rise and
# flatten, towards 9 for 3 × 3 filters, 25 for 5 × 5. A dot marks the paper's layers, at about 8.
plt.show()

# %% [markdown]
# > **The paper's words and its formula differ.** By its formula, its own layers (k = 3, n = 64) have about 8 times fewer
# > weights, not 5. Five times would need only about 11 channels out.
#
# And what is it worth for the whole network? numser's layer table, for three seconds of sound:
#
# **Guess first.** Which stage has the most parameters, and which the most multiplications?

# %%
model = SeparableSER(n_classes=4)
table = stages(model, frames=301)
total = [sum(column) for column in list(zip(*table, strict=True))[2:]]
print(f"{'stage':<10}{'parameters':>12}{'share':>8}{'multiplications':>18}{'share':>8}")
for stage in table:
    if stage.parameters:
        shares = stage.parameters / total[0], stage.multiply_accumulates / total[1]
        print(
            f"{stage.name:<10}{stage.parameters:>12,}{shares[0]:>8.1%}{stage.multiply_accumulates:>18,}{shares[1]:>8.1%}"
        )

# %% [markdown]
# Most *parameters* are in the GRU (lesson 05): there, separable layers save little. Most *multiplications* are in the stem
# and the blocks, since a small filter is used at each of thousands of positions. That is where separating pays: the
# count of multiplications is the count of weights, times the positions. So both shrink by the same factor.
#
# ### Exercise 2 · what it would have been
#
# Write `weights(k, m, n)`: it returns `(standard, separable)`, two whole numbers. And
# `width_for(k, times)`: the smallest n for which a separable convolution has at least `times` times fewer weights, or
# `None` if no n is enough.
#
# <details><summary>Hint</summary>
#
# Solve $k^2 n / (k^2 + n) \ge r$ for n by hand first. For which r is there no solution? Then mind rounding: compare whole
# numbers.
#
# </details>


# %%
def weights(k, m, n):
    raise NotImplementedError


def width_for(k, times):
    raise NotImplementedError


# %%
check.weights(weights)
check.width_for(width_for)

# %% [markdown]
# ## 3. Write the loop
#
# The pointwise half is a matrix product: all positions are the rows of one matrix, (T·F, m) times (m, n), and NumPy does
# that as fast as the processor can. The depthwise half has no sum over channels, so there is no matrix product in it.
# Here it is in the plainest way, and once more with NumPy's whole-array operations, one for each of the 9 places.


# %%
def depthwise_loops(x, w):
    T, F, C = x.shape
    y = np.zeros_like(x)
    for t in range(T):
        for f in range(F):
            for i in range(3):
                for j in range(3):
                    if 0 <= t + i - 1 < T and 0 <= f + j - 1 < F:
                        for c in range(C):
                            y[t, f, c] += w[i, j, c] * x[t + i - 1, f + j - 1, c]
    return y


def depthwise_numpy(x, w):
    T, F, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    y = np.zeros_like(x)
    for i in range(3):
        for j in range(3):
            y += w[i, j] * padded[i : i + T, j : j + F]
    return y


# %% [markdown]
# Now a decorator. `jit` hands the function to Numba, which reads the types at the first call, makes machine code, and
# keeps it. `numser.jit.jit` is `numba.njit` with numser's settings: Python's lock is let go, so that two threads can work,
# and the compiled code is kept on disk.
#
# > **`jit` makes a promise in your name**: that no array the function writes overlaps another that it is given. Where the
# > promise is kept, as in numser's kernels and in the loops above, nothing changes but the speed. Where it is not, the
# > result is wrong, and nobody says so. For loops of your own take `safe_jit`, which promises nothing.
#
# Here is a loop that breaks the promise: it adds to each number the one before it, in place.
#
# **Guess first.** What is the right sum, and who will find it?


# %%
def add_to(x, y):
    for i in range(len(x)):
        y[i] += x[i]


for name, function in (("Python", add_to), ("jit", jit(add_to)), ("safe_jit", safe_jit(add_to))):
    series = np.arange(1.0, 13.0)
    function(series[:-1], series[1:])  # y[i] is x[i + 1]: what is written is read next
    print(f"{name:<9}the last of the running sums of 1 … 12 is {series[-1]:.0f}")

# %% [markdown]
# The sum is 78. `jit` may say anything else: it may read many numbers ahead before it writes the first. The depthwise loops
# write an array of their own, so either will do; numser's kernels use `jit`.

# %%
depthwise_jit = jit(depthwise_loops)

C_in, C_out = 128, 64
small = rng.standard_normal((6, 8, C_in)).astype(np.float32)
large = rng.standard_normal((75, 32, C_in)).astype(np.float32)  # what a block filters of three seconds of sound
d = rng.standard_normal((3, 3, C_in)).astype(np.float32)
p = rng.standard_normal((C_in, C_out)).astype(np.float32)
depthwise_layer, pointwise_layer = DepthwiseConv(C_in), PointwiseConv(C_in, C_out)
no_bias = np.zeros(C_out, np.float32)


def depthwise_numser(x, w):
    return depthwise_layer.forward({"w": w}, Ragged(x, offsets_of([len(x)])))[0].data


reference = depthwise_loops(small, d)
for name, function in (("NumPy", depthwise_numpy), ("compiled", depthwise_jit), ("numser", depthwise_numser)):
    print(f"{name:<9}differs by {np.abs(function(small, d) - reference).max():.0e}")

# %% [markdown]
# All agree to float32's rounding. Time them. We take the best of several calls, since other programs can only make a call
# slower. The plain loops run on the small picture, and we multiply.
#
# **Guess first.** How many times faster are the same loops, compiled: ten, a hundred, a thousand?


# %%
def best_ms(work, calls=40):
    """Milliseconds of the fastest call."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


took = {
    "plain Python": best_ms(lambda: depthwise_loops(small, d), calls=20) * large.size / small.size,
    "NumPy, 9 whole-array steps": best_ms(lambda: depthwise_numpy(large, d)),
    "the same loops, compiled": best_ms(lambda: depthwise_jit(large, d)),
    "numser's layer": best_ms(lambda: depthwise_numser(large, d)),
}
figure, ax = plt.subplots(figsize=(8, 2.4))
bars = ax.barh(list(took), list(took.values()), color=plots.BLUE)
ax.bar_label(bars, [f"{ms:,.1f} ms" for ms in took.values()], padding=4)
ax.set(
    xscale="log", xlabel=f"time for {large.shape[0]} × {large.shape[1]} positions, {C_in} channels (ms, log scale)"
)
ax.margins(x=0.25)
ax.invert_yaxis()
# Picture: Bars on a logarithmic scale of time: plain Python by far the longest, then NumPy, then the compiled
# loops and numser's layer.
plt.show()
ratio = took["plain Python"] / took["the same loops, compiled"]
print(f"compiling made the loops about {float(f'{ratio:.1g}'):,.0f} times faster")

# %% [markdown]
# The plain loops are far off: for each product, Python looks up types, checks bounds and makes objects for the numbers.
# NumPy does the products fast, but it walks 18 times through an array that does not fit into the processor's nearest
# memory. The compiled loops do nine products while the numbers are at hand. And since channels stand last, the innermost
# loop runs over neighbours in memory, of which the processor takes 8 or 16 at once. Try what that is worth: make a copy
# of `depthwise_loops` whose innermost loop is the one over `f`.
#
# ## 4. Time both kinds
#
# Now the whole thing against a standard convolution of the same size. That is a fair fight only if the standard one is
# written well: as 9 matrix products, one a place, (T·F, m) times (m, n). Both get one thread.
#
# **Guess first.** Eight times fewer multiplications. How many times faster?


# %%
def standard(x, w):
    T, F, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    y = np.zeros((T * F, w.shape[3]), x.dtype)
    for i in range(3):
        for j in range(3):
            y += padded[i : i + T, j : j + F].reshape(T * F, -1) @ w[i, j]
    return y.reshape(T, F, -1)


def separable(x, d, p):
    u = Ragged(depthwise_numser(x, d), offsets_of([len(x)]))
    return pointwise_layer.forward({"w": p, "b": no_bias}, u)[0].data


full = np.einsum("ijc,co->ijco", d, p)
difference = np.abs(standard(large, full) - separable(large, d, p)).max() / np.abs(separable(large, d, p)).max()
with one_blas_thread():
    both = best_ms(lambda: standard(large, full)), best_ms(lambda: separable(large, d, p))
    halves = best_ms(lambda: depthwise_numser(large, d)), best_ms(lambda: large.reshape(-1, C_in) @ p)
positions = large.shape[0] * large.shape[1]
products = positions * full.size, positions * (d.size + p.size)
print(f"the results differ by {difference:.0e} of the largest")
print(f"{'':<12}{'multiplications':>16}{'time':>10}{'a second':>16}")
for name, count, ms in zip(("standard", "separable"), products, both, strict=True):
    print(f"{name:<12}{count:>16,}{ms:>7.1f} ms{count / ms / 1e6:>10.1f} · 10⁹")
print(f"separable:  {products[0] / products[1]:>15.1f}× fewer{both[0] / both[1]:>6.1f}× faster")
print(f"\nits halves: depthwise {halves[0]:.1f} ms for {positions * d.size:,} multiplications")
print(f"            pointwise {halves[1]:.1f} ms for {positions * p.size:,}")

# %% [markdown]
# Compare the last two lines. The depthwise half has a small share of the multiplications, and a much larger share of the
# time. A matrix product uses each number that it fetches dozens of times; a depthwise filter uses it nine times, and must
# wait for memory in between. So *fewer multiplications* and *faster* are two things, and how far apart they are depends
# on the machine. Lesson 10 will measure where the limit is.
#
# ## 5. numser's two files
#
# You have now written most of what stands in them. New are the offsets (a filter must not reach into the next utterance),
# and backward. Read the kernel that undoes one position: $x_{s,g}$ fed the outputs at $s + 1 - i$, $g + 1 - j$.

# %%
print(inspect.getsource(depthwise))

# %%
print(inspect.getsource(pointwise))

# %% [markdown]
# ### Exercise 3 · your own depthwise layer
#
# Write the whole layer, for one utterance: `x` (T, F, C), `w` (3, 3, C), stride 1, zeros outside. `forward` returns
# `(y, cache)`, `backward` returns `(dx, {"w": dw})`. Do it with plain loops, or by slices as in lesson 02, but without
# numser's kernels. The check compares your `y` with numser's, and your gradients with finite differences.
#
# <details><summary>Hint 1</summary>
#
# `depthwise_numpy` above is a forward. What does its line `y += w[i, j] * padded[…]` become backwards?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `w[i, j]` has shape (C,), so its gradient is a sum over frames and frequencies, but not over channels:
# `.sum(axis=(0, 1))`.
#
# </details>


# %%
class MyDepthwise:
    def __init__(self, channels):
        self.channels = channels

    def init(self, rng, dtype=np.float32):
        return {"w": rng.standard_normal((3, 3, self.channels)).astype(dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyDepthwise(MyDepthwise)

# %% [markdown]
# ## What you can do now
#
# Count what a layer costs before it is written, take a standard convolution apart into two cheap ones, compile your own
# loops, and say when a compiled loop may be trusted.
#
# ## What to keep
#
# - Standard: k²·m·n weights. Separable: k²·m + m·n, so k²·n / (k² + n) times fewer; about 8 in the paper's layers.
# - It gives up that each pair of channels has a filter of its own: the weights are products, of rank 1.
# - Depthwise is loops, pointwise is a matrix product. Fewer multiplications are not as many times faster.
#
# The answers, and wrong ones: `solutions/03_separable_convolution.py`. Next:
# [04 · inverted residuals](04_inverted_residuals.ipynb).
