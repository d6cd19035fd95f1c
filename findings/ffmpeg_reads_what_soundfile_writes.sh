#!/usr/bin/env bash
# FFmpeg: of what soundfile writes, a big-endian WAV is full-scale noise, and a CAF in ALAC loses its end.
#
# Guess, before running: WAV in the other byte order begins with RIFX and not RIFF, so FFmpeg, which opens it and names
# its rate and its length, reads the samples in that order. A lossless file is read whole.
#
# Seen, PyAV 18.1.0, whose wheel has FFmpeg 8.1.2; files by soundfile 0.14.0 (libsndfile 1.2.2), which reads them as
# they were written, a sine of amplitude 0.3 at 16 kHz:
#
#     RIFX of 16, 24 and 32 bits        as many samples, of other sound: -5 dBFS for -13.5
#     CAF, ALAC, of samples             8000     12000    20000    32000    48000
#       samples that FFmpeg reads       7808     11712    19520    31232    46848
#
# Of both nothing is said. The bytes of a RIFX are taken in the wrong order. ALAC comes in packets of 4096 samples; the
# last may hold fewer, and a table says how many are missing from it: those are cut off a packet that is short already,
# up to a quarter of a second. FFmpeg 5.1.9 read the CAF whole, and the RIFX as wrongly.
#
# For us: numser.decode asks libsndfile first, and reads both as they are. What goes through FFmpeg, as recordings do by
# PyAV, hears noise, or a sentence without its end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "av==18.1.0" "soundfile==0.14.0" "numpy==2.4.6"
cat > probe.py <<'PYTHON'
import av
import numpy as np
import soundfile

SINE = 0.3 * np.sin(2 * np.pi * 220 / 16000 * np.arange(48000))


def by_ffmpeg(path):
    with av.open(path) as file:
        resampler = av.AudioResampler("flt", "mono", 16000)
        frames = [made for frame in file.decode(audio=0) for made in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames + resampler.resample(None)])


def level(sound):
    return 10 * np.log10(np.mean(sound**2))


print("PyAV", av.__version__, "FFmpeg", av.ffmpeg_version_info, "soundfile", soundfile.__version__)
for subtype in "PCM_16", "PCM_24", "PCM_32":
    for order in "LITTLE", "BIG":
        soundfile.write("a.wav", SINE, 16000, subtype=subtype, endian=order)
        by_soundfile, found = soundfile.read("a.wav")[0], by_ffmpeg("a.wav")
        print(f"{subtype}, {order}: {len(found)} samples, {level(found):.1f} dBFS, not {level(SINE):.1f}")
        assert len(found) == len(SINE) and np.allclose(by_soundfile, SINE, atol=1e-4)
        assert np.allclose(found, SINE, atol=1e-4) if order == "LITTLE" else level(found) > -6
for samples, read in (8000, 7808), (12000, 11712), (20000, 19520), (32000, 31232), (48000, 46848):
    soundfile.write("a.caf", SINE[:samples], 16000, subtype="ALAC_16")
    by_soundfile, found = soundfile.read("a.caf")[0], by_ffmpeg("a.caf")
    print(f"CAF of {samples} samples: {len(found)} are read")
    assert np.allclose(by_soundfile, SINE[:samples], atol=1e-4)
    assert len(found) == read == samples - (-samples) % 4096 and np.allclose(found, SINE[:read], atol=1e-4)
PYTHON
venv/bin/python probe.py
