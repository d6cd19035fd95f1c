# %% [markdown]
# # 02 · A convolution and its gradient
#
# **Question.** The network's first layer has 320 numbers. After a batch, the loss says only one thing: too large. How
# does each of the 320 know which way to move, and by how much? And how do we know that it was told the truth?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§3): “The input features first go through the entry flow which using a 2-D convolution layer with
# stride of 2”.
#
# At the end you have derived a convolution's gradients by hand, broken one on purpose, and seen the gradient check
# find the place.
#
# *An hour and a half. You need lesson 01's log-mel, derivatives and sums. numser's files: `numser/layers/conv.py` and
# `numser/gradcheck.py`.*

# %%
import inspect

import numpy as np

from checks import convolution as check
from numser import plots
from numser.corpora.synthetic import perform
from numser.features import log_mel
from numser.gradcheck import TOLERANCE, every_entry, gradcheck, random_params
from numser.layers import Conv
from numser.layers.conv import conv_backward, conv_backward_input, conv_forward
from numser.ragged import Ragged, offsets_of, pack

plt = plots.pyplot()
rng = np.random.default_rng(2)

# %% [markdown]
# ## 1. In one dimension
#
# Start small: one row of inputs, three weights, and a step (*stride*) of 2 from one output to the next.
#
# $$y_t = b + \sum_{i=0}^{2} w_i\, x_{2t+i}$$
#
# (Mathematicians call this *cross-correlation*, and say convolution where one of the two is turned round, $x_{2t-i}$. Networks
# learn $w$, so they need not care which way round it is stored.)
#
# Shapes: $x$ is (7,), $w$ is (3,), $b$ one number. The last window must end inside $x$, so $y$ has
# $\lfloor (7 - 3) / 2 \rfloor + 1 = 3$ entries.


# %%
def conv1d(x, w, b):
    y = np.full((len(x) - 3) // 2 + 1, b)
    for t in range(len(y)):
        for i in range(3):
            y[t] += w[i] * x[2 * t + i]
    return y


x, w, b = np.array([1.0, 2.0, 0.0, -1.0, 3.0, 1.0, 2.0]), np.array([2.0, 1.0, -1.0]), 0.5
print("y =", conv1d(x, w, b))

# %% [markdown]
# The same as a picture: a row for each output, a column for each input, and in the cell the weight by which the input
# feeds the output.

# %%
feeds = np.full((3, 7), -1)
for t in range(3):
    for i in range(3):
        feeds[t, 2 * t + i] = i
figure, ax = plt.subplots(figsize=(6.5, 2.9))
ax.imshow(np.where(feeds < 0, np.nan, feeds), cmap="Blues", vmin=-1.5, vmax=3.5)
for (t, s), i in np.ndenumerate(feeds):
    if i >= 0:
        ax.text(s, t, f"$w_{i}$", ha="center", va="center", fontsize=13)
ax.set_xticks(range(7), [f"$x_{s}$" for s in range(7)], fontsize=12)
ax.set_yticks(range(3), [f"$y_{t}$" for t in range(3)], fontsize=12)
ax.set(xlabel="input", ylabel="output", title="read a row: what an output is made of; a column: what an input feeds")
ax.tick_params(length=0)
# Picture: A table of three outputs by seven inputs. Each row has the weights w0, w1, w2 in three neighbouring
# cells, two places further to the right than the row above.
plt.show()

# %% [markdown]
# Now backwards. Somewhere behind $y$ stands the loss $L$, one number. Whoever comes after us has worked out
# $\mathrm{d}y_t = \partial L / \partial y_t$: how much the loss grows if $y_t$ does. We write $\mathrm{d}w_i$,
# $\mathrm{d}x_s$, $\mathrm{d}b$ for the same of our own numbers, and ask for each: **through which outputs does it reach
# the loss, and how strongly?**
#
# (The answer is the *chain rule*: $\partial L / \partial w_i = \sum_t \partial L / \partial y_t \cdot \partial y_t / \partial w_i$, a
# product along each way, and a sum over the ways.)
#
# - **The weight** $w_1$ stands once in every row. In row $t$ it is multiplied by $x_{2t+1}$; so if $w_1$ grows by a little,
#   $y_t$ grows $x_{2t+1}$ times as much. Add up over the rows:
#   $$\mathrm{d}w_i = \sum_t \mathrm{d}y_t\, \frac{\partial y_t}{\partial w_i} = \sum_t \mathrm{d}y_t\, x_{2t+i}$$
# - **The input** $x_2$ stands in column 2, twice: as $w_2$'s partner in $y_0$, as $w_0$'s partner in $y_1$. So
#   $\mathrm{d}x_2 = w_2\, \mathrm{d}y_0 + w_0\, \mathrm{d}y_1$, and in general
#   $$\mathrm{d}x_s = \sum_{t,\,i\,:\,2t+i=s} w_i\, \mathrm{d}y_t$$
# - **The bias** stands in every row, with factor 1: $\mathrm{d}b = \sum_t \mathrm{d}y_t$.
#
# The sum for $x$ looks awkward: which $t$ and $i$ belong to this $s$? There is a way never to ask. Walk through the
# *forward* loops once more. Each time forward did
#
#     y[t] += w[i] * x[2 * t + i]
#
# two numbers met in a product. Each of them gets the other, times $\mathrm{d}y_t$:
#
#     dw[i]         += x[2 * t + i] * dy[t]
#     dx[2 * t + i] += w[i]         * dy[t]
#
# This works for every sum of products, however its loops run. It is nearly all there is to backward passes.
#
# ### Exercise 1 · one dimension, backwards
#
# Write `conv1d_backward(x, w, dy)`; it returns `(dx, dw, db)`. Shapes: `x` (n,), `w` (3,), `dy` as $y$; the results as
# `x`, as `w`, and one number.
#
# <details><summary>Hint</summary>
#
# Begin with `dx = np.zeros_like(x)` and `dw = np.zeros_like(w)`, copy the two loops of `conv1d`, and put the two lines
# into them.
#
# </details>


# %%
def conv1d_backward(x, w, dy):
    raise NotImplementedError


# %%
check.conv1d_backward(conv1d_backward)

# %% [markdown]
# ## 2. In two dimensions, with channels
#
# The entry convolution looks at 3 × 3 patches of the log-mel: 3 frames by 3 bands. It has 32 filters, which give 32
# *channels*. In general there are C channels in and O out, and every one out is a sum over all in:
#
# $$y_{t,f,o} = b_o + \sum_{i=0}^{2} \sum_{j=0}^{2} \sum_{c} w_{i,j,c,o}\; x_{2t+i,\,2f+j,\,c}$$
#
# | | shape | entry flow, 1 s of sound |
# |---|---|---|
# | x | (T, F, C) | (101, 128, 1) |
# | w | (3, 3, C, O) | (3, 3, 1, 32) |
# | b | (O,) | (32,) |
# | y | (⌊(T−3)/2⌋+1, ⌊(F−3)/2⌋+1, O) | (50, 63, 32) |
#
# More indices, the same rule. Here is numser's forward pass: plain loops, which Numba compiles. `relu` is the
# activation after it, done in the same walk; `offsets` say where each utterance of a batch begins, for no filter may
# reach from one utterance into the next.

# %%
print(inspect.getsource(conv_forward.py_func))

# %% [markdown]
# And backward, in two functions: training does not need the gradient of the log-mel. Find our two lines; the comments
# say which forward line each undoes. (Where ReLU gave 0, a small change of $z$ changes nothing, so nothing flows back.)

# %%
print(inspect.getsource(conv_backward.py_func))
print(inspect.getsource(conv_backward_input.py_func))

# %% [markdown]
# In use, on lesson 01's two voices. A layer holds no parameters and remembers nothing: `forward` returns the result and
# a *cache*, which is what `backward` needs.

# %%
voices = [log_mel(perform("07", "a01", emotion).utterance.waveform) for emotion in ("anger", "sadness")]
batch = pack([((v - v.mean()) / v.std()).astype(np.float32)[:, :, np.newaxis] for v in voices])
entry = Conv(in_channels=1, channels=32, relu=True)
params = entry.init(rng)
y, cache = entry.forward(params, batch)
dx, grads = entry.backward(params, cache, np.ones_like(y.data))
print("frames of the utterances:", batch.lengths, "->", y.lengths)
print("x", batch.data.shape, " y", y.data.shape, " dx", dx.shape)
print({name: g.shape for name, g in grads.items()}, "=", sum(g.size for g in grads.values()), "numbers")

# %% [markdown]
# ## 3. Is it true?
#
# A wrong gradient raises no error. Its shape is right, and the loss often falls all the same, as we shall see. But there
# is a second way to learn a slope: move the number, and look.
#
# $$\frac{\partial L}{\partial w_i} \approx \frac{L(w_i + \varepsilon) - L(w_i - \varepsilon)}{2 \varepsilon}$$
#
# How large should $\varepsilon$ be? Large steps do not see the slope but the curve. Small steps drown: $L$ is known to
# 16 digits in float64, and the difference of two nearly equal numbers loses most of them. Measure it, on one weight of
# our small convolution, with a curved loss, $L = \sum_t \ln(1 + e^{y_t})$, whose $\mathrm{d}y_t$ is
# $1 / (1 + e^{-y_t})$:
#
# **Guess first.** Which step would you take, and how exact does the slope become with it in float32?


# %%
def loss_of(w0, dtype):
    weights = np.array([w0, w[1], w[2]], dtype)
    return np.log1p(np.exp(conv1d(x.astype(dtype), weights, dtype(b)))).sum()


dy = 1 / (1 + np.exp(-conv1d(x, w, b)))
exact = sum(dy[t] * x[2 * t] for t in range(3))  # dw[0], by the formula
steps = 10.0 ** np.arange(-14, 0.1, 0.5)
one_sided = [(loss_of(w[0] + e, np.float64) - loss_of(w[0], np.float64)) / e for e in steps]
central = [(loss_of(w[0] + e, np.float64) - loss_of(w[0] - e, np.float64)) / (2 * e) for e in steps]
single = [(loss_of(w[0] + e, np.float32) - loss_of(w[0] - e, np.float32)) / (2 * e) for e in steps]
plt.figure(figsize=(8, 3.2))
for slopes, marker, name in (
    (single, "^", "central difference, float32"),
    (one_sided, "s", "one-sided difference, float64"),
    (central, "o", "central difference, float64"),
):
    error = np.abs(np.array(slopes, float) - exact) / abs(exact)
    plt.loglog(steps, np.maximum(error, 1e-16), marker=marker, markersize=4, linewidth=1, label=name)
plt.gca().set(
    xlabel="step ε", ylabel="error (share of the slope)", title="too small a step drowns, too large a step bends"
)
plt.legend(frameon=False)
# Picture: Error over step size, both on logarithmic scales: V-shaped curves for three ways. The central
# difference in float64 has the lowest valley, near 1e-5; float32 stays far above it.
plt.show()

# %% [markdown]
# From right to left the central error falls as ε², the one-sided only as ε. Then rounding takes over, and errors grow as
# 1/ε. In float32 the best steps leave an error around $10^{-5}$: small mistakes hide in that. Hence float64, the central
# difference, and ε about $10^{-5}$.
#
# ### Exercise 2 · the numeric gradient
#
# Write `numeric_gradient(f, w, eps)`: `f` takes an array like `w` and returns one number; `w` may have any shape. It
# returns the gradient, in the shape of `w`, and leaves `w` as it was.
#
# <details><summary>Hint 1</summary>
#
# `for index in np.ndindex(w.shape):` walks through all entries, whatever the number of axes.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Change a copy: `moved = w.copy(); moved[index] += eps`.
#
# </details>


# %%
def numeric_gradient(f, w, eps):
    raise NotImplementedError


# %%
check.numeric_gradient(numeric_gradient)

# %% [markdown]
# ## 4. All entries at once
#
# Two losses for each of 320 weights is slow, and the whole network has 900 000. numser's `gradcheck` moves a whole tensor
# at once, along a random direction $v$: then $L$ should change by $\sum_i g_i v_i$, where $g$ is what backward returned.
# One wrong entry spoils the sum, and two wrong ones cancel only by a miracle. It does so for the input too. What it
# prints is $|\text{analytic} - \text{numeric}| / \sum_i |g_i v_i|$.

# %%
layer = Conv(in_channels=2, channels=3)
offsets = offsets_of([9, 7])  # two utterances
small = Ragged(rng.standard_normal((16, 9, 2)), offsets)
params = random_params(layer, rng)


def report(layer):
    for tensor, error in gradcheck(layer, params, small, np.random.default_rng(0)).items():
        print(f"d{tensor:<3}error {error:.0e}   {'ok' if error <= TOLERANCE else 'WRONG'}")


report(layer)

# %% [markdown]
# ## 5. Break it
#
# Now a mistake that everybody makes once: a loop that stops one step early. This layer's backward forgets the last
# output frame of every utterance. Its forward is right.
#
# **Guess first.** Which of dx, dw and db will be wrong?


# %%
class StopsEarly(Conv):
    """Backward as if `for t in range(offsets[u], offsets[u + 1] - 1)` stood there."""

    def backward(self, params, cache, dy):
        forgotten = dy.copy()
        forgotten[cache.y.offsets[1:] - 1] = 0
        return super().backward(params, cache, forgotten)


broken = StopsEarly(in_channels=2, channels=3)
report(broken)

# %% [markdown]
# Caught: all three gradients. But where is the mistake? `every_entry` moves each entry alone. Draw the errors, an entry a
# cell; dark is right, bright is wrong, and the white line on the scale is the tolerance.

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3.6))
for ax, which, title in zip(panels, (layer, broken), ("numser's backward", "stops early"), strict=True):
    analytic, numeric = every_entry(which, params, small, np.random.default_rng(0), "x")
    plots.gradient_errors(analytic, numeric, ax, names=("frame", "frequency", "channel"), colorbar=ax is panels[1])
    ax.axhline(offsets[1] / offsets[2], color="white", linestyle="--", linewidth=1)
    ax.set_title(f"dx: {title} (dashed: the second utterance begins)")
# Picture: Errors of dx, an entry a cell, on a scale from 1e-12 to 1. For numser's backward all is dark; where
# backward stops early, the last three rows of each utterance are bright in both channels.
plt.show()

# %% [markdown]
# The picture says what is wrong: in both channels and both utterances the last frames get the wrong gradient, and only
# they. Three input frames feed the last output frame, so three rows are bright in each utterance. Compare the weights:
#
# **Guess first.** Which entries of dw will be bright?

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3.2))
for ax, which, title in zip(panels, (layer, broken), ("numser's backward", "stops early"), strict=True):
    analytic, numeric = every_entry(which, params, small, np.random.default_rng(0), "w")
    plots.gradient_errors(analytic, numeric, ax, names=("i", "j", "in", "out"), colorbar=ax is panels[1])
    ax.set_title(f"dw: {title}")
# Picture: Errors of dw, an entry a cell. For numser's backward all is dark; where backward stops early, all
# entries are bright.
plt.show()

# %% [markdown]
# Here everything is bright, for every weight is used in the last frame too. Look at **dx** first: it shows the place.
#
# Would training have told us? Let both layers learn to do what a third one does, a *teacher*, whose outputs are their labels.
# Both begin at the same start. Watch the loss, the mean squared error.
#
# **Guess first.** Will the loss of the broken layer rise, stay, or fall?

# %%
teacher, start = random_params(layer, rng), random_params(layer, rng)
target = layer.forward(teacher, small)[0].data
target = target + 0.3 * rng.standard_normal(target.shape)
curves = {}
for name, learner in (("numser's backward", layer), ("stops early", broken)):
    p = {k: v.copy() for k, v in start.items()}
    curves[name] = []
    for _ in range(60):
        out, cache = learner.forward(p, small)
        difference = out.data - target
        curves[name].append(np.mean(difference**2))
        _, grads = learner.backward(p, cache, 2 * difference / difference.size)
        for k in p:
            p[k] -= 0.2 * grads[k]
plt.figure(figsize=(7, 2.8))
for (name, curve), style in zip(curves.items(), ("-", "--"), strict=True):
    plt.semilogy(curve, style, label=f"{name}: ends at {curve[-1]:.3f}")
plt.gca().set(xlabel="step", ylabel="mean squared error", title="a wrong gradient learns, too")
plt.legend(frameon=False)
# Picture: Mean squared error over 60 steps for the right and for the broken backward: both fall, the broken one
# ends a little higher.
plt.show()

# %% [markdown]
# The broken one learns, a little worse. Nobody would notice, and everybody would blame the data. So check gradients, not
# losses. In numser a test does it for every layer, every loss and the whole network, and `python -m numser.gradcheck`
# prints the table.
#
# ### Exercise 3 · your own layer
#
# `SameConv` is a convolution with stride 1 and one channel. What lies outside $x$ is zero, so $y$ has the shape of $x$,
# (T, F):
#
# $$y_{t,f} = b + \sum_{i,j} w_{i,j}\; x_{t+i-1,\,f+j-1}$$
#
# Its forward is there. Write `backward`: it returns `(dx, {"w": dw, "b": db})`, shapes (T, F), (3, 3) and (1,). The check
# is numser's `gradcheck`; where a gradient is wrong it says which entries are.
#
# <details><summary>Hint 1</summary>
#
# Forward's line is `y += w[i, j] * padded[i : i + T, j : j + F]`. Every entry of that slice met `w[i, j]` in a product.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Collect the gradient of `padded`, (T + 2, F + 2), with `dpadded[i : i + T, j : j + F] += …`. Then cut off its border: the
# zeros there were never inputs.
#
# </details>


# %%
class SameConv:
    def init(self, rng, dtype=np.float32):
        return {"w": rng.standard_normal((3, 3)).astype(dtype), "b": np.zeros(1, dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        (T, F), w = x.shape, params["w"]
        padded = np.pad(x, 1)
        y = np.zeros_like(x) + params["b"]
        for i in range(3):
            for j in range(3):
                y += w[i, j] * padded[i : i + T, j : j + F]
        return y, x

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.SameConv(SameConv)

# %% [markdown]
# ## What you can do now
#
# Derive the gradient of any layer that is sums of products, by asking of each number through which outputs it reaches the
# loss; write it as loops; prove it, and find the entry that is wrong.
#
# ## What to keep
#
# - Ask of each number: through which outputs does it reach the loss, and how strongly? Add up.
# - Forward `y += w * x`, so backward `dw += x * dy` and `dx += w * dy`, in the same loops.
# - A gradient is right when moving the number says so: float64, central difference, ε about $10^{-5}$.
# - A wrong gradient learns, too.
#
# The answers, and wrong ones: `solutions/02_convolution.py`. Next:
# [03 · separable convolution](03_separable_convolution.ipynb).
