# %% [markdown]
# # 11 · The whole way back
#
# **Question.** More than nine tenths of the network's multiplications are in matrix products, and several lessons have used
# their gradient: $x^\top \mathrm{d}y$, $\mathrm{d}y\, W^\top$. Where does it come from? And when all layers stand one behind
# the other, does the gradient of the last one really reach the first?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§3.2): “Finally, the utterance-level representations are passed into a fully connection layer with 64 output
# units, then followed with *PreLU* activation function and use one softmax layer to calculate the probability of per emotion.”
#
# At the end you have derived that gradient, written the dense and the pointwise layer and the GRU that reads from both ends,
# and chained all layers of the network into its backward pass, right in each of its tensors.
#
# *Two hours. You need lessons 02 to 06; the first two sections can be read after 02. numser's files:
# `numser/layers/dense.py`, `pointwise.py`, `compose.py` and `numser/model.py`.*

# %%
import inspect

import numpy as np

from checks import whole_way_back as check
from numser import losses, plots
from numser.corpora.synthetic import perform
from numser.features import log_mel
from numser.gradcheck import TOLERANCE, gradcheck, random_params
from numser.layers import GRU, compose, pointwise
from numser.model import SeparableSER
from numser.ragged import Ragged, offsets_of

plt = plots.pyplot()
rng = np.random.default_rng(11)

# %% [markdown]
# ## 1. A matrix product
#
# A dense layer lets every output see every input. With B utterances, C numbers of each in and O out:
#
# $$y_{u,o} = b_o + \sum_c x_{u,c}\, w_{c,o} \qquad\qquad Y = X W + b$$
#
# Shapes: $X$ (B, C), $W$ (C, O), $b$ (O,), $Y$ (B, O). Ask lesson 02's question of each number: through which outputs does
# it reach the loss, and how strongly?
#
# - **The weight** $w_{c,o}$ stands in column $o$ of $Y$, once in each row $u$, with the factor $x_{u,c}$. Add up over the
#   rows: $\mathrm{d}w_{c,o} = \sum_u x_{u,c}\, \mathrm{d}y_{u,o}$.
# - **The input** $x_{u,c}$ stands in row $u$, once in each column $o$, with the factor $w_{c,o}$. Add up over the columns:
#   $\mathrm{d}x_{u,c} = \sum_o \mathrm{d}y_{u,o}\, w_{c,o}$.
# - **The bias** $b_o$ stands in each row, with factor 1: $\mathrm{d}b_o = \sum_u \mathrm{d}y_{u,o}$. Forward, broadcasting
#   copied it to all rows. Whatever was copied forward is added up backward.
#
# Now look at the sums. The first runs over $u$, the *first* index of both $x$ and $\mathrm{d}y$. A matrix product sums over
# the second index of its left and the first of its right. So $x$ must be turned: $\sum_u (X^\top)_{c,u}\, \mathrm{d}y_{u,o}$.
# The second sum runs over $o$, the second index of both; there it is $W$ that must be turned:
#
# $$\mathrm{d}W = X^\top\, \mathrm{d}Y \qquad\qquad \mathrm{d}X = \mathrm{d}Y\, W^\top \qquad\qquad
# \mathrm{d}b = \textstyle\sum_u \mathrm{d}Y_u$$
#
# You need not learn this by heart. $\mathrm{d}W$ has the shape of $W$, (C, O), and is made of $X$ (B, C) and
# $\mathrm{d}Y$ (B, O): there is only one way to multiply them.
#
# **Guess first.** In which order must they stand, and which of them must be turned?

# %%
B, C, O = 3, 5, 2
figure, panels = plt.subplots(1, 3, figsize=(10, 2.6))
for ax, title, boxes in (
    (panels[0], "forward: Y = X W", (("X", B, C), ("W", C, O), ("Y", B, O))),
    (panels[1], "dW = Xᵀ dY", (("Xᵀ", C, B), ("dY", B, O), ("dW", C, O))),
    (panels[2], "dX = dY Wᵀ", (("dY", B, O), ("Wᵀ", O, C), ("dX", B, C))),
):
    left = 0
    for (name, high, wide), sign in zip(boxes, ("", "", "= "), strict=True):
        left += 1.2 * len(sign) / 2
        ax.text(left - 0.25, 0, sign, ha="right", va="center")
        colour = plots.ORANGE if name.startswith("d") else plots.BLUE
        ax.add_patch(plt.Rectangle((left, -high / 2), wide, high, facecolor=colour, alpha=0.3, edgecolor=colour))
        ax.text(left + wide / 2, 0, name, ha="center", va="center")
        ax.text(left + wide / 2, -high / 2 - 0.2, f"{high} × {wide}", ha="center", va="top", fontsize=8)
        left += wide + 0.6
    ax.set(xlim=(-0.5, 15), ylim=(-4, 3), title=title, aspect="equal")
    ax.axis("off")
# Picture: Three matrix products as rectangles with their shapes. Forward 3 × 5 times 5 × 2 gives 3 × 2; the weight's
# gradient is 5 × 3 times 3 × 2, which gives 5 × 2; the input's is 3 × 2 times 2 × 5, which gives 3 × 5.
plt.show()

# %% [markdown]
# Check the claim with loops that do nothing but lesson 02's two lines, `dw += x * dy` and `dx += w * dy`:

# %%
x, w, dy = rng.standard_normal((B, C)), rng.standard_normal((C, O)), rng.standard_normal((B, O))
dx, dw = np.zeros_like(x), np.zeros_like(w)
for u, c, o in np.ndindex(B, C, O):  # forward: y[u, o] += x[u, c] * w[c, o]
    dw[c, o] += x[u, c] * dy[u, o]
    dx[u, c] += w[c, o] * dy[u, o]
print(f"dW differs by {np.abs(dw - x.T @ dy).max():.0e}, dX by {np.abs(dx - dy @ w.T).max():.0e}")

# %% [markdown]
# ### Exercise 1 · the dense layer
#
# Write `MyDense`: `x` (B, C), `w` (C, O), `b` (O,), `y` (B, O). `forward` returns `(y, cache)`, `backward` returns
# `(dx, {"w": dw, "b": db})`. Do it without numser's layers.
#
# <details><summary>Hint 1</summary>
#
# What must be remembered? Look which of x, w, b and y stand in the three gradients. The parameters are given to `backward`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The bias's gradient has the shape (O,): `dy.sum(axis=0)`. With `keepdims` it would be (1, O).
#
# </details>


# %%
class MyDense:
    def __init__(self, inputs, units):
        self.inputs, self.units = inputs, units

    def init(self, rng, dtype=np.float32):
        return {
            "w": rng.standard_normal((self.inputs, self.units)).astype(dtype),
            "b": np.zeros(self.units, dtype),
        }

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyDense(MyDense)

# %% [markdown]
# ## 2. The same, at each place
#
# A pointwise convolution (lesson 03) does this at each place of the picture, with the same weights:
#
# $$y_{t,f,o} = b_o + \sum_c x_{t,f,c}\, w_{c,o}$$
#
# Nothing in it depends on $t$ and $f$ but the place itself. So let every place be a row: (T, F, C) becomes (T·F, C), which
# moves no number in memory, and the layer *is* a dense layer. In its gradient $\sum_u$ becomes $\sum_{t,f}$: the weights are
# used at each place, so what all places say about them is added up.

# %%
print(inspect.getsource(pointwise.pointwise_forward))
print(inspect.getsource(pointwise.pointwise_backward))

# %% [markdown]
# ### Exercise 2 · the pointwise layer
#
# Write `MyPointwise` for one utterance, `x` (T, F, C), `w` (C, O), `b` (O,), `y` (T, F, O), without numser's layers. You may
# use your `MyDense`.
#
# <details><summary>Hint</summary>
#
# `x.reshape(-1, C)` are the rows. At the end of `backward`, `dx` must have the shape of `x` again.
#
# </details>


# %%
class MyPointwise:
    def __init__(self, in_channels, channels):
        self.in_channels, self.channels = in_channels, channels

    def init(self, rng, dtype=np.float32):
        return {
            "w": rng.standard_normal((self.in_channels, self.channels)).astype(dtype),
            "b": np.zeros(self.channels, dtype),
        }

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyPointwise(MyPointwise)

# %% [markdown]
# ## 3. One set of weights, two readers
#
# numser's GRU reads an utterance from both ends with *one* set of weights (lesson 05). Forward: read, and read once more what
# is turned round; put the second result back into the utterance's order; lay the two side by side.
#
# $$Y = \big[\, \mathrm{read}(X) \;\big|\; \mathrm{turn}(\mathrm{read}(\mathrm{turn}(X))) \,\big]$$
#
# Backward, everything that was done is undone, from the last to the first. What lay side by side is cut apart. What was
# turned is turned back: turning has itself for its backward. And two things were *used twice*: the weights and $X$. So
# each of them gets a sum of two.
#
# Here is one reader, which is lesson 05's exercise 2 in two functions:


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def read(params, x):
    """The states (T, H) of one direction, and what its backward needs."""
    w, u, b = params["w"], params["u"], params["b"]
    H = len(u)
    before, r, z, c, y = np.zeros((5, len(x), H))
    for t in range(len(x)):
        if t > 0:
            before[t] = y[t - 1]
        a = x[t] @ w + b
        r[t] = sigmoid(a[:H] + before[t] @ u[:, :H])
        z[t] = sigmoid(a[H : 2 * H] + before[t] @ u[:, H : 2 * H])
        c[t] = np.tanh(a[2 * H :] + (r[t] * before[t]) @ u[:, 2 * H :])
        y[t] = z[t] * before[t] + (1 - z[t]) * c[t]
    return y, (x, before, r, z, c)


def read_backward(params, cache, dy):
    """Gradients (dx, {"w", "u", "b"}) of one direction."""
    x, before, r, z, c = cache
    u = params["u"]
    H = len(u)
    da, dh = np.zeros((len(x), 3 * H)), np.zeros(H)
    for t in reversed(range(len(x))):
        dh = dh + dy[t]
        daz = dh * (before[t] - c[t]) * z[t] * (1 - z[t])
        dac = dh * (1 - z[t]) * (1 - c[t] ** 2)
        dq = dac @ u[:, 2 * H :].T
        dar = dq * before[t] * r[t] * (1 - r[t])
        dh = dh * z[t] + dq * r[t] + dar @ u[:, :H].T + daz @ u[:, H : 2 * H].T
        da[t] = np.concatenate([dar, daz, dac])
    du = np.hstack([before.T @ da[:, : 2 * H], (r * before).T @ da[:, 2 * H :]])
    return da @ params["w"].T, {"w": x.T @ da, "u": du, "b": da.sum(axis=0)}


# %% [markdown]
# Its last lines are section 1's three, over all steps at once: $a = xW + b$ is a matrix product, and so are the two with $U$.
#
# ### Exercise 3 · both directions
#
# Write `MyBiGRU`, tied, for one utterance: `x` (T, C), `y` (T, 2H), the forward states first. The parameters are `w`
# (C, 3H), `u` (H, 3H), `b` (3H,). Use `read` and `read_backward`, but none of numser's layers.
#
# <details><summary>Hint 1</summary>
#
# `x[::-1]` is the utterance turned round. The second half of `y` is `read(params, x[::-1])[0][::-1]`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The second reader's states were turned, so it must be given `dy[:, H:][::-1]`. Its dx is that of the turned x.
#
# </details>


# %%
class MyBiGRU:
    def __init__(self, inputs, units):
        self.inputs, self.units = inputs, units

    def init(self, rng, dtype=np.float32):
        return GRU(self.inputs, self.units).init(rng, dtype)

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyBiGRU(MyBiGRU)

# %% [markdown]
# ## 4. The chain
#
# All layers are written. What is left is to let each take what the one before it made. Forward goes from the first to the
# last, and keeps the caches. Backward goes from the last to the first, and each layer is given the gradient of its own
# output, which is what the layer behind it returns as `dx`. That is the chain rule, for layers. In numser it is two short
# methods:

# %%
print(inspect.getsource(compose.Sequential.forward))
print(inspect.getsource(compose.Sequential.backward))

# %% [markdown]
# The network has a flat dict of parameters, with dotted names:
#
# **Guess first.** Which tensor will be the largest?

# %%
model = SeparableSER(n_classes=4, blocks=2)
params = model.init(rng)
for name, tensor in params.items():
    print(f"{name:<24}{tensor.shape}")

# %% [markdown]
# What happens to an utterance, from the first to the last (lesson 04's figures for the blocks):
#
# | names | layers | what comes out |
# |---|---|---|
# | `entry` | `Conv(1, 32, relu=True)` | T', 63, 32 |
# | `stem.…` | `expand` to 64 channels, ReLU, `depthwise`, ReLU, `project` to 64 | T', 63, 64 |
# | | `MaxPool()` | T'', 32, 64 |
# | `blocks.0.…`, `blocks.1.…` | `expand` to 128, ReLU, `depthwise`, ReLU, `project` to 64, and a way around | T'', 32, 64 |
# | | `Flatten()` | T'', 2048 |
# | `gru` | `GRU(2048, 128)` | T'', 256 |
# | `attention` | `Attention(256)` | 256 |
# | `hidden` | `Dense(256, 64)`, then `PReLU(64)` | 64 |
# | `output` | `Dense(64, 4)` | 4 |
#
# ### Exercise 4 · the whole way back
#
# Write `whole_backward(params, x, dlogits, blocks)`. `x` is a `Ragged` batch of log-mels, its `data` (N, 128); `dlogits`
# (B, 4) is the gradient of the logits; `blocks` is the number of inverted residuals. It returns `(logits, grads)`: what the
# network answers, (B, 4), and the gradients of all parameters under the names of `params`.
#
# Take numser's plain layers, which the cell below imports, and no others: not `FusedBlock`, `Sequential`, `Residual` or
# `SeparableSER`. (With your own layers it works too, if you let them walk through one utterance after the other.) The check
# compares tensor by tensor, from the output back to the entry, with what numser's network says, and names the first that
# differs: whatever is wrong lies between that one and the last that was right.
#
# <details><summary>Hint 1</summary>
#
# `own(params, "stem.expand")` below gives a layer its parameters under their short names. Keep a list of `(name, layer,
# cache)` on the way forward, and walk it `reversed` on the way back, with `dx` in hand. Then
# `grads |= {f"{name}.{k}": g for k, g in of_layer.items()}`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The first layer wants an axis of channels: `Ragged(x.data[:, :, np.newaxis], x.offsets)`. Layers return a `Ragged`, but
# gradients are plain arrays.
#
# </details>
# <details><summary>Hint 3</summary>
#
# A way around: forward adds the block's input to its output, `Ragged(y.data + x.data, x.offsets)`. Backward keeps the dx
# with which it comes to the end of the block, and adds it at the block's beginning.
#
# </details>


# %%
from numser.layers import Attention, Conv, Dense, DepthwiseConv, Flatten, MaxPool, PointwiseConv, PReLU, ReLU  # noqa


def own(params, name):
    """A layer's parameters under their short names."""
    return {key.removeprefix(name + "."): w for key, w in params.items() if key.startswith(name + ".")}


def whole_backward(params, x, dlogits, blocks):
    raise NotImplementedError


# %%
check.whole_backward(whole_backward)

# %% [markdown]
# ## 5. Does it reach the first layer?
#
# An angry utterance, the loss of an untrained network on it, and the way back. A row is a tensor, and shows how large the
# entries of its gradient are, on a logarithmic scale. The first layer is at the top.
#
# **Guess first.** Are the gradients of the first layers smaller than those of the last?

# %%
frames = log_mel(perform("07", "a01", "anger").utterance.waveform)
heard = Ragged(((frames - frames.mean()) / frames.std()).astype(np.float32), offsets_of([len(frames)]))
logits, cache = model.forward(params, heard)
loss, dlogits = losses.cross_entropy(logits, np.array([0]), np.ones(1, np.float32))
_, grads = model.backward(params, cache, dlogits.astype(np.float32))
plots.histograms({name: grads[name] for name in params if name.endswith((".w", ".u"))})
plt.title(f"gradients of the weights; loss {loss:.2f}")
# Picture: For each weight tensor, from the entry at the top to the output at the bottom, a histogram of the logarithm of
# its gradient's entries. The rows lie at different places, some several powers of ten apart; those of the GRU have two
# humps.
plt.show()

# %% [markdown]
# The rows do not lie one below the other: gradients of different tensors differ by powers of ten, which is why lesson 08
# gives each weight a step of its own. Where part of a row is missing as “zero”, a ReLU has let nothing through.
#
# And the proof, for the whole network at once, with a network of no blocks, so that it is quick. numser's test does the same
# for all its variants:

# %%
small = SeparableSER(n_classes=4, blocks=0)
x = Ragged(rng.standard_normal((9, 128)), offsets_of([9]))
errors = gradcheck(small, random_params(small, rng), x, rng)
for tensor in ("x", "entry.w", "stem.depthwise.w", "gru.u", "attention.w", "output.b"):
    print(f"d{tensor:<18}error {errors[tensor]:.0e}   {'ok' if errors[tensor] <= TOLERANCE else 'WRONG'}")
print(f"the largest error of all {len(errors)} tensors: {max(errors.values()):.0e}")

# %% [markdown]
# ## What you can do now
#
# Write every layer of the network, forward and backward, and the network of them; and when a gradient is wrong, find the
# layer in which it went wrong, from the output back. [One page](network.md) has the whole network.
#
# ## What to keep
#
# - $\mathrm{d}W = X^\top \mathrm{d}Y$ and $\mathrm{d}X = \mathrm{d}Y\, W^\top$: the shapes allow nothing else.
# - What was copied forward is added up backward: a bias over rows, weights over places, over steps, over directions.
# - Backward through layers: from the last to the first, each with its own cache, and dx in hand.
# - Compare tensor by tensor from the output back: the first that is wrong tells where.
#
# The answers, and wrong ones: `solutions/11_whole_way_back.py`. Next:
# [12 · your own recordings](12_your_own_recordings.ipynb).
