"""What training does to a log-mel before it shows it: the same words as others might have said and recorded them.

A few hundred recordings of a few people in one silent room can be learned by heart, people and room included. So no
step shows a recording as it is. Each time it is drawn anew how fast it was spoken, how long the speaker's throat is,
how loud and how bright the microphone is, how noisy the room, how wide the telephone's band; and parts are blotted
out, so that no single one of them can be all that is looked at. Voice and tempo differ most between people; the rest
differs between microphones.

All of it happens in the log-mel, where stretching time or frequency is an interpolation, so that nothing but frames
has to be kept. Noise and bands that are missing change the recording's level, which is then taken out anew, as it
will be from a recording that comes so.

Source      tempo and speed: Ko et al. 2015; warped frequencies: Jaitly and Hinton 2013; masks: Park et al. 2019
Deviation   the paper shows each recording as it is (`--recipe paper`)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from numser.features import FeatureSettings, Standardiser, band_edges, decibels_of, power_of, relevelled
from numser.recipe import Recipe

WIDEST_MASK = 16  # bands
LONGEST_MASK = 1 / 8  # of the frames
SHORTEST = 8  # frames that are left, or all if there are fewer
SNR = (5.0, 35.0)  # dB
SLOPE = (-6.0, 3.0)  # dB an octave: from a distant motor to hiss; 0 is white
CLICK = (-5.0, 15.0)  # dB, its frames against the loudest one
CUT_OFF = (3400.0, 6000.0)  # Hz: what telephones and old codecs let through


@dataclass(frozen=True, eq=False)
class Augmentation:
    """A recipe's augmentation of a corpus. It holds no random numbers: the caller gives a generator.

    Shapes      log_mels: each (T, bands) in dB   standardisers: one each
    """

    recipe: Recipe
    settings: FeatureSettings
    log_mels: Sequence[np.ndarray]
    standardisers: Sequence[Standardiser]

    @cached_property
    def _centres(self) -> np.ndarray:
        return band_edges(self.settings)[1:-1]

    def __call__(self, i: int, rng: np.random.Generator) -> np.ndarray:
        """Draw how utterance i is shown now: standardised, (T', bands) float32."""
        r, x = self.recipe, self.log_mels[i]
        longest = round(r.crop * self.settings.sample_rate / self.settings.hop_length)
        x = stretched(x, r.tempo ** rng.uniform(-1, 1), longest, rng)
        x = warped(x, self._centres, r.warp ** rng.uniform(-1, 1), rng.uniform(-r.shift, r.shift))
        room, line = rng.random() < r.noise, rng.random() < r.band_limit
        if room:
            x = noisy(x, self._centres, rng.uniform(*SNR), rng)
            x = clicked(x, rng) if rng.random() < 0.5 else x
        if line:
            x = np.where(self._centres > rng.uniform(*CUT_OFF), np.float32(-np.inf), x)
        if room or line:
            x = relevelled(x, self.settings)
        x = coloured(self.standardisers[i].apply(x), r.offset * rng.standard_normal(), r.tilt * rng.standard_normal())
        return masked(x, r.masks, rng)


def stretched(x: np.ndarray, tempo: float, longest: int, rng: np.random.Generator) -> np.ndarray:
    """Spoken `tempo` times as fast; and of what then is longer than `longest` frames (0: any) a part, drawn anew.

    Frame t of y lies at frame tempo·t of x, between two of its frames, and is interpolated.

    Shapes      x (T, bands)   y (about T / tempo, bands)
    """
    frames = max(round(len(x) / tempo), min(len(x), SHORTEST))
    begin = rng.integers(frames - longest + 1) if longest and frames > longest else 0
    frames_shown = min(frames, longest) if longest else frames
    at = np.linspace(0, len(x) - 1, frames)[begin : begin + frames_shown]
    return _between(x, at, axis=0)


def warped(x: np.ndarray, centres: np.ndarray, factor: float, shift: float) -> np.ndarray:
    """Another speaker's throat: what was at f Hz comes to f / factor, and then `shift` bands lower.

    A throat shorter by a tenth has all its resonances higher by a tenth, and often a higher voice too.

    Shapes      x, y (T, bands)   centres (bands,) in Hz
    """
    bands = np.arange(len(centres))
    at = np.interp(centres * factor, centres, bands) + shift
    return _between(x, np.clip(at, 0, len(centres) - 1), axis=1)


def _between(x: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    """x at places between its rows (axis 0) or columns (axis 1), by linear interpolation."""
    low = np.minimum(at.astype(int), x.shape[axis] - 1)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    share = (at - low).astype(x.dtype)
    if axis == 0:
        share = share[:, None]
    return x.take(low, axis) * (1 - share) + x.take(high, axis) * share


def noisy(x: np.ndarray, centres: np.ndarray, snr: float, rng: np.random.Generator) -> np.ndarray:
    """In a room with steady noise, `snr` dB below the utterance. Its colour is drawn: dull as wind or bright as hiss.

    Powers add, decibels do not: y = 10·log10(10^(x/10) + 10^(n/10)). A band's power in one frame is the mean of a few
    squares, and so follows a gamma distribution.

    Shapes      x, y (T, bands) in dB   centres (bands,) in Hz
    """
    octaves = np.log2(np.maximum(centres, 60) / 1000)
    colour = rng.uniform(*SLOPE) * octaves + 0.3 * rng.standard_normal(len(centres)).cumsum()
    noise = (power_of(colour) * rng.gamma(3, 1 / 3, x.shape)).astype(np.float32)
    power = power_of(x)
    noise *= power.sum() / noise.sum() * np.float32(10 ** (-snr / 10))
    return decibels_of(power + noise)


def clicked(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Somewhere a click: in the four frames whose windows hold it, it is in all bands alike.

    Shapes      x, y (T, bands) in dB
    """
    power = power_of(x)
    at, loudest = rng.integers(len(x)), power.sum(axis=1).max()
    power[at : at + 4] += loudest / x.shape[1] * 10 ** (rng.uniform(*CLICK) / 10)
    return decibels_of(power)


def coloured(x: np.ndarray, offset: float, tilt: float) -> np.ndarray:
    """Louder by `offset`, and brighter by `tilt` at the highest band, which is taken away at the lowest.

    Shapes      x, y (T, bands), standardised
    """
    return x + np.float32(offset) + np.linspace(-tilt, tilt, x.shape[1], dtype=np.float32)


def masked(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Blot out `count` stripes of bands and `count` of frames: there each band has its mean, 0.

    Shapes      x (T, bands), standardised; it is changed in place, and returned
    """
    for _ in range(count):
        wide, long = rng.integers(WIDEST_MASK + 1), rng.integers(int(len(x) * LONGEST_MASK) + 1)
        band, frame = rng.integers(x.shape[1] - wide + 1), rng.integers(len(x) - long + 1)
        x[:, band : band + wide] = 0
        x[frame : frame + long] = 0
    return x
