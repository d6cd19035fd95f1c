# %% [markdown]
# # 04 · Inverted residuals
#
# **Question.** A block of the network takes 64 channels and hands on 64. Inside it makes 128 of them, filters those,
# and throws half away again. Why not filter the 64? And why does a ReLU stand behind each of its layers, but not behind
# the last?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§3.1): “The inverted residual block takes an input a low-dimensional feature representation. Then through
# an expansion operation by a $1 \times 1$ convolution layer followed with *Relu* activation operation, the features are
# expanded to high dimension. And those high-dimension features are further filtered with a depthwise convolution for
# obtaining richer information. Features are subsequently projected back to low-dimensional representations through a
# linear convolution without activation operation. Finally, the input and output of each inverted residual blocks are
# added as the input of next block.” And (§2), of the authors of these blocks: “The authors found that it's important to
# remove non-linearities in the narrow layers in order to maintain representational power.”
#
# At the end you have seen what a ReLU destroys, proven how wide a layer must be to lose nothing, followed the gradient
# around a block, and written the block and the pooling before it.
#
# *An hour and a half. You need lesson 03. numser's files: `numser/layers/inverted_residual.py`, `compose.py`,
# `activation.py` and `pool.py`.*

# %%
import inspect
import math

import numpy as np

import numser
from checks import inverted_residuals as check
from numser import plots
from numser.corpora.synthetic import perform
from numser.features import log_mel
from numser.gradcheck import TOLERANCE, gradcheck, random_params
from numser.layers import DepthwiseConv, MaxPool, Residual, inverted_residual, separable_block
from numser.layers.pool import padding_before, pool_backward
from numser.model import stages
from numser.ragged import Ragged, offsets_of

plt = plots.pyplot()
rng = np.random.default_rng(4)

# %% [markdown]
# ## 1. Expand, filter, project
#
# Three layers of lesson 03, two ReLUs, and a way around:
#
# $$e = \mathrm{ReLU}(x W_e + b_e) \qquad d = \mathrm{ReLU}(\mathrm{depthwise}(e)) \qquad y = x + d\, W_p + b_p$$
#
# | | shape | numbers |
# |---|---|---|
# | x, y | (T, F, C), C = 64 | |
# | e, d | (T, F, M), M = 128 | |
# | expand $W_e$, $b_e$ | (C, M), (M,) | 8,320 |
# | filter | (3, 3, M) | 1,152 |
# | project $W_p$, $b_p$ | (M, C), (C,) | 8,256 |
#
# An ordinary residual block is narrow in the middle, since its filter is a standard convolution, which costs $9 M^2$
# weights. A depthwise one costs $9 M$. So the middle can be the wide part: that is the inversion. In the picture a bar is
# as high as there are channels, and each arrow has its layer's weights; biases are left out.

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
for ax, title, widths, layers, costs in (
    (
        panels[0],
        "ordinary: wide, narrow, wide",
        (128, 64, 64, 128),
        ("1×1", "3×3 standard", "1×1"),
        (128 * 64, 9 * 64 * 64, 64 * 128),
    ),
    (
        panels[1],
        "inverted: narrow, wide, narrow",
        (64, 128, 128, 64),
        ("1×1", "3×3 depthwise", "1×1, linear"),
        (64 * 128, 9 * 128, 128 * 64),
    ),
):
    ax.bar(range(4), widths, width=0.26, bottom=-np.array(widths) / 2, color=plots.BLUE)
    for k, width in enumerate(widths):
        ax.text(k, -width / 2 - 4, f"{width}", ha="center", va="top")
    for k, (name, cost) in enumerate(zip(layers, costs, strict=True)):
        ax.annotate("", (k + 0.84, 0), (k + 0.16, 0), arrowprops={"arrowstyle": "->"})
        ax.text(k + 0.5, 5, f"{name}\n{cost:,}", ha="center", fontsize=8)
    way = {"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.35", "color": plots.ORANGE, "linewidth": 2}
    ax.annotate("", (3, widths[3] / 2), (0, widths[0] / 2), arrowprops=way)
    ax.text(1.5, 127, "the way around: + x", ha="center", color=plots.ORANGE)
    ax.set(title=f"{title}: {sum(costs):,} weights", ylim=(-85, 140))
    ax.axis("off")
# Picture: Two blocks drawn as bars of channels with arrows between. The ordinary one goes 128, 64, 64, 128 and
# has its many weights in the 3 × 3 filter; the inverted one goes 64, 128, 128, 64. An orange arc leads around
# each.
plt.show()

# %% [markdown]
# In numser a block is a list of layers, and the way around is a layer that holds another one:

# %%
print(inspect.getsource(separable_block))
print(inspect.getsource(inverted_residual))

# %% [markdown]
# > **Paper and program.** The paper's text names one ReLU, and not the width inside. The authors' program expands 64
# > channels to 128, has a second ReLU after the filter, which has no bias, and none after the projection. numser does the
# > same. The *stem*, the first block, goes from 32 channels to 64. Its input and output cannot be added, so it has no
# > way around: “it does not adopt residual connection” (§3.1).
#
# ## 2. What a ReLU destroys
#
# Start with points in a plane: d = 2 numbers each. Make n channels of them by random weights, ReLU, and go back to two
# numbers with the best linear map there is (least squares over all points), as a projection could. How much of the
# picture survives? (The experiment is that of [Sandler and others, 2018](https://arxiv.org/abs/1801.04381), who invented the block.)
#
# **Guess first.** How many channels will do: 3, 5, 15?

# %%
angle = np.linspace(0.4, 5.6 * np.pi, 900)
spiral = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1) / angle.max()
figure, panels = plt.subplots(3, 5, figsize=(9, 5.6), sharex=True, sharey=True)
for row, draw in zip(panels, "ABC", strict=True):
    row[0].scatter(*spiral.T, c=angle, s=1, cmap="viridis")
    row[0].set_ylabel(f"weights {draw}")
    for ax, n in zip(row[1:], (2, 3, 5, 15), strict=True):
        activated = np.maximum(spiral @ rng.standard_normal((2, n)), 0)
        back, *_ = np.linalg.lstsq(activated, spiral, rcond=None)
        ax.scatter(*(activated @ back).T, c=angle, s=1, cmap="viridis")
        enough = (activated > 0).sum(axis=1) >= 2
        ax.text(0, -1.45, f"two channels left: {enough.mean():.0%}", ha="center", fontsize=7)
        if draw == "A":
            ax.set_title(f"through n = {n}")
panels[0, 0].set_title("points, d = 2")
for ax in panels.flat:
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.4))
# Picture: A spiral of coloured points, and what comes back of it through a ReLU of 2, 3, 5 and 15 channels, for
# three draws of weights. Through 2 channels it collapses to lines; through 15 it is nearly whole.
plt.show()

# %% [markdown]
# Through two channels, whole sectors fold onto lines, and some onto one point, where no channel is left. Nothing behind
# can unfold them. Through fifteen, hardly anything is lost. So a ReLU is harmless in a wide layer, and harmful in a narrow one:
# **that is why what leaves the block, its narrowest place, is linear.**
#
# How wide is wide enough? Channel k keeps $x \cdot w_k$ if that is positive, and else says only that it was not. What is
# kept are linear equations for x. To compute the d numbers of x, d equations are needed, in d different directions. So
# **a point survives if at least d channels are positive for it.** With random weights, each of the n channels is
# positive for half of the points. The share of points that survive is the chance of d heads or more in n throws of a
# coin:
#
# $$\mathrm{share}(d, n) = \sum_{k \ge d} \binom{n}{k} 2^{-n}$$


# %%
def share(d, n):
    return sum(math.comb(n, k) for k in range(d, n + 1)) / 2**n


figure, ax = plt.subplots(figsize=(7.5, 3.2))
for d, style in ((2, ":"), (8, "--"), (64, "-")):
    widths = range(d, 3 * d + 1)
    (line,) = ax.plot([n / d for n in widths], [share(d, n) for n in widths], style, label=f"d = {d}")
    for n in widths[:: max(1, d // 4)]:  # dots: counted, with 200 weights of 50 points each
        positive = rng.standard_normal((200, 50, d)) @ rng.standard_normal((200, d, n)) > 0
        ax.plot(n / d, (positive.sum(axis=2) >= d).mean(), "o", markersize=3, color=line.get_color())
ax.axvline(2, color=plots.GREY, linewidth=0.8)
ax.annotate("the paper's blocks: 64 to 128", (2, 0.1), (2.08, 0.1), color=plots.GREY)
ax.set(xlabel="width n / d", ylabel="share of points that survive", title="lines: the formula; dots: counted")
ax.legend(frameon=False)
# Picture: Share of points that survive, over the layer's width as a multiple of d: S-shaped curves through one
# half at twice the width, the steeper the larger d. Dots that were counted lie on the lines.
plt.show()
print(f"64 numbers through a ReLU of 64 channels: {share(64, 64):.0e} survive; of 128: {share(64, 128):.2f}")

# %% [markdown]
# Of 64 numbers in 64 channels practically nothing survives whole. The edge is at *twice* the width, and the larger d,
# the steeper it is. Can all points survive? Look at $x$ and $-x$. A channel that is positive for one is not for the other.
# Both need d channels, so **n must be at least 2d**. Whether 2d are enough is for you to find out.
#
# ### Exercise 1 · lose nothing
#
# Write `carry(d)`: it returns `(expand, project)`, shapes (d, 2d) and (2d, d), such that for every x of shape (N, d)
#
#     np.maximum(x @ expand, 0) @ project
#
# is x again. (So a block that is twice as wide inside can hand on all it was given. That the authors chose two for this
# reason, they do not say; Sandler and others took six.)
#
# <details><summary>Hint 1</summary>
#
# Begin with d = 1: one number, two channels. If the first keeps what is positive, what should the second keep?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.eye(d)` hands on d numbers as they are. `np.hstack` and `np.vstack` put matrices beside and upon each other.
#
# </details>


# %%
def carry(d):
    raise NotImplementedError


# %%
check.carry(carry)

# %% [markdown]
# ## 3. The way around
#
# Now backwards. A ReLU remembers where its input was positive; there the gradient goes through, elsewhere it ends. And
# the sum $y = x + f(x)$? x reaches the loss on two ways: straight, with factor 1, and through f. Add up, as always:
#
# $$\mathrm{d}x = \mathrm{d}y + \mathrm{d}f(\mathrm{d}y)$$
#
# where $\mathrm{d}f$ is the backward pass of what is inside the block. It is the shortest backward of the network:

# %%
print(inspect.getsource(Residual.backward))

# %% [markdown]
# Short, and easy to forget.
#
# **Guess first.** If it is forgotten, which gradients are wrong?


# %%
class ForgetsTheWay(Residual):
    """Backward without `dy +`."""

    def backward(self, params, cache, dy):
        return self.layer.backward(params, cache, dy)


small = Ragged(rng.standard_normal((11, 5, 3)), offsets_of([7, 4]))
for name, layer in (("numser's", inverted_residual(3, 6)), ("forgets", ForgetsTheWay(separable_block(3, 6, 3)))):
    params = random_params(layer, np.random.default_rng(0))
    errors = gradcheck(layer, params, small, np.random.default_rng(0))
    print(f"{name:<10}" + "  ".join(f"d{t} {'ok' if e <= TOLERANCE else 'WRONG'}" for t, e in errors.items()))

# %% [markdown]
# The block's own weights get the right gradients. Only dx is wrong: what is *below* the block is told the wrong thing.
#
# What is the 1 worth? Stack n blocks. By the rule above, written with the matrix $J_k$ of each block's own backward:
#
# $$\mathrm{d}x = (1 + J_1)(1 + J_2) \cdots (1 + J_n)\, \mathrm{d}y
#    = \mathrm{d}y + \sum_k J_k\, \mathrm{d}y + \dots + J_1 J_2 \cdots J_n\, \mathrm{d}y$$
#
# The first summand has gone through no block at all. Without the ways around only the last one is left, a product of n
# matrices. It shrinks or grows with n as a power does; and even where it keeps its size, it is mixed anew by each of
# them. Measure both: how long the gradient still is, and how much of its direction is left (the cosine between dx and
# dy). Once with numser's initial values, which make f small, and once with larger ones that keep the size of f's signal
# ([He and others, 2015](https://arxiv.org/abs/1502.01852)).
#
# **Guess first.** Which of the four arrives with its direction?


# %%
def larger(rng):
    """Initial values after He and others (2015): what a ReLU takes away, the weights put back."""
    return {
        "expand.w": rng.standard_normal((64, 128)) / np.sqrt(64),
        "expand.b": np.zeros(128),
        "depthwise.w": rng.standard_normal((3, 3, 128)) * np.sqrt(2 / 9),
        "project.w": rng.standard_normal((128, 64)) * np.sqrt(2 / 128),
        "project.b": np.zeros(64),
    }


def gradient_down(layer, draw, n=16):
    """Length, and cosine with dy, of the gradient after 1 … n blocks."""
    x, params, caches = Ragged(rng.standard_normal((12, 12, 64)), offsets_of([12])), [], []
    for _ in range(n):
        params.append(draw(rng))
        x, cache = layer.forward(params[-1], x)
        caches.append(cache)
    dy = dx = rng.standard_normal(x.data.shape)
    lengths, cosines = [], []
    for p, cache in zip(reversed(params), reversed(caches), strict=True):
        dx, _ = layer.backward(p, cache, dx)
        lengths.append(np.linalg.norm(dx) / np.linalg.norm(dy))
        cosines.append(np.sum(dx * dy) / np.linalg.norm(dx) / np.linalg.norm(dy))
    return lengths, cosines


plain, residual = separable_block(64, 128, 64), inverted_residual(64, 128)
figure, (length, direction) = plt.subplots(1, 2, figsize=(10, 3.2))
for name, layer, draw, style, color in (
    ("a way around, numser's values", residual, lambda rng: residual.init(rng, np.float64), "-o", plots.BLUE),
    ("a way around, larger values", residual, larger, "--o", plots.BLUE),
    ("no way around, numser's values", plain, lambda rng: plain.init(rng, np.float64), "-s", plots.ORANGE),
    ("no way around, larger values", plain, larger, "--s", plots.ORANGE),
):
    lengths, cosines = gradient_down(layer, draw)
    length.semilogy(range(1, 17), lengths, style, color=color, markersize=3, label=name)
    direction.plot(range(1, 17), cosines, style, color=color, markersize=3)
    print(f"{name:<32}after 4 blocks: {lengths[3]:8.1e} times as long, cosine {cosines[3]:+.2f}")
length.set(xlabel="blocks passed", ylabel="length of dx / length of dy", title="how long the gradient is")
direction.set(xlabel="blocks passed", ylabel="cosine of dx and dy", title="how much of its direction is left")
length.legend(frameon=False, fontsize=8)
# Picture: Left: length of the gradient over blocks passed, on a logarithmic scale; right: cosine with where it
# began. With a way around and numser's values both stay near 1; without one the cosine is near 0 after one block.
plt.show()

# %% [markdown]
# Without a way around, larger values save the gradient's length, but not its direction: that is gone after one block.
# With one, and f small at first, the gradient arrives below as it was above. The network begins as if it had no blocks,
# and each block learns what to *add*. How much do they add in the end? Here is a trained network, the one that comes with
# numser, beside the same network before training. Both hear lesson 01's angry voice.
#
# **Guess first.** Has training made what is added larger than what it is added to?

# %%
trained = numser.load()
heard = trained.standardiser.apply(log_mel(perform("07", "a01", "anger").utterance.waveform))
print(f"{'':<18}{'f(x), as a share of x':>24}{'channels > 0 of 128, median place':>36}")
for name, params in (("untrained", trained.model.init(rng)), ("trained", trained.params)):
    x = Ragged(heard[:, :, np.newaxis], offsets_of([len(heard)]))
    for stage, layer in trained.model.network.children:
        if stage == "flatten":
            break
        own = {k.removeprefix(stage + "."): w for k, w in params.items() if k.startswith(stage + ".")}
        y, _ = layer.forward(own, x)
        if stage.startswith("blocks"):
            added = np.linalg.norm(y.data - x.data) / np.linalg.norm(x.data)
            positive = (x.data @ own["expand.w"] + own["expand.b"] > 0).sum(axis=-1)
            print(f"{name:<10}{stage:<8}{added:>24.2f}{np.median(positive):>36.0f}")
        x = y

# %% [markdown]
# Before training a block adds a few hundredths; after it, several times as much, and still less than what it was
# given. And about half of the 128 channels are positive, as of random ones.
#
# ### Exercise 2 · the whole block
#
# Write the inverted residual for one utterance, `x` (T, F, C). The parameters are named as in numser: `expand.w` (C, M),
# `expand.b` (M,), `depthwise.w` (3, 3, M), `project.w` (M, C), `project.b` (C,). `forward` returns `(y, cache)`,
# `backward` returns `(dx, grads)`, with the keys of `params`. The filter is lesson 03's; use the two functions below for
# it, and otherwise none of numser's layers. The check compares `y` with numser's, and the gradients with finite
# differences.
#
# <details><summary>Hint 1</summary>
#
# Write forward line by line, and give each intermediate value a name: `a`, `e`, `z`, `d`, `y`. Then walk upwards: for each
# line, what does it make of the gradient of its left side?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `d @ params["project.w"]` treats each place alone. For its weights' gradient make rows of all places:
# `d.reshape(-1, M).T @ dy.reshape(-1, C)`. A bias's gradient is the sum over all places.
#
# </details>
# <details><summary>Hint 3</summary>
#
# A ReLU's backward is `dz = dd * (z > 0)`. There are two ReLUs, so two different masks. At the top, do not forget the way
# around.
#
# </details>


# %%
def filter_forward(e, w):
    """The depthwise convolution of lesson 03, and its cache."""
    y, cache = DepthwiseConv(w.shape[2]).forward({"w": w}, Ragged(e, offsets_of([len(e)])))
    return y.data, cache


def filter_backward(w, cache, dy):
    """Its gradients: of what was filtered, and of w."""
    dx, grads = DepthwiseConv(w.shape[2]).backward({"w": w}, cache, dy)
    return dx, grads["w"]


class MyInvertedResidual:
    def __init__(self, channels, expanded):
        self.channels, self.expanded = channels, expanded

    def init(self, rng, dtype=np.float32):
        return inverted_residual(self.channels, self.expanded).init(rng, dtype)

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyInvertedResidual(MyInvertedResidual)

# %% [markdown]
# ## 4. Pooling
#
# Between the stem and the blocks the picture is made smaller. The paper: “We only perform max pooling operation in the
# end of the first block with the pooling size of $3 \times 3$ and stride of 2.” A window of three by three places moves
# in steps of two, and hands on the largest of its nine values, in each channel alone. In one dimension, T values become
# $\lceil T/2 \rceil$:
#
# $$y_t = \max_{i = 0 \dots 2} x_{2t + i - p}$$
#
# $p$ places lie before the beginning, 0 if T is even, 1 if T is odd, so that the windows are spread evenly (“same”).
# What lies outside counts as $-\infty$: it never wins. Zeros would win wherever the values inside are all negative, and
# they may be, since no ReLU stands behind the stem.
#
# Backwards: only the winner was handed on. If it grows a little, y grows as much; if another grows a little, nothing
# happens. So **the winner gets the whole gradient, the others get 0**; and who wins two windows gets both.

# %%
signal = np.array([-1.0, -2.5, -0.5, 1.5, 1.0, 3.0, 2.0, 0.5, -1.5, -2.0, -3.0])
pool, x = MaxPool(), Ragged(signal.reshape(-1, 1, 1), offsets_of([len(signal)]))
y, cache = pool.forward({}, x)
received, _ = pool.backward({}, cache, np.ones_like(y.data))
starts = 2 * np.arange(len(y.data)) - padding_before(len(signal))
figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8.5, 4), height_ratios=(2.4, 1))
above.stem(signal, linefmt="C3-", markerfmt="C3o", basefmt=" ", label="x")
for t, (start, value) in enumerate(zip(starts, y.data.ravel(), strict=True)):
    level = 4 + 0.5 * (t % 2)
    above.plot([start - 0.3, start + 2.3], [level, level], linewidth=5, color=plots.BLUE, alpha=0.5)
    above.text(start + 1, level + 0.15, f"{value:g}", ha="center", va="bottom", fontsize=8)
winners = np.flatnonzero(received)
above.plot(winners, signal[winners], "o", color=plots.ORANGE, markersize=8, label="wins a window")
above.axhline(0, color=plots.GREY, linewidth=0.8)
above.set(ylabel="x", ylim=(-3.6, 5.6), title="bars: the windows, and what each hands on")
above.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
below.bar(range(len(signal)), received.ravel(), color=plots.ORANGE, width=0.5)
below.set(xlabel="place", ylabel="dx (all dy 1)", yticks=[0, 1, 2], xticks=range(len(signal)))
# Picture: Above: eleven values as stems, with bars for the windows of three and what each hands on; winners are
# orange. Below: the gradient, 1 or 2 at the winners, 0 elsewhere.
plt.show()

# %% [markdown]
# The last window holds two negative values and one place outside; with zeros there it would have handed on 0. numser's
# kernel remembers for each output which of the nine won, and walks the windows once more:

# %%
print(inspect.getsource(pool_backward.py_func))

# %% [markdown]
# ### Exercise 3 · max-pooling
#
# Write `MyMaxPool` for one axis: `x` (T, C) becomes `y` (⌈T/2⌉, C), as above. There are no parameters, so `backward`
# returns `(dx, {})`. Do it without numser's layers. Random numbers have no ties; do not care about them.
#
# <details><summary>Hint 1</summary>
#
# Put rows of `-np.inf` before and behind x: p before, and two behind do no harm. Then output t sees the rows 2t to 2t + 2.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `window.argmax(axis=0)` says for each channel which row won: that is all that `backward` needs, with T. There,
# `dpadded[2 * t + winner[t], np.arange(C)] += dy[t]`, and at the end the rows that were put on are cut off.
#
# </details>


# %%
class MyMaxPool:
    def init(self, rng, dtype=np.float32):
        return {}

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyMaxPool(MyMaxPool)

# %% [markdown]
# ## 5. The middle flow
#
# You have now all layers up to the GRU. This is what becomes of three seconds of sound:

# %%
print(f"{'stage':<10}{'frames':>8}{'frequencies':>13}{'channels':>10}{'parameters':>12}")
for stage in stages(trained.model, frames=301):
    if len(stage.output) == 3:
        frames, frequencies, channels = stage.output
        print(f"{stage.name:<10}{frames:>8}{frequencies:>13}{channels:>10}{stage.parameters:>12,}")

# %% [markdown]
# The network of numser runs these blocks in one piece (`FusedBlock`), tile by tile, which is faster; a test holds it
# against the plain layers that you have seen. Lesson 10 says why it is faster.
#
# ## What you can do now
#
# Write a residual block with its backward pass, say how wide it must be to lose nothing, and why its last layer is linear.
#
# ## What to keep
#
# - Expand, filter, project: wide inside, because a depthwise filter is cheap there.
# - A ReLU loses a point of d numbers unless d channels are positive for it. To keep all points, a layer needs 2d channels
#   or more. So the narrow end is linear.
# - $y = x + f(x)$, so $\mathrm{d}x = \mathrm{d}y + \mathrm{d}f(\mathrm{d}y)$: one part of the gradient goes through no block.
# - Max-pooling gives the whole gradient to the winner.
#
# The answers, and wrong ones: `solutions/04_inverted_residuals.py`. Next: [05 · the GRU through time](05_gru.ipynb).
