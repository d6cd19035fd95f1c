"""Phones of a made-up language: what the vocal tract aims at, and for how long.

A text is written in SAMPA-like letters: syllables stand apart, `%` marks a stressed syllable, `"` the one that
carries the focus, a comma a pause. Plosives are two or three targets in a row: closure, burst, breath.

Units       seconds; Hz, for a vocal tract of 17.5 cm; amplitudes linear, a vowel's voicing = 1
Sources     formants after Peterson & Barney 1952 and Klatt 1980, Table II, rounded
"""

from typing import NamedTuple

TRACT = 17.5  # cm, the length for which the formants are given
CENTRE = (500.0, 1450.0, 2500.0)  # formants of the vowel in the middle, [@]


class Target(NamedTuple):
    """Where the vocal tract goes, how long it stays, and which sounds it makes there."""

    seconds: float
    formants: tuple[float, float, float] | None = None  # F1, F2, F3; None: those of the next target that has some
    voicing: float = 0.0
    aspiration: float = 0.0
    frication: float = 0.0
    noise: tuple[float, float] = (4000.0, 3000.0)  # centre and bandwidth of the frication
    damping: float = 1.0  # bandwidths, as a multiple of a vowel's
    kind: str = "consonant"  # or "vowel", "voiceless fricative", "pause"


class Syllable(NamedTuple):
    """A run of targets that is stressed or not."""

    targets: tuple[Target, ...]
    stress: int  # 0 none, 1 stressed, 2 focus
    final: bool  # the last one before a pause or the end


def _vowel(f1, f2, f3):
    return (Target(0.085, (f1, f2, f3), voicing=1.0, kind="vowel"),)


def _sonorant(seconds, f1, f2, f3, voicing, damping=1.0):
    return (Target(seconds, (f1, f2, f3), voicing, damping=damping),)


def _voiceless_fricative(frication, centre, bandwidth, *formants):
    noise = (centre, bandwidth)
    return (Target(0.095, formants, frication=frication, noise=noise, kind="voiceless fricative"),)


def _voiced_fricative(frication, centre, bandwidth, *formants):
    return (Target(0.06, formants, voicing=0.3, frication=frication, noise=(centre, bandwidth)),)


def _voiceless_plosive(frication, centre, bandwidth, *formants):
    burst = Target(0.010, formants, frication=frication, noise=(centre, bandwidth))
    return (Target(0.060, formants), burst, Target(0.025, None, aspiration=0.12))


def _voiced_plosive(frication, centre, bandwidth, *formants):
    voice_bar = Target(0.045, (200.0, *formants[1:]), voicing=0.12, damping=2.0)
    return (voice_bar, Target(0.008, formants, voicing=0.3, frication=frication, noise=(centre, bandwidth)))


PHONES: dict[str, tuple[Target, ...]] = {
    "a": _vowel(730, 1250, 2500),
    "e": _vowel(430, 2000, 2600),
    "i": _vowel(280, 2250, 2950),
    "o": _vowel(450, 850, 2450),
    "u": _vowel(310, 850, 2300),
    "@": _vowel(*CENTRE),
    "m": _sonorant(0.065, 260, 1000, 2200, 0.6, damping=2.0),
    "n": _sonorant(0.060, 260, 1550, 2550, 0.6, damping=2.0),
    "l": _sonorant(0.060, 340, 1150, 2700, 0.7, damping=1.5),
    "j": _sonorant(0.055, 260, 2150, 2900, 0.7),
    "v": _voiced_fricative(0.06, 4500, 4000, 280, 1000, 2200),
    "z": _voiced_fricative(0.10, 5500, 1800, 280, 1650, 2600),
    "f": _voiceless_fricative(0.10, 5000, 4500, 350, 1000, 2200),
    "s": _voiceless_fricative(0.25, 5800, 1800, 320, 1650, 2600),
    "S": _voiceless_fricative(0.25, 3200, 1400, 320, 1750, 2500),
    "h": (Target(0.060, None, aspiration=0.15, damping=1.5, kind="voiceless fricative"),),
    "p": _voiceless_plosive(0.30, 1200, 1500, 350, 900, 2200),
    "t": _voiceless_plosive(0.50, 4500, 2500, 350, 1700, 2650),
    "k": _voiceless_plosive(0.45, 2200, 1000, 350, 1900, 2300),
    "b": _voiced_plosive(0.15, 1000, 1500, 320, 900, 2200),
    "d": _voiced_plosive(0.25, 4000, 2500, 320, 1700, 2650),
    "g": _voiced_plosive(0.25, 2000, 1000, 320, 1900, 2300),
}


def syllables(text: str) -> list[Syllable]:
    """Read a text, for example `%ma lo "ti, sa %nu f@`.

    Raises      KeyError: a letter that is no phone
    """
    words = text.split()
    found = []
    for place, word in enumerate(words):
        stress = {"%": 1, '"': 2}.get(word[0], 0)
        targets = tuple(target for letter in word.strip('%",') for target in PHONES[letter])
        found.append(Syllable(targets, stress, final=word.endswith(",") or place == len(words) - 1))
    return found
