"""Speech-like sound from a source and a filter.        Klatt 1980

The vocal folds let through one puff of air a period; its flow is Rosenberg's pulse (1971). Lips turn flow into
pressure by differentiating it. With Tp samples of opening and Tn = Tp/2 of closing,

    flow u(t) = Tn/2 · (3(t/Tp)² − 2(t/Tp)³)       0 ≤ t < Tp
                Tn/2 · (1 − ((t − Tp)/Tn)²)        Tp ≤ t < Tp + Tn
                0                                  until the next pulse
    open quotient = (Tp + Tn) / period             source = du/dt, −1 just before closure

The vocal tract is a cascade of resonators, one a formant; the noise of a fricative is made behind the lips or
teeth, and passes one band-pass instead of the cascade.

Units       frequencies and bandwidths in Hz, tilt in dB at 3 kHz, amplitudes linear, one frame = HOP samples
Sources     Rosenberg, JASA 49 (1971); Klatt, JASA 67 (1980); Klatt & Klatt, JASA 87 (1990)
"""

from math import cos, exp, pi, sqrt
from typing import NamedTuple

import numpy as np

from numser.audio import SAMPLE_RATE
from numser.jit import jit

HOP = 32  # samples a frame: 2 ms
_CLOSED = 0.4  # breath that still leaks while the folds are closed, as a share of the breath while they are open


class Tracks(NamedTuple):
    """What the voice does, frame by frame. All arrays are float64 and (frames,) unless said otherwise."""

    f0: np.ndarray  # Hz
    open_quotient: np.ndarray  # 0.1 to 1
    tilt: np.ndarray  # dB by which the source is weaker at 3 kHz
    jitter: np.ndarray  # no two periods are equally long; standard deviation, as a share
    shimmer: np.ndarray  # nor two pulses equally strong; likewise
    voicing: np.ndarray  # amplitude of the pulses
    aspiration: np.ndarray  # amplitude of the breath that passes the folds
    frication: np.ndarray  # amplitude of a fricative's noise
    noise_centre: np.ndarray  # Hz, of that noise
    noise_bandwidth: np.ndarray  # Hz
    formants: np.ndarray  # (frames, formants) Hz
    bandwidths: np.ndarray  # (frames, formants) Hz


def speak(tracks: Tracks, rng: np.random.Generator) -> np.ndarray:
    """Sound of the given movements of a voice: (frames · HOP,) float64. Its breath and friction come from `rng`."""
    noise = rng.standard_normal(len(tracks.f0) * HOP)
    t = tracks
    source = glottal_source(t.f0, t.open_quotient, t.tilt, t.jitter, t.shimmer, t.voicing, t.aspiration, noise)
    friction = bandpass_noise(t.frication, t.noise_centre, t.noise_bandwidth, noise)
    return formant_cascade(source, t.formants, t.bandwidths) + friction


@jit
def glottal_source(f0, open_quotient, tilt, jitter, shimmer, voicing, aspiration, noise):
    """Derivative of the glottal flow, with breath noise: (frames · HOP,).

    A pulse keeps the period, shape and amplitude it started with, so that no parameter jumps within it. Pulses
    start between samples. With V(n) the volume of air that has passed by sample n, each sample is
    V(n) − 2V(n−1) + V(n−2): the slope of the flow, averaged so that little of what lies above 8 kHz folds back.

    tilt    y[n] = (1 − p)·x[n] + p·y[n−1], where p makes |H(3 kHz)|² = 10^(−tilt/10)
    """
    out = np.empty(len(f0) * HOP)
    omega = cos(2 * pi * 3000 / SAMPLE_RATE)
    age, period, opening, closing, amplitude = 0.0, 1.0, 0.5, 0.25, 0.0  # of the present pulse, in samples
    earlier, volume, flow, smooth = 0.0, 0.0, 0.0, 0.0  # earlier: what former pulses let through
    for frame in range(len(f0)):
        power = 10 ** (-tilt[frame] / 10)
        pole = 0.0
        if power < 1:
            b = 1 - power * omega
            pole = (b - sqrt(b * b - (1 - power) ** 2)) / (1 - power)
        for n in range(frame * HOP, (frame + 1) * HOP):
            age += 1
            if age >= period:
                age -= period
                earlier += amplitude * closing / 2 * (opening / 2 + closing * 2 / 3)
                period = SAMPLE_RATE / f0[frame] * (1 + jitter[frame] * noise[n])
                opening = period * open_quotient[frame] * 2 / 3
                closing = opening / 2
                amplitude = voicing[frame] * (1 + shimmer[frame] * noise[n - 1])
            if age < opening:
                s = age / opening
                puff = closing / 2 * opening * (s**3 - s**4 / 2)
            else:
                s = min(1.0, (age - opening) / closing)
                puff = closing / 2 * (opening / 2 + closing * (s - s**3 / 3))
            before = flow
            flow = earlier + amplitude * puff - volume
            volume += flow
            smooth = (1 - pole) * (flow - before) + pole * smooth
            breath = aspiration[frame] * noise[n]
            if amplitude > 0 and age >= opening + closing:
                breath *= _CLOSED
            out[n] = smooth + breath
    return out


@jit
def formant_cascade(source, formants, bandwidths):
    """Send `source` through one resonator after the other; each has gain 1 at 0 Hz.        Klatt 1980, Eq. 1–2

    y[n] = A·x[n] + B·y[n−1] + C·y[n−2]
    r = exp(−π·bandwidth/rate)    C = −r²    B = 2r·cos(2π·formant/rate)    A = 1 − B − C

    Within a frame B and C glide to their next values: steps would crackle. F1 comes last, as it moves most and the
    higher resonators would make its motion heard.
    """
    out = source.copy()
    for k in range(formants.shape[1] - 1, -1, -1):
        b, c, y1, y2 = 0.0, 0.0, 0.0, 0.0
        for frame in range(len(formants)):
            r = exp(-pi * bandwidths[frame, k] / SAMPLE_RATE)
            next_b = 2 * r * cos(2 * pi * formants[frame, k] / SAMPLE_RATE)
            step_b, step_c = (next_b - b) / HOP, (-r * r - c) / HOP
            for n in range(frame * HOP, (frame + 1) * HOP):
                b += step_b
                c += step_c
                y = (1 - b - c) * out[n] + b * y1 + c * y2
                y2, y1 = y1, y
                out[n] = y
    return out


@jit
def bandpass_noise(amplitude, centre, bandwidth, noise):
    """Noise around `centre`, with gain `amplitude` there and none at 0 Hz and 8 kHz.

    y[n] = (1 − r²)/2·(x[n] − x[n−2]) + 2r·cos(2π·centre/rate)·y[n−1] − r²·y[n−2]
    """
    out = np.empty(len(noise))
    x1, x2, y1, y2 = 0.0, 0.0, 0.0, 0.0
    for frame in range(len(amplitude)):
        r = exp(-pi * bandwidth[frame] / SAMPLE_RATE)
        b = 2 * r * cos(2 * pi * centre[frame] / SAMPLE_RATE)
        for n in range(frame * HOP, (frame + 1) * HOP):
            y = (1 - r * r) / 2 * (noise[n] - x2) + b * y1 - r * r * y2
            x2, x1 = x1, noise[n]
            y2, y1 = y1, y
            out[n] = amplitude[frame] * y
    return out


@jit
def room_noise(noise):
    """Noise of a quiet room, from white noise: it falls by 6 dB an octave above 300 Hz.

    y[n] = (1 − p)·x[n] + p·y[n−1]    p = exp(−2π·300/rate)
    """
    out = np.empty(len(noise))
    pole = exp(-2 * pi * 300 / SAMPLE_RATE)
    y = 0.0
    for n in range(len(noise)):
        y = (1 - pole) * noise[n] + pole * y
        out[n] = y
    return out
