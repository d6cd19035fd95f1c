#!/usr/bin/env bash
# pydub and SpeechRecognition: who makes 16 kHz of 48 kHz hears what lies above 8 kHz, folded down, at full strength.
#
# Guess, before running: what turns a recording's rate down takes out what the new rate cannot hold, by 30 dB or more,
# as SciPy does.
#
# Seen, pydub 0.25.1 (set_frame_rate), SpeechRecognition 3.17.0 (convert_rate), miniaudio 1.71 (sample_rate), to 16 kHz:
#
#     a tone of, kHz                  6      9      10     15
#     heard at, kHz                   6      7      6      1
#     pydub, from 48 kHz, dB          0.0    0.0    0.0    0.0
#     pydub, from 44.1 kHz, dB        -0.5   -1.2   -1.5   -3.1
#     SpeechRecognition               as pydub
#     miniaudio, from 48 kHz, dB      -0.3   -6.3   -10.3  -33.1
#     SciPy, from 48 kHz, dB          0.0    -30.6  -57.3  -78.7
#     white noise of 48 kHz, between 4 and 8 kHz      pydub 5 dB louder than SciPy
#
# The first two take audioop.ratecv, which draws lines between samples; from 48 kHz it takes every third. miniaudio
# filters, but little.
#
# For us: an s, or breath, has much of its power above 8 kHz. Corpora of 44.1 and 48 kHz that were brought to 16 kHz so
# differ from those that numser.audio brings there, which filters. Give numser the recordings as they are.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "pydub==0.25.1" "SpeechRecognition==3.17.0" "miniaudio==1.71" "soundfile==0.14.0" \
  "numpy==2.2.6" "scipy==1.15.3" "audioop-lts==0.2.2; python_version >= '3.13'"
cat > probe.py <<'PYTHON'
import io
import warnings
from importlib.metadata import version

import miniaudio
import numpy as np
import scipy.signal
import soundfile

warnings.simplefilter("ignore")  # pydub looks for ffmpeg, which WAV does not need
import pydub
import speech_recognition

NEW = 16000


def with_pydub(wav, rate):
    return np.array(pydub.AudioSegment.from_file(io.BytesIO(wav)).set_frame_rate(NEW).get_array_of_samples()) / 2**15


def with_speech_recognition(wav, rate):
    with speech_recognition.AudioFile(io.BytesIO(wav)) as source:
        audio = speech_recognition.Recognizer().record(source)
    return np.frombuffer(audio.get_raw_data(convert_rate=NEW), np.int16) / 2**15


def with_miniaudio(wav, rate):
    kind = miniaudio.SampleFormat.FLOAT32
    return np.array(miniaudio.decode(wav, output_format=kind, nchannels=1, sample_rate=NEW).samples)


def with_scipy(wav, rate):
    common = np.gcd(NEW, rate)
    return scipy.signal.resample_poly(soundfile.read(io.BytesIO(wav))[0], NEW // common, rate // common)


def wav_of(sound, rate):
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def heard(way, hertz, rate):
    """Where, in Hz, and how loud, in dB against the tone that went in."""
    tone = 0.5 * np.sin(2 * np.pi * hertz / rate * np.arange(rate))
    out = way(wav_of(tone, rate), rate)[4000:12000]
    power = np.abs(np.fft.rfft(out * np.hanning(len(out)))) ** 2
    return power.argmax() * NEW / len(out), 10 * np.log10(np.mean(out**2) / np.mean(tone**2))


def upper_half(way):
    """Level, in dB, between 4 and 8 kHz, of white noise of 48 kHz."""
    out = way(wav_of(np.random.default_rng(0).normal(0, 0.1, 48000 * 4), 48000), 48000)
    frequencies, power = scipy.signal.welch(out, NEW, nperseg=512)
    return 10 * np.log10(power[(frequencies > 4000) & (frequencies < 8000)].mean())


print("pydub", version("pydub"), "SpeechRecognition", version("SpeechRecognition"), "miniaudio", miniaudio.__version__)
tones = (6000, 9000, 10000, 15000)
for way, rate, *expected in (
    (with_pydub, 48000, 0, 0, 0, 0),
    (with_pydub, 44100, -0.5, -1.2, -1.5, -3.1),
    (with_speech_recognition, 48000, 0, 0, 0, 0),
    (with_speech_recognition, 44100, -0.5, -1.2, -1.5, -3.1),
    (with_miniaudio, 48000, -0.3, -6.3, -10.3, -33.1),
):
    found = [heard(way, tone, rate) for tone in tones]
    print(way.__name__, rate, *(f"{tone} Hz at {at:.0f}, {level:.1f} dB;" for tone, (at, level) in zip(tones, found)))
    assert np.allclose([at for at, _ in found], [6000, 7000, 6000, 1000], atol=5)
    assert np.allclose([level for _, level in found], expected, atol=0.1)
filtered = [heard(with_scipy, tone, 48000)[1] for tone in tones]
louder = upper_half(with_pydub) - upper_half(with_scipy)
print("SciPy", *(f"{level:.1f} dB" for level in filtered), f"noise: pydub {louder:.1f} dB louder")
assert abs(filtered[0]) < 0.1 and max(filtered[1:]) < -30
assert 3.5 < louder < 6
PYTHON
venv/bin/python probe.py
