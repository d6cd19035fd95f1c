#!/usr/bin/env bash
# openSMILE: in eGeMAPS's HNR, jitter, shimmer and normalised spread of F0 there is the height of the voice.
#
# Guess, before running: of a sound of harmonics that repeats exactly, without any noise, jitter and shimmer are 0 and
# HNR is 30 dB or more, whatever its pitch, for that is what Praat finds. A melody moves as far in semitones when it is
# sung an octave higher, so F0semitone…_stddevNorm, the normalised spread, stays the same.
#
# Seen, opensmile 2.6.0, eGeMAPSv02, 16 kHz, three seconds, harmonics to 7 kHz; praat-parselmouth 0.4.7 beside it:
#
#     F0, Hz, constant              100     123.4    200     251.3
#     HNRdBACF, dB                  7.1     8.9      13.4    14.2       Praat: over 40
#     jitterLocal, %                0.00    0.42     0.00    0.82       Praat: 0.00
#     shimmerLocaldB, dB            0.00    0.44     0.00    0.46       Praat: 0.00
#
#     F0, Hz, ± 2 semitones         100              200
#     F0semitone…_stddevNorm        0.064            0.042              the spread is 1.4 st in both
#
# It looks as if the autocorrelation were not divided by that of its window, so that a long period loses more than noise
# would take; and as if periods and peaks were sought from sample to sample, so that only one of whole samples is regular.
# The spread is divided by the mean in semitones above 27.5 Hz, an origin that nobody's voice has.
#
# For us: anger, which is higher than neutral speech, is more jittery in Emo-DB by eGeMAPS and less by Praat. Who compares
# voices should ask both tools, and take the spread in semitones, undivided.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "opensmile==2.6.0" "praat-parselmouth==0.4.7" "numpy==2.2.6"
cat > probe.py <<'PYTHON'
import numpy as np
import opensmile
import parselmouth
from parselmouth.praat import call

RATE = 16000
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)


def voice(f0, semitones=0.0):
    time = np.arange(3 * RATE) / RATE
    phase = np.cumsum(f0 * 2 ** (semitones * np.sin(2 * np.pi * time) / 12)) / RATE
    return (0.1 * sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, int(7000 / f0)))).astype(np.float32)


def egemaps(sound):
    row = smile.process_signal(sound, RATE).iloc[0]
    return {name.replace("_sma3nz", "").replace("_amean", ""): value for name, value in row.items()}


def praat(sound):
    sound = parselmouth.Sound(sound.astype(float), RATE)
    pitch = call(sound, "To Pitch", 0, 60, 600)
    pulses = call([sound, pitch], "To PointProcess (cc)")
    harmonicity = call(sound, "To Harmonicity (cc)", 0.01, 60, 0.1, 1)
    jitter = call(pulses, "Get jitter (local)", 0, 0, 1e-4, 0.02, 1.3)
    shimmer = call([sound, pulses], "Get shimmer (local_dB)", 0, 0, 1e-4, 0.02, 1.3, 1.6)
    return call(harmonicity, "Get mean", 0, 0), 100 * jitter, shimmer


print("opensmile", opensmile.__version__, "Praat", parselmouth.PRAAT_VERSION)
for f0, hnr, jitter, shimmer in ((100, 7.1, 0, 0), (123.4, 8.9, 0.42, 0.44), (200, 13.4, 0, 0), (251.3, 14.2, 0.82, 0.46)):
    e, p = egemaps(voice(f0)), praat(voice(f0))
    found = e["HNRdBACF"], 100 * e["jitterLocal"], e["shimmerLocaldB"]
    print(f0, "eGeMAPS HNR, jitter, shimmer", *(f"{x:.2f}" for x in found), " Praat", *(f"{x:.2f}" for x in p))
    assert np.allclose(found, (hnr, jitter, shimmer), atol=0.06)
    assert p[0] > 40 and p[1] < 0.02 and p[2] < 0.02
low, high = (egemaps(voice(f0, 2))["F0semitoneFrom27.5Hz_stddevNorm"] for f0 in (100, 200))
print("normalised spread", f"{low:.4f} {high:.4f}")
assert np.allclose((low, high), (0.064, 0.042), atol=0.001)
PYTHON
venv/bin/python probe.py
