"""What the demo's page is told: which model runs, how sound looks while it comes, and what the model makes of it.

Sound comes as the bytes of a file, is never written to disk, and is recognised as `python -m numser.predict` does.
"""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from numser.audio import SAMPLE_RATE, windows
from numser.errors import InputError
from numser.page.utterance import INSTANT, attention_curve, shades, small_frames
from numser.recogniser import PRETRAINED, Prediction, Recogniser, Window, overall, predict_windows, window_seconds
from numser.speech import no_speech

LONGEST = 300.0  # seconds of a recording
NAME = "this recording"  # in sentences about it; the page knows its file's name and does not send it
_PART = 60.0  # seconds of which the picture is made at once
_LEARNED = {  # by corpus, where it is not acted speech
    "": "recordings that its file does not name",
    "synthetic": "made-up speech that no person ever spoke",
    "folder": "recordings that its maker collected",
    "table": "recordings that its maker collected",
}


class SoundBytes(io.BytesIO):
    """A sound file in memory. Damaged ones lead libsndfile to impossible places: it then stays where it is, since an
    exception could not pass through C and would be printed as a traceback.
    """

    def __init__(self, sound: bytes):
        # An MP3 may begin with zeros. From a file libsndfile knows it by its name, here by its first bytes.
        super().__init__(sound.lstrip(b"\0") if sound.startswith(bytes(4)) else sound)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, if there is one."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def answer(recogniser: Recogniser, sound: bytes) -> dict[str, Any]:
    """What the model makes of a recording, window by window and as a whole, and how the page draws it.

    Raises      InputError: it is no sound, empty, too short, longer than LONGEST, or nobody speaks
    """
    means, loudest, seconds = _picture(sound)
    found: list[Window] = []
    for _, window in predict_windows(recogniser, [(NAME, SoundBytes(sound))]):
        if isinstance(window, InputError):
            raise window
        found.append(window)
    whole = overall(found)
    if whole is None:
        raise no_speech(NAME)
    return {
        "seconds": seconds,
        **_said(whole),
        "windows": [{"start": w.start, "end": w.end, **_said(w.prediction)} for w in found],
        "attention": [curve for w in found if (curve := _curve(w.prediction))],
        "log_mel": _base64(shades(means, loudest)),
    }


def growth(sound: bytes) -> dict[str, Any]:
    """How a piece of a recording looks that has not ended. Its maximum is not known yet, so these are decibels.

    Raises      InputError: it is no sound
    """
    _, waveform = next(windows(SoundBytes(sound), _PART, _PART, NAME))
    means, loudest = small_frames(waveform)
    return {"loudest": float(loudest), "decibels": _base64(np.round(means).clip(-128, 127).astype(np.int8))}


def page_data(recogniser: Recogniser, path: Path | None, most_bytes: int) -> dict[str, Any]:
    """What the page needs to know before anything was recorded. `path` is where the model came from, None for the one
    that comes with numser.
    """
    corpus = recogniser.trained_on.partition(",")[0]
    return {
        "labels": list(recogniser.labels),
        "about": _about(recogniser, path),
        "learned": _LEARNED.get(corpus, "acted speech"),
        "window": window_seconds(recogniser),
        "most": {"bytes": most_bytes, "seconds": LONGEST},
    }


def warm_up(recogniser: Recogniser) -> None:
    """Compile and load now what the first recording would have to wait for."""
    import soundfile

    noise, file = 0.1 * np.random.default_rng(0).standard_normal(8 * 48_000), io.BytesIO()
    syllables = (
        np.sin(np.linspace(0, 16 * np.pi, len(noise))) ** 2
    )  # two a second; steady noise would not be recognised
    soundfile.write(file, noise * syllables, 48_000, format="WAV", subtype="PCM_16")
    growth(file.getvalue())
    answer(recogniser, file.getvalue())


def _picture(sound: bytes) -> tuple[np.ndarray, float, float]:
    """The small log-mel of a recording of any length, in bounded memory; its maximum; and its seconds.

    A long one is cut into parts. The last one ends with the recording, and so covers the end of the one before.
    """
    parts, loudest, seconds = [], -np.inf, 0.0
    for start, waveform in windows(SoundBytes(sound), _PART, _PART, NAME):
        seconds = start + len(waveform) / SAMPLE_RATE
        if seconds > LONGEST:
            raise InputError(
                f"{NAME}: it is longer than {LONGEST / 60:g} minutes; "
                "cut it, or use python -m numser.predict, which takes any length"
            )
        means, peak = small_frames(waveform)
        parts.append((round(start / INSTANT), means))
        loudest = max(loudest, float(peak))
    first, last = parts[-1]
    picture = np.empty((first + len(last), last.shape[1]), np.float32)
    for first, means in parts:
        picture[first : first + len(means)] = means
    return picture, loudest, seconds


def _said(prediction: Prediction | None) -> dict[str, Any]:
    """Labels by their places in the model's list, so that no label can be taken for anything else."""
    if prediction is None:
        return {"predicted": None, "probabilities": None}
    labels = list(prediction.probabilities)
    return {
        "predicted": labels.index(prediction.label),
        "probabilities": list(prediction.probabilities.values()),
    }


def _curve(prediction: Prediction | None) -> dict[str, Any] | None:
    if prediction is None or prediction.attention is None:
        return None
    return attention_curve(prediction.attention.tolist(), prediction.seconds.tolist())


def _about(recogniser: Recogniser, path: Path | None) -> list[tuple[str, str]]:
    """The model, for people: from its file, and for the one that comes with numser from its card."""
    model = recogniser.model
    numbers = sum(w.size for w in recogniser.params.values())
    network = f"{model.blocks} blocks, {'attention' if model.attention else 'no attention'}, {numbers:,} parameters"
    facts = [
        ("model", f"{PRETRAINED.name}, which comes with numser" if path is None else str(path)),
        ("network", network),
        ("trained on", recogniser.trained_on or "its file does not say"),
    ]
    return facts + (_card() if path is None else [("what it tells apart", ", ".join(recogniser.labels))])


def _card() -> list[tuple[str, str]]:
    """The rows of the card's first table."""
    text = PRETRAINED.with_name("README.md").read_text(encoding="utf-8").split("\n## ")[0]
    rows = re.findall(r"^\| (\S.*?) \| (.+) \|$", text, re.MULTILINE)
    return [(name, re.sub(r"[*`]", "", value)) for name, value in rows]


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
