"""Is somebody speaking?

The network has an answer to everything. It has learned from speech alone, so to a hum or a hiss its answer means
nothing, and it does not say so. What is no speech is told apart before: speech swells and ebbs with its syllables,
noise and hum stay as they are, and a click is over before a syllable has begun.
"""

from functools import lru_cache

import numpy as np

from numser.errors import InputError
from numser.features import PAPER, FeatureSettings, band_edges, decibels_of, power_of

_SPEECH = (200.0, 4000.0)  # Hz, where most of its power lies; a telephone lets through little more, and no hum
_LEAK = 10**-2.5  # of a hum's power leaks into these bands, and beats there; so much of the whole power covers it
_VARIATION = 6.0  # dB from quiet to loud frames
_SYLLABLE = 0.07  # seconds; a click is in frames of 40 ms
_JUDGED = 0.5  # seconds; in less there may be one syllable, which need not vary


class NoSpeech(InputError):
    """A recording in which nobody speaks."""


def no_speech(name: str) -> NoSpeech:
    """What is said of such a recording."""
    return NoSpeech(f"{name}: no speech to be heard; give a recording in which somebody speaks")


def speech_heard(log_mel: np.ndarray, settings: FeatureSettings = PAPER) -> bool:
    """Whether an utterance's log-mel frames may be speech.

        P[t] = Σ_m width[m] · 10^(y[t,m] / 10)        p[t]: the same sum over the bands from 200 to 4000 Hz
        l[t] = 10 · log10(p[t] + P[t] / 316)          loud, quiet: 95th and 10th percentile of l
        heard: loud − quiet ≥ 6 dB, and for 7 frames in a row, 70 ms,
               l[t] ≥ quiet + (loud − quiet) / 4

    Bands are divided by their widths in `log_mel`, so here they are multiplied again. All is relative: the gain does
    not matter. Percentiles, since one frame must not decide.

    The thresholds lie between what was measured. In 535 recordings of Emo-DB, as they are, at −40 dB, with white,
    pink or babble noise 15 dB below, and with a telephone's 8 kHz, the least variation was 14.3 dB and the shortest
    run 16 frames; in the 700 utterances of the built-in corpus 8.4 dB and 11 frames. In 0.5 to 30 s of other sounds:
    dither and white, pink and brown noise varied by 1.5, 2.2, 2.9 and 4.4 dB at most, and an offset or a hum of 50 or
    60 Hz, with up to three harmonics, by 1.9 dB, but for its cut ends; what varied more, clicks and such ends, had
    runs of at most 4 frames.

    It is no more than that: music, or a noise that comes and goes, is taken for speech. So is everything under half a
    second, which is too short to tell; and one or two in a hundred half seconds cut out of a sentence are not.

    Shapes      log_mel (T, bands), not standardised
    Units       dB
    """
    if len(log_mel) * settings.hop_length / settings.sample_rate <= _JUDGED:
        return True
    level = decibels_of(power_of(log_mel) @ _weights(settings))
    quiet, loud = np.percentile(level, [10, 95])
    if loud - quiet < _VARIATION:
        return False
    audible = level >= quiet + (loud - quiet) / 4
    return _longest_run(audible) * settings.hop_length / settings.sample_rate >= _SYLLABLE


@lru_cache
def _weights(settings: FeatureSettings) -> np.ndarray:
    """What each band's power counts."""
    edges = band_edges(settings)
    lowest, highest = _SPEECH
    inside = (edges[1:-1] >= lowest) & (edges[1:-1] <= highest)
    return (edges[2:] - edges[:-2]) / 2 * (inside + _LEAK)


def _longest_run(true: np.ndarray) -> int:
    """How many follow one another at most."""
    ends = np.flatnonzero(np.diff(true.astype(np.int8), prepend=0, append=0))
    return int((ends[1::2] - ends[::2]).max(initial=0))
