#!/usr/bin/env bash
# soundfile: floats are rounded down when they are written as WAV's whole numbers, and to the nearest in a FLAC's.
#
# Guess, before running: floats that become PCM are rounded to the nearest number, in every format, so a WAV and a FLAC
# of 16 bits hold the same samples, and what is far below half a step becomes 0.
#
# Seen, soundfile 0.14.0 (libsndfile 1.2.2), noise; mean error in steps:
#
#     WAV, AIFF, CAF, NIST, ALAC of 16 bits; WAV of 24 and of 8      -0.50
#     FLAC of 8, 16 and 24 bits                                       0.00
#     -0.000001 as WAV of 16 bits                                     -1 step, and as FLAC 0
#
# So a pause with noise far below a step is not 0 in a WAV: it jumps between 0 and -1, in a WAV of 8 bits between 0 and
# -42 dB. Whole numbers are written as they are, so who rounds before is not concerned.
#
# For us: of the same floats, written as WAV and as FLAC, half the samples differ, and numser.corpora does not take
# them for copies; it does when one was made from the other. Levels are off by half a step, which nobody hears at 16.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "soundfile==0.14.0" "numpy==2.2.6"
cat > probe.py <<'PYTHON'
import io

import numpy as np
import soundfile


def again(samples, kind, subtype):
    file = io.BytesIO()
    soundfile.write(file, samples, 16000, format=kind, subtype=subtype)
    file.seek(0)
    return soundfile.read(file)[0]


print("soundfile", soundfile.__version__, soundfile.__libsndfile_version__)
noise = np.random.default_rng(0).normal(0, 0.05, 100_000)
down = [(kind, "PCM_16", 16) for kind in ("WAV", "AIFF", "CAF", "NIST")]
down += [("CAF", "ALAC_16", 16), ("WAV", "PCM_24", 24), ("WAV", "PCM_U8", 8)]
nearest = [("FLAC", "PCM_S8", 8), ("FLAC", "PCM_16", 16), ("FLAC", "PCM_24", 24)]
for expected, formats in (-0.5, down), (0, nearest):
    for kind, subtype, bits in formats:
        error = np.mean(again(noise, kind, subtype) - noise) * 2 ** (bits - 1)
        print(f"{kind} {subtype}: {error:.2f}")
        assert abs(error - expected) < 0.01
wav, flac = (again(noise, kind, "PCM_16") for kind in ("WAV", "FLAC"))
print(f"differ in {np.mean(wav != flac):.2f} of the samples")
assert 0.45 < np.mean(wav != flac) < 0.55
little = np.array([1e-6, -1e-6])
assert np.array_equal(again(little, "WAV", "PCM_16") * 2**15, [0, -1]) and not again(little, "FLAC", "PCM_16").any()
whole = (noise * 2**15).astype(np.int16)
assert np.array_equal(again(whole, "WAV", "PCM_16"), again(whole, "FLAC", "PCM_16"))
PYTHON
venv/bin/python probe.py
