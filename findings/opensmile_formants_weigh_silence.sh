#!/usr/bin/env bash
# openSMILE: eGeMAPS's amplitudes of formants say how long nobody speaks.
#
# Guess, before running: what is called …_sma3nz is averaged over frames that are not zero, which are those with a voice,
# so silence behind a voice leaves it as it was.
#
# Seen, opensmile 2.6.0, eGeMAPSv02, 16 kHz, two seconds of harmonics of 150 Hz:
#
#     behind them                        nothing    0.5 s silence    2 s silence    2 s noise
#     F1amplitudeLogRelF0, dB            -9.2       -45.3            -104.6         -104.6
#     F2amplitudeLogRelF0, dB            -18.2      -52.7            -109.2         -109.2
#     F1frequency, Hz                    639        638              638            638
#     logRelF0-H1-A3, dB                 17.5       17.4             17.4           17.4
#
# Frames without a voice have 0 in the other features, and are left out; here they have -201, which is not 0, and so
# they are counted. The mean is about -9 times the share of voice, less 201 times the share of the rest; the normalised
# spread goes with it.
#
# For us: pauses before and after a sentence, which say how somebody cut it, become six features that by their names
# know nothing of pauses. Cut them off before eGeMAPS is compared with numser on two corpora, or leave out the six.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "opensmile==2.6.0" "numpy==2.2.6"
cat > probe.py <<'PYTHON'
import numpy as np
import opensmile

RATE = 16000
sets = opensmile.FeatureSet.eGeMAPSv02
functionals = opensmile.Smile(sets, opensmile.FeatureLevel.Functionals)
frames = opensmile.Smile(sets, opensmile.FeatureLevel.LowLevelDescriptors)
time = np.arange(2 * RATE) / RATE
voice = 0.1 * sum(np.sin(2 * np.pi * k * 150 * time) / k for k in range(1, 47))
behind = {
    "nothing": np.zeros(0),
    "0.5 s silence": np.zeros(RATE // 2),
    "2 s silence": np.zeros(2 * RATE),
    "2 s noise": np.random.default_rng(0).normal(0, 0.01, 2 * RATE),
}
seen = {}
print("opensmile", opensmile.__version__)
for what, rest in behind.items():
    sound = np.concatenate([voice, rest]).astype(np.float32)
    row = functionals.process_signal(sound, RATE).iloc[0]
    names = "F1amplitudeLogRelF0", "F2amplitudeLogRelF0", "F1frequency", "logRelF0-H1-A3"
    seen[what] = [float(row[f"{name}_sma3nz_amean"]) for name in names]
    least = float(frames.process_signal(sound, RATE)["F1amplitudeLogRelF0_sma3nz"].min())
    print(f"{what}:", *(f"{value:.1f}" for value in seen[what]), f" least in a frame {least:.0f}")
    assert (least == -201) == (what != "nothing")
found = np.array(list(seen.values()))
assert np.allclose(found[:, 0], [-9.2, -45.3, -104.6, -104.6], atol=0.2)
assert np.allclose(found[:, 1], [-18.2, -52.7, -109.2, -109.2], atol=0.2)
assert np.ptp(found[:, 2]) < 2 and np.ptp(found[:, 3]) < 0.1
PYTHON
venv/bin/python probe.py
