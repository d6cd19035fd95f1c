"""Checks of lesson 01."""

import numpy as np

from checker import exercise, same
from numser.features import FeatureSettings, band_edges, hamming, mel_filterbank


@exercise
def power_spectrum(answer):
    """640 samples to 513 powers."""
    tone = np.cos(2 * np.pi * 1000 * np.arange(640) / 16000)
    noise = np.random.default_rng(1).standard_normal(640)
    for name, x in (("a tone of 1 kHz", tone), ("noise", noise)):
        expected = np.abs(np.fft.rfft(x * hamming(640), 1024)) ** 2
        same(answer(x.copy()), expected, f"power_spectrum of {name}", tolerance=1e-5)


@exercise
def triangles(answer):
    """Edges and frequencies to a filterbank: a small one first, then numser's."""
    small = FeatureSettings(win_length=32, n_fft=32, n_mels=5)
    for settings in (small, FeatureSettings()):
        frequency = np.arange(settings.n_fft // 2 + 1) * settings.sample_rate / settings.n_fft
        found = answer(band_edges(settings), frequency)
        what = f"triangles with {settings.n_mels} bands and {len(frequency)} frequencies"
        same(found, mel_filterbank(settings), what, tolerance=1e-5)


@exercise
def decibels(answer):
    """Powers to decibels, with both floors."""
    quiet = np.array([[1e-3, 1e-9, 0.0], [1e-12, 1e-5, 1e-4]])  # 80 dB below the loudest is under the first floor
    loud = np.array([100.0, 1.0, 1e-4, 1e-7, 0.0])
    for name, power in (("soft sound", quiet), ("loud sound", loud)):
        levels = 10 * np.log10(np.maximum(power, 1e-10))
        same(answer(power.copy()), np.maximum(levels, levels.max() - 80), f"decibels of {name}")
