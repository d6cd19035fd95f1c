# %% [markdown]
# # 12 · Your own recordings
#
# **Question.** You record some friends, angry, neutral and sad, train the network on most of the clips, and it is right in
# nearly all of the others. What have you shown?
#
# **[The paper](https://doi.org/10.21437/Interspeech.2020-2408)** (§1): “the training data for SER is extremely limited.”
#
# Yours will be more limited still, which is why you will meet in an afternoon what others meet in a year. At the end you
# have a corpus of your own, have trained on it, have listened to the network's mistakes, and know three ways in which
# such a figure deceives: *level*, *leakage*, and too few recordings.
#
# *Two hours, and one for recording. You need lessons 08 and 09. numser's files: `numser/corpora/folder.py`,
# `numser/train.py` and `numser/report/`.*

# %%
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from checks import your_own_recordings as check
from numser import plots
from numser.audio import SAMPLE_RATE
from numser.corpora import load_corpus
from numser.corpora.synthetic import perform
from numser.features import log_mel, mel_power, speech_level
from numser.metrics import confusion_matrix, unweighted_accuracy
from numser.runs.result import read_result
from shown import listen

plt = plots.pyplot()

# %% [markdown]
# ## 1. Record
#
# A telephone will do. Take a sentence that suits every feeling, such as “the tablecloth is lying on the refrigerator”, and
# say it angrily, neutrally and sadly; two other sentences likewise. With four people that makes **twelve clips a class**.
# One clip a sentence, one to four seconds long. Ask everybody whether you may keep it, and for how long: a voice is
# personal data.
#
# The folders say who speaks, and how; the files' names are up to you:
#
#     my-recordings/anna/anger/tablecloth.wav
#     my-recordings/anna/neutral/tablecloth.m4a
#     my-recordings/ben/anger/tablecloth.wav      …
#
# Then write the folder's path into the next cell (or set `NUMSER_RECORDINGS`), and run it all again. Until then four made-up
# people stand in. They were recorded as such things are: three of an afternoon, but all the sad clips on another day, when
# the microphone stood nearer.

# %%
RECORDINGS = os.environ.get("NUMSER_RECORDINGS")  # or "my-recordings"
LAYOUT = "speaker/label"
work = Path(tempfile.mkdtemp())


def make_up(folder, nearer):
    """Four people, three labels, three sentences; `nearer` has the dB that a label's clips are louder."""
    for speaker in ("02", "04", "07", "08"):
        for label in ("anger", "neutral", "sadness"):
            for text in ("a01", "a02", "a03"):
                x = perform(speaker, text, label).utterance.waveform
                x = x * 0.03 / x.std() * 10 ** (nearer.get(label, 0) / 20)
                path = folder / speaker / label / f"{text}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, x, SAMPLE_RATE)
    return folder


folder = RECORDINGS or make_up(work / "made-up", nearer={"sadness": 10})
corpus = load_corpus("folder", Path(folder), layout=LAYOUT)
utterances = corpus.utterances
names = np.array([u.name for u in utterances])
labels = np.array([u.label for u in utterances])
speakers = np.array([u.speaker for u in utterances])
classes, people = sorted(set(labels)), sorted(set(speakers))
print(f"{len(utterances)} clips; of each label {[int(np.sum(labels == c)) for c in classes]}; {len(people)} people")

# %% [markdown]
# ## 2. Look, and listen, before you train
#
# Nobody knows your clips better than your ears. Hear one of each label. Is anything wrong that has nothing to do with
# feeling: a hum, another room, a clipped shout?

# %%
waveforms = [u.read() for u in utterances]
for label in classes:
    first = int(np.flatnonzero(labels == label)[0])
    listen(waveforms[first], names[first])

# %% [markdown]
# Then measure what is easily measured. How loud is the speech in each clip? `speech_level` is the median power of the frames
# in which somebody speaks.
#
# **Guess first.** Which label will be the loudest?

# %%
levels = np.array([10 * np.log10(speech_level(mel_power(x))) for x in waveforms])
figure, ax = plt.subplots(figsize=(7, 2.6))
for k, label in enumerate(classes):
    of_it = labels == label
    ax.plot(levels[of_it], k + np.linspace(-0.2, 0.2, of_it.sum()), "o", fillstyle="none", color=plots.BLUE)
ax.set_yticks(range(len(classes)), classes)
ax.set(xlabel="level of the speech (dB)", title="a circle a clip")
# Picture: Levels of the clips, a circle each, a row a label. Among the made-up ones anger is lowest, neutral in between, and
# the sad clips lie apart on the right.
plt.show()

# %% [markdown]
# Among the made-up clips it is sadness, which is the loudest of no feeling: it is that other day. Whoever measures nothing but loudness can tell the
# sad ones. How much would such a listener score? That is the first figure to know of any corpus: what can be had **without
# listening to what it is about**.
#
# ### Exercise 1 · level alone
#
# Write `level_alone(levels, labels, speakers)`: B numbers, and two lists of B texts. Each clip gets the label whose mean
# level is nearest to its own; the means are over the clips of all *other* speakers. Return the B labels.
#
# <details><summary>Hint 1</summary>
#
# `others = np.array(speakers) != speakers[k]` is True where somebody else speaks.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A mean a label in a dict; then `min(means, key=lambda label: abs(means[label] - levels[k]))`.
#
# </details>


# %%
def level_alone(levels, labels, speakers):
    raise NotImplementedError


# %%
check.level_alone(level_alone)

# %% [markdown]
# Now the same listener, and one that does listen: it takes the nearest clip by mean log-mel (lesson 09's 128 numbers). Give
# both of them the clips as they are, and as they would be from **a third day**, with all microphones at the same distance.


# %%
def nearest_mean(x, train, test):
    """Labels of the test clips, each that of the nearest class mean; x (B, n)."""
    means = np.array([x[0][train & (labels == c)].mean(axis=0) for c in classes])
    distance = ((x[1][test][:, np.newaxis] - means) ** 2).sum(axis=2)
    return np.array(classes)[distance.argmin(axis=1)]


def left_out(learned, heard):
    """UA over all clips, each person being left out once: learn from `learned`, recognise `heard`."""
    said = np.empty_like(labels)
    for person in people:
        said[speakers == person] = nearest_mean((learned, heard), speakers != person, speakers == person)
    truth, found = (np.searchsorted(classes, some) for some in (labels, said))
    return unweighted_accuracy(confusion_matrix(truth, found, len(classes)))


def described(waveforms):
    """What three listeners take of each clip: its level, its mean log-mel, and that without its level."""
    bands = np.array([log_mel(x).mean(axis=0) for x in waveforms])
    level = np.array([[10 * np.log10(speech_level(mel_power(x)))] for x in waveforms])
    return {"level alone": level, "mean log-mel": bands, "mean log-mel, level taken out": bands - level}


third_day = [0.03 * x / x.std() for x in waveforms]
print(f"{'UA, each person left out once':<32}{'as recorded':>12}{'third day':>12}    (chance {1 / len(classes):.2f})")
as_recorded, later = described(waveforms), described(third_day)
for listener, x in as_recorded.items():
    print(f"{listener:<32}{left_out(x, x):>12.2f}{left_out(x, later[listener]):>12.2f}")

# %% [markdown]
# Read the first line. Level alone scores far above chance, with nobody on both sides, and it has heard nothing. On the third
# day it falls. The second line has the level in all of its 128 numbers, and falls as well. The third does not move.
#
# **Leaving people out protects against voices, not against afternoons.** What differs between your labels besides the
# feeling will be found: level, room, day, file format, length of the pause at the beginning. So record all labels in one
# sitting, in turns. Against level numser helps itself: its recipe counts decibels from each recording's own speech
# (`--level speech`). The paper's does not.
#
# ## 3. Train
#
# The last person is the test. Few clips are left, so those that would validate train as well: nothing is chosen by them, since
# the recipe keeps the last step's weights. One block and 60 steps instead of four and 600, so that you need not wait; for
# your own clips leave these two options out.
#
# **Guess first.** The network has hundreds of thousands of weights, and 27 clips to learn from. Will it know the sad ones of
# the fourth person?

# %%
run = work / "run"
command = (
    f"-m numser.train --corpus folder --data {folder} --layout {LAYOUT} --test-speaker {people[-1]} "
    f"--train-on-validation --blocks 1 --steps 60 --validate-every 60 --out {run}"
)
print("python", command.replace(str(work), "…"))
done = subprocess.run([sys.executable, *command.split()], capture_output=True, text=True)
print(done.stderr if done.returncode else done.stdout[done.stdout.index("test on") :].splitlines()[0])

# %% [markdown]
# ### Listen to the mistakes
#
# A figure says how many. Only your ears can say why. Here are the network's most certain mistakes, and where there are none,
# as among the made-up voices, which differ less than people do, the answers it was least sure of:

# %%
result = read_result(run / "result.json")
plots.confusion(result.confusion, result.labels)
# Picture: Confusion matrix of the few test clips, true by recognised.
plt.show()
certain = sorted(result.utterances, key=lambda u: (u.right, max(u.probabilities) * (1 if u.right else -1)))
for u in certain[:3]:
    said = ", ".join(f"{label} {p:.2f}" for label, p in zip(result.labels, u.probabilities, strict=True))
    listen(waveforms[int(np.flatnonzero(names == u.name)[0])], f"{u.name}: {said}")

# %% [markdown]
# For each of them write down one sentence: would *you* have known? Is the label right? Is something in the recording that is in
# no other? Mistakes come in kinds, and one kind that you understand is worth more than a hundredth of UA.
#
# The whole run, with every clip to see and hear, the attention over it and the learning curves, is a page of its own:
#
#     python -m numser.report RUN        with the folder that --out named
#
# ## 4. Leakage
#
# Thirty-six clips are few, so people make more of them: two copies of each, with a little noise, cut a little shorter. There
# is nothing wrong with that (numser does so in training). But when? Whoever copies first, and draws the test afterwards,
# has copies of one recording on both sides. So here are our clips, each three times, and a listener that takes the label of
# the *nearest* other one. What differs is what it may look at. The second column is lesson 08's trick: the labels are dealt
# out anew at random, to whole recordings. There is nothing to hear in them, and whoever scores above chance is not listening.
#
# **Guess first.** How much will it lose when it may not look at copies of the same recording? And what will it score with
# labels at random?

# %%
rng = np.random.default_rng(12)


def copy(x):
    """A little shorter at both ends, with noise 25 dB below."""
    begin, end = rng.integers(0, len(x) // 20, 2)
    return x[begin : len(x) - end] + 10 ** (-25 / 20) * x.std() * rng.standard_normal(len(x) - begin - end)


copies = [some for x in waveforms for some in (x, copy(x), copy(x))]
of_clip = np.repeat(np.arange(len(waveforms)), 3)
bands = np.array([log_mel(some.astype(np.float32)).mean(axis=0) for some in copies])
bands -= bands.mean(axis=1, keepdims=True)
distance = ((bands[:, np.newaxis] - bands) ** 2).sum(axis=2)


def score(given, nearest):
    truth = np.searchsorted(classes, given[of_clip])
    return unweighted_accuracy(confusion_matrix(truth, truth[nearest], len(classes)))


print(
    f"{'UA of the nearest, which may be':<36}{'true labels':>12}{'at random':>12}    (chance {1 / len(classes):.2f})"
)
for what, hidden in (
    ("any other clip", np.eye(len(copies), dtype=bool)),
    ("a clip of another recording", of_clip[:, np.newaxis] == of_clip),
    ("a clip of another person", speakers[of_clip][:, np.newaxis] == speakers[of_clip]),
):
    nearest = np.where(hidden, np.inf, distance).argmin(axis=1)
    dealt = np.mean([score(rng.permutation(labels), nearest) for _ in range(50)])
    print(f"{what:<36}{score(labels, nearest):>12.2f}{dealt:>12.2f}")

# %% [markdown]
# The first line is nearly perfect, and far above chance even for labels that mean nothing: it recognises recordings. That is
# *leakage*: what is tested was, in part, learned. It comes by copies, by the same clip in two formats, by the pieces of one long recording,
# which share a room and a mood, and by people; and no error message tells of it. With labels at random you can ask for it.
#
# ### Exercise 2 · what stands on both sides
#
# Write `leaks(train, test)`: two lists of clips' names, such as `anna/anger/tablecloth_2.wav`: speaker, label, recording,
# an underscore, and the copy's number. A recording's name may hold underscores itself. Return `(recordings, speakers)`:
# two sorted lists of what has clips in both; a recording as `anna/anger/tablecloth`, a speaker as `anna`.
#
# <details><summary>Hint 1</summary>
#
# `name.rpartition("_")[0]` is what stands before the *last* underscore; `name.split("/")[0]` is the speaker.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Sets have `&`.
#
# </details>


# %%
def leaks(train, test):
    raise NotImplementedError


# %%
check.leaks(leaks)

# %% [markdown]
# ## 5. Too few
#
# Look again at what the training printed: it may be all of them. But of how many? By lesson 09, with $K$ labels, $n$ test clips
# of each, and a recall of $p$ for all of them, UA lies 95 % of the time within
#
# $$\pm\, 1.96\, \sqrt{\frac{p\,(1 - p)}{n K}}$$
#
# **Guess first.** How many clips of each label must be tested to know UA to five points?

# %%
n = np.arange(3, 400)
p = 0.8
figure, ax = plt.subplots(figsize=(7.5, 2.8))
ax.semilogx(n, 100 * 1.96 * np.sqrt(p * (1 - p) / (n * len(classes))))
for clips, what in ((3, "one person, as here"), (12, "all of them, each person once")):
    width = 100 * 1.96 * np.sqrt(p * (1 - p) / (clips * len(classes)))
    ax.plot([clips], [width], "o", color=plots.ORANGE)
    ax.annotate(f"{what}: ± {width:.0f}", (clips, width), (8, 3), textcoords="offset points")
ax.set(
    xlabel="test clips of each label",
    ylabel="± points of UA",
    ylim=(0, None),
    title=f"{len(classes)} labels, recall {p}",
)
# Picture: Half the width of the interval of UA over test clips a label, on a logarithmic scale: it falls from some 26 points
# at 3 clips to 13 at 12, and to a few at 400.
plt.show()

# %% [markdown]
# With one person's nine clips, 0.8 may be 0.54, and it may be 1. Testing everybody in turn
# (`python -m numser.crossval --corpus folder --speakers`) halves the bar at no cost but time. And the formula still draws
# clips: about *people*, four say next to nothing (lesson 09, section 4).
#
# ### Exercise 3 · how many
#
# Write `clips_needed(recall, classes, half_width)`: the smallest whole number n of test clips of each label with which the
# interval above is at most ± `half_width` (a share, such as 0.05).
#
# <details><summary>Hint</summary>
#
# Solve for n, and round up. If all are right, p (1 − p) is 0; but nobody can test with no clip at all.
#
# </details>


# %%
def clips_needed(recall, classes, half_width):
    raise NotImplementedError


# %%
check.clips_needed(clips_needed)

# %% [markdown]
# ## 6. Now yours
#
# 1. Record, and fill in the folder's path above. Run the lesson. What does level alone score?
# 2. Train on all but one person, with the default steps, and write the report. Hear every mistake.
# 3. Leave out each person in turn: `python -m numser.crossval --corpus folder --data my-recordings --layout speaker/label
#    --speakers`. Give UA, its interval over people, and chance.
# 4. Compare with the model that comes with numser, which has learned from ten others: `python -m numser.evaluate --corpus
#    folder --data my-recordings --layout speaker/label`. What does it confuse that yours does not?
# 5. Write one page: what you recorded and how, what was tested on whom, the figure with its bar, three mistakes and their
#    reasons, and what you would record next.
#
# What helps most? More people, before more clips of the same. And honesty: “it knows me and my friends” is a fine result.
#
# ## What you can do now
#
# Make a corpus, train on it, and say what the figure promises, and what else could have brought it about.
#
# ## What to keep
#
# - Ask of every corpus what can be had without listening: level, length, room, day.
# - What is tested must not have been learned in part: no copies or pieces of one recording, and no person, on
#   both sides. Labels dealt out at random tell.
# - Nine clips are ± 26 points. Test everybody in turn, and write the bar beside the figure.
# - Listen to the mistakes.
#
# The answers, and wrong ones: `solutions/12_your_own_recordings.py`.
