#!/usr/bin/env bash
# Essentia: PitchYinProbabilistic gives a voice the notes of a piano, and a steady one often those of another octave.
#
# Guess, before running: pYIN gives F0 in Hz, near that of PitchYin in the same library, and follows a melody smoothly.
#
# Seen, essentia 2.1b6.dev1389, all by its defaults (44.1 kHz, frames of 2048), harmonics, medians in Hz:
#
#     F0, steady                   105      120      137      150      173      200      250      440
#     PitchYinProbabilistic        110.0    123.5    130.8    61.7     349.2    196.0    246.9    293.7
#     PitchYin                     104.9    119.9    136.9    149.9    172.8    199.8    249.8    439.6
#
#     F0, moving around 130 Hz, semitones          ± 0.3    ± 1
#     its standard deviation, semitones            0.21     0.71
#     by PitchYinProbabilistic                     0.00     0.31
#     by PitchYin                                  0.21     0.71
#
# Over a glide of two octaves it gives 24 values, each a note of the piano, tuned to 440 Hz.
#
# For us: how lively somebody speaks, which tells sadness from joy, comes out in steps of a semitone, and as none where
# the voice moves by less. Take PitchYin, or Praat.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "essentia==2.1b6.dev1389" "numpy==1.26.4"
cat > probe.py <<'PYTHON'
from importlib.metadata import version

import numpy as np
import essentia
import essentia.standard

essentia.log.infoActive = False
RATE = 44100
VOICES = (105, 120, 137, 150, 173, 200, 250, 440)


def voice(f0, seconds=2):
    """Harmonics up to 7 kHz; f0, in Hz, may vary."""
    f0 = np.broadcast_to(f0, seconds * RATE)
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    sound = sum(np.cos(k * phase + 0.7 * k * k) / k for k in range(1, int(7000 / f0.max()) + 1))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def by_pyin(sound):
    return np.abs(essentia.standard.PitchYinProbabilistic()(sound)[0])


def by_yin(sound):
    yin = essentia.standard.PitchYin()
    return [yin(frame)[0] for frame in essentia.standard.FrameGenerator(sound, 2048, 2048)][2:-2]


print("essentia", version("essentia"))
pyin, yin = ([np.median(by(voice(f0))) for f0 in VOICES] for by in (by_pyin, by_yin))
print("PitchYinProbabilistic", *(f"{f0:.1f}" for f0 in pyin), " PitchYin", *(f"{f0:.1f}" for f0 in yin))
assert np.allclose(yin, VOICES, rtol=0.005)
assert np.allclose(pyin, (110.0, 123.5, 130.8, 61.7, 349.2, 196.0, 246.9, 293.7), atol=0.1)

glide = np.unique(by_pyin(voice(100 * 2 ** (np.arange(4 * RATE) / RATE / 2), 4)).round(2))
notes = 12 * np.log2(glide / 440)
print("glide:", len(glide), "values, at most", f"{np.abs(notes - notes.round()).max():.3f} semitones from a note")
assert len(glide) <= 25 and np.abs(notes - notes.round()).max() < 0.005

for width, *expected in (0.3, 0.21, 0.00, 0.21), (1, 0.71, 0.31, 0.71):
    melody = 130 * 2 ** (width / 12 * np.sin(6 * np.pi * np.arange(3 * RATE) / RATE))
    sound = voice(melody, 3)
    spreads = [np.std(12 * np.log2(f0)) for f0 in (melody, by_pyin(sound)[20:-20], by_yin(sound))]
    print(f"± {width} semitones: {spreads[0]:.2f}, by pYIN {spreads[1]:.2f}, by YIN {spreads[2]:.2f}")
    assert np.allclose(spreads, expected, atol=0.03)
PYTHON
venv/bin/python probe.py
