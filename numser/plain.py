"""The network once more, on one screen, in NumPy alone: nothing compiled, nothing remembered.

The layers are fast because Numba compiles their loops; but to load Numba takes longer than a few utterances take
without it. So `numser.predict` asks this file where there is little to recognise. The fast layers are held against it
in a test, and it is the shortest way to read what the network does. The equations stand in `layers/`.
"""

import numpy as np

from numser.layers.pool import padding_before
from numser.model import SeparableSER, statistics_of
from numser.ragged import Gradients, Params, Ragged, offsets_of, unpack


class PlainSER(SeparableSER):
    """A `SeparableSER` that recognises and does not train."""

    def forward(self, params: Params, x: Ragged, *, training=False, rng=None) -> tuple[np.ndarray, list]:
        """Logits (B, K) of log-mels (N, 128); and each utterance's attention weights, or None for a model without,
        and states of the GRU.
        """
        each = [_utterance(self, params, log_mel) for log_mel in unpack(x)]
        return np.array([logits for logits, *_ in each]), [(alpha, h) for _, alpha, h in each]

    def backward(self, params: Params, cache: list, dy: np.ndarray, *, input_gradient=True) -> Gradients:
        """There is no way back.

        Raises      NotImplementedError: always
        """
        raise NotImplementedError("PlainSER only recognises; train a SeparableSER")

    def attention_weights(self, cache: list) -> Ragged:
        """As `SeparableSER` has them."""
        return Ragged(np.concatenate([alpha for alpha, _ in cache]), offsets_of([len(alpha) for alpha, _ in cache]))

    def statistics(self, cache: list) -> np.ndarray:
        """As `SeparableSER` has them."""
        return np.array([statistics_of(h) for _, h in cache])


def _utterance(
    model: SeparableSER, p: Params, log_mel: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Logits (K,), attention (N',) and the GRU's states (N', 2H) of one standardised utterance (T, 128)."""
    x = np.maximum(_entry(log_mel, p["entry.w"][:, :, 0], p["entry.b"]), 0)
    x = _max_pool(_separable_block(x, p, "stem"))
    for i in range(model.blocks):
        x = x + _separable_block(x, p, f"blocks.{i}")
    x = x.reshape(len(x), -1)
    forwards, backwards = ("gru", "gru") if model.tied else ("gru.forward", "gru.backward")
    h = np.hstack([_gru(x, p, forwards), _gru(x[::-1], p, backwards)[::-1]])
    alpha = None
    if model.attention:
        score = h @ p["attention.w"]
        alpha = np.exp(score - score.max())
        alpha /= alpha.sum()
        y = alpha @ h
    else:
        units = h.shape[1] // 2
        y = np.hstack([h[-1, :units], h[0, units:]])
    y = y @ p["hidden.w"] + p["hidden.b"]
    y = np.where(y > 0, y, p["hidden.slope"] * y)
    return y @ p["output.w"] + p["output.b"], alpha, h


def _entry(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """3×3 convolution with stride 2: all nine taps of a position side by side, times one matrix."""
    taps = np.lib.stride_tricks.sliding_window_view(x, (3, 3))[::2, ::2]
    return taps.reshape(*taps.shape[:2], 9) @ w.reshape(9, -1) + b


def _separable_block(x: np.ndarray, p: Params, name: str) -> np.ndarray:
    """Expand, filter each channel alone, project."""
    e = np.maximum(x @ p[f"{name}.expand.w"] + p[f"{name}.expand.b"], 0)
    e = np.pad(e, ((1, 1), (1, 1), (0, 0)))
    w, (frames, width) = p[f"{name}.depthwise.w"], x.shape[:2]
    d = sum(w[i, j] * e[i : i + frames, j : j + width] for i in range(3) for j in range(3))
    return np.maximum(d, 0) @ p[f"{name}.project.w"] + p[f"{name}.project.b"]


def _max_pool(x: np.ndarray) -> np.ndarray:
    """The largest of each 3×3 window, with stride 2; outside the utterance nothing is larger than what is inside."""
    for axis in (0, 1):
        n, before = x.shape[axis], padding_before(x.shape[axis])
        border = [(0, 0)] * 3
        border[axis] = (before, 2)
        padded = np.moveaxis(np.pad(x, border, constant_values=-np.inf), axis, 0)
        y = np.maximum(np.maximum(padded[:n:2], padded[1 : n + 1 : 2]), padded[2 : n + 2 : 2])
        x = np.moveaxis(y, 0, axis)
    return x


def _gru(x: np.ndarray, p: Params, name: str) -> np.ndarray:
    """The states of one direction, (N', H)."""
    a, u = x @ p[f"{name}.w"] + p[f"{name}.b"], p[f"{name}.u"]
    units = len(u)
    u_gates, u_candidate = u[:, : 2 * units], u[:, 2 * units :]
    h, states = np.zeros(units, x.dtype), []
    for frame in a:
        r, z = np.split(1 / (1 + np.exp(-(frame[: 2 * units] + h @ u_gates))), 2)
        c = np.tanh(frame[2 * units :] + (r * h) @ u_candidate)
        h = z * h + (1 - z) * c
        states.append(h)
    return np.array(states)
