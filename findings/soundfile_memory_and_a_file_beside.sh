#!/usr/bin/env bash
# soundfile: whether an MP3 in memory can be read depends on a file in the current folder.
#
# Guess, before running: sound that is written to and read from memory, by io.BytesIO, touches no disk.
#
# Seen, soundfile 0.14.0 (libsndfile 1.2.2), an MP3 of 2 s in memory:
#
#     in an empty folder                                     2 s are read
#     after SD2 was written, to another io.BytesIO           there is a file "._"; the MP3 cannot be opened:
#                                                            "Error opening <_io.BytesIO object …>"
#     after that file was removed                            2 s are read
#
# SD2 keeps its header in a second file, called "._" and the name of the first. Memory has no name, so the file is "._"
# in the current folder: it is made when SD2 is written, and found when the format of a file in memory is guessed.
#
# For us: nobody writes SD2 by numser. Where such a file lies, numser.decode opens the MP3 by its name then, and
# without a name refuses it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "soundfile==0.14.0" "numpy==2.2.6"
mkdir empty
cd empty
cat > ../probe.py <<'PYTHON'
import io
import os

import numpy as np
import soundfile


def written(kind):
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).uniform(-0.5, 0.5, 32000), 16000, format=kind)
    return file.getvalue()


def seconds(content):
    try:
        return len(soundfile.read(io.BytesIO(content))[0]) / 16000
    except soundfile.LibsndfileError as error:
        return str(error)


mp3 = written("MP3")
before = seconds(mp3)
written("SD2")
left = os.listdir(".")
then = seconds(mp3)
os.remove("._")
print("soundfile", soundfile.__version__, soundfile.__libsndfile_version__, before, left, then, seconds(mp3), sep="; ")
assert before == seconds(mp3) == 2 and left == ["._"] and "Error opening" in then
PYTHON
../venv/bin/python ../probe.py
