# %% [markdown]
# # 09 · Honest evaluation
#
# **Question.** A network is said to recognise 90 % of emotions. What does that promise to somebody whose voice it has
# never heard? And if another one reaches 91 %, is it better?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§4.2): “Both of datasets were divided into 10 subsets randomly keeping the emotion distribution, 8 subsets
# were used for training, one for validation and one for testing (fixed test set). The experimental results are the
# average of 9 times cross validation. We use three metrics, Unweighted Accuracy (UA), Weighted Accuracy (WA) and F1-score,
# to evaluate proposed method.”
#
# At the end you have computed the three metrics, seen random subsets flatter, kept speakers apart, and put an error bar
# on every figure.
#
# *An hour and a half. You need lesson 08. numser's files: `numser/metrics.py`, `splits.py`, `evaluation.py` and
# `summary.py`.*

# %%
import csv
import inspect
import json
from typing import NamedTuple

import numpy as np

from checker import RESULTS
from checks import honest_evaluation as check
from numser import plots, splits
from numser.corpora.synthetic import load
from numser.dataset import prepare
from numser.evaluation import Result, TestedUtterance
from numser.layers import Dense, PReLU, Sequential
from numser.losses import class_weights, cross_entropy
from numser.metrics import confusion_matrix, macro_f1, recalls, unweighted_accuracy, weighted_accuracy
from numser.optim import Adam
from numser.reproduce.paper import TABLE_4
from numser.runs.result import read_result
from numser.splits import Split, fold, random_subsets
from numser.summary import summarise, t_interval, ua_difference
from numser.threads import one_blas_thread

plt = plots.pyplot()

# %% [markdown]
# ## 1. One table, three numbers
#
# Everything begins with counting: of the utterances of each emotion, how many were taken for which? This is numser's
# network on Emo-DB, seven emotions, each recording tested once, on a voice not heard before. (The trainings take hours, so
# we read their committed results; section 6 names the command.)

# %%
results = RESULTS / "paper" / "emodb"
emodb = json.loads((results / "blocks4-ce" / "speakers" / "summary.json").read_text())
counts, labels = np.array(emodb["confusion"]), emodb["labels"]
plots.confusion(counts, labels)
# Picture: Confusion matrix of seven emotions, true by recognised: the diagonal is darkest.
plt.show()

# %% [markdown]
# Read a row: of all angry recordings, so many were taken for happy ones. The table says *what* goes wrong, and no single
# number can. But two networks are compared by numbers. With $n_{ij}$ utterances of class $i$ taken for $j$, and $K$ classes:
#
# $$\text{WA} = \frac{\sum_i n_{ii}}{\sum_{ij} n_{ij}} \qquad
# \text{UA} = \frac{1}{K} \sum_i \underbrace{\frac{n_{ii}}{\sum_j n_{ij}}}_{\text{recall of } i} \qquad
# \text{F1} = \frac{1}{K} \sum_i \frac{2\, n_{ii}}{\sum_j n_{ij} + \sum_j n_{ji}}$$
#
# - **WA**, weighted accuracy, is the share of all utterances that was recognised. Frequent emotions weigh more.
# - **UA**, unweighted accuracy, takes each emotion's share (its *recall*), and then the mean. Every emotion weighs the same.
# - **F1** asks the other question, too: of what was *called* angry, how much was angry? That is *precision*,
#   $n_{ii} / \sum_j n_{ji}$. F1 is the harmonic mean of recall and precision; worked out, it is the fraction above.
#
# Why three? Here is a recogniser that never listens. It always answers “anger”, the most frequent emotion:
#
# **Guess first.** What are its WA and its UA?

# %%
lazy = np.zeros_like(counts)
lazy[:, labels.index("anger")] = counts.sum(1)
print(f"{'':<12}{'UA':>7}{'WA':>7}{'F1':>7}")
for name, table in (("the network", counts), ("always anger", lazy)):
    scores = unweighted_accuracy(table), weighted_accuracy(table), macro_f1(table)
    print(f"{name:<12}" + "".join(f"{score:>7.3f}" for score in scores))
print(
    "the network's recalls:", ", ".join(f"{label} {r:.2f}" for label, r in zip(labels, recalls(counts), strict=True))
)

# %% [markdown]
# WA credits the lazy one with every angry recording; UA gives it exactly $1/K$, what chance gives. The more unequal the
# classes, the further WA lies above it. So UA is the figure to look at.
#
# ### Exercise 1 · the scores
#
# Write `scores(confusion)`: from counts (K, K), row = true class, to `(ua, wa, f1)`. A class of which there is no utterance
# counts neither in UA nor in F1, so that both are over the same classes.
#
# <details><summary>Hint 1</summary>
#
# `confusion.sum(axis=1)` are the occurrences, `confusion.sum(axis=0)` the answers, `confusion.diagonal()` the hits.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Choose the classes first, `seen = occurrences > 0`, and divide only those.
#
# </details>


# %%
def scores(confusion):
    raise NotImplementedError


# %%
check.scores(scores)

# %% [markdown]
# ## 2. Whose voice is it?
#
# Now the other half: *which* utterances were counted? To try much in little time, we take a small network and a small view
# of numser's built-in corpus: 700 utterances, ten speakers, seven emotions. Of each utterance we keep 128 numbers, its mean
# log-mel over time, less its mean over the bands, for how loud it was recorded says nothing.

# %%
corpus = load()
dataset = prepare(corpus)
utterances, classes = corpus.utterances, dataset.classes
x = np.array([frames.mean(0) - frames.mean() for frames in dataset.log_mels])
speakers = np.array([u.speaker for u in utterances])
texts = np.array([u.text for u in utterances])
print(x.shape, f"{len(set(speakers))} speakers, {len(set(texts))} texts, {len(classes)} emotions")

# %% [markdown]
# Which utterances are alike by these numbers? For each one, find the nearest other, and see what the two have in common.
#
# **Guess first.** Will it be the speaker, the text or the emotion?

# %%
near = (x - x.mean(0)) / x.std(0)
distance = ((near[:, np.newaxis] - near) ** 2).sum(-1)
np.fill_diagonal(distance, np.inf)
nearest = distance.argmin(1)
for what, names in (("speaker", speakers), ("text", texts), ("emotion", dataset.labels)):
    share = np.mean(names == names[nearest])
    print(f"the nearest other utterance has the same {what:<8}{share:>5.0%}   by chance {1 / len(set(names)):.0%}")
distance[speakers[:, np.newaxis] == speakers] = np.inf
share = np.mean(dataset.labels == dataset.labels[distance.argmin(1)])
print(f"the nearest of another speaker has the same emotion {share:>5.0%}")

# %% [markdown]
# What stands nearest is nearly always the same voice. Mostly it is the same emotion, too; but among other voices less
# often. So a network can learn emotion in two ways. It can find what all angry voices have in common. Or it can learn,
# voice by voice, how *this* one sounds when it is angry. The second is easier, and useless for a new voice. **Which of the
# two was learned, only new voices can tell.**
#
# ## 3. Three ways to divide
#
# The small network: one hidden layer and an output layer, which are the last layers of the paper's network; numser's
# loss and Adam (lessons 07 and 08). It is trained on `split.train`. Every 10 steps it recognises validation and test;
# the step that counts is the one that was best in *validation*. Mean and standard deviation for standardising come from
# the training utterances, too. Whatever touches the test beforehand is not honest.


# %%
class Run(NamedTuple):
    validation_ua: np.ndarray  # (n,) every 10 steps
    predicted: np.ndarray  # (n, B) of the test utterances


def learn(split, labels=dataset.labels, steps=120, seed=0):
    n_classes = labels.max() + 1
    mean, sd = x[split.train].mean(0), x[split.train].std(0)
    inputs = ((x - mean) / sd).astype(np.float32)
    network = Sequential((("hidden", Dense(128, 64)), ("act", PReLU(64)), ("output", Dense(64, n_classes))))
    params, adam = network.init(np.random.default_rng(seed)), Adam(lr=3e-3)
    state, truth = adam.init(params), labels[split.train]
    weights = class_weights(truth, n_classes)[truth]
    uas, predicted = [], []
    for step in range(1, steps + 1):
        logits, cache = network.forward(params, inputs[split.train])
        _, dlogits = cross_entropy(logits, truth, weights)
        _, grads = network.backward(params, cache, dlogits)
        params, state = adam.update(params, grads, state)
        if step % 10 == 0:
            validation, test = (
                network.forward(params, inputs[part])[0].argmax(1) for part in (split.validation, split.test)
            )
            uas.append(unweighted_accuracy(confusion_matrix(labels[split.validation], validation, n_classes)))
            predicted.append(test)
    return Run(np.array(uas), np.array(predicted))


# %% [markdown]
# And three ways to cut the 700 utterances into ten parts. Each part is the test once, the next one validates, the other
# eight train. So after ten trainings *every* utterance has been tested once, whichever way we cut.
#
# - **random subsets** with the same mix of emotions, as the paper's (`numser.splits.random_subsets`);
# - **speakers left out**: each part is one speaker;
# - **texts left out**: each part is one of the ten sentences. Speakers stand on both sides again.
#
# **Guess first.** New sentences, or new voices: which will cost more, and how much?


# %%
def rotate(parts):
    """Each part tests once; the next one validates."""
    for k, test in enumerate(parts):
        rest = [part for i, part in enumerate(parts) if i not in (k, (k + 1) % len(parts))]
        yield Split(np.sort(np.concatenate(rest)), parts[(k + 1) % len(parts)], test)


def by(names):
    return [np.flatnonzero(names == name) for name in sorted(set(names))]


def tested(split):
    """Train and test once; the curve, and a result as numser.evaluation.test leaves it."""
    run = learn(split)
    predicted = run.predicted[run.validation_ua.argmax()]
    tested = [
        TestedUtterance(u.name, None, u.speaker, "A", u.label, classes[p], np.eye(len(classes))[p].tolist())
        for u, p in zip([utterances[i] for i in split.test], predicted, strict=True)
    ]
    return run, Result.of(classes, tested)


ways = {
    "random subsets": list(rotate(random_subsets([u.label for u in utterances]))),
    "texts left out": list(rotate(by(texts))),
    "speakers left out": list(rotate(by(speakers))),
}
runs, tests = {}, {}
with one_blas_thread():
    for way, parts in ways.items():
        runs[way], tests[way] = zip(*map(tested, parts), strict=True)
print(f"{'':<20}{'UA':>7}{'WA':>7}{'F1':>7}     (UA by chance {1 / len(classes):.3f})")
for way in ways:
    print(
        f"{way:<20}"
        + "".join(f"{np.mean([getattr(t, key) for t in tests[way]]):>7.3f}" for key in ("ua", "wa", "f1"))
    )

# %% [markdown]
# Same network, same 700 utterances, each tested once. With new sentences from *known* voices it does about as well as with
# random subsets. With *new* voices it does much worse. So it is the voices that flatter. (Each speaker says as much in
# each emotion here, and so UA and WA are equal.) Voice by voice:


# %%
def of_each_speaker(way):
    """UA of each speaker's utterances, whichever run tested them."""
    right = {u.name: u.right for test in tests[way] for u in test.utterances}
    right = np.array([right[u.name] for u in utterances])
    return np.array(
        [
            np.mean([right[(speakers == s) & (dataset.labels == k)].mean() for k in range(7)])
            for s in sorted(set(speakers))
        ]
    )


known, unknown = of_each_speaker("random subsets"), of_each_speaker("speakers left out")
plt.figure(figsize=(5, 3.6))
free = 0.0  # where the next name has room
for k in unknown.argsort():
    plt.plot([0, 1], [known[k], unknown[k]], "o-", color=plots.BLUE, linewidth=1, markersize=4)
    free = max(free + 0.045, unknown[k])
    plt.text(1.04, free, sorted(set(speakers))[k], va="center")
plt.axhline(1 / 7, color=plots.GREY, linestyle=":")
plt.annotate("chance", (0, 1 / 7), (0, 4), textcoords="offset points", ha="center", color=plots.GREY)
plt.gca().set(ylabel="UA of one speaker's utterances", xlim=(-0.3, 1.3), ylim=(0, 1))
plt.xticks([0, 1], ["voice known\n(random subsets)", "voice new\n(speakers left out)"])
# Picture: Ten lines, a speaker each, from UA with a known voice on the left to UA with a new voice on the right.
# All begin high; on the right they are lower and far apart.
plt.show()

# %% [markdown]
# Each line is a speaker. On the left all ten look well recognised. Who is hard for it shows only on the right.
#
# Does the network really know the voices? Give it the same 128 numbers, and ask who speaks:

# %%
who = np.unique(speakers, return_inverse=True)[1]
split = ways["random subsets"][0]
with one_blas_thread():
    run = learn(split, who)
named = run.predicted[run.validation_ua.argmax()]
print(f"speaker recognised: {np.mean(named == who[split.test]):.0%}; by chance {1 / len(set(speakers)):.0%}")

# %% [markdown]
# > **The paper and numser.** The paper's subsets are random, so that each speaker stands on both sides. numser can do
# > the same (`--fold K`), and leaves speakers out beside it (`--test-speaker`).
#
# Neither figure is wrong. They answer two questions. If your program will serve the ten people that it was trained on,
# the first one is yours. Otherwise the second. What is wrong is to report the first and to let people think of the second.
#
# ### Exercise 2 · speakers left out
#
# Write `speaker_splits(speakers)`: `speakers` is a list of B names, one an utterance. Return a list with a tuple
# `(train, validation, test)` for each speaker, in alphabetical order; each is an array of indices in rising order. The
# speaker is the test, the next speaker validates (after the last comes the first), all others train.
#
# <details><summary>Hint 1</summary>
#
# `sorted(set(speakers))` are the names. `np.flatnonzero(condition)` are the indices where a condition holds.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The next one is `names[(k + 1) % len(names)]`.
#
# </details>


# %%
def speaker_splits(speakers):
    raise NotImplementedError


# %%
check.speaker_splits(speaker_splits)

# %% [markdown]
# numser's function does one of them, and refuses what cannot work:

# %%
print(inspect.getsource(splits.leave_speakers_out))

# %% [markdown]
# ## 4. How sure?
#
# Test another ten people, and another figure comes out. By how much another? Think of recognising one utterance of class
# $i$ as a coin that falls right with probability $p_i$. The share of hits among $n_i$ coins has the standard deviation
# $\sqrt{p_i (1 - p_i) / n_i}$. UA is the mean of $K$ independent shares, so
#
# $$\text{sd(UA)} = \frac{1}{K} \sqrt{\sum_i \frac{p_i (1 - p_i)}{n_i}}, \qquad
# \text{95 \% of the time within} \pm 1.96\, \text{sd}$$
#
# Now the paper's Emo-DB: 535 recordings, of which a tenth is the test. Suppose that 9 of 10 are recognised:

# %%
in_corpus = {"anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79, "sadness": 62}
n = np.array(list(in_corpus.values())) / 10
sd = np.sqrt(np.sum(0.9 * 0.1 / n)) / len(n)
print(f"sd of UA on a tenth of Emo-DB: {100 * sd:.1f} points; 95 %: ± {100 * 1.96 * sd:.1f} points")
uas = [row.reported["emodb"][0] for row in TABLE_4.rows if "emodb" in row.reported]
print("the paper's UA for 1 to 6 blocks:", *uas)
print(f"from lowest to highest: {max(uas) - min(uas):.1f} points")

# %% [markdown]
# The paper's six figures all lie within one error bar. (All six were tested on the same recordings. Their *differences*
# are surer than the figures, because what is hard is hard for all; we come to that. But the paper gives none.)
#
# It reports the mean of nine runs. Does that not make it surer? If the runs were independent, the mean of $R$ of them would
# have the standard deviation $s / \sqrt{R}$, where $s$ is that of the runs. But all nine have the *same* test subset; only
# the validation subset takes turns. Here are nine such runs, beside those from above.

# %%
with one_blas_thread():
    _, tests["nine runs, one test subset"] = zip(*(tested(fold(utterances, k)) for k in range(9)), strict=True)


def dots(rows, ax):
    """One row a protocol: each run's UA, their mean, and the interval of the mean."""
    for height, (name, (uas, (low, high))) in enumerate(rows.items()):
        apart = np.linspace(-0.15, 0.15, len(uas))
        ax.plot(uas, height + apart, "o", color=plots.BLUE, fillstyle="none", markersize=5)
        ax.plot([low, high], [height - 0.3] * 2, color=plots.ORANGE, linewidth=3, solid_capstyle="butt")
        ax.plot(np.mean(uas), height - 0.3, "D", color=plots.ORANGE, markersize=6)
        naive = 1.96 * np.std(uas, ddof=1) / np.sqrt(len(uas))
        print(f"{name:<27}mean {np.mean(uas):.3f}   by s/√R ± {naive:.3f}   by the bar ± {(high - low) / 2:.3f}")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(xlabel="UA (circles: runs; diamond and bar: their mean and its 95 % interval)")
    ax.set_ylim(len(rows) - 0.4, -0.6)


figure, ax = plt.subplots(figsize=(9, 3.2))
order = "nine runs, one test subset", *ways
dots({way: ([t.ua for t in tests[way]], summarise(tests[way])["ua_interval"]) for way in order}, ax)
# Picture: UA of four ways to divide: circles for runs, and an orange diamond and bar for mean and interval.
# Speakers left out lie lowest; nine runs on one test subset have the widest bar.
plt.show()

# %% [markdown]
# Compare the first two rows. By $s/\sqrt{R}$ the first mean would be the surer one. By the bar it is far less sure. The bar
# is right: nine runs answered the same 70 questions, ten runs answered 700. What could have come out otherwise is, above all,
# *which* utterances were asked, and repeating the training cannot tell us that.
#
# Where does the bar come from, when there is only one test set? By the **bootstrap**: draw from the test utterances as
# many as there are, *with replacement*, so that some come twice and some not at all; compute UA; do that 2000 times; cut off
# 2.5 % at either end. What comes out differs about as much as from one real test set to the next.
#
# ### Exercise 3 · the bootstrap
#
# Write `ua_interval(truth, predicted, n_classes, resamples, rng)`: `truth` and `predicted` (B,) are class numbers; it
# returns `(low, high)`, the 2.5th and the 97.5th percentile of UA over `resamples` draws. A class of which nothing was
# drawn does not count in that draw.
#
# <details><summary>Hint 1</summary>
#
# `rng.integers(B, size=B)` are B indices with replacement. Take `truth` and `predicted` at the *same* indices.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.percentile(values, [2.5, 97.5])`. UA of a draw: `numser.metrics` has what you need, or your exercise 1.
#
# </details>


# %%
def ua_interval(truth, predicted, n_classes, resamples, rng):
    raise NotImplementedError


# %%
check.ua_interval(ua_interval)

# %% [markdown]
# `numser.summary.summarise` draws for all runs together, since an utterance that nine runs were tested on is still only
# one utterance; and where runs share a test, it adds how far they lie apart, since they could have been trained otherwise.
# And `ua_difference` answers “is one better than the other?”: it draws once, and takes both UAs on the same draw. What is
# hard for both cancels out. So here is how sure the flattery is:

# %%
for way in ("texts left out", "speakers left out"):
    gap = np.mean([t.ua for t in tests["random subsets"]]) - np.mean([t.ua for t in tests[way]])
    low, high = ua_difference(tests["random subsets"], tests[way])
    print(f"random subsets − {way:<18} {gap:+.3f}   95 % {low:+.3f} … {high:+.3f}")

# %% [markdown]
# If an interval holds 0, the two cannot be told apart by these utterances. If it does not, they can.
#
# **Draw what the promise is about.** These bars draw utterances: other sentences of the *same* voices. But the last row is
# to promise something about new *people*. Then people must be drawn: ten of the ten, with replacement. Look again at the
# last row of the figure: the bar is narrow, and the circles, each a person, lie far apart.
#
# But ten are few to draw from. What is drawn differs by $\sqrt{9/10}$ too little, and where the tails of so small a sample
# lie, it does not know: such an interval holds the truth not 19 times in 20, but 18. *Student's t* knows: with $s$ the
# standard deviation of $n$ speakers' UAs, it is the mean $\pm\ t_{n-1} \cdot s / \sqrt n$, where $t_9 = 2.26$ stands in the
# place of 1.96.


# %%
def drawn_interval(uas):
    """A 95 % interval of the mean over speakers, by drawing speakers: too narrow where they are few."""
    drawn = np.random.default_rng(0).choice(uas, (2000, len(uas)))
    return np.percentile(drawn.mean(axis=1), [2.5, 97.5])


people = np.random.default_rng(0).standard_normal((2000, 10))  # ten from a world whose mean is 0, 2000 times
for interval in (drawn_interval, t_interval):
    holds = [low <= 0 <= high for low, high in map(interval, people)]
    print(f"{interval.__name__:<16}holds the true mean in {np.mean(holds):.1%} of 2000 trials")
for what, by_speaker in (("new voices", unknown), ("the flattery", known - unknown)):
    (low, high), (t_low, t_high) = drawn_interval(by_speaker), t_interval(by_speaker)
    print(f"{what:<13}{by_speaker.mean():.3f}   drawn: {low:.3f} … {high:.3f}   by t: {t_low:.3f} … {t_high:.3f}")

# %% [markdown]
# The flattery is beyond doubt, even so. How good the network is for the next person is known only roughly, and more
# utterances of the same ten would not help. Only more people would. (`numser.crossval --speakers` prints both intervals:
# over utterances, and over people by Student's t.)
#
# ## 5. Choosing is training
#
# The step that counts was chosen by validation. What if we choose it by the *test*: train, look at the test curve, take its
# best point? Nothing of the network changes. Only the report does.
#
# **Guess first.** How many points can be had by looking?

# %%
chosen = {"by validation": [], "by the test": []}
for split, run in zip(ways["speakers left out"], runs["speakers left out"], strict=True):
    truth = dataset.labels[split.test]
    test_ua = [unweighted_accuracy(confusion_matrix(truth, p, len(classes))) for p in run.predicted]
    chosen["by validation"].append(test_ua[run.validation_ua.argmax()])
    chosen["by the test"].append(max(test_ua))
for how, uas in chosen.items():
    print(f"step chosen {how:<14} UA {np.mean(uas):.3f}")
print(f"won by looking: {100 * (np.mean(chosen['by the test']) - np.mean(chosen['by validation'])):+.1f} points")

# %% [markdown]
# That gain can never be negative: the best of twelve numbers is at least as large as any one of them. So it says nothing
# about the network. The same holds for choosing blocks, losses, learning rates or seeds by the test. **Whatever was
# chosen by looking at a set, that set cannot judge.** It is a validation set then, and another is needed for the test.
#
# ## 6. The real network
#
# Now numser's whole network on all of Emo-DB, 535 recordings. The trainings take hours, so here are their committed
# results, made by
#
#     python -m numser.crossval --corpus emodb                                     # the paper's nine runs
#     python -m numser.crossval --corpus emodb --speakers --train-on-validation    # one speaker left out after the other

# %%
runs_of_one_test = [read_result(p) for p in sorted(results.glob("blocks4-ce/folds/fold*/result.json"))]
with open(results / "blocks4-ce" / "speakers" / "folds.csv", newline="") as file:
    speaker_uas = [float(row["ua"]) for row in csv.DictReader(file)]
random_uas, once = [run.ua for run in runs_of_one_test], summarise(runs_of_one_test)
rows = {
    f"{len(random_uas)} runs, one test subset": (random_uas, once["ua_interval"]),
    f"{len(speaker_uas)} speakers left out": (speaker_uas, emodb["ua_interval"]),
}
print(f"recordings tested: {once['test_utterances']} and {emodb['test_utterances']}")
figure, ax = plt.subplots(figsize=(9, 2.4))
dots(rows, ax)
low, high = t_interval(speaker_uas)
ax.plot([low, high], [0.6, 0.6], color=plots.GREEN, linewidth=3, solid_capstyle="butt")
ax.annotate(
    "over speakers, by t", (low, 0.6), (-4, 0), textcoords="offset points", ha="right", va="center", color=plots.GREEN
)
# Picture: UA on Emo-DB, of nine runs on one subset and of ten speakers left out, with bars over
# utterances, and a green one over speakers.
plt.show()
print(f"difference of the means: {np.mean(random_uas) - np.mean(speaker_uas):+.3f}")
print(f"new voices, over speakers, by t: {low:.3f} … {high:.3f}")

# %% [markdown]
# (These means are of the runs' UA. The table of section 1 adds up all recordings before it divides, and gives a slightly
# other UA. Both are honest; say which one you report.)
#
# Look at three things. First, the widths: a fixed test subset is a tenth of the recordings, and no number of runs makes its
# bar narrower. Leaving out each speaker in turn tests on all of them. Second, whether the bars of the two rows overlap. If
# they do, these recordings are too few to say how much random subsets flatter the whole network; that they *can* flatter,
# and by much, the small one has shown. Third, the circles of the lower row: each is a person. The mean is a promise
# about people on average, and to none of them.
#
# The paper's UA on Emo-DB is 0.901, tested as the upper row is. It lies within that row's bar, near its end: 53 recordings
# cannot tell whether the paper's network is better. What either would do for a new voice, only the lower row says.
#
# ## What you can do now
#
# Read a table of results and say what it promises, to whom, and how surely; and plan a test of your own that nobody can
# call flattering.
#
# ## What to keep
#
# - Show the confusion matrix. Report UA, and say what chance gives.
# - Ask what the figure promises. New people? Then nobody may stand on both sides.
# - An error bar comes from drawing the test anew, not from repeating the training. Draw what the promise is about:
#   utterances, or people. Compare two networks on the same ones.
# - Choose by validation, test once.
#
# The answers, and wrong ones: `solutions/09_honest_evaluation.py`. Next: [10 · making it fast](10_making_it_fast.ipynb).
