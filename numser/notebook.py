"""A prediction as a notebook shows it: bars of its probabilities, and where the network looked, as one SVG."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numser.recogniser import Prediction

_WIDTH, _ROW, _TEXT, _BAR, _CURVE = 480, 20, 140, 270, 60  # pixels
_LONGEST = 20  # characters of a label that are shown
_BLUE, _GREY = "#0072b2", "#8c8c8c"  # seen on white and on black


def picture(prediction: "Prediction") -> str:
    """HTML without script or style sheet. Labels may be any text: what could be markup is escaped."""
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    parts = []
    for row, (label, share) in enumerate(ranked):
        y, colour = row * _ROW, _BLUE if label == prediction.label else _GREY
        parts.append(
            f'<text x="{_TEXT - 8}" y="{y + 14}" text-anchor="end">{_shown(label)}</text>'
            f'<rect x="{_TEXT}" y="{y + 3}" width="{max(share * _BAR, 1):.1f}" height="14" fill="{colour}"/>'
            f'<text x="{_TEXT + share * _BAR + 8:.1f}" y="{y + 14}">{share:.3f}</text>'
        )
    height = len(ranked) * _ROW
    if prediction.attention is not None and prediction.seconds is not None:
        parts.append(_curve(prediction.attention, prediction.seconds, height + 10))
        height += _CURVE + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12" fill="currentColor">'
        f"<title>{_text(prediction.label)}</title>{''.join(parts)}</svg>"
    )


def _curve(attention: np.ndarray, seconds: np.ndarray, top: int) -> str:
    """Attention over time. It ends at the axis on both sides, and its highest point is as high as there is room."""
    first, last, bottom = float(seconds[0]), float(seconds[-1]), top + _CURVE
    x = _TEXT + (seconds - first) / ((last - first) or 1.0) * _BAR
    y = bottom - attention / (float(attention.max()) or 1.0) * _CURVE
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<text x="{_TEXT - 8}" y="{bottom}" text-anchor="end">attention</text>'
        f'<polygon points="{x[0]:.1f},{bottom} {points} {x[-1]:.1f},{bottom}" fill="{_BLUE}" fill-opacity="0.5"/>'
        f'<line x1="{_TEXT}" y1="{bottom}" x2="{_TEXT + _BAR}" y2="{bottom}" stroke="{_GREY}"/>'
        f'<text x="{_TEXT}" y="{bottom + 15}">{first:.2f} s</text>'
        f'<text x="{_TEXT + _BAR}" y="{bottom + 15}" text-anchor="end">{last:.2f} s</text>'
    )


def _shown(label: str) -> str:
    return _text(label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…")


def _text(label: str) -> str:
    """A label between tags; what cannot be printed, and no parser should meet, is replaced."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in label))
