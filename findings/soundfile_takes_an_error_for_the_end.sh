#!/usr/bin/env bash
# soundfile: what a file object raises while it is read, a lost connection or Ctrl-C, becomes the end of the sound.
#
# Guess, before running: what the read() of a file object raises comes out of soundfile.read, as it does out of wave or
# zipfile.
#
# Seen, soundfile 0.14.0 (libsndfile 1.2.2), cffi 2.0.0, a minute of noise in each format, from an object whose read()
# raises OSError("connection lost") when half of the bytes have come:
#
#     WAV, AIFF, AU, W64   30.0 s are returned
#     OGG: Vorbis, Opus    30.8 and 33.0 s are returned
#     FLAC                 LibsndfileError, "Internal psf_fseek() failed.", and nothing of the connection
#     all                  the OSError is printed on standard error, "Exception ignored from cffi callback"
#     KeyboardInterrupt    the same: a Ctrl-C at such a moment is lost, and half a recording goes on to be used
#     wave (WAV)           OSError: connection lost
#
# libsndfile asks for bytes through a C function that cannot raise. What Python raises there is dropped, and 0 bytes
# are what a file has at its end.
#
# For us: numser.decode reads MP3, FLAC and Ogg through such an object. It remembers what went wrong and says so
# afterwards (numser/streams.py); a command that is asked to end at such a moment is asked again (numser/cli.py). Whoever
# reads recordings from a network through soundfile should fetch them whole first, into an io.BytesIO.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "soundfile==0.14.0" "cffi==2.0.0" "numpy==2.2.6"
cat > probe.py <<'PYTHON'
import io
import sys
import wave
from importlib.metadata import version

import numpy as np
import soundfile

RATE = 16_000
SOUND = np.random.default_rng(0).uniform(-0.3, 0.3, 60 * RATE)
ignored = []
sys.unraisablehook = lambda lost: ignored.append(lost.exc_type.__name__)


class Remote(io.BytesIO):
    """A file somewhere else, whose connection is lost when so many bytes more have come."""

    left = 2**62

    def _come(self, data):
        self.left -= len(data)
        if self.left < 0:
            raise self.error
        return data

    def read(self, count=-1):
        return self._come(super().read(count))

    def readinto(self, buffer):
        return len(self._come(memoryview(buffer)[: super().readinto(buffer)]))


def written(**kind):
    file = io.BytesIO()
    soundfile.write(file, SOUND, RATE, **kind)
    return file.getvalue()


def got(content, error):
    ignored.clear()
    remote = Remote(content)
    remote.error = error
    with soundfile.SoundFile(remote) as file:
        remote.left = len(content) // 2
        try:
            sound = file.read()
        except soundfile.LibsndfileError as refused:
            return str(refused), set(ignored)
    return round(len(sound) / RATE, 1), set(ignored)


print("soundfile", soundfile.__version__, soundfile.__libsndfile_version__, "cffi", version("cffi"))
for kind in ({"format": "WAV"}, {"format": "AIFF"}, {"format": "AU"}, {"format": "W64"}, {"format": "OGG"},
             {"format": "OGG", "subtype": "OPUS"}, {"format": "FLAC"}):
    content = written(**kind)
    whole, _ = soundfile.read(io.BytesIO(content))
    assert len(whole) == len(SOUND), kind
    for error in (OSError("connection lost"), KeyboardInterrupt()):
        result, dropped = got(content, error)
        print(kind, type(error).__name__, "->", result, dropped)
        assert dropped == {type(error).__name__}
        assert "connection" not in result if kind["format"] == "FLAC" else 29 < result < 34
remote = Remote(written(format="WAV"))
remote.left, remote.error = 30 * 2 * RATE, OSError("connection lost")
try:
    with wave.open(remote) as file:
        file.readframes(60 * RATE)
except OSError as error:
    print("wave ->", repr(error))
else:
    sys.exit("wave raised nothing")
PYTHON
venv/bin/python probe.py
