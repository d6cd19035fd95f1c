#!/usr/bin/env bash
# spafe: mel bands from 300 to 3400 Hz cover the whole spectrum.
#
# Guess, before running: low_freq and high_freq are where the bands begin and end, as in every library of this kind, and
# what lies outside adds nothing but what a window leaks.
#
# Seen, spafe 0.3.3, 16 kHz, FFT of 512, 24 bands from 300 to 3400 Hz:
#
#     weights other than 0                  31 to 7969 Hz
#     a tone of 1000 Hz is loudest in       the band whose centre is given as 703 Hz
#     a tone of 6000 Hz is loudest in       the band whose centre is given as 2571 Hz, 28 dB above the noise
#
# The FFT's bins, which lie between 0 and 8 kHz, are taken to lie between low_freq and high_freq, and so the bands are
# stretched over all of them.
#
# For us: features of the telephone's band by spafe hold what is above and below it, so a comparison with numser on
# recordings of the two kinds is none. By its defaults, 0 and half the rate, the bands are where they should be.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "spafe==0.3.3" "numpy==2.2.6" "scipy==1.15.3"
cat > probe.py <<'PYTHON'
from importlib.metadata import version

import numpy as np
from spafe.fbanks.mel_fbanks import mel_filter_banks
from spafe.features.mfcc import mel_spectrogram
from spafe.utils.converters import mel2hz

RATE = 16000
asked = {"nfilts": 24, "nfft": 512, "fs": RATE, "low_freq": 300, "high_freq": 3400}
filters, mels = mel_filter_banks(**asked)
centres = np.array([mel2hz(mel) for mel in mels])
covered = np.flatnonzero(filters.any(axis=0)) * RATE / 512
noise = np.random.default_rng(0).normal(0, 0.01, RATE)
print("spafe", version("spafe"), "weights between", covered[0], "and", covered[-1], "Hz")


def loudest(hertz):
    """Centre of the band that a tone is loudest in, and by how many dB it is louder there than noise alone."""
    tone = 0.1 * np.sin(2 * np.pi * hertz / RATE * np.arange(RATE))
    with_tone, without = (mel_spectrogram(x, **asked)[0].mean(axis=0) for x in (noise + tone, noise))
    louder = 10 * np.log10(with_tone / without)
    print(f"{hertz} Hz: the band around {centres[louder.argmax()]:.0f} Hz, {louder.max():.1f} dB")
    return centres[louder.argmax()], louder.max()


assert 300 < centres[0] < centres[-1] < 3400
assert covered[0] < 32 and covered[-1] > 7950
assert abs(loudest(1000)[0] - 703) < 1
assert abs(loudest(6000)[0] - 2571) < 1 and loudest(6000)[1] > 20
PYTHON
venv/bin/python probe.py
