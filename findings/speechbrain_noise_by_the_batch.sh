#!/usr/bin/env bash
# speechbrain: white noise added to a batch at 10 dB is the fainter, the longer the other recordings are.
#
# Guess, before running: AddNoise, which is told the lengths of the recordings in a batch, gives each the ratio asked
# for over what is its own, whatever stands beside it.
#
# Seen, speechbrain 1.1.2, AddNoise(snr_low=10, snr_high=10), two recordings in a batch, one of 4 s and one that is
# shorter and padded with zeros; the ratio that the shorter one was given, dB:
#
#     its length, s                         4       2       1       0.5
#     white noise (no csv_file)             10.0    13.0    16.0    19.0
#     white noise, read from a file         10.0    10.0    10.0    10.0
#     white noise, alone in its batch       10.0    10.0    10.0    10.0
#
# The noise that is made there is as long as the batch, and its power is summed over all of that, but divided by the
# length of the recording. The recording of 4 s is given 10.0 dB throughout.
#
# For us: of emotions, those said in short sentences are trained with less noise than asked for, and tests in noise, in
# batches, are easier for short recordings. Give the noise as files, or one recording at a time; a figure in noise that
# was got so is not to be compared with numser's.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "speechbrain==1.1.2" "torch==2.14.1" "torchaudio==2.11.1" "numpy==2.4.6" "scipy==1.17.1" \
  "soundfile==0.14.0"
cat > probe.py <<'PYTHON'
import pathlib
import warnings
from importlib.metadata import version

import numpy as np
import soundfile
import torch

warnings.simplefilter("ignore")
from speechbrain.augment.time_domain import AddNoise

RATE, LONGEST, ASKED = 16000, 4.0, 10
SHORTER = 4.0, 2.0, 1.0, 0.5
torch.manual_seed(0)


def recording(seconds):
    """A tone of 200 Hz: of the recording itself so much is left in the mix that it can be told from noise."""
    return 0.1 * torch.sin(2 * torch.pi * 200 * torch.arange(int(seconds * RATE)) / RATE)


def ratio(clean, noisy):
    """In dB; the recording is scaled as noise is added."""
    kept = (clean @ noisy) / (clean @ clean) * clean
    return float(10 * torch.log10(kept.square().mean() / (noisy - kept).square().mean()))


def in_a_batch(noise, seconds):
    """Ratio of the longest recording and of the shorter one, each over its own length."""
    long, short = recording(LONGEST), recording(seconds)
    batch = torch.nn.utils.rnn.pad_sequence([long, short], batch_first=True)
    noisy = noise(batch, torch.tensor([1.0, seconds / LONGEST]))
    return ratio(long, noisy[0]), ratio(short, noisy[1, : len(short)])


soundfile.write("noise.wav", 0.1 * np.random.default_rng(0).normal(size=10 * RATE), RATE)
rows = "".join(f"noise{n},10.0,{pathlib.Path('noise.wav').resolve()},wav,\n" for n in range(8))
pathlib.Path("noise.csv").write_text("ID,duration,wav,wav_format,wav_opts\n" + rows)
made = AddNoise(snr_low=ASKED, snr_high=ASKED)
read = AddNoise("noise.csv", snr_low=ASKED, snr_high=ASKED)
print("speechbrain", version("speechbrain"))
for seconds, expected in zip(SHORTER, (10.0, 13.0, 16.0, 19.0)):
    found = [*in_a_batch(made, seconds), *in_a_batch(read, seconds)]
    alone = ratio(recording(seconds), made(recording(seconds)[None], torch.ones(1))[0])
    print(f"{seconds} s:", *(f"{ratio:.1f}" for ratio in found), f"alone {alone:.1f} dB")
    assert np.allclose(found, [ASKED, expected, ASKED, ASKED], atol=0.3) and abs(alone - ASKED) < 0.3
PYTHON
venv/bin/python probe.py
