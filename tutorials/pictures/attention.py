"""Draw what the network sees in one utterance, and where it looks.

python tutorials/pictures/attention.py runs/synthetic-speaker09-10/model.npz

The utterance is an angry one of the built-in corpus, spoken by one of the two speakers that README's first command
leaves out of the training. It was chosen before anybody looked at the attention in it.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import numser
from numser.audio import SAMPLE_RATE
from numser.corpora.synthetic import perform
from numser.features import log_mel

utterance = perform("10", "b03", "anger").utterance
prediction = numser.load(sys.argv[1]).predict(utterance.waveform, SAMPLE_RATE)
frames = log_mel(utterance.waveform)
seconds = len(frames) / 100

plt.rcParams.update({"font.size": 9, "font.family": "sans-serif"})
figure, (above, below) = plt.subplots(
    2, 1, sharex=True, figsize=(8, 4), height_ratios=(3, 1), layout="constrained", dpi=110
)
above.imshow(frames.T, origin="lower", aspect="auto", cmap="magma", extent=(0, seconds, 0, frames.shape[1]))
above.set_ylabel("mel band")
share = prediction.probabilities[prediction.label]
above.set_title(f"intended: {utterance.label}      recognised: {prediction.label} ({share:.0%})", fontsize=9)

below.fill_between(prediction.seconds, prediction.attention, color="#3b6fb6", linewidth=0)
below.axhline(1 / len(prediction.attention), color="#777777", linewidth=0.8, linestyle=":")
start, end = utterance.span
top = 1.15 * np.max(prediction.attention)
below.plot([start, end], [top, top], color="#d9801f", linewidth=4, solid_capstyle="butt")
below.annotate("where the emotion was put", ((start + end) / 2, top), (0, -5), ha="center", va="top",
               color="#a85d0c", textcoords="offset points")  # fmt: skip
below.set(xlabel="seconds", ylabel="attention", ylim=(0, 1.25 * top), xlim=(0, seconds))
below.spines[["top", "right"]].set_visible(False)
figure.savefig(Path(__file__).with_suffix(".png"))
