"""Recordings of any length, window by window.

The network has learned from utterances of at most 7 s, so that is as much as it is shown at once. A longer recording
is cut into windows, and each is recognised as if it were a recording of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from numser.audio import SAMPLE_RATE, windows
from numser.errors import InputError
from numser.recogniser import Prediction, Recogniser
from numser.speech import NoSpeech
from numser.threads import available_cores

_AT_ONCE = 8  # windows a thread


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a recording, and what the network makes of it."""

    start: float  # seconds from the beginning of the recording
    end: float
    prediction: Prediction | None  # None: nobody speaks. Its `seconds` count from the recording's beginning


@dataclass(frozen=True, eq=False)
class _Piece:
    """A window that has been read but not recognised, or, without a waveform, what is wrong with the file."""

    file: int
    name: str
    start: float = 0.0
    waveform: np.ndarray | None = None
    mistake: InputError | None = None


def window_seconds(recogniser: Recogniser) -> float:
    """How long the windows are: what the model is shown of an utterance at most."""
    return recogniser.features.longest * recogniser.features.hop / recogniser.features.sample_rate


def predict_windows(
    recogniser: Recogniser,
    files: Iterable[tuple[str, Path | BinaryIO]],
    step: float | None = None,
    threads: int | None = None,
) -> Iterator[tuple[int, Window | InputError]]:
    """Recognise files, each with the name it is called by, window by window, in bounded memory and in their order.
    A file may be in memory: an io.BytesIO.

    Yields which file it is, from 0, and its next window. What is wrong with a file comes in the place of a window.

    Units       step in seconds (default: windows that touch)
    Raises      InputError: a step that is no part of a window
    """
    longest = window_seconds(recogniser)
    step = longest if step is None else step
    if not 0.1 <= step <= longest:
        raise InputError(f"--step {step:g}: should be from 0.1 to {longest:g} seconds, the length of a window")
    threads = threads or available_cores()
    pieces = (p for i, (name, path) in enumerate(files) for p in _pieces(i, name, path, longest, step))
    while group := list(islice(pieces, _AT_ONCE * threads)):
        yield from zip([piece.file for piece in group], _recognised(recogniser, group, threads), strict=True)


def _pieces(file: int, name: str, path: Path | BinaryIO, longest: float, step: float) -> Iterator[_Piece]:
    try:
        for start, waveform in windows(path, longest, step, name):
            yield _Piece(file, name, start, waveform)
    except InputError as mistake:
        yield _Piece(file, name, mistake=mistake)


def _recognised(recogniser: Recogniser, group: list[_Piece], threads: int) -> list[Window | InputError]:
    full = window_seconds(recogniser) * SAMPLE_RATE
    found: list[Window | InputError | None] = [piece.mistake for piece in group]
    read = [i for i, piece in enumerate(group) if piece.waveform is not None]
    predictions = recogniser.predict_each([group[i].waveform for i in read], [group[i].name for i in read], threads)
    for i, prediction in zip(read, predictions, strict=True):
        if (
            isinstance(prediction, NoSpeech) and len(group[i].waveform) >= full - 1
        ):  # others of the file may have some
            found[i] = _window(group[i], None)
        else:
            found[i] = prediction if isinstance(prediction, InputError) else _window(group[i], prediction)
    return found


def _window(piece: _Piece, prediction: Prediction | None) -> Window:
    if prediction is not None and prediction.seconds is not None:
        prediction = replace(prediction, seconds=piece.start + prediction.seconds)
    return Window(piece.start, piece.start + len(piece.waveform) / SAMPLE_RATE, prediction)


def overall(found: list[Window]) -> Prediction | None:
    """One answer for a whole recording: the mean of its windows' probabilities. None if nobody speaks in any."""
    predictions = [window.prediction for window in found if window.prediction is not None]
    if not predictions:
        return None
    shares = {
        label: float(np.mean([p.probabilities[label] for p in predictions])) for label in predictions[0].probabilities
    }
    return Prediction(max(shares, key=shares.get), shares, None, None)
