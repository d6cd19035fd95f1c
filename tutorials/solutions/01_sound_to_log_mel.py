"""Answers to the exercises of lesson 01: right ones, and wrong ones that the checks catch."""

import numpy as np


def power_spectrum(x):
    """Window, transform, square."""
    h = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(640) / 640)
    return np.abs(np.fft.rfft(x * h, 1024)) ** 2


def symmetric_window(x):
    """NumPy's window has period 639: every power is a little off."""
    return np.abs(np.fft.rfft(x * np.hamming(640), 1024)) ** 2


def magnitude(x):
    """Not squared."""
    h = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(640) / 640)
    return np.abs(np.fft.rfft(x * h, 1024))


def no_padding(x):
    """Without 1024, the transform has 640 points: 321 powers, at other frequencies."""
    h = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(640) / 640)
    return np.abs(np.fft.rfft(x * h)) ** 2


def triangles(edges, frequency):
    """A row a band."""
    filterbank = np.empty((len(edges) - 2, len(frequency)))
    for m in range(len(filterbank)):
        left, centre, right = edges[m : m + 3]
        rising = (frequency - left) / (centre - left)
        falling = (right - frequency) / (right - centre)
        filterbank[m] = np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)
    return filterbank


def height_one(edges, frequency):
    """Without the factor, every triangle is 1 high: wide bands hear noise louder."""
    left, right = edges[:-2, np.newaxis], edges[2:, np.newaxis]
    return triangles(edges, frequency) * (right - left) / 2


def below_zero(edges, frequency):
    """Without the maximum, the lines go on below zero."""
    left, centre, right = edges[:-2, np.newaxis], edges[1:-1, np.newaxis], edges[2:, np.newaxis]
    rising, falling = (frequency - left) / (centre - left), (right - frequency) / (right - centre)
    return np.minimum(rising, falling) * 2 / (right - left)


def on_its_side(edges, frequency):
    """A column a band."""
    return triangles(edges, frequency).T


def decibels(power):
    """Two floors: one for silence, one for what nobody hears."""
    levels = 10 * np.log10(np.maximum(power, 1e-10))
    return np.maximum(levels, levels.max() - 80)


def no_range(power):
    """Only the floor for silence."""
    return 10 * np.log10(np.maximum(power, 1e-10))


def fixed_range(power):
    """80 dB below 0 dB, not below the loudest."""
    return np.maximum(10 * np.log10(np.maximum(power, 1e-10)), -80)


def amplitude(power):
    """20 log10 is for amplitudes; a power is a square already."""
    levels = 20 * np.log10(np.maximum(power, 1e-10))
    return np.maximum(levels, levels.max() - 80)


WRONG = {
    "power_spectrum": [symmetric_window, magnitude, no_padding],
    "triangles": [height_one, below_zero, on_its_side],
    "decibels": [no_range, fixed_range, amplitude],
}
