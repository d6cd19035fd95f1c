#!/usr/bin/env bash
# soundfile: of an MP3 of variable bit rate that does not say its length, a part is read, and nothing is said.
#
# Guess, before running: a whole, undamaged file is read to its end; a file that was made by writing one behind the
# other is read whole, as players do, or refused.
#
# Seen, soundfile 0.14.0 (libsndfile 1.2.2), 6 s of sound:
#
#     MP3 by LAME, VBR, no Xing tag (as encoders write that cannot go back in a stream)    2.1 s are read
#     the same, from its other end                                                         1.8 s
#     two MP3s of libsndfile's own, one behind the other, 1 s each                         1.0 s
#     two Ogg Vorbis of its own, 1 s each (a chained stream)                               1.0 s
#
# Without the tag, libsndfile takes the first frame's bit rate for that of all, reads as many frames as that makes, and
# stops; with it, it stops where the tag says that the first file ends. SoundFile.frames is the same too small number,
# so a check against it finds nothing.
#
# For us: numser.decode looks whether bytes are left, or such a tag is missing where reading ended exactly at the guess,
# and lets ffmpeg read on; without ffmpeg it says how much was read.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "soundfile==0.14.0" "numpy==2.2.6" "lameenc==1.9.0"
cat > probe.py <<'PYTHON'
import io

import lameenc
import numpy as np
import soundfile

RATE = 16000


def vbr(samples):
    encoder = lameenc.Encoder()
    encoder.set_in_sample_rate(RATE)
    encoder.set_channels(1)
    encoder.silence()
    encoder.set_vbr(4)
    encoder.set_vbr_quality(4)
    return bytes(encoder.encode((32767 * samples).astype(np.int16).tobytes()) + encoder.flush())


def seconds(content):
    samples, rate = soundfile.read(io.BytesIO(content))
    return len(samples) / rate


def twice(kind):
    file = io.BytesIO()
    soundfile.write(file, noise[:RATE], RATE, format=kind)
    return 2 * file.getvalue()


noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
sound = np.concatenate([noise, 1e-3 * np.sin(0.05 * np.arange(4 * RATE))])
found = [seconds(vbr(sound)), seconds(vbr(sound[::-1])), seconds(twice("MP3")), seconds(twice("OGG"))]
print("soundfile", soundfile.__version__, soundfile.__libsndfile_version__, *(f"{s:.2f}" for s in found))
assert max(found[:2]) < 3, "of 6 s"
assert found[2:] == [1, 1], "of 2 s"
PYTHON
venv/bin/python probe.py
