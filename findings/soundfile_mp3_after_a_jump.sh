#!/usr/bin/env bash
# soundfile: of an MP3 at 22.05 kHz, the first 12 ms after a jump may be other sound than is there.
#
# Guess, before running: read(start=…) gives the samples that stand there when the file is read whole; in an MP3 not
# to the last bit, but near it.
#
# Seen, soundfile 0.14.0 (libsndfile 1.2.2), MP3s of 6 s of noise that it wrote itself, parts of 0.25 s from 90 places:
#
#     rate, kHz                                          22.05         44.1
#     places behind which samples are off                26 %          none
#     for so long, at most                               12.8 ms
#     error there against the sound, at most             -10 dB
#
# An MP3's frame may keep bytes in those before it. As many as are decoded in advance after a jump are not enough where
# frames are small; libmpg123 complains about it on standard error, and soundfile says nothing.
#
# For us: who cuts segments out of MP3s by librosa.load(offset=…) or soundfile gets a click at some of their beginnings.
# numser.audio reads from the beginning of the file, and so what is there.
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


def after_jumps(rate):
    """Of 90 places: the share behind which samples are off, for how many ms at most, and by how many dB at most."""
    noise = np.random.default_rng(1).normal(0, 0.1, 6 * rate)
    file = io.BytesIO()
    soundfile.write(file, noise, rate, format="MP3")
    file.seek(0)
    whole, off = soundfile.read(file)[0], []
    for start in range(rate // 2, 5 * rate, rate // 20):
        file.seek(0)
        part = soundfile.read(file, start=start, frames=rate // 4)[0]
        there = whole[start : start + len(part)]
        wrong = np.flatnonzero(np.abs(part - there) > 1e-3)
        if len(wrong):
            n = wrong[-1] + 1
            error = np.mean((part - there)[:n] ** 2) / np.mean(there[:n] ** 2)
            off.append((1000 * n / rate, 10 * np.log10(error)))
    return len(off) / 90, *(np.max(off, axis=0) if off else (0, -np.inf))


print("soundfile", soundfile.__version__, soundfile.__libsndfile_version__)
found = {rate: after_jumps(rate) for rate in (22050, 44100)}
for rate, (share, longest, error) in found.items():
    print(f"{rate} Hz: {share:.2f} of the places, at most {longest:.1f} ms, {error:.0f} dB")
share, longest, error = found[22050]
assert 0.15 < share < 0.4 and 8 < longest < 20 and -15 < error < -5
assert found[44100][0] == 0
PYTHON
venv/bin/python probe.py
