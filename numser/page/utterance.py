"""An utterance as a page draws it: its log-mel, small, and the attention over it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from numser.features import PAPER, log_mel


def small_log_mel(waveform: np.ndarray) -> np.ndarray:
    """A log-mel to look at.

    Shapes      waveform (n,) at 16 kHz   picture (ceil(frames / 2), 64) uint8
    Units       0 to 255 for the 80 dB below the utterance's maximum
    """
    return picture(log_mel(waveform))


def picture(frames: np.ndarray) -> np.ndarray:
    """The same of log-mel frames.

    Shapes      frames (T, 128) in dB   picture (ceil(T / 2), 64) uint8
    """
    floor = frames.max() - PAPER.dynamic_range
    return np.round((small(frames) - floor) * (255 / PAPER.dynamic_range)).clip(0, 255).astype(np.uint8)


def small(frames: np.ndarray) -> np.ndarray:
    """A log-mel in a quarter of its numbers: of four neighbours in time and frequency the mean.

    Shapes      frames (T, 128)   means (ceil(T / 2), 64): instant k is of frames 2k and 2k + 1, every 20 ms
    Units       dB
    """
    if len(frames) % 2:
        frames = np.concatenate([frames, frames[-1:]])
    return frames.reshape(len(frames) // 2, 2, frames.shape[1] // 2, 2).mean((1, 3))


def attention_curve(weights: Sequence[float], seconds: Sequence[float]) -> dict[str, Any] | None:
    """The weights as whole numbers up to 255, and what 255 stands for; they are centred at even steps of time."""
    if not len(weights) or not len(seconds) or not (peak := float(max(weights))) > 0:
        return None
    return {
        "first": float(seconds[0]),
        "last": float(seconds[-1]),
        "peak": peak,
        "weights": [round(255 * float(w) / peak) for w in weights],
    }
