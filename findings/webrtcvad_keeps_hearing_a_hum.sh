#!/usr/bin/env bash
# webrtcvad: a steady hum or hiss is speech for as long as it lasts, and a hum more so when it is softer.
#
# Guess, before running: the detector learns what the background is, so a sound that never changes is none of speech
# after some seconds, at any level; and if it is at one level, then at all below it.
#
# Seen, webrtcvad-wheels 2.0.14.post1, the strictest mode (3), 16 kHz, one minute; share of frames in its second half
# that are speech:
#
#     level, dBFS                                -20     -25     -30     -35     -40
#     hum of 100 Hz                              0       0       1       1       0
#     white noise                                1       1       0       0       0
#     hum, pauses of a voice of -20 dBFS in it   1       1       1       0       0
#     noise, pauses of the same voice in it      1       1       0       0       0
#
# So it is after ten minutes. At 8, 32 and 48 kHz the hum is heard the same. The thresholds are levels, not ratios.
#
# For us: who cuts pauses by webrtcvad before training cuts them by the recording's gain and mains, which differ from
# corpus to corpus. numser.speech asks how much the level moves; to it neither is speech at any of these levels.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "webrtcvad-wheels==2.0.14.post1" "numpy==2.2.6"
cat > probe.py <<'PYTHON'
from importlib.metadata import version

import numpy as np
import webrtcvad

SECONDS = 60
LEVELS = (-20, -25, -30, -35, -40)


def decisions(sound, rate):
    """Whether each frame of 30 ms is speech."""
    detector, length = webrtcvad.Vad(3), rate * 30 // 1000
    frames = np.round(32767 * np.clip(sound, -1, 1)).astype("<i2")[: len(sound) // length * length]
    return np.array([detector.is_speech(frame.tobytes(), rate) for frame in frames.reshape(-1, length)])


def time(rate, seconds=SECONDS):
    return np.arange(seconds * rate) / rate


def hum(rate, seconds=SECONDS):
    return np.sqrt(2) * np.sin(2 * np.pi * 100 * time(rate, seconds))


def noise(rate, seconds=SECONDS):
    return np.random.default_rng(0).normal(size=seconds * rate)


def voice(rate):
    """Syllables of a melody around 140 Hz: two seconds of them, one second of pause."""
    t = time(rate)
    phase = 2 * np.pi * np.cumsum(140 * 2 ** (np.sin(6 * np.pi * t) / 6)) / rate
    sound = sum(np.cos(k * phase + 0.7 * k * k) / k for k in range(1, 40))
    sound *= (t % 3 < 2) * (0.55 + 0.45 * np.sin(8 * np.pi * t))
    return sound / sound[t % 3 < 2].std()


def scaled(sound, level):
    return 10 ** (level / 20) * sound


at = 0.03 * np.arange(SECONDS * 1000 // 30)
late = at >= SECONDS / 2
pauses, talk = late & (at % 3 > 2.3) & (at % 3 < 2.95), late & (at % 3 < 2)
print("webrtcvad-wheels", version("webrtcvad-wheels"))
for sound, alone, in_pauses in ((hum, (0, 0, 1, 1, 0), (1, 1, 1, 0, 0)), (noise, (1, 1, 0, 0, 0), (1, 1, 0, 0, 0))):
    found = [decisions(scaled(sound(16000), level), 16000)[late].mean() for level in LEVELS]
    mixed = [decisions(scaled(sound(16000), level) + scaled(voice(16000), -20), 16000) for level in LEVELS]
    between = [speech[pauses].mean() for speech in mixed]
    print(sound.__name__, "alone", *(f"{share:.2f}" for share in found), end="; ")
    print("in pauses", *(f"{share:.2f}" for share in between))
    assert np.allclose(found, alone, atol=0.03) and np.allclose(between, in_pauses, atol=0.1)
    assert all(speech[talk].mean() > 0.95 for speech in mixed)
for rate in 8000, 32000, 48000:
    found = [decisions(scaled(hum(rate), level), rate)[late].mean() for level in LEVELS]
    print("hum at", rate, *(f"{share:.2f}" for share in found))
    assert np.allclose(found, (0, 0, 1, 1, 0), atol=0.03)
for sound, level in ((hum, -30), (noise, -20)):
    last = decisions(scaled(sound(16000, 600), level), 16000)[-2000:].mean()
    print(sound.__name__, level, "dBFS, the last of ten minutes", f"{last:.2f}")
    assert last > 0.97
PYTHON
venv/bin/python probe.py
