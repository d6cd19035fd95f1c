# %% [markdown]
# # 08 · Training
#
# **Question.** Backward tells each of 900 000 numbers which way is downhill. It does not say how far to go. How far
# should each go? And when it is over, how do we know that the network has learned emotions, and not these recordings?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§4.2): “Adam is used as optimizer. Learning rate was set with 0.0003 and batch size 64.” About the training it says no more.
#
# At the end you have written Adam, met ln K, made the network learn 20 utterances by heart, true labels or not, and
# read the curves of a whole training.
#
# *Two hours. You need lessons 02 and 07. numser's files: `numser/optim.py`, `training.py`, `recipe.py` and `model.py`.*

# %%
import csv
import inspect
import json
from dataclasses import replace

import numpy as np

from checker import RESULTS
from checks import training as check
from numser import losses, plots
from numser.corpora import Corpus
from numser.corpora.synthetic import performances
from numser.dataset import prepare
from numser.features import Standardiser
from numser.model import SeparableSER
from numser.optim import Adam, clip_global_norm
from numser.ragged import pack
from numser.recipe import NUMSER, PAPER, Recipe
from numser.splits import Split
from numser.threads import one_blas_thread
from numser.training import Order, initial_state, train

plt = plots.pyplot()

# %% [markdown]
# ## 1. Before the first step: ln K
#
# A network that has learned nothing should find all K emotions about equally likely. Then each utterance's loss is near
# $-\ln(1/K) = \ln K$ (lesson 07), whatever the class weights: a mean of equal numbers is that number. For seven emotions
# that is 1.946. It is the cheapest test there is, and it is done before anything is trained. Thirty-five utterances of the
# built-in corpus: one text, five speakers. Three of them, without the last utterance, are our 20 to learn from; two are
# kept apart.

# %%
speakers = ("02", "03", "04", "06", "07")
utterances = [p.utterance for p in performances(speakers=speakers, texts=("a02",))]
in_decibels = prepare(Corpus("synthetic", utterances, []))
twenty, others = np.arange(20), np.arange(21, 35)
standardiser = Standardiser.fit([in_decibels.log_mels[i] for i in twenty])
dataset = in_decibels.standardised(standardiser)
split = Split(train=twenty, validation=others, test=others[:0])

model = SeparableSER(n_classes=7)


def first_loss(data, seed, wide):
    """The loss before the first step; the tensors in `wide` are drawn with standard deviation 1."""
    rng = np.random.default_rng(seed)
    params = model.init(rng)
    for name in wide:
        params[name] = rng.standard_normal(params[name].shape).astype(np.float32)
    with one_blas_thread():
        logits, _ = model.forward(params, pack([data.log_mels[i] for i in twenty]))
    return losses.cross_entropy(logits, dataset.labels[twenty], np.ones(20))[0]


print(f"ln 7 = {np.log(7):.3f}")
for name, data, wide in (
    ("as it should be", dataset, ()),
    ("log-mels not standardised", in_decibels, ()),
    ("hidden.w, output.w too large", dataset, ("hidden.w", "output.w")),
):
    print(f"{name + ':':<32}", *(f"{first_loss(data, seed, wide):.3f}" for seed in range(3)))

# %% [markdown]
# Each line has three seeds. The other two lines are mistakes that raise no error: somebody forgot lesson 01's last step,
# and somebody drew weights from `standard_normal` and did not scale them. A first loss above ln K means that the network
# is sure of something before it has learned anything. (It cannot be below, but by luck.)
#
# ## 2. One step size for all?
#
# Gradient descent moves every weight by its gradient, times one number, the *learning rate* $\eta$: $w \leftarrow w -
# \eta\, g$. What is wrong with that? Take a valley that is steep one way and nearly flat the other:
# $L = \tfrac12 (a_1 w_1^2 + a_2 w_2^2)$ with $a = (1, 50)$. Then $g_i = a_i w_i$, and a step multiplies each
# weight by a number of its own:
#
# $$w_i \leftarrow (1 - \eta\, a_i)\, w_i$$
#
# The steep weight runs away as soon as $|1 - 50 \eta| > 1$, that is, from $\eta = 2/50$ on. So $\eta$ must be small. But
# with $\eta = 0.035$ the flat weight loses only 3.5 % a step. The steepest direction sets the pace for all.
#
# **Adam** ([Kingma and Ba, 2015](https://arxiv.org/abs/1412.6980)) gives each weight its own step. It keeps two running means for each weight, of the
# gradient and of its square:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2$$
#
# and moves along $m / \sqrt v$. A weight whose gradients are all 1000 times as large has an $m$ that is 1000 times as
# large, and a $\sqrt v$ too: the step is the same. Shapes: $m$ and $v$ are as $w$, for each tensor.
#
# Both means begin at 0, so they are too small at first. By how much? Unroll $m$ for a gradient that is always $g$:
#
# $$m_t = (1-\beta_1) \left(1 + \beta_1 + \dots + \beta_1^{t-1}\right) g = (1 - \beta_1^t)\, g$$
#
# Likewise $v_t = (1 - \beta_2^t)\, g^2$. Divide both by what they lack, and move along the ratio. That is Algorithm 1 of
# the Adam paper:
#
# $$w \leftarrow w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon} \qquad
# \hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t}$$
#
# At the end of its section 2 the paper gives a second form, which takes both powers out into one number a step:
#
# $$w \leftarrow w - \eta\, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot \frac{m}{\sqrt v + \varepsilon}$$
#
# They differ only in what ε is added to: here to $\sqrt v$ before it was corrected, when it is still small. So they agree
# where gradients are far above ε. At a first gradient of $10^{-8}$ the first form moves by 0.50 η, the second by 0.03 η.
# numser has the second, because TensorFlow has it, in which the authors trained. (PyTorch has the first.)
#
# For a steady gradient either is $\eta\, g / |g|$: **each weight moves by $\eta$**, uphill or downhill. $\varepsilon$ saves a
# weight without gradients from 0/0. The usual values are $\beta_1 = 0.9$, $\beta_2 = 0.999$, $\varepsilon = 10^{-8}$.
#
# **Guess first.** The two rates of gradient descent differ by a sixth. What will that change?

# %%
a, start = np.array([1.0, 50.0]), np.array([-9.0, 1.2])
paths = {"gradient descent, η = 0.035": [start], "gradient descent, η = 0.041": [start], "Adam, η = 0.3": [start]}
for name, rate in list(zip(paths, (0.035, 0.041), strict=False)):
    for _ in range(40):
        paths[name].append(paths[name][-1] - rate * a * paths[name][-1])
adam, w = Adam(lr=0.3), {"w": start}
state = adam.init(w)
for _ in range(40):
    w, state = adam.update(w, {"w": a * w["w"]}, state)
    paths["Adam, η = 0.3"].append(w["w"])

figure, panels = plt.subplots(1, 3, figsize=(10, 3), sharey=True)
grid = np.meshgrid(np.linspace(-10, 3, 90), np.linspace(-3, 3, 90))
for ax, (name, path) in zip(panels, paths.items(), strict=True):
    path = np.array(path)
    ax.contour(*grid, 0.5 * (a[0] * grid[0] ** 2 + a[1] * grid[1] ** 2), levels=[1, 5, 20, 60, 150], colors="0.8")
    ax.plot(*path.T, ".-", linewidth=1, markersize=4)
    ax.plot(0, 0, "k+", markersize=10)
    loss = 0.5 * np.sum(a * path[-1] ** 2)
    ax.set(xlabel="$w_1$", xlim=(-10, 3), ylim=(-3, 3), title=f"{name}\nloss after 40 steps: {loss:.2g}")
panels[0].set_ylabel("$w_2$")
# Picture: Three paths in a long valley. Gradient descent with the smaller step creeps along the floor; with the
# larger step it swings ever wider across; Adam curves straight to the middle.
plt.show()
print(inspect.getsource(Adam.update))

# %% [markdown]
# All three start from a loss of 76.5. On the left, the steep weight is soon settled, and the flat one creeps. In the
# middle, with a slightly larger step, the steep one swings wider each time. Adam goes along both at the same speed; it
# overshoots a little, since $m$ remembers.
#
# ### Exercise 1 · Adam
#
# Write `adam_step(w, g, m, v, t, lr)`: one step for one tensor. `w`, `g`, `m`, `v` have the same shape; `t` counts
# steps, and is 1 for the first. It returns the new `(w, m, v)`, and leaves its arguments as they are. Take $\beta_1 = 0.9$,
# $\beta_2 = 0.999$, $\varepsilon = 10^{-8}$. Either form is right.
#
# <details><summary>Hint 1</summary>
#
# Three lines, one an equation. `m = 0.9 * m + …` makes a new array; `m *= 0.9` changes the caller's.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The step uses the *new* means, and ε is added outside the root, in both forms.
#
# </details>


# %%
def adam_step(w, g, m, v, t, lr):
    raise NotImplementedError


# %%
check.adam_step(adam_step)

# %% [markdown]
# ## 3. One bad batch
#
# Adam forgets slowly: $v$ remembers about $1/(1-\beta_2) = 1000$ steps. So what does one batch do whose gradient is a
# thousand times as large as usual? A weight with a gradient near 1, and once 1000, at step 200 or at step 2000:

# %%
rng = np.random.default_rng(8)
usual = 1 + 0.3 * rng.standard_normal(3000)
steps = {}
for name, bad, limit in (
    ("no clipping", 200, np.inf),
    ("no clipping, later", 2000, np.inf),
    ("clipped to norm 5", 200, 5.0),
):
    gradients = usual.copy()
    gradients[bad] = 1000
    w, adam = {"w": np.zeros(1)}, Adam(lr=1.0)
    state, steps[name] = adam.init(w), []
    for g in gradients:
        clipped, _ = clip_global_norm({"w": np.array([g])}, limit)
        moved, state = adam.update(w, clipped, state)
        steps[name].append(abs(moved["w"] - w["w"])[0])
        w = moved
plt.figure(figsize=(8, 3))
for (name, sizes), style in zip(steps.items(), ("-", ":", "--"), strict=True):
    plt.semilogy(sizes, style, label=f"{name}: the largest {max(sizes):.1f}, the 2900th {sizes[2899]:.2f}")
plt.gca().set(xlabel="step", ylabel="step size (learning rates)", title="a single batch, 1000 times as steep")
plt.legend(frameon=False)
# Picture: Step size over 3000 steps on a logarithmic scale. Without clipping a bad batch makes a spike, higher at
# step 2000 than at 200, and then the steps are far smaller for a thousand steps and more; clipped, hardly
# anything shows.
plt.show()

# %% [markdown]
# The bad step itself is not 1000 times as long, since $\sqrt v$ grows with $m$. At step 200 it is hardly longer than others:
# $\hat v$ is a mean over only 200 gradients yet, and one of them weighs much. The later, the longer, up to about
# $(1 - \beta_1) / \sqrt{1 - \beta_2} = 3.2$ learning rates. What hurts more comes afterwards: $m$ has soon forgotten, $v$
# has not, and the weight hardly moves for a thousand steps and more. So gradients are *clipped*. Not one by one, which would
# turn the direction. All tensors together are one long vector, and if its length is over the limit, all are scaled by the
# same number:
#
# $$\|g\| = \sqrt{\sum_{\text{tensors}} \sum_i g_i^2} \qquad\qquad g \leftarrow g \cdot \min(1,\ \text{limit} / \|g\|)$$
#
# ### Exercise 2 · clipping
#
# Write `clip(grads, limit)`: `grads` is a dict of arrays. It returns `(clipped, norm)`: a dict with the same names,
# and the norm *before*.
#
# <details><summary>Hint</summary>
#
# One norm for all tensors. `sum(np.sum(g**2) for g in grads.values())` is its square. A gradient that is already short
# enough is not made longer.
#
# </details>


# %%
def clip(grads, limit):
    raise NotImplementedError


# %%
check.clip(clip)

# %% [markdown]
# ## 4. Twenty utterances by heart
#
# A batch is drawn without putting back: a permutation of all utterances, cut into pieces; when it is used up, a new one.
# One round is an *epoch*. Nobody is forgotten, and nobody comes twice before all others have come once.

# %%
order = Order(np.random.default_rng(0), np.arange(5), position=5)
print("batches of 2 from 5 utterances:", *(order.next_batch(2).tolist() for _ in range(5)))

# %% [markdown]
# Now everything is together: forward (lessons 02 to 06), loss (07), backward, clipping, Adam. Is it right? Before a long
# training, a short one on 20 utterances. A network with 900 000 numbers must be able to learn 20 answers by heart. If it
# cannot, something is broken: a gradient that is wrong, a step too large, a layer that lets nothing through. Here is the
# whole loop; it adds threads, and an error if numbers grow beyond all bounds.

# %%
print(inspect.getsource(train))

# %% [markdown]
# Two trainings, 35 steps each. The first has the true labels. The second has the same labels *dealt out at random* to
# the 20 utterances: there is nothing to understand in them. Validation is the 14 utterances of two other speakers, with
# their true labels. Watch both losses.
#
# **Guess first.** Which of the four curves will come down to 0?


# %%
FOLLOWED = ("entry.w", "blocks.0.project.w", "gru.u", "output.w")


def overfit(labels, recipe, **options):
    """Train on the twenty. Returns the state, the losses, how each tensor moves in step 10, and some over time."""
    state = initial_state(recipe, n_classes=7, n_train=20)
    every_loss, at_ten, weights = [], {}, [{name: state.params[name] for name in FOLLOWED}]

    def on_step(state, loss):
        every_loss.append(loss)
        weights.append({name: state.params[name] for name in FOLLOWED})
        if state.step == 10:
            correction = np.sqrt(1 - 0.999**10) / (1 - 0.9**10)
            for name, m in state.adam.m.items():
                gradient = np.sqrt(state.adam.v[name].mean() / (1 - 0.999**10))
                step = recipe.lr * correction * m / (np.sqrt(state.adam.v[name]) + 1e-8)
                at_ten[name] = gradient, np.sqrt(np.mean(step**2))
        return False

    train(recipe, replace(dataset, labels=labels), split, state, on_step=on_step, **options)
    return state, every_loss, at_ten, weights


short = Recipe(steps=35, batch_size=20, lr=2e-3, validate_every=5)
at_random = dataset.labels.copy()
at_random[twenty] = np.random.default_rng(8).permutation(dataset.labels[twenty])
trained = {"true labels": overfit(dataset.labels, short), "labels at random": overfit(at_random, short)}

figure, panels = plt.subplots(1, 2, figsize=(10, 3.3), sharey=True)
for ax, (name, (state, every_loss, *_)) in zip(panels, trained.items(), strict=True):
    ax.plot(np.arange(1, short.steps + 1), every_loss, label="training: 20 utterances")
    ax.plot(
        [h.step for h in state.history], [h.validation_loss for h in state.history], "--", label="two other speakers"
    )
    ax.axhline(np.log(7), color=plots.GREY, linewidth=0.8, linestyle=":")
    ax.set(xlabel="step", title=f"{name}: UA on the others {state.history[-1].validation_ua:.2f} (chance 0.14)")
panels[0].set(ylabel="loss (nats; dotted: ln 7)", ylim=(0, None))
panels[0].legend(frameon=False)
# Picture: Two panels of loss over 35 steps: with true labels and with labels at random the training loss falls
# from ln 7 towards 0; the loss on two other speakers does not, and ends above ln 7.
plt.show()
for name, (_, every_loss, *_) in trained.items():
    print(f"{name + ':':<18}training loss {every_loss[0]:.3f} at first, {every_loss[-1]:.3f} at the end")

# %% [markdown]
# Both solid lines start at ln 7 and come down. So the machinery works: it learned what it was told. It also learned the
# right-hand labels, in which there is nothing to learn; so this test would not notice mixed-up labels. **A small training loss says nothing about emotions.** It says
# that the network could remember. Whether it has understood is seen on people it has not heard: there both validation
# losses are worse in the end than those of a network that knows nothing. On the left, more answers than chance are right
# all the same; the wrong ones are given with great certainty, which is what the loss punishes.
#
# And here is what Adam does in such a training. Each dot is a tensor of the network at step 10: to the right, how large its
# gradients have been; upwards, how far it moved.

# %%
figure, ax = plt.subplots(figsize=(7, 3.3))
at_ten = trained["true labels"][2]
gradient, step = np.array(list(at_ten.values())).T
ax.loglog(gradient, step, "o")
ax.axhline(short.lr, color=plots.GREY, linewidth=0.8, linestyle=":")
by_gradient = sorted(at_ten, key=at_ten.get)
for name in (by_gradient[0], "gru.u", "attention.w", by_gradient[-1]):
    ax.annotate(name, at_ten[name], (0, -40), textcoords="offset points", ha="center", arrowprops={"arrowstyle": "-"})
ax.set(
    xlabel="gradient (root mean square over ten steps)",
    ylabel="step (root mean square)",
    ylim=(5e-5, 5e-3),
    title="what a gradient is, and what Adam makes of it (dotted: the learning rate)",
)
# Picture: Step over gradient of each tensor, both on logarithmic scales: gradients spread widely, steps lie in a
# narrow band below the learning rate.
plt.show()
print(
    f"gradients differ by a factor of {gradient.max() / gradient.min():,.0f}, steps by {step.max() / step.min():.1f}"
)

# %% [markdown]
# With one step size for all, the dots would lie on a line with slope 1.
#
# Is a step large or small? That depends on what it changes. So set it against the weights themselves, $\|\Delta w\| / \|w\|$,
# over the whole training. A rule of thumb says 1/1000 (dotted). A tensor far below it hardly learns; one far above it throws
# away in each step what it has just found. Here they lie above it: 35 steps with a high learning rate are a sprint.

# %%
plots.update_ratios(trained["true labels"][3]).legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
# Picture: How far four tensors move in each of 35 steps, as a share of their size, on a logarithmic scale: lines above the
# dotted 1/1000, which come down as the loss does. That of the GRU's u is the highest.
plt.show()

# %% [markdown]
# One more property, which makes all this bearable: the same seed gives the same bits, with any number of threads. A batch
# is cut into shards by the utterances' lengths, and their gradients are added in the order of the shards.

# %%
one, two = (overfit(dataset.labels, replace(short, steps=3), threads=n)[0].params for n in (1, 2))
print("one thread and two, the same bits:", all(np.array_equal(one[name], two[name]) for name in one))

# %% [markdown]
# ## 5. The best moment
#
# Training goes on; the validation set says when the network was best. numser's `train` keeps the parameters of the best
# validation UA so far, the share of recognised utterances averaged over the emotions. On a tie the earlier ones stay: the
# later have only trained longer. (Stopping where the validation is best, or going back there, is called *early stopping*.)
#
# ### Exercise 3 · your own training loop
#
# Write `fit(layer, params, batches, score, lr, limit)`. `batches` is a list of `(x, labels)`: one step for each, with the
# loss `losses.cross_entropy`, all weights 1; clip all gradients to norm `limit`; then Adam. `score(params)` returns
# a number, larger is better: ask it once after each step. Return `(best_params, every_loss)`: the parameters after the
# step with the best score, and the list of the losses. Use numser's `layer.forward`, `layer.backward`, `clip_global_norm`
# and `Adam(lr)`.
#
# <details><summary>Hint 1</summary>
#
# `logits, cache = layer.forward(params, x)`; the loss gives `dlogits`; `layer.backward(params, cache, dlogits)` returns
# `(dx, grads)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `adam.init(params)` makes the means, once. `adam.update(params, grads, state)` returns new parameters and the new state,
# and leaves the old ones alone: so to keep the best, keep the name.
#
# </details>


# %%
def fit(layer, params, batches, score, lr, limit):
    raise NotImplementedError


# %%
check.fit(fit)

# %% [markdown]
# ## 6. The whole corpus
#
# With all texts and speakers a training takes minutes, so we read one. It has the corpus and the speakers of README's
# first command, but the paper's recipe, with smaller batches and a higher learning rate:
#
#     python -m numser.train --corpus synthetic --test-speaker 09,10 --recipe paper --steps 300 --batch-size 32 \
#         --lr 0.001 --validate-every 10
#
# Speakers 09 and 10 are the test, 01 validates, seven speakers train. `benchmarks/training.py` has kept the run's history.
#
# **Guess first.** When will validation stop becoming better, and will training stop there, too?

# %%
history = np.genfromtxt(RESULTS / "training.csv", delimiter=",", names=True)
run = json.loads((RESULTS / "training.json").read_text(encoding="utf-8"))
plots.learning_curves(history)[0].axhline(np.log(7), color=plots.GREY, linewidth=0.8, linestyle=":")
# Picture: Learning curves: on the left training and validation loss fall over 300 steps, the training loss lower;
# on the right validation UA rises, roughly.
plt.show()

print(f"{'':<32}{'step':>6}{'loss':>8}{'validation loss':>17}{'validation UA':>15}")
for name, row in (
    ("first validation", history[0]),
    ("in the middle", history[len(history) // 2 - 1]),
    ("least validation loss", history[np.argmin(history["validation_loss"])]),
    ("best validation UA", history[np.argmax(history["validation_ua"])]),
    ("end", history[-1]),
):
    numbers = f"{row['loss']:>8.3f}{row['validation_loss']:>17.3f}{row['validation_ua']:>15.3f}"
    print(f"{name:<32}{row['step']:>6.0f}{numbers}")
fall = np.diff(history["validation_ua"])[10:].min()
print(f"\nthe deepest fall of UA from one validation to the next, after step 100: {fall:.3f}")
spread = np.sqrt(run["best_validation_ua"] * (1 - run["best_validation_ua"]) / 70)
print(f"a UA of {run['best_validation_ua']:.3f} on 70 utterances has a standard error of about {spread:.3f}")
print(f"test, speakers 09 and 10, with the parameters of step {run['best_step']}: UA {run['ua']:.3f}")

# %% [markdown]
# Read it in this order.
#
# - *Where does it start?* At ln 7, nearly: a point of the training's curve is the mean over ten steps. So it comes late,
#   and at first lies above the validation's.
# - *Does it learn?* The training loss falls to the end.
# - *Does it understand?* The validation loss follows, but not all the way. The gap at the end is what the network knows
#   by heart. As long as the validation loss falls too, training does no harm; here the last three rows are one, and a few
#   more steps might have helped.
# - *How rough is it?* Between two validations UA falls by seven utterances, and comes back. One utterance is 1/70. So
#   two or three more or less are no news, and a best value out of 30 is partly luck.
# - *And the test?* It is lower than the best validation: two other voices, and the step was not chosen by them. Quite
#   clean it is not: the number of steps was set after looking at test curves of these two speakers.
#
# ## 7. The paper's recipe on real recordings
#
# This is how it looks on Emo-DB, with the paper's learning rate and batch: seven emotions, of each recording the first two
# seconds, three of the paper's random splits. `benchmarks/pilots.py` collected these curves from `numser.train --corpus
# emodb --fold 0`, `1`, `2` `--steps 600`. The test played no part.

# %%
with open(RESULTS / "pilots.csv", encoding="utf-8") as file:
    pilots = [row for row in csv.DictReader(file) if row["recordings"].startswith("two seconds")]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2))
for fold, style in zip("012", ("-", "--", "-."), strict=True):
    rows = [row for row in pilots if row["fold"] == fold]
    at, loss, ua = (np.array([float(row[name]) for row in rows]) for name in ("step", "loss", "validation_ua"))
    left.semilogy(at, loss, style, label=f"fold {fold}")
    right.plot(at, ua, style, label=f"fold {fold}")
    print(
        f"fold {fold}: best UA {ua.max():.3f} at step {at[ua.argmax()]:.0f}, median of the second half "
        f"{np.median(ua[len(ua) // 2 :]):.3f}, last {ua[-1]:.3f}; training loss {loss[0]:.2f} to {loss[-1]:.4f}"
    )
left.set(xlabel="step", ylabel="training loss (nats)")
right.set(xlabel="step", ylabel="validation UA", ylim=(0, 1))
right.legend(frameon=False)
# Picture: Three folds of Emo-DB over 600 steps: on the left the training losses fall towards 0; on the right
# validation UA rises at first, then sinks a little or stays.
plt.show()
print(PAPER)
print(NUMSER)

# %% [markdown]
# All three training losses end near 0: some 430 recordings, learned by heart. UA on the validation set rises until step 170
# to 280. After that the network goes on learning, but no longer about emotions. In fold 0 UA sinks by ten points. That is
# over-fitting, as in section 4, only slower.
#
# Compare the best UA with the median of the second half: it is higher by five to ten points. A part of that is
# over-fitting. Another part is luck: out of 60 looks at some 53 recordings, one must be the best. So the validation set may
# choose the moment, but its UA there is too good to be reported. What to report instead is lesson 09's question.
#
# > **The paper is silent.** It does not say for how many steps it trained, whether it clipped, or how the best parameters
# > were chosen. What numser takes for it is the first recipe above.
#
# The second recipe is numser's own, and what `python -m numser.train` does unless it is told otherwise. It gives up choosing
# a moment. The learning rate rises, then falls to 0 along a cosine; the weights are averaged over the last steps
# (`numser/optim.py`, `learning_rate` and `averaged`); and no recording is ever shown twice as it is (`numser/augment.py`). So
# the end is as good a moment as any, and the validation set is free to say how good it is.
#
# ## What you can do now
#
# Write an optimiser and a training loop, test both before a long training, and read learning curves.
#
# ## What to keep
#
# - Before the first step the loss is ln K. If not, stop.
# - Adam divides a running mean of the gradient by the root of that of its square: every weight moves by about the learning
#   rate. The two powers make up for the means' beginning at 0.
# - Clip all gradients together: one bad batch otherwise blinds Adam for a thousand steps.
# - First over-fit 20 utterances. A training loss says that the network can remember, and no more.
# - The validation set says when to stop. Its best value is too good; honest is a test by which nothing was chosen.
#
# The answers, and wrong ones: `solutions/08_training.py`. Next: [09 · honest evaluation](09_honest_evaluation.ipynb).
