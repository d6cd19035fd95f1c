"""The built-in corpus: 700 made-up utterances, synthesised on the spot.

Ten speakers say ten texts of a made-up language in seven emotions, once each. Emotion is carried only by what
phonetics says carries it (`prosody.py`). In each utterance it has its own strength, and it lies on a part of the
utterance only; the rest is neutral. Speakers differ by more than emotions do, and the room has its noise; the peak is
the same in all, as in Emo-DB, so that loudness tells only by how the parts of an utterance differ. The label is what
was intended; six simulated listeners say what they heard.

Names are built as Emo-DB's: `03a02Wa` is speaker 03, text a02, anger (Wut), version a.

Units       seconds, Hz, dB; waveforms float32 at 16 kHz, between −1 and 1
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from numser.corpora import Corpus, Utterance
from numser.corpora.synthetic.phones import syllables
from numser.corpora.synthetic.prosody import RULES, Speaker, plan
from numser.corpora.synthetic.voice import room_noise, speak
from numser.errors import InputError

SEED = 20200925
EMOTIONS = {
    "anger": "W",
    "boredom": "L",
    "disgust": "E",
    "fear": "A",
    "happiness": "F",
    "neutral": "N",
    "sadness": "T",
}

# Odd numbers are low voices, even ones high.
SPEAKERS = {
    #            name  F0    melody  tract  duration  open quotient  tilt  breath
    "01": Speaker("01", 98,   3.5,    18.2,  1.08,     0.55,          9,    0.010),
    "02": Speaker("02", 184,  4.5,    15.2,  0.94,     0.65,          12,   0.020),
    "03": Speaker("03", 124,  5.0,    17.0,  0.88,     0.45,          5,    0.006),
    "04": Speaker("04", 206,  4.0,    14.2,  1.02,     0.60,          8,    0.012),
    "05": Speaker("05", 88,   2.8,    18.8,  1.20,     0.65,          14,   0.022),
    "06": Speaker("06", 168,  3.2,    15.6,  1.15,     0.50,          6,    0.008),
    "07": Speaker("07", 136,  4.2,    16.6,  0.95,     0.60,          11,   0.016),
    "08": Speaker("08", 196,  5.2,    14.7,  0.86,     0.55,          10,   0.010),
    "09": Speaker("09", 111,  4.6,    17.5,  1.00,     0.50,          7,    0.012),
    "10": Speaker("10", 218,  3.6,    13.8,  1.06,     0.70,          13,   0.024),
}  # fmt: skip

TEXTS = {
    "a01": '%da lo mi "ne so, vu %ta n@',
    "a02": 'ma %Si go "la d@, ti %no',
    "a03": 'zo "fe la %mu, ki na %pe lo',
    "a04": '%ne ba to "Su li, fa %mo s@',
    "a05": 'hi "ga no %le t@, su ma',
    "b01": 'sa %mi lo n@ "ta vu, %je na fo di, mu %ka l@',
    "b02": '%bo le na, zi "Sa mo t@ %li gu, ne %fa so',
    "b03": 'n@ %ti ma lo %pu, ha sa "ne vo %di, la Se ko',
    "b04": '%fu ni ga, la "mo se t@, %va ji no %ku le d@ sa',
    "b05": 'ta %lu ne %so mi, zo pa "ki l@ %na, Si fe mo %ga t@ nu',
}

# Pleasure, arousal and dominance of each emotion word, each from −1 to 1 (Russell & Mehrabian 1977, rounded).
MEANINGS = {
    "anger": (-0.51, 0.59, 0.25),
    "boredom": (-0.65, -0.62, -0.33),
    "disgust": (-0.60, 0.35, 0.11),
    "fear": (-0.64, 0.60, -0.43),
    "happiness": (0.81, 0.51, 0.46),
    "neutral": (0.0, 0.0, 0.0),
    "sadness": (-0.63, -0.27, -0.33),
}
LISTENERS = 6
_HEARING = 0.15  # standard deviation of what a listener hears, on MEANINGS' scale
_STRENGTH = (0.6, 1.0)
_SHARE = (0.6, 1.0)  # of the syllables that carry the emotion
_SNR = (15.0, 35.0)  # dB
_PEAK = 0.98  # of every recording


class Performance(NamedTuple):
    """One utterance of the corpus, with all that is known about how it was made."""

    utterance: Utterance
    strength: float  # of the emotion, 0 to 1; 0 where it is neutral
    votes: tuple[str, ...]  # what each listener heard
    f0: np.ndarray  # Hz, every 2 ms; nan where the voice is silent


def load(
    data: Path | None = None, *, speakers: Collection[str] | None = None, texts: Collection[str] | None = None
) -> Corpus:
    """Make the corpus, or the part of it that `speakers` and `texts` name; at most once a process.

    Raises      InputError: `data` is given; there is no such speaker or text
    """
    if data is not None:
        raise InputError(f"‹data› {data}: the synthetic corpus is made on the spot and needs no ‹data›")
    start = time.perf_counter()
    utterances = [performance.utterance for performance in performances(speakers, texts)]
    took = time.perf_counter() - start
    minutes = sum(u.seconds for u in utterances) / 60
    voices = len({u.speaker for u in utterances})
    finding = (
        f"Made {len(utterances)} utterances on the spot, in {took:.1f} s: {len(EMOTIONS)} emotions; "
        f"{voices} speakers; {minutes:.1f} minutes."
    )
    return Corpus("synthetic", utterances, [finding])


def performances(
    speakers: Collection[str] | None = None, texts: Collection[str] | None = None
) -> Iterator[Performance]:
    """The utterances of some speakers and texts (None: of all), in the order of their names."""
    for kind, known, wanted in (("speaker", SPEAKERS, speakers), ("text", TEXTS, texts)):
        for name in wanted or ():
            if name not in known:
                raise InputError(f"{kind} {name}: the synthetic corpus has only {', '.join(known)}")
    for speaker in SPEAKERS:
        for text in TEXTS:
            if (speakers is None or speaker in speakers) and (texts is None or text in texts):
                for emotion in sorted(EMOTIONS, key=EMOTIONS.__getitem__):
                    yield perform(speaker, text, emotion)


@cache
def perform(speaker: str, text: str, emotion: str) -> Performance:
    """Make one utterance. All chance in it comes from its own child of one seed, so that it needs no other."""
    voice, said = SPEAKERS[speaker], syllables(TEXTS[text])
    place = list(SPEAKERS).index(speaker), list(TEXTS).index(text), list(EMOTIONS).index(emotion)
    rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=place))
    strength = rng.uniform(*_STRENGTH) if emotion != "neutral" else 0.0
    felt = round(len(said) * rng.uniform(*_SHARE))
    first = rng.integers(len(said) - felt + 1)
    weights = np.zeros(len(said))
    weights[first : first + felt] = strength
    today = replace(
        voice,
        f0=voice.f0 * 2 ** (rng.normal(0, 0.7) / 12),
        tilt=voice.tilt + rng.normal(0, 1.0),
        open_quotient=voice.open_quotient + rng.normal(0, 0.03),
    )
    tracks, times = plan(said, today, RULES[emotion], weights, rng)
    waveform = _record(speak(tracks, rng), rng)
    votes = tuple(_hear(emotion, strength, rng) for _ in range(LISTENERS))
    utterance = Utterance(
        name=f"{speaker}{text}{EMOTIONS[emotion]}a",
        label=emotion,
        speaker=speaker,
        text=text,
        votes=votes.count(emotion) / LISTENERS,
        waveform=waveform,
        span=None if emotion == "neutral" else (float(times[first, 0]), float(times[first + felt - 1, 1])),
    )
    return Performance(utterance, strength, votes, np.where(tracks.voicing > 0, tracks.f0, np.nan))


def _record(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Speech as a microphone somewhere in a room takes it; (samples,) float32, which nobody can change."""
    noise = room_noise(rng.standard_normal(len(speech)))
    waveform = speech + noise * (speech.std() / noise.std() / 10 ** (rng.uniform(*_SNR) / 20))
    waveform = (waveform * (_PEAK / np.abs(waveform).max())).astype(np.float32)
    waveform.flags.writeable = False
    return waveform


def _hear(emotion: str, strength: float, rng: np.random.Generator) -> str:
    """What one listener takes `emotion` for: the nearest meaning, at the strength that emotions have on average."""
    heard = strength * np.array(MEANINGS[emotion]) + _HEARING * rng.standard_normal(3)
    meanings = np.mean(_STRENGTH) * np.array(list(MEANINGS.values()))
    return list(MEANINGS)[np.argmin(((meanings - heard) ** 2).sum(axis=1))]
