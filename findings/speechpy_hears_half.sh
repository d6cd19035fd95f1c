#!/usr/bin/env bash
# speechpy: of 16 kHz speech its mel features, MFCCs too, are those of 150 Hz to 4 kHz, whatever was asked for.
#
# Guess, before running: bands from low_frequency 0 to high_frequency 8000 cover the spectrum up to 8 kHz, and a tone is
# loudest in the band around it. Of n samples there are 1 + floor((n - window) / step) frames.
#
# Seen, speechpy 2.4, 16 kHz, fft_length 512, low_frequency 0, high_frequency 8000:
#
#     the filters' weights lie between                       156 and 3969 Hz
#     energy of all bands, tone of 6 kHz against 1 kHz       -34 dB, what leaks
#     frames of exactly one window, and of one more step     0 and 1
#
# Bins are counted as if 257, the number of bins, were the FFT's length of 512, so every filter lies at half its
# frequency; and a low_frequency of 0 is taken for one that was not given, which is 300 Hz. The last frame that is whole
# is left out.
#
# For us: who compares numser with features by speechpy compares it with those of a telephone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "speechpy==2.4" "numpy==2.2.6" "scipy==1.15.3"
cat > probe.py <<'PYTHON'
from importlib.metadata import version

import numpy as np
from speechpy import feature, processing

RATE, BIN = 16000, 16000 / 512
asked = {"num_filters": 26, "fft_length": 512, "low_frequency": 0, "high_frequency": 8000}


def energy(hertz):
    tone = np.sin(2 * np.pi * hertz / RATE * np.arange(RATE))
    return feature.mfe(tone, RATE, 0.025, 0.01, **asked)[0].sum()


heard = np.flatnonzero(feature.filterbanks(26, 257, RATE, 0, 8000).any(axis=0)) * BIN
decibels = 10 * np.log10(energy(6000) / energy(1000))
frames = [len(processing.stack_frames(np.ones(n), RATE, 0.025, 0.01, zero_padding=False)) for n in (400, 560)]
print("speechpy", version("speechpy"), "from", heard[0], "to", heard[-1], "Hz;", f"6 kHz {decibels:.0f} dB;", frames)
assert (heard[0], heard[-1]) == (156.25, 3968.75)
assert -36 < decibels < -32
assert frames == [0, 1]
PYTHON
venv/bin/python probe.py
