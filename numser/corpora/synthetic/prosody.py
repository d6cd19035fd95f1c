"""How an emotion changes a voice: pitch, tempo, intensity, voice quality, articulation.

`RULES` says what each emotion does at full strength. Every syllable has a weight from 0 (neutral) to 1 (full);
in between, each quantity lies that far between its neutral and its full value. The steps, in order:

    durations      each target's time × speaker × stress × emotion
    articulation   formants aim at each target in turn; their paths are smoothed, as the tongue is slow
    pitch          x = neutral contour in Hz: declination + accents          (mean m)
                   x ← m + (x − m)·range        range
                   x ← x·2^(shape/12)           slopes and waves in semitones, their mean taken out
                   x ← x·mean                   so that the mean is the rule's, whatever the shape; 50 Hz ≤ x ≤ 600 Hz
    voice quality  open quotient, tilt and first bandwidth move towards their limits

Units       seconds, Hz, semitones, dB; rules in per cent of neutral
Sources     Burkhardt & Sendlmeier, ISCA Workshop on Speech and Emotion (2000), and Burkhardt's Emofilt, Interspeech
            (2005), for the rules; 't Hart, Collier & Cohen (1990) for declination
Deviation   the rule sets have no disgust; and where they contradict what is measured in Emo-DB
            (benchmarks/results/synthetic_voices.md), they give way. In anger, fear and happiness pitch and tempo
            move half as far; boredom and sadness have other pitch and tempo; no voice is creaky; jitter is that of
            single periods, as Emofilt's F0, which alternates every 10 ms, has twice a sad voice's
"""

from dataclasses import dataclass

import numpy as np

from numser.audio import SAMPLE_RATE
from numser.corpora.synthetic.phones import CENTRE, TRACT, Syllable, Target
from numser.corpora.synthetic.voice import HOP, Tracks

FRAME = HOP / SAMPLE_RATE  # seconds
F0 = (50.0, 600.0)  # Hz, limits; nobody's voice goes further
OPEN_QUOTIENT = (0.3, 1.0)  # limits: tense, breathy
TILT = (0.0, 24.0)  # dB
B1 = (40.0, 150.0)  # Hz, first formant's bandwidth
_BANDWIDTHS = np.array([70.0, 90.0, 140.0, 200.0, 250.0, 300.0, 350.0, 400.0])  # Hz, of F1 to F8 in a modal vowel
_STRESSED_DURATION = (1.0, 1.3, 1.5)  # of vowels without stress, with stress, in focus
_ACCENT = (0.0, 0.55, 1.0)  # height of their pitch accent, as a share of the speaker's melody
_PAUSE, _SILENCE = 0.22, 0.12  # seconds, between phrases and at both ends
_FINAL_DURATION = 1.3  # of the last vowel before a pause
_JITTER, _SHIMMER = 0.018, 0.06  # of a neutral voice
_SHORTEST = 0.02  # seconds; nobody articulates faster


@dataclass(frozen=True)
class Rule:
    """One emotion at full strength, in per cent of neutral speech unless said otherwise."""

    f0_mean: float = 100
    f0_range: float = 100
    declination: float = 100
    focus_slope: float = 0  # semitones a second, over the focus syllable
    last_slope: float = 0  # semitones a second, over the last syllable of each phrase
    stressed_f0: float = 100  # at the middle of a stressed syllable
    unstressed_f0: float = 100
    duration: float = 100  # of everything but pauses
    vowels: float = 100  # duration, times the above
    voiceless_fricatives: float = 100
    focus: float = 100
    pauses: float = 100
    articulation: float = 100  # of vowels: distance from the centre, and duration; below 100 undershoot
    f1: float = 100
    f2: float = 100
    gain: float = 0  # dB
    breathy: float = 0
    tense: float = 0
    falsetto: float = 0
    jitter: float = 100
    shimmer: float = 100


RULES: dict[str, Rule] = {
    "anger": Rule(
        f0_mean=160, f0_range=150, focus_slope=-15, duration=85, vowels=85, gain=6, tense=100, jitter=60,
        articulation=120, f1=115,
    ),
    "boredom": Rule(
        f0_mean=90, f0_range=50, declination=200, duration=140, focus=140, pauses=150, gain=-6, breathy=60,
        jitter=50, shimmer=50, articulation=80,
    ),
    "disgust": Rule(
        f0_mean=120, declination=200, duration=135, pauses=150, tense=80, jitter=80, shimmer=10, f1=115,
    ),
    "fear": Rule(
        f0_mean=180, f0_range=110, last_slope=15, duration=85, pauses=150, focus=90, breathy=15, tense=55,
        falsetto=50, jitter=200, shimmer=130, articulation=80,
    ),
    "happiness": Rule(
        f0_mean=165, f0_range=150, focus_slope=35, stressed_f0=150, unstressed_f0=90, duration=87, vowels=115,
        voiceless_fricatives=125, tense=50, jitter=50, shimmer=30, f1=110, f2=110,
    ),
    "neutral": Rule(),
    "sadness": Rule(
        f0_mean=85, f0_range=80, declination=0, last_slope=10, duration=150, pauses=220, gain=-5, breathy=100,
        jitter=130, shimmer=70, articulation=80,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Speaker:
    """A voice in its neutral state."""

    name: str
    f0: float  # Hz, mean
    melody: float  # semitones, height of a focus accent
    tract: float  # cm, length of the vocal tract
    duration: float  # of a target, as a multiple of the usual one
    open_quotient: float
    tilt: float  # dB
    breath: float  # amplitude


def plan(
    syllables: list[Syllable], speaker: Speaker, rule: Rule, weights: np.ndarray, rng: np.random.Generator
) -> tuple[Tracks, np.ndarray]:
    """Plan how `speaker` says `syllables`, syllable s with `weights[s]` of the emotion.

    Returns     what the voice does, frame by frame; each syllable's start and end (syllables, 2), seconds
    """
    targets, owner = _targets(syllables)
    seconds = _durations(targets, owner, syllables, speaker, rule, weights, rng)
    ends = np.round(np.cumsum(seconds) / FRAME).astype(int)
    at = np.repeat(np.arange(len(targets)), np.diff(ends, prepend=0))  # frame -> target
    aim = {
        name: np.array(column)[at] for name, column in zip(Target._fields, zip(*targets, strict=True), strict=True)
    }
    said = owner[at]  # frame -> syllable; −1 where nobody speaks
    spans = np.array([np.flatnonzero(said == s)[[0, -1]] + (0, 1) for s in range(len(syllables))])
    weight = _smooth(weights[np.maximum.accumulate(said).clip(0)], 0.06)  # silence keeps that of what was said

    loudness = _loudness(syllables, said, rule, weight)
    voicing = loudness * _smooth(aim["voicing"], 0.024)
    breathy, tense, falsetto = (weight * rate / 100 for rate in (rule.breathy, rule.tense, rule.falsetto))
    lax = np.maximum(breathy, falsetto / 2)  # falsetto goes half-way, and without breath
    formants, bandwidths = _vocal_tract(aim, speaker, rule, weight)
    bandwidths[:, 0] = _towards(_towards(bandwidths[:, 0], B1[1], breathy), B1[0], tense)
    bandwidths[:, 1:] *= 1 - 0.5 * tense[:, None]
    tracks = Tracks(
        f0=_pitch(syllables, spans, voicing > 0, speaker, rule, weights, weight, rng),
        open_quotient=_towards(_towards(speaker.open_quotient, OPEN_QUOTIENT[1], lax), OPEN_QUOTIENT[0], tense),
        tilt=_towards(_towards(speaker.tilt, TILT[1], lax), TILT[0], tense),
        jitter=_JITTER * _towards(1.0, rule.jitter / 100, weight),
        shimmer=_SHIMMER * _towards(1.0, rule.shimmer / 100, weight),
        voicing=voicing * 10 ** (-6 * breathy / 20),
        aspiration=loudness * _smooth(aim["aspiration"], 0.016) + voicing * speaker.breath,
        frication=loudness * _smooth(aim["frication"], 0.012),
        noise_centre=aim["noise"][:, 0] * (TRACT / speaker.tract) ** 0.5,
        noise_bandwidth=aim["noise"][:, 1],
        formants=formants,
        bandwidths=bandwidths,
    )
    return tracks, spans * FRAME


def _towards(value, limit, share):
    return value + share * (limit - value)


def _smooth(path: np.ndarray, seconds: float) -> np.ndarray:
    """Mean over a Hann window that is `seconds` wide; beyond the ends the path stays as it is there."""
    half = max(1, round(seconds / FRAME / 2))
    window = np.hanning(2 * half + 1)
    wider = np.concatenate((np.full(half, path[0]), path, np.full(half, path[-1])))
    return np.convolve(wider, window / window.sum(), mode="valid")


def _targets(syllables: list[Syllable]) -> tuple[list[Target], np.ndarray]:
    """All targets in a row with silence around and in the pauses, and the syllable that each belongs to, or −1."""
    targets, owner = [Target(_SILENCE, CENTRE, kind="pause")], [-1]
    for s, syllable in enumerate(syllables):
        targets += syllable.targets
        owner += [s] * len(syllable.targets)
        if syllable.final:
            targets.append(Target(_PAUSE, CENTRE, kind="pause"))
            owner.append(-1)
    targets[-1] = targets[0]
    following = CENTRE
    for i in reversed(range(len(targets))):
        following = targets[i].formants or following
        targets[i] = targets[i]._replace(formants=following)
    return targets, np.array(owner)


def _durations(targets, owner, syllables, speaker, rule, weights, rng) -> np.ndarray:
    """Seconds of each target."""
    tempo = speaker.duration * np.exp(0.05 * rng.standard_normal())
    seconds = np.empty(len(targets))
    for i, target in enumerate(targets):
        factor, rates, w = tempo, [], 0.0
        if owner[i] >= 0:
            syllable, w = syllables[owner[i]], weights[owner[i]]
            rates.append(rule.duration)
            if syllable.stress == 2:
                rates.append(rule.focus)
            if target.kind == "voiceless fricative":
                rates.append(rule.voiceless_fricatives)
            if target.kind == "vowel":
                rates += [rule.vowels, rule.articulation]
                factor *= _STRESSED_DURATION[syllable.stress] * (_FINAL_DURATION if syllable.final else 1.0)
        elif 0 < i < len(targets) - 1:  # a pause belongs to what was said before it
            rates, w = [rule.pauses], weights[owner[i - 1]]
        for rate in rates:
            factor *= _towards(1.0, rate / 100, w)
        seconds[i] = max(min(_SHORTEST, target.seconds), target.seconds * factor)
    return seconds * np.exp(0.08 * rng.standard_normal(len(targets)))


def _loudness(syllables, said, rule, weight) -> np.ndarray:
    """Amplitude of every frame: stressed syllables are louder, and a phrase fades on its last one."""
    decibels = np.array([1.5 * (s.stress > 0) - 4.0 * s.final for s in syllables] + [0.0])[said]
    return 10 ** ((rule.gain * weight + _smooth(decibels, 0.2)) / 20)


def _vocal_tract(aim, speaker, rule, weight) -> tuple[np.ndarray, np.ndarray]:
    """Paths of the formants and their bandwidths, (frames, formants). F4 and above stay where they are."""
    reach = np.where(aim["kind"] == "vowel", _towards(1.0, rule.articulation / 100, weight), 1.0)
    lower = np.array(CENTRE) + (aim["formants"] - CENTRE) * reach[:, None]
    lower[:, 0] *= _towards(1.0, rule.f1 / 100, weight)
    lower[:, 1] *= _towards(1.0, rule.f2 / 100, weight)
    upper = np.arange(3500.0, 8000.0, 1000.0)
    paths = [_smooth(path, 0.06) for path in lower.T] + [np.full(len(weight), f) for f in upper]
    formants = np.stack(paths, axis=1) * (TRACT / speaker.tract)
    formants = formants[:, formants[0] < 7800]  # the rest lies beyond half the sampling rate
    damping = _smooth(aim["damping"], 0.03)
    return formants, damping[:, None] * _BANDWIDTHS[: formants.shape[1]]


def _pitch(syllables, spans, voiced, speaker, rule, weights, weight, rng) -> np.ndarray:
    """F0 of every frame, in Hz."""
    frames = len(weight)
    time = np.arange(frames) * FRAME
    speech = (spans[-1, 1] - spans[0, 0]) * FRAME
    declination = -11 / (speech + 1.5)  # semitones a second
    contour = declination * time + 2.0 * _smooth(rng.standard_normal(frames), 0.15)  # wanders by 0.3 st
    for syllable, (start, end), w in zip(syllables, spans, weights, strict=True):
        if not syllable.stress:
            continue
        height = speaker.melody * _ACCENT[syllable.stress] * rng.uniform(0.7, 1.3)
        if rule.stressed_f0 != 100 or (syllable.stress == 2 and rule.focus_slope):
            height *= 1 - w  # the emotion's own movement takes the accent's place
        contour += height * _bump(frames, start, end, 1.6)
    f0 = speaker.f0 * 2 ** ((contour - contour[voiced].mean()) / 12)
    mean = f0[voiced].mean()
    f0 = mean + (f0 - mean) * _towards(1.0, rule.f0_range / 100, weight)

    shape = declination * (rule.declination / 100 - 1) * time * weight
    for syllable, (start, end), w in zip(syllables, spans, weights, strict=True):
        here, ramp = slice(start, end), time[: end - start]
        if syllable.final:
            shape[here] += w * rule.last_slope * ramp
        if syllable.stress == 2 and rule.focus_slope:
            shape[here] += w * (rule.focus_slope * ramp - min(0, rule.focus_slope * ramp[-1]))
        elif rule.stressed_f0 != 100:
            height = rule.stressed_f0 if syllable.stress else rule.unstressed_f0
            shape += 12 * np.log2(_towards(1.0, height / 100, w)) * _bump(frames, start, end, 1.2)
    shape = _smooth(shape, 0.04)
    felt = voiced * weight
    if felt.any():
        mean_ratio = (felt * f0 * 2 ** (shape / 12)).sum() / (felt * f0).sum()
        shape -= 12 * np.log2(mean_ratio) * weight / weight.max()
    f0 *= 2 ** (shape / 12) * _towards(1.0, rule.f0_mean / 100, weight)
    return np.clip(f0, *F0)


def _bump(frames: int, start: int, end: int, stretch: float) -> np.ndarray:
    """A Hann window over the frames from start to end, `stretch` times as wide; 0 elsewhere."""
    middle, half = (start + end) / 2, (end - start) * stretch / 2
    here = np.arange(max(0, int(middle - half)), min(frames, int(middle + half) + 1))
    bump = np.zeros(frames)
    bump[here] = 0.5 + 0.5 * np.cos(np.pi * np.clip((here - middle) / half, -1, 1))
    return bump
