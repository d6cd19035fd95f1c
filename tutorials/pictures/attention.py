"""Draw what the network sees in one utterance, and where it looks.

python tutorials/pictures/attention.py runs/synthetic-speaker09-10/model.npz

The utterance is an angry one of the built-in corpus, spoken by one of the two speakers that README's first command
leaves out of the training. It was chosen before anybody looked at the attention in it.
"""

import sys
from pathlib import Path

import numser
from numser import plots
from numser.audio import SAMPLE_RATE
from numser.corpora.synthetic import perform
from numser.features import log_mel

plots.pyplot().rcParams.update({"font.size": 9, "figure.dpi": 110})
utterance = perform("10", "b03", "anger").utterance
prediction = numser.load(sys.argv[1]).predict(utterance.waveform, SAMPLE_RATE)
share = prediction.probabilities[prediction.label]
above, _ = plots.attention(log_mel(utterance.waveform), prediction.seconds, prediction.attention, span=utterance.span)
above.set_title(f"intended: {utterance.label}      recognised: {prediction.label} ({share:.0%})", fontsize=9)
above.figure.savefig(Path(__file__).with_suffix(".png"))
