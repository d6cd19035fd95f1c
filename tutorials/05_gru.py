# %% [markdown]
# # 05 · The GRU through time
#
# **Question.** All layers up to here look at a neighbourhood. How far can they see? And if the voice rises at the
# beginning of a sentence, how does anybody know of it at the end? There is a riddle, too: the paper says that its whole
# network has 0.9 million parameters. Count those of its recurrent layer alone, as the paper describes it, and you get
# 1.67 million. Who is wrong?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§3.2): “In the exit flow, attention mechanism is applied after a Bi-RNN which compresses variable length
# sequences produced by middle flow to a fixed-length vector. Each direction of Bi-RNN contains 128 Gated Recurrent Units
# (GRUs)[4]. Then we can obtain a sequence of 256-dimensional high-level features by concatenating the outputs of two
# directions.”
#
# At the end you have unrolled a GRU, carried a gradient back through time, written the layer, and solved the riddle.
#
# *Two hours. You need lesson 02, and `sigmoid`: $\sigma(a) = 1 / (1 + e^{-a})$. numser's file: `numser/layers/gru.py`.*

# %%
import inspect

import numpy as np

import numser
from checks import gru as check
from numser import plots
from numser.corpora.synthetic import perform
from numser.features import frame_seconds, log_mel
from numser.gradcheck import TOLERANCE, gradcheck, random_params
from numser.layers import GRU, Sequential
from numser.layers.gru import gru_backward, gru_forward
from numser.model import SeparableSER, attended_frames
from numser.optim import clip_global_norm
from numser.ragged import Ragged, offsets_of
from shown import turn

plt = plots.pyplot()
rng = np.random.default_rng(5)

# %% [markdown]
# ## 1. How far the convolutions see
#
# No need to think: ask the gradient. Put a 1 on one time step behind the last block, go back, and look which frames of
# the log-mel get anything. They are its *receptive field*. (A frame that gets nothing may still have some influence: one
# that has lost in a max-pool would win if it were louder. But here 2048 features of 128 bands are asked at once, and in one
# of them, every frame that can reach the step does.)
#
# **Guess first.** Of 301 frames, how many does one step see?

# %%
model = SeparableSER(n_classes=7)
params = model.init(rng)
names = [name for name, _ in model.network.children]
convolutions = Sequential(model.network.children[: names.index("gru")])
x = Ragged(rng.standard_normal((301, 128, 1)).astype(np.float32), offsets_of([301]))
features, cache = convolutions.forward(params, x)
dy = np.zeros_like(features.data)
dy[37] = 1
dx, _ = convolutions.backward(params, cache, dy)
reached = np.flatnonzero(np.abs(dx).sum(axis=(1, 2)))
print(f"3 s of sound: {len(x.data)} frames, {len(features.data)} time steps of {features.data.shape[1]} features")
print(f"step 37 sees the frames {reached[0]} to {reached[-1]}: {len(reached)} frames, {len(reached) * 10} ms")

# %% [markdown]
# Less than half a second: a syllable or two. What comes next must carry things over the whole utterance.
#
# ## 2. A memory
#
# Go through the time steps from the first to the last, and keep a *state* h: some numbers, say H of them, zero before the
# first step. Each step makes a new state of the old one and of its input. The simplest memory keeps a share z of what
# it had:
#
# $$h_t = z\, h_{t-1} + (1 - z)\, x_t$$
#
# After k steps, $z^k$ of an input is left. One step of the network is 40 ms.

# %%
seconds = np.arange(51) * 0.04
plt.figure(figsize=(9, 2.8))
for z, style in ((0.5, ":"), (0.73, "--"), (0.95, "-."), (0.99, "-")):
    half = 40 * np.log(0.5) / np.log(z)
    plt.plot(seconds, z ** np.arange(51), style, label=f"z = {z:g}: half after {half:,.0f} ms")
plt.gca().set(xlabel="time since the input (s)", ylabel="share that is left", ylim=(0, 1.02))
plt.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
# Picture: Share of an input that is left over two seconds, for four values of z: the larger z, the slower the
# fall. At 0.5 nearly all is gone at once, at 0.99 more than half is left.
plt.show()

# %% [markdown]
# No fixed z is right. A stressed vowel should be kept; a pause should not wipe it out. So let the network decide anew at
# each step, for each of the H numbers, from what it hears and what it remembers. That is a *gated recurrent unit*:
#
# | | | |
# |---|---|---|
# | reset gate | $r_t = \sigma(x_t W_r + h_{t-1} U_r + b_r)$ | how much of the past the candidate sees |
# | update gate | $z_t = \sigma(x_t W_z + h_{t-1} U_z + b_z)$ | how much of the past is kept |
# | candidate | $c_t = \tanh(x_t W_c + (r_t \circ h_{t-1})\, U_c + b_c)$ | what could be written |
# | new state | $h_t = z_t \circ h_{t-1} + (1 - z_t) \circ c_t$ | the memory of above, with gates |
#
# $\circ$ multiplies entry by entry. Shapes: x (T, C), h (T, H), each W (C, H), each U (H, H), each b (H,). numser keeps
# the three side by side: `w` (C, 3H), `u` (H, 3H), `b` (3H,), in the order reset, update, candidate. Here it is, in plain
# Python:


# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def unrolled(x, w, u, b):
    """The states (T, H) of one direction."""
    H = len(u)
    h, states = np.zeros(H), []
    for frame in x:
        a = frame @ w + b
        r = sigmoid(a[:H] + h @ u[:, :H])
        z = sigmoid(a[H : 2 * H] + h @ u[:, H : 2 * H])
        c = np.tanh(a[2 * H :] + (r * h) @ u[:, 2 * H :])
        h = z * h + (1 - z) * c
        states.append(h)
    return np.array(states)


layer = GRU(inputs=6, units=4)
params = random_params(layer, rng)
x = rng.standard_normal((9, 6))
y, _ = layer.forward(params, Ragged(x, offsets_of([9])))
mine = unrolled(x, params["w"], params["u"], params["b"])
print("numser's forward direction differs by", f"{np.abs(y.data[:, :4] - mine).max():.0e}")

# %% [markdown]
# > **Two GRUs go by this name.** In the third version of Cho and others ([2014](https://arxiv.org/abs/1406.1078)), as here, and in
# > TensorFlow's cell that the authors use, the reset comes *before* the product: $(r \circ h)\, U_c$. In the first version
# > of the same paper, and in `torch.nn.GRU`, it comes after: $r \circ (h\, U_c)$. Weights of one give other numbers in the
# > other.
#
# The gate's biases begin at 1, so that z is $\sigma(1) = 0.73$ at first: it remembers before it has learned anything. What
# do gates do after training? Take the trained network that comes with numser, let it hear lesson 01's angry voice, and
# draw z: a row a unit, a column a time step, the units in the order of their mean.

# %%
voice = perform("07", "a01", "anger").utterance
recogniser = numser.load()
frames = log_mel(voice.waveform)
heard = recogniser.standardiser.apply(frames)
_, caches = recogniser.model.forward(recogniser.params, Ragged(heard, offsets_of([len(heard)])))
inputs, states, gates = caches[names.index("gru")]  # the same layers, so the same place
H = 128
z = gates[0][:, H : 2 * H]  # of the forward direction
order = np.argsort(z.mean(axis=0))
figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4.6), sharex=True, height_ratios=(1, 1.6))
plots.log_mel(frames, above, colorbar=False)
above.set_xlabel("")
at = frame_seconds(attended_frames(len(frames)))
image = below.imshow(
    z[:, order].T, aspect="auto", origin="lower", cmap="viridis", vmin=0, vmax=1,
    interpolation="nearest", extent=(at[0] - 0.02, at[-1] + 0.02, 0, H),
)  # fmt: skip
below.set(xlabel="time (s)", ylabel="unit", title="update gate z: yellow keeps, blue writes anew")
figure.colorbar(image, ax=below, label="z", pad=0.01)
# Picture: Above, the log-mel of an angry utterance; below, the update gate of 128 units over the same time,
# sorted by mean. Most are yellow, they keep; blue columns, where many write, stand at the loud vowels.
plt.show()
print("z of all units and steps: 5 % are below {:.2f}, half below {:.2f}, 5 % above {:.2f}".format(
    *np.percentile(z, [5, 50, 95])
))  # fmt: skip

# %% [markdown]
# Look at the pause in the middle: most units keep there what they have. Many write in the loud vowels, most where one
# begins. Nobody told them to. Those at the top keep whatever comes.
#
# The same, step by step, and with both gates: each dot is a unit. Up: it keeps what it had. To the right: its candidate sees
# the past. The larger and the more orange a dot, the more its state has just changed. Press *play*, or turn the slider.
#
# **Guess first.** Where do the large dots lie, and when are there many?


# %%
r = gates[0][:, :H]
changed = np.abs(np.diff(states[:, :H], axis=0, prepend=0))


def at_step(seconds):
    t = int(np.argmin(np.abs(at - float(seconds.removesuffix(" s")))))
    figure, (sound, dots) = plt.subplots(1, 2, figsize=(8, 2.9), width_ratios=(1.5, 1))
    plots.log_mel(frames, sound, colorbar=False)
    sound.axvline(at[t], color="white", linewidth=2)
    dots.scatter(r[t], z[t], s=4 + 120 * changed[t], c=changed[t], cmap="plasma", vmin=0, vmax=1, alpha=0.8)
    dots.set(xlim=(0, 1), ylim=(0, 1), xlabel="reset gate r: sees the past", ylabel="update gate z: keeps")
    return figure


turn(
    at_step, [f"{seconds:.2f} s" for seconds in at[::2]], "at", "Left, the log-mel with a line at the step; right, a dot a "
    "unit, reset gate by update gate. Where a vowel begins, dots sink and grow; in the pause they rise, and are small.",
    every=0.25,
)  # fmt: skip

# %% [markdown]
# ## 3. Back through time
#
# Draw the loop as a chain, one copy of the cell a step. All copies share w, u and b.

# %%
figure, ax = plt.subplots(figsize=(9, 2.9))
for t in range(4):
    ax.add_patch(plt.Rectangle((2 * t, 0), 1, 0.8, facecolor=plots.BLUE, alpha=0.25, edgecolor=plots.BLUE))
    ax.text(2 * t + 0.5, 0.4, "w, u, b", ha="center", va="center")
    for start, end, name in (((2 * t + 0.35, -0.75), (2 * t + 0.35, 0), f"$x_{t}$"),
                             ((2 * t + 0.35, 0.8), (2 * t + 0.35, 1.55), f"$y_{t} = h_{t}$")):  # fmt: skip
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->"})
        ax.text(start[0] - 0.06, (start[1] + end[1]) / 2, name, ha="right", va="center")
    for start, end, name in (((2 * t + 0.65, 1.55), (2 * t + 0.65, 0.8), f"$\\mathrm{{d}}y_{t}$"),
                             ((2 * t + 0.65, 0), (2 * t + 0.65, -0.75), f"$\\mathrm{{d}}x_{t}$")):  # fmt: skip
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": plots.ORANGE})
        ax.text(start[0] + 0.06, (start[1] + end[1]) / 2, name, ha="left", va="center", color=plots.ORANGE)
    if t < 3:
        ax.annotate("", (2 * t + 2, 0.6), (2 * t + 1, 0.6), arrowprops={"arrowstyle": "->"})
        ax.text(2 * t + 1.5, 0.68, f"$h_{t}$", ha="center", va="bottom")
        ax.annotate("", (2 * t + 1, 0.2), (2 * t + 2, 0.2), arrowprops={"arrowstyle": "->", "color": plots.ORANGE})
        ax.text(2 * t + 1.5, 0.14, "from the future", ha="center", va="top", color=plots.ORANGE, fontsize=8)
ax.set(xlim=(-0.3, 7.4), ylim=(-0.8, 1.6))
ax.axis("off")
# Picture: A chain of four copies of the cell. Black arrows go up through each cell and to the right from one to
# the next; orange arrows, the gradients, go down and to the left.
plt.show()

# %% [markdown]
# Each $h_t$ goes two ways: up, as an output, and right, into the next step. So its gradient is a sum of two:
#
# $$\mathrm{d}h_t = \mathrm{d}y_t + (\text{what step } t+1 \text{ says about its old state})$$
#
# Nobody knows the second before step $t + 1$ was undone. So walk from the end to the beginning, with one array `dh` in
# hand. That is all there is to *back-propagation through time*. The weights are used at every step; by lesson 02's rule,
# what each step says about them is added up. With the simple memory:
#
#     forward, t from 0 to T − 1:       backward, t from T − 1 to 0:
#     h[t] = z * h[t-1] + (1-z) * x[t]      dh += dy[t]              h[t] was the output
#                                           dx[t] = (1-z) * dh
#                                           dz   += (h[t-1] - x[t]) * dh
#                                           dh    = z * dh           for step t − 1
#
# ### Exercise 1 · the simple memory
#
# Write `memory_backward(x, h, z, dy)`; it returns `(dx, dz)`. Shapes: `x`, `h` and `dy` are (T,); z and dz are one number
# each. `h` is what forward made, and before its first entry stands 0.
#
# <details><summary>Hint</summary>
#
# `for t in reversed(range(len(x))):`. And `h[-1]` is not 0: in Python it is the last entry.
#
# </details>


# %%
def memory_backward(x, h, z, dy):
    raise NotImplementedError


# %%
check.memory_backward(memory_backward)

# %% [markdown]
# Now the GRU's step, backwards. In hand is $\mathrm{d}h'$, the gradient of the new state $h' = z \circ h + (1-z) \circ c$.
# Undo the lines from the last to the first. Two derivatives are needed: $\sigma' = \sigma(1-\sigma)$ and
# $\tanh' = 1 - \tanh^2$; both can be had from what came out, so nothing else need be remembered.
#
# | forward | so, backwards |
# |---|---|
# | $h' = z \circ h + (1-z) \circ c$ | $\mathrm{d}z = \mathrm{d}h' \circ (h - c)$, $\quad\mathrm{d}c = \mathrm{d}h' \circ (1-z)$, $\quad\mathrm{d}h = \mathrm{d}h' \circ z$ |
# | $c = \tanh(a_c + q\, U_c)$, $\;q = r \circ h$ | $\mathrm{d}a_c = \mathrm{d}c \circ (1 - c^2)$, $\quad\mathrm{d}q = \mathrm{d}a_c\, U_c^\top$ |
# | $q = r \circ h$ | $\mathrm{d}r = \mathrm{d}q \circ h$, $\quad\mathrm{d}h \mathrel{+}= \mathrm{d}q \circ r$ |
# | $z = \sigma(a_z + h\, U_z)$ | $\mathrm{d}a_z = \mathrm{d}z \circ z (1-z)$, $\quad\mathrm{d}h \mathrel{+}= \mathrm{d}a_z\, U_z^\top$ |
# | $r = \sigma(a_r + h\, U_r)$ | $\mathrm{d}a_r = \mathrm{d}r \circ r (1-r)$, $\quad\mathrm{d}h \mathrel{+}= \mathrm{d}a_r\, U_r^\top$ |
# | $a = x\, W + b$ | $\mathrm{d}x = \mathrm{d}a\, W^\top$, $\quad\mathrm{d}W \mathrel{+}= x^\top \mathrm{d}a$, $\quad\mathrm{d}b \mathrel{+}= \mathrm{d}a$ |
#
# The last line is the gradient of a matrix product, which [lesson 11](11_whole_way_back.ipynb) derives in its first section.
# The old state h is used in four places, so its gradient has four summands. (That x is not needed to go back in time is
# worth something: numser collects all da and does the last row once, for all steps, as two large matrix products.
# Likewise $\mathrm{d}U_{r,z} = \sum_t h_{t-1}^\top\, \mathrm{d}a_{r,z}$ and $\mathrm{d}U_c = \sum_t q_t^\top\, \mathrm{d}a_c$.)
#
# numser's two kernels are these tables as loops. `add_product(x, w, y)` is `y += x @ w`; `reverse` says which end to
# begin from.

# %%
print(inspect.getsource(gru_forward.py_func))

# %%
print(inspect.getsource(gru_backward.py_func))

# %% [markdown]
# ### Exercise 2 · your own GRU
#
# One direction, one utterance. `x` is (T, C), `y` (T, H); the parameters are `w` (C, 3H), `u` (H, 3H), `b` (3H,).
# `forward` is there, with all that `backward` needs in its cache: `before` has the old state of each step. Write
# `backward`, without numser's layers: it returns `(dx, {"w": dw, "u": du, "b": db})`.
#
# <details><summary>Hint 1</summary>
#
# Make `da = np.zeros((T, 3H))`, walk from the last step to the first, and fill one row a step, with `dh` in hand. Then do
# dx, dw, db and du at the end, for all steps at once.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The step: `dh = dh + dy[t]`, then the second table from top to bottom. Use the new `dh` for dz and dc *before* you
# multiply it by z.
#
# </details>
# <details><summary>Hint 3</summary>
#
# du has two halves: `before.T @ da[:, : 2 * H]` and `(r * before).T @ da[:, 2 * H :]`. `np.hstack` joins them.
#
# </details>


# %%
class MyGRU:
    def __init__(self, inputs, units):
        self.inputs, self.units = inputs, units

    def init(self, rng, dtype=np.float32):
        return GRU(self.inputs, self.units).init(rng, dtype)

    def forward(self, params, x, *, training=False, rng=None):
        w, u, b, H = params["w"], params["u"], params["b"], self.units
        before, r, z, c = np.zeros((4, len(x), H))
        y = np.zeros((len(x), H))
        for t in range(len(x)):
            if t > 0:
                before[t] = y[t - 1]
            a = x[t] @ w + b
            r[t] = 1 / (1 + np.exp(-(a[:H] + before[t] @ u[:, :H])))
            z[t] = 1 / (1 + np.exp(-(a[H : 2 * H] + before[t] @ u[:, H : 2 * H])))
            c[t] = np.tanh(a[2 * H :] + (r[t] * before[t]) @ u[:, 2 * H :])
            y[t] = z[t] * before[t] + (1 - z[t]) * c[t]
        return y, (x, before, r, z, c)

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyGRU(MyGRU)

# %% [markdown]
# ## 4. How far back does a gradient reach?
#
# The gradient of the last state is carried back step by step, and each step multiplies it: by z, and by what goes through
# the matrices. With the update gate shut ($z = 0$) and the reset gate open ($r = 1$), the GRU is the plain recurrent
# network, $h' = \tanh(xW + hU)$, where only the matrix is left. Compare, by setting the biases. The picture shows the
# length of $\mathrm{d}x_t$ when only the last state has a gradient, as a share of that of the last step.
#
# **Guess first.** Two seconds back, is the gradient of the plain network longer or shorter than at the end?


# %%
def reach(reset_bias, update_bias, u_times=1, w_times=1, steps=50, units=64):
    """Length of dx at each step back from the end, the mean of five initial values."""
    lengths = np.zeros(steps)
    for seed in range(5):
        draw = np.random.default_rng(seed)
        layer = GRU(units, units)
        params = layer.init(draw, np.float64)
        params["b"][:units], params["b"][units : 2 * units] = reset_bias, update_bias
        params["u"] *= u_times
        params["w"] *= w_times
        y, cache = layer.forward(params, Ragged(draw.standard_normal((steps, units)), offsets_of([steps])))
        dy = np.zeros_like(y.data)
        dy[-1, :units] = draw.standard_normal(units)  # the forward direction's last state
        lengths += np.linalg.norm(layer.backward(params, cache, dy)[0], axis=1)[::-1]
    return lengths / lengths[0]


plt.figure(figsize=(7.5, 3.2))
for name, biases, style in (
    ("plain recurrent network: z = 0, r = 1", (30, -30), ":"),
    ("the same, u doubled, w a tenth", (30, -30, 2, 0.1), (0, (1, 3))),
    ("GRU, update bias 0", (1, 0), "-."),
    ("GRU, update bias 1, as numser begins", (1, 1), "-"),
    ("GRU, update bias 3", (1, 3), "--"),
):
    lengths = reach(*biases)
    plt.semilogy(0.04 * np.arange(50), lengths, linestyle=style, label=name)
    print(f"{name:<38} times {lengths[25]:.0e} after 1 s, {lengths[49]:.0e} after 2 s")
plt.gca().set(xlabel="time before the end (s)", ylabel="length of dx", ylim=(1e-16, 1e4))
plt.legend(frameon=False, fontsize=8, loc="lower left")
# Picture: Length of dx over time before the end, on a logarithmic scale. The plain recurrent network falls
# steeply; with u doubled it rises; the GRUs fall the less, the larger the update bias.
plt.show()

# %% [markdown]
# The plain network multiplies by nearly the same factor at each step. As it begins, the factor is below 1, and the gradient
# *vanishes*: whatever lies a second back has no say in training. With u doubled, and inputs so small that no tanh is
# saturated, the factor is above 1, and the gradient *explodes*: the same cell, and after two seconds hundreds of times as
# long. Training can get from the one to the other. Against exploding gradients there is *clipping*, which lesson 08
# explains: a gradient that is too long is scaled down, all tensors alike.

# %%
for length in (0.5, 655.0):
    clipped, before = clip_global_norm({"u": np.array([length])}, limit=5.0)
    print(f"norm {before:g}, clipped to 5: {clipped['u'][0]:g}")

# %% [markdown]
# Clipping does not help against vanishing: what is gone cannot be scaled. There the gates help. They open a way on which
# the gradient is multiplied by z alone. At the beginning it is short; but where a longer memory pays, the network can
# learn z = 0.99, and then it is long. And note that this is only a matter of one end: with attention (lesson 06), each
# step has a gradient of its own.
#
# ## 5. From both ends
#
# A state knows only what came before. What comes after is as telling, so a second GRU reads the utterance from its end
# to its beginning, and the two states of a step stand side by side: 256 numbers. In loops: reverse, read, reverse.

# %%
x = rng.standard_normal((9, 6))
weights = params["w"], params["u"], params["b"]
both = np.hstack([unrolled(x, *weights), unrolled(x[::-1], *weights)[::-1]])
y, _ = layer.forward(params, Ragged(x, offsets_of([9])))
print("numser's both directions differ by", f"{np.abs(y.data - both).max():.0e}")

# %% [markdown]
# Did you see it? Both directions were given *the same* weights. That is what numser does, and it brings us to the riddle.
#
# ### Exercise 3 · count
#
# Write `gru_parameters(inputs, units, tied)`: how many numbers a bidirectional GRU has; `tied` means that both directions
# use one set of weights. In the network `inputs` is C = 32 · 64 = 2048, and `units` H = 128.
#
# <details><summary>Hint</summary>
#
# Look at the shapes of w, u and b. Nothing else is learned.
#
# </details>


# %%
def gru_parameters(inputs, units, tied):
    raise NotImplementedError


# %%
check.gru_parameters(gru_parameters)

# %% [markdown]
# ## 6. The riddle of Table 4
#
# The paper's Table 4 has the number of parameters for one to six blocks: 0.83M, 0.85M, 0.87M, 0.88M, 0.90M, 0.92M. So we
# have six clues. Suspects: two sets of weights, as most people would read “each direction”; one set for both; two sets
# of only 64 units; one direction only. And what is an M? A million, or $2^{20}$, as the table's caption, “parameters(MB)”,
# may suggest? Was it rounded, or cut after two digits? Try all.
#
# **Guess first.** Whom do you suspect?


# %%
def count(blocks, sets, directions, units):
    """All parameters of the network, for four emotions."""
    before = 320 + 6_848 + 17_728 * blocks  # entry, stem, blocks: lessons 02 to 04
    gru = sets * 3 * (2048 * units + units * units + units)
    width = directions * units
    return before + gru + width + (width * 64 + 64 + 64) + (64 * 4 + 4)  # … attention, hidden with PReLU, output


numsers = sum(w.size for w in SeparableSER(n_classes=4, blocks=4).init(rng).values())
print(
    f"check: numser's network with four blocks has {numsers:,} parameters, and count says {count(4, 1, 2, 128):,}\n"
)

table_4 = ["0.83", "0.85", "0.87", "0.88", "0.90", "0.92"]
suspects = {
    "two sets of weights, 128 units": (2, 2, 128),
    "one set for both directions, 128 units": (1, 2, 128),
    "two sets, 64 units": (2, 2, 64),
    "one direction only, 128 units": (1, 1, 128),
}
print(f"{'clues that fit, of 6':<40}{'rounded, 10⁶':>14}{'cut, 10⁶':>12}{'rounded, 2²⁰':>14}{'cut, 2²⁰':>12}")
for name, suspect in suspects.items():
    fits = []
    for unit in (10**6, 2**20):
        counts = [count(blocks, *suspect) for blocks in range(1, 7)]
        rounded = [f"{n / unit:.2f}" for n in counts]
        cut = [f"{100 * n // unit / 100:.2f}" for n in counts]
        fits += [sum(a == b for a, b in zip(kind, table_4, strict=True)) for kind in (rounded, cut)]
    print(f"{name:<40}{fits[0]:>14}{fits[1]:>12}{fits[2]:>14}{fits[3]:>12}")

figure, (whole, close) = plt.subplots(1, 2, figsize=(10, 3.2))
for ax in (whole, close):
    for (name, suspect), style in zip(suspects.items(), ("--", "-", ":", "-."), strict=True):
        ax.plot(range(1, 7), [count(blocks, *suspect) / 2**20 for blocks in range(1, 7)], style, label=name)
    ax.bar(
        range(1, 7), 0.01, bottom=[float(value) for value in table_4], width=0.2, color="black", alpha=0.5,
        label="Table 4, if cut after two digits",
    )  # fmt: skip
    ax.set(xlabel="blocks", ylabel="parameters (2²⁰)")
whole.set(ylim=(0.7, 1.8), title="all suspects")
whole.legend(frameon=False, fontsize=8, loc="center right")
close.set(ylim=(0.8, 0.94), title="looked at closely")
# Picture: Parameters over blocks for four suspects, beside bars of Table 4. One set for both directions goes
# through all six bars; one direction only lies close to them, the other two do not.
plt.show()

# %% [markdown]
# One reading fits all six: one set of weights, counted in $2^{20}$, cut after two digits. Six numbers alone do not prove
# it. But there is a witness:
#
# > **Paper and program.** The paper does not say that the directions share their weights. The authors' program makes one
# > GRU cell, and passes this one object twice to TensorFlow's bidirectional layer, as the forward and as the backward
# > cell. So they share them, perhaps without anybody having meant it. numser ties them, too; `--untied`, or
# > `SeparableSER(tied=False)`, gives each direction its own.
#
# What does tying mean for the gradients? The weights are used by both directions, so what both say is added up; no new
# rule is needed. And what does it mean for what can be learned? Read an utterance backwards, and the two halves of y
# change places; nothing else happens:

# %%
for tied in (True, False):
    layer = GRU(inputs=6, units=4, tied=tied)
    params = random_params(layer, np.random.default_rng(0))
    forwards, _ = layer.forward(params, Ragged(x, offsets_of([9])))
    backwards, _ = layer.forward(params, Ragged(x[::-1].copy(), offsets_of([9])))
    swapped = np.hstack([backwards.data[::-1, 4:], backwards.data[::-1, :4]])
    errors = gradcheck(layer, params, Ragged(x, offsets_of([9])), np.random.default_rng(0))
    print(
        f"{'tied' if tied else 'untied':<8}{sum(w.size for w in params.values()):>5} parameters   turned round, y "
        f"differs by {np.abs(forwards.data - swapped).max():.0e}   "
        f"gradients {'ok' if max(errors.values()) <= TOLERANCE else 'WRONG'}"
    )

# %% [markdown]
# A tied GRU cannot have one direction that listens for rises, and another for something else: what the one calls a rise,
# the other calls a fall, in the same unit. It has half as many numbers to learn, and the large product $xW + b$ is done
# once for both. Which way round an utterance is still matters: the layers behind see the two halves apart.
#
# ## What you can do now
#
# Write a recurrent layer and carry its gradient through time; say why it vanishes or explodes and what helps; and check a
# paper's parameter counts against its text.
#
# ## What to keep
#
# - A gate is a number between 0 and 1 that multiplies. z keeps, r lets the candidate see.
# - Through time: walk backwards, `dh` in hand; a state's gradient is dy plus what its future says; weights add up.
# - A gradient that is carried back is multiplied at each step: it vanishes, or explodes, which clipping stops. Where z is
#   near 1 it survives.
# - 0.9 M means tied: one set of weights, read in both directions.
#
# The answers, and wrong ones: `solutions/05_gru.py`. Next: [06 · attention pooling](06_attention_pooling.ipynb).
