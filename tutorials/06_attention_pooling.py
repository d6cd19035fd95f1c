# %% [markdown]
# # 06 · Attention pooling
#
# **Question.** Two seconds of sound have become 50 states of 256 numbers. The answer is one word. Which of the 50 should
# decide? And if the network may choose itself where to look: does it look where the emotion is?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§2): “Not all parts of an utterance including emotion in real scene, thus, the attention mechanism is
# applied to learn emotion relevant regions for utterance-level SER”. (§3.2): “As shown in (1), the weight $\alpha_t$ is
# first computed by a softmax function, where $h_t$ is the Bi-RNN output, then the utterance-level representations $c$ are
# calculated by performing a weighted sum on $h_t$ according to the weights, as shown in (2).”
#
# $$\alpha_t = \frac{\exp(W \cdot h_t)}{\sum_{t=1}^T \exp(W \cdot h_t)} \quad (1) \qquad\qquad
#   c = \sum_{t=1}^T \alpha_t h_t \quad (2)$$
#
# And it concludes (§5): “By employing attention layer, the model can focus on the parts of emotion relevant.” That can be
# measured, where it is known which parts those are. At the end you have differentiated the softmax, written the layer and
# the PReLU behind it, and seen the measurement.
#
# *An hour and a half. You need lessons 02 and 05. numser's files: `numser/layers/attention.py` and `activation.py`.*

# %%
import csv
import inspect
import json

import numpy as np

from checker import RESULTS
from checks import attention_pooling as check
from numser import plots
from numser.audio import SAMPLE_RATE
from numser.corpora.synthetic import perform
from numser.features import frame_seconds, log_mel
from numser.gradcheck import TOLERANCE, gradcheck, random_params
from numser.layers import Attention, PReLU
from numser.layers.attention import attention_backward, attention_forward
from numser.model import attended_frames
from numser.ragged import Ragged, offsets_of
from shown import listen_along

plt = plots.pyplot()
rng = np.random.default_rng(6)

# %% [markdown]
# ## 1. A mean with weights
#
# The plain mean of the states gives a pause as many votes as a scream. The last state alone has to carry everything to the
# end (numser has that, too, as `LastState`: it is the paper's “No Attention”). Between the two lies a mean with weights,
# and the weights are made by the network. Each state is *scored* by one product with a vector w that is learned; the
# softmax makes of the scores numbers that are positive and sum to 1.
#
# $$s_t = h_t \cdot w \qquad \alpha_t = \frac{e^{s_t}}{\sum_\tau e^{s_\tau}} \qquad y = \sum_t \alpha_t h_t$$
#
# Shapes: h (T, C), C = 256; w (C,); s and α (T,); y (C,). (y is the paper's c, and w its W.) Only *differences* of scores
# matter: add the same number to all, and it cancels. That is used against overflow, since $e^{89}$ is more than float32
# can hold: subtract the largest score first. In numser:

# %%
print(inspect.getsource(attention_forward.py_func))

# %% [markdown]
# How sharp can it look? The length of w decides. With w = 0 all weights are equal, which is the mean. As w grows, the
# softmax comes near to a maximum: one step gets all.

# %%
scores = np.array([0.2, -0.6, 0.5, 1.0, 0.7, -0.2, -1.0, 0.1])
figure, panels = plt.subplots(1, 4, figsize=(10, 2.4), sharey=True)
for ax, factor in zip(panels, (0, 1, 4, 20), strict=True):
    e = np.exp(factor * (scores - scores.max()))
    ax.bar(range(len(scores)), e / e.sum(), color=plots.BLUE)
    ax.set(xlabel="time step", title=f"scores times {factor}")
panels[0].set_ylabel("weight α")
# Picture: The weights of eight time steps for scores times 0, 1, 4 and 20: at 0 all are equal, at 20 one step has
# nearly all.
plt.show()

# %% [markdown]
# > **Paper and program.** The authors' program scores by $s_t = u\,\sigma(h_t \cdot w + b)$, with two more numbers, u and
# > b. Then all scores lie between 0 and u, and no weight can be more than $e^{|u|}$ times another: it cannot look sharply
# > unless u is large. Besides, the zeros that fill shorter utterances of a batch get weights, too. numser follows Eq. 1, and
# > its batches have no padding.
#
# ## 2. The softmax backwards
#
# Say we have $\mathrm{d}\alpha_t$: how much the loss grows if weight t does. What do the scores get? Raise one score,
# $s_\tau$. Its own weight grows, and all others shrink, since they sum to 1. By the quotient rule:
#
# $$\frac{\partial \alpha_t}{\partial s_\tau} = \begin{cases} \alpha_t (1 - \alpha_t) & t = \tau \\
#   -\alpha_t\, \alpha_\tau & t \ne \tau \end{cases}$$
#
# $s_\tau$ reaches the loss through every weight. Add up:
#
# $$\mathrm{d}s_\tau = \sum_t \mathrm{d}\alpha_t \frac{\partial \alpha_t}{\partial s_\tau}
#   = \alpha_\tau\, \mathrm{d}\alpha_\tau - \alpha_\tau \sum_t \alpha_t\, \mathrm{d}\alpha_t
#   = \alpha_\tau \Big(\mathrm{d}\alpha_\tau - \underbrace{\sum_t \alpha_t\, \mathrm{d}\alpha_t}_{\text{their mean}}\Big)$$
#
# No matrix is needed. And it can be read: the bracket compares a step with the mean step. Where dα is above the mean, more
# weight makes the loss larger than it would elsewhere, and ds is positive; training goes *against* the gradient, and lowers
# that score. **So what is better than the mean, with a dα below it, is raised; what is worse is lowered; and what has no
# weight hardly moves.** The ds sum to 0: it is a competition.

# %%
e = np.exp(scores)
alpha = e / e.sum()
dalpha = np.array([-1.0, 0.4, 0.8, -0.6, 1.2, -0.3, 1.0, 0.2])
mean = alpha @ dalpha
ds = alpha * (dalpha - mean)
figure, (matrix, bars) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=(1, 1.7))
jacobian = np.diag(alpha) - np.outer(alpha, alpha)
image = matrix.imshow(jacobian, cmap="RdBu", vmin=-0.2, vmax=0.2)
matrix.set(xlabel="score τ", ylabel="weight t", title="∂α/∂s: each helps itself, harms others")
figure.colorbar(image, ax=matrix)
places = np.arange(len(scores))
bars.bar(places - 0.2, dalpha, width=0.38, color=plots.GREY, label="dα")
bars.bar(places + 0.2, ds, width=0.38, color=plots.ORANGE, label="ds")
bars.axhline(mean, color=plots.GREY, linestyle="--", linewidth=1, label="mean of dα, weighted by α")
bars.axhline(0, color="black", linewidth=0.6)
bars.set(xlabel="time step", ylabel="gradient", title="ds has the sign of dα − mean, and the size of α")
bars.legend(frameon=False, fontsize=8)
# Picture: Left: the matrix of derivatives of weights by scores, blue on the diagonal and red elsewhere. Right:
# for eight steps bars of dα and ds; ds is positive where dα is above the dashed mean.
plt.show()
print(f"the sum of ds differs from 0 by {abs(ds.sum()):.0e}")

# %% [markdown]
# ### Exercise 1 · softmax, backwards
#
# Write `softmax_backward(alpha, dalpha)`: both (T,), and so is the result, ds.
#
# <details><summary>Hint</summary>
#
# The mean is `alpha @ dalpha`, one number.
#
# </details>


# %%
def softmax_backward(alpha, dalpha):
    raise NotImplementedError


# %%
check.softmax_backward(softmax_backward)

# %% [markdown]
# ## 3. The layer backwards
#
# Now the two lines around the softmax. Both are sums of products, so lesson 02's rule does it:
#
# | forward | so, backwards |
# |---|---|
# | $y = \sum_t \alpha_t\, h_t$ | $\mathrm{d}\alpha_t = \mathrm{d}y \cdot h_t$, $\quad\mathrm{d}h_t = \alpha_t\, \mathrm{d}y$ |
# | $\alpha = \mathrm{softmax}(s)$ | $\mathrm{d}s_t = \alpha_t (\mathrm{d}\alpha_t - \sum_\tau \alpha_\tau \mathrm{d}\alpha_\tau)$ |
# | $s_t = h_t \cdot w$ | $\mathrm{d}w = \sum_t \mathrm{d}s_t\, h_t$, $\quad\mathrm{d}h_t \mathrel{+}= \mathrm{d}s_t\, w$ |
#
# h is used twice: it is what is summed, and what is scored. So its gradient has two summands. The first makes good
# states better; the second makes them better *at being looked at*.

# %%
print(inspect.getsource(attention_backward.py_func))

# %% [markdown]
# ### Exercise 2 · your own attention
#
# Write the layer for one utterance: `x` (T, C) (the states h), `w` (C,), `y` (C,). `forward` returns `(y, cache)`, and must
# bear scores of many hundreds; `backward` returns `(dx, {"w": dw})`. This layer and the next one without numser's.
#
# <details><summary>Hint 1</summary>
#
# Remember x and α. `alpha @ x` is the weighted sum.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.outer(a, b)` has the shape (len(a), len(b)), and a·b in each entry: dx is a sum of two of them.
#
# </details>


# %%
class MyAttention:
    def __init__(self, features):
        self.features = features

    def init(self, rng, dtype=np.float32):
        return {"w": rng.normal(0, 0.1, self.features).astype(dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyAttention(MyAttention)

# %% [markdown]
# ## 4. What comes after
#
# “Finally, the utterance-level representations are passed into a fully connection layer with 64 output units, then
# followed with *PreLU* [4] activation function and use one softmax layer to calculate the probability of per emotion.” A
# fully connected layer is lesson 03's pointwise layer, with utterances for rows. New is the PReLU. A ReLU in a layer of 64
# units loses what is negative (lesson 04). A PReLU keeps a share of it, $a$, which is learned, one for each unit:
#
# $$y_c = \begin{cases} x_c & x_c > 0 \\ a_c\, x_c & \text{else} \end{cases} \qquad
#   \mathrm{d}x_c = \begin{cases} \mathrm{d}y_c & x_c > 0 \\ a_c\, \mathrm{d}y_c & \text{else} \end{cases} \qquad
#   \mathrm{d}a_c = \sum_{\text{utterances where } x_c \le 0} x_c\, \mathrm{d}y_c$$
#
# At the beginning a = 0: it starts as a ReLU. That is why backward is tested with other values, as all layers are:

# %%
for name, layer, x in (
    ("Attention", Attention(3), Ragged(rng.standard_normal((7, 3)), offsets_of([5, 2]))),
    ("PReLU", PReLU(3), rng.standard_normal((6, 3))),
):
    errors = gradcheck(layer, random_params(layer, rng), x, rng)
    print(f"{name:<11}" + "   ".join(f"d{t} {'ok' if e <= TOLERANCE else 'WRONG'}" for t, e in errors.items()))

# %% [markdown]
# ### Exercise 3 · PReLU
#
# Write the layer: `x` and `y` (B, C), `slope` (C,). `backward` returns `(dx, {"slope": dslope})`.
#
# <details><summary>Hint</summary>
#
# `np.where(x > 0, this, that)` chooses entry by entry, and stretches (C,) to (B, C). A slope is used once for each
# utterance, so its gradient is a sum over the first axis.
#
# </details>


# %%
class MyPReLU:
    def __init__(self, units):
        self.units = units

    def init(self, rng, dtype=np.float32):
        return {"slope": np.zeros(self.units, dtype)}

    def forward(self, params, x, *, training=False, rng=None):
        raise NotImplementedError

    def backward(self, params, cache, dy):
        raise NotImplementedError


# %%
check.MyPReLU(MyPReLU)

# %% [markdown]
# ## 5. Where does it look?
#
# In the built-in corpus each emotion was put on a part of the utterance, the *span*; the rest is neutral. No network is
# told where. A network was trained on eight speakers and tested on the other two, 09 and 10. That takes minutes, so it
# was done beforehand, with two seeds:
#
#     python -m numser.train --corpus synthetic --test-speaker 09,10 --steps 300 --seed 0 --out runs/attention-seed0
#     python -m numser.train --corpus synthetic --test-speaker 09,10 --steps 300 --seed 1 --out runs/attention-seed1
#     python benchmarks/attention_spans.py runs/attention-seed0 runs/attention-seed1
#
# The second command left what is read here: a row for each utterance and seed, and the attention over time of a few
# utterances for pictures. Which ones was fixed before the first training: speaker 09's text a01, the first test utterance
# of each emotion. The large picture is of the first emotion in the alphabet, anger.

# %%
measured = json.loads((RESULTS / "attention_spans-built-in.json").read_text(encoding="utf-8"))
rows = list(csv.DictReader(measured["utterances"]))
curves = {(c["name"], c["seed"]): np.array(c["weights"].split(), float) for c in csv.DictReader(measured["curves"])}
seeds = sorted({row["seed"] for row in rows})
STYLES = ("-", "--", ":", "-.")
for trained in measured["settings"]["runs"]:
    print(f"seed {trained['seed']}: UA {trained['ua']:.3f} on the two speakers, best step {trained['best_step']}")
print(f"{len(rows) // len(seeds)} utterances with a span, {len(seeds)} seeds")

# %%
angry = perform("09", "a01", "anger").utterance
frames = log_mel(angry.waveform)
seconds = frame_seconds(attended_frames(len(frames)))
figure, axes = plt.subplots(2, 1, sharex=True, figsize=(8, 4.8), height_ratios=(1.5, 1))
above, below = plots.attention(frames, seconds, curves[angry.name, seeds[0]], axes=axes)
for seed, style in zip(seeds[1:], STYLES[1:], strict=False):
    below.plot(seconds, curves[angry.name, seed], style, color="black", linewidth=1, label=f"seed {seed}")
below.axvspan(*angry.span, color=plots.ORANGE, alpha=0.2, linewidth=0, label="span: the emotion")
below.set_ylim(0, None)
below.legend(frameon=False, fontsize=8, loc="upper left")
above.plot(angry.span, [124, 124], color="white", linewidth=4, solid_capstyle="butt")
above.set_title(f"{angry.name}, anger (white bar: the span); below, the attention of seed {seeds[0]} filled")
listen_along(
    figure,
    angry.waveform,
    "Above, the log-mel of an angry utterance; below, attention over time, of several seeds, high inside an orange field "
    "that marks the emotion. A cursor follows the sound.",
)

# %% [markdown]
# Play it: the green line is where the sound is. The first vowel is hardly less bright than the last, and gets less from both
# networks, from one next to nothing; but neither cares for all of the span. And one utterance shows nothing but itself. Here are the six emotions of the same text and speaker; the orange field is the span, the dotted line
# equal attention.
#
# **Guess first.** In which emotions will the attention keep to the span?

# %%
emotions = sorted({row["emotion"] for row in rows})
figure, panels = plt.subplots(3, 2, figsize=(10, 5.4))
for ax, emotion in zip(panels.flat, emotions, strict=True):
    utterance = perform("09", "a01", emotion).utterance
    seconds = frame_seconds(attended_frames(1 + len(utterance.waveform) // 160))
    ax.axvspan(*utterance.span, color=plots.ORANGE, alpha=0.2, linewidth=0)
    for seed, style in zip(seeds, STYLES, strict=False):
        ax.plot(seconds, curves[utterance.name, seed], style, color=plots.BLUE, linewidth=1.2)
    ax.axhline(1 / len(seconds), color=plots.GREY, linewidth=0.8, linestyle=":")
    ax.set(title=emotion, xlim=(0, len(utterance.waveform) / SAMPLE_RATE), ylim=(0, None))
for ax in panels[:, 0]:
    ax.set_ylabel("attention")
for ax in panels[-1]:
    ax.set_xlabel("time (s)")
# Picture: Attention over time for six emotions, each with an orange field where the emotion is. In anger and
# happiness most of it lies in the field; in disgust much lies before and after it, and in boredom after it.
plt.show()

# %% [markdown]
# ## 6. Does it find the emotion?
#
# Not by eye, and not on six utterances. For each test utterance take two numbers: the **share** of time steps that lie
# inside the span, and the **mass**, the attention inside it. If the network looked everywhere alike, mass would be share.


# %%
def per_utterance(column):
    """The mean over seeds of a column, for each utterance: (utterances,)."""
    by_name = {}
    for row in rows:
        by_name.setdefault(row["name"], []).append(float(row[column]))
    return np.array([np.mean(values) for values in by_name.values()])


def interval(values, draws=4000):
    """A 95 % interval of the mean: draw as many utterances anew, with replacement, and see how the mean varies."""
    means = rng.choice(values, (draws, len(values))).mean(axis=1)
    return np.percentile(means, [2.5, 97.5])


def tell(name, values):
    low, high = interval(values)
    print(f"{name:<26}{values.mean():+.3f}   95 % interval {low:+.3f} … {high:+.3f}")


share, mass = per_utterance("share"), per_utterance("mass")
emotion_of = np.array([row["emotion"] for row in rows if row["seed"] == seeds[0]])
tell("share of the time", share)
tell("mass of the attention", mass)
tell("mass − share", mass - share)
print(f"mass is more than share in {np.mean(mass > share):.0%} of the utterances")

# %% [markdown]
# The interval is a *bootstrap*: lesson 09 says more about it. So nearly everywhere the attention lies inside the span,
# far more than the span's length explains. Should we stop here, and say that it finds the emotion?
#
# No. Cut all utterances into twenty parts, from beginning to end, and look how much of each part belongs to the span, and
# how much attention it gets.
#
# **Guess first.** Which part will lie inside a span most often?

# %%
parts = [{key: float(value) for key, value in part.items()} for part in csv.DictReader(measured["parts"])]
begin = sorted({part["begin"] for part in parts})
by_part = {
    key: [np.mean([p[key] for p in parts if p["begin"] == b]) for b in begin] for key in ("attention", "inside")
}
figure, ax = plt.subplots(figsize=(7.5, 3))
middle = np.array(begin) + 0.5 / len(begin)
ax.bar(middle, by_part["attention"], width=0.9 / len(begin), color=plots.BLUE)
ax.axhline(1 / len(begin), color=plots.GREY, linewidth=0.8, linestyle=":")
ax.set(xlabel="place in the utterance (0: beginning, 1: end)", ylabel="mean attention")
ax.yaxis.label.set_color(plots.BLUE)
chance = ax.twinx()
chance.plot(middle, by_part["inside"], "o-", color=plots.ORANGE, markersize=4)
chance.set(ylabel="share that is inside the span", ylim=(0, 1.05))
chance.yaxis.label.set_color(plots.ORANGE)
# Picture: Blue bars: mean attention in twenty parts of the utterance, highest before the middle. Orange line: share
# of each part that is inside a span, which is near 1 in the middle.
plt.show()
print(f"the two middle parts are inside the span to {np.mean(by_part['inside'][9:11]):.1%}")

# %% [markdown]
# Here is the catch. The corpus puts the emotion on at least six tenths of the syllables, in one piece. Such a piece always
# covers the middle. **A network that looked at the middle of everything, and listened to nothing, would have nearly all of
# its attention inside the span.** And the first half of the middle is where these networks look most.
#
# So ask what such habits alone would give. Take the attention of each *other* test utterance, stretch it to this one's
# length, lay it over this one, and see how much comes to lie inside this one's span; take the mean over all others. Call
# it **elsewhere**. What mass has more than that, comes from this utterance.
#
# **Guess first.** How much of the difference between mass and share will habit explain?

# %%
elsewhere = per_utterance("elsewhere")
tell("elsewhere: habits alone", elsewhere)
tell("mass − elsewhere", mass - elsewhere)
for seed in seeds:
    tell(
        f"   of seed {seed}", np.array([float(r["mass"]) - float(r["elsewhere"]) for r in rows if r["seed"] == seed])
    )
print(f"mass is more than elsewhere in {np.mean(mass > elsewhere):.0%} of the utterances")
print(f"of mass − share, habits explain {np.mean(elsewhere - share) / np.mean(mass - share):.0%}")
print(
    f"what is neutral gets {np.mean(1 - mass) / np.mean(1 - elsewhere):.2f} of the attention that it would get by habit"
)

# %%
figure, (dots, bars) = plt.subplots(1, 2, figsize=(10, 4.2))
for emotion, marker in zip(emotions, "os^vDP", strict=True):
    of_it = emotion_of == emotion
    dots.plot(elsewhere[of_it], mass[of_it], marker, markersize=4, linestyle="none", alpha=0.7, label=emotion)
dots.plot([0, 1], [0, 1], color="black", linewidth=0.8)
dots.set(xlabel="elsewhere: what habits alone would give", ylabel="mass: attention inside the span", aspect="equal")
dots.set(xlim=(0.5, 1.02), ylim=(0.5, 1.02), title="a dot an utterance; above the line: more than habit")
dots.legend(frameon=False, fontsize=8, loc="lower right")
names = ["all", *emotions]
for offset, other, color, label in (
    (-0.15, share, plots.BLUE, "mass − share"),
    (0.15, elsewhere, plots.ORANGE, "mass − elsewhere"),
):
    for k, name in enumerate(names):
        difference = (mass - other)[(emotion_of == name) | (name == "all")]
        low, high = interval(difference)
        bars.plot([low, high], [k + offset] * 2, color=color, linewidth=2)
        bars.plot(difference.mean(), k + offset, "o", color=color, label=label if k == 0 else None)
bars.axvline(0, color="black", linewidth=0.8)
bars.set_yticks(range(len(names)), names)
bars.set(xlabel="difference of the attention inside the span", title="means, with 95 % intervals")
bars.invert_yaxis()
bars.legend(frameon=False, fontsize=8)
# Picture: Left: attention inside the span against what habits alone would give, a dot an utterance, mostly a
# little above the diagonal. Right: mean differences with intervals by emotion; those to habit are small and
# mostly above 0.
plt.show()

# %% [markdown]
# So: does it find the emotion? **A little.** Two thirds of what looked like finding is habit. What is left is small, but
# no chance: its interval is clear of 0, with each of the seeds. And it is uneven. In anger and happiness the neutral parts
# are plainly passed over; in disgust, fear, sadness and boredom the attention lies where it always does, as far as these
# intervals can tell.
#
# Three more grains of salt. Angry syllables are also up to 6 dB louder than the rest of their utterance, sad and bored ones
# up to 5 and 6 dB softer: an attention that is drawn to loud vowels could bring about most of such an order. These are two made-up speakers and 120 utterances; the interval says how much depends on the utterances, not
# how other speakers would do. And where a network looks need not be where it heard: through the GRU each state knows of
# the whole utterance.
#
# Compare the paper's sentence at the top: “the model can focus on the parts of emotion relevant”. On this corpus that is
# true to a small part. In the paper's tables attention helps, all the same: UA on IEMOCAP rises from 68.21 to 70.51
# (Table 2). A layer may be useful for another reason than the one that is given for it.
#
# ## What you can do now
#
# Differentiate a softmax without its matrix, write attention pooling, and put to a test what is said about where a network
# looks.
#
# ## What to keep
#
# - Attention is a mean whose weights come from the states: a product, a softmax, a sum.
# - The softmax backwards: ds has the sign of dα − mean. Training goes against it: better than the mean goes up, worse goes
#   down, and what has no weight hardly moves.
# - h is used twice, so its gradient has two summands. A PReLU's slope gets its gradient where x is negative.
# - Where a network looks can be measured. What it looks at must be compared with what habits alone would give.
#
# The answers, and wrong ones: `solutions/06_attention_pooling.py`. Next:
# [07 · losses for hard samples](07_losses.ipynb).
