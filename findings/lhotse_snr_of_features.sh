#!/usr/bin/env bash
# lhotse: noise mixed into stored features at 10 dB is, as sound, anywhere from -4 to 26 dB.
#
# Guess, before running: the signal-to-noise ratio asked for is that of the sounds, to a decibel, whether two cuts are
# mixed as sound (load_audio) or by their stored features (load_features); and noise that is shorter than the speech is
# as loud as noise that is as long.
#
# Seen, lhotse 1.33.0, Fbank by its defaults, a voice of 4 s, mix(snr=10); the ratio that the noise was given, dB:
#
#     noise                              white    brown    hum of 100 Hz    hiss above 4 kHz
#     mixed as sound                     10.0     10.0     10.0             10.0
#     mixed as features                  24.3     8.3      -4.2             26.2
#     as features, noise of 1 s of 4     18.2     2.1      -10.3            20.2
#
# As features, what is set is the ratio of mel energies, summed over all bands and frames: after pre-emphasis, which
# makes a hiss some 30 dB louder beside a hum; and as sums, so that noise of a quarter of the length gets four times the
# power. With preemph_coeff=0 the first comes to 9.4 to 10.0, and the 6 dB remain.
#
# For us: who trains with noise on stored features and compares with numser at the same SNR compares other noises. Add
# noise to the sound, by power, before features are taken.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q "lhotse==1.33.0" "torch==2.13.0" "numpy==2.4.6" "scipy==1.17.1" "soundfile==0.14.0" \
  "urllib3==2.8.0"
cat > probe.py <<'PYTHON'
import lhotse
import numpy as np
import soundfile

RATE, SECONDS, ASKED = 16000, 4, 10
TIME = np.arange(SECONDS * RATE) / RATE


def cut_of(sound, name):
    soundfile.write(f"{name}.wav", sound, RATE, subtype="FLOAT")
    return lhotse.Recording.from_file(f"{name}.wav").to_cut()


def voice():
    phase = 2 * np.pi * np.cumsum(140 * 2 ** (np.sin(6 * np.pi * TIME) / 6)) / RATE
    sound = sum(np.cos(k * phase + 0.7 * k * k) / k for k in range(1, 40))
    return sound * (0.55 + 0.45 * np.sin(8 * np.pi * TIME))


def noises():
    white = np.random.default_rng(0).normal(size=len(TIME))
    spectrum, hertz = np.fft.rfft(white), np.fft.rfftfreq(len(TIME), 1 / RATE)
    yield "white", white
    yield "brown", np.fft.irfft(spectrum * (hertz > 50) / np.maximum(hertz, 50))
    yield "hum", np.sin(2 * np.pi * 100 * TIME)
    yield "hiss", np.fft.irfft(spectrum * (hertz > 4000))


def with_features(cut, extractor):
    return cut.compute_and_store_features(extractor, lhotse.NumpyFilesWriter("features"))


def in_sound(speech, noise):
    """Ratio, in dB, of what was mixed as sound."""
    clean = speech.load_audio()[0]
    added = (speech.mix(noise, snr=ASKED).load_audio()[0] - clean)[: noise.num_samples]
    return 10 * np.log10((clean**2).mean() / (added**2).mean())


def in_features(speech, noise):
    """The same of what was mixed as features: the gain of the noise is seen in its mel powers."""
    clean, alone = np.exp(speech.load_features()), np.exp(noise.load_features())
    added = (np.exp(speech.mix(noise, snr=ASKED).load_features()) - clean)[: len(alone)]
    gain = np.median((added / alone)[(added > 0.1 * clean[: len(alone)]) & (alone > 1e-6)])
    powers = [(cut.load_audio()[0] ** 2).mean() for cut in (speech, noise)]
    return 10 * np.log10(powers[0] / powers[1] / gain)


print("lhotse", lhotse.__version__)
speech = cut_of(0.1 * voice() / voice().std(), "voice")
seen = {"sound": [], "features": [], "shorter": [], "flat": [], "flat, shorter": []}
kinds = {"": lhotse.Fbank(), "flat": lhotse.Fbank(lhotse.FbankConfig(preemph_coeff=0.0))}
for name, sound in noises():
    noise = cut_of(0.05 * sound / sound.std(), name)
    seen["sound"].append(in_sound(speech, noise))
    for kind, extractor in kinds.items():
        spoken, short = with_features(speech, extractor), with_features(noise.truncate(duration=1), extractor)
        seen[kind or "features"].append(in_features(spoken, with_features(noise, extractor)))
        seen[f"{kind}, shorter" if kind else "shorter"].append(in_features(spoken, short))
expected = {"sound": 4 * [ASKED], "features": [24.3, 8.3, -4.2, 26.2], "shorter": [18.2, 2.1, -10.3, 20.2]}
expected |= {"flat": [9.7, 9.9, 10.0, 9.4], "flat, shorter": [3.6, 3.9, 4.0, 3.3]}
for way, ratios in seen.items():
    print(f"{way}:", *(f"{ratio:.1f}" for ratio in ratios), "dB")
    assert np.allclose(ratios, expected[way], atol=0.3)
PYTHON
venv/bin/python probe.py
