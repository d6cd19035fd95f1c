"""What the demo's page is told: which model runs, how sound looks while it comes, and what the model makes of it.

Sound comes as the bytes of a file, is never written to disk, and is recognised as `python -m numser.predict` does.
"""

import base64
import io
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from numser.audio import SAMPLE_RATE, windows
from numser.decode import Sound
from numser.errors import InputError, collected_notes
from numser.features import NUMSER, PAPER, in_decibels, log_mel, mel_power
from numser.page.utterance import attention_curve, picture, small
from numser.recogniser import PRETRAINED, Piece, Prediction, Recogniser, overall, predict_pieces, window_seconds
from numser.speech import no_speech

LONGEST = 300.0  # seconds of a recording
_MOST_SAMPLES = 2**27  # of all channels: 5 minutes of stereo at 192 kHz; it takes seconds to decode them
CLIPS = {"anger": ("03", "a02"), "happiness": ("02", "a02"), "sadness": ("09", "a02")}  # made-up voice, and sentence
NAME = "this recording"  # in sentences about it; the page knows its file's name and does not send it
_GROWN = 60.0  # seconds of a piece of a recording that still goes on
_MOST_GROWN = 2**22  # samples of such a piece, in all channels; the page sends no more bytes
_LEARNED = {  # by corpus, where it is not acted speech
    "": "recordings that its file does not name",
    "synthetic": "made-up speech that no person ever spoke",
    "folder": "recordings that its maker collected",
    "table": "recordings that its maker collected",
}


def answer(recogniser: Recogniser, sound: bytes) -> dict[str, Any]:
    """What the model makes of a recording, window by window and as a whole, and how the page draws it.

    Raises      InputError: it is no sound, empty, too short, longer than LONGEST, or nobody speaks
    """
    with collected_notes() as notes:
        pieces, found = _pieces(recogniser, sound), []
    firsts = [round(piece.start * PAPER.sample_rate / PAPER.hop_length) for piece in pieces]
    power = np.zeros((firsts[-1] + 1 + len(pieces[-1].sound) // PAPER.hop_length, PAPER.n_mels), np.float32)
    for first, (piece, of_piece, window) in zip(firsts, predict_pieces(recogniser, pieces), strict=True):
        if isinstance(window, InputError):
            raise window
        found.append(window)
        drawn = _drawn(recogniser, piece, of_piece)
        power[first : first + len(drawn)] = drawn  # the last window may cover the end of the one before
    whole = overall(found)
    if whole is None:
        raise no_speech(NAME)
    return {
        "seconds": found[-1].end,
        "notes": notes,
        **_said(whole),
        "windows": [{"start": w.start, "end": w.end, **_said(w.prediction)} for w in found],
        "attention": [curve for w in found if (curve := _curve(w.prediction))],
        "log_mel": _base64(picture(in_decibels(power))),
    }


def growth(sound: bytes) -> dict[str, Any]:
    """How a piece of a recording looks that has not ended. Its maximum is not known yet, so these are decibels.

    Raises      InputError: it is no sound, or a very long one
    """
    _, waveform = next(windows(_of_fair_size(sound, _MOST_GROWN), _GROWN, _GROWN, NAME))
    frames = log_mel(waveform)
    decibels = np.round(small(frames)).clip(-128, 127).astype(np.int8)
    return {"loudest": float(frames.max()), "decibels": _base64(decibels)}


def page_data(recogniser: Recogniser, path: Path | None, most_bytes: int) -> dict[str, Any]:
    """What the page needs to know before anything was recorded. `path` is where the model came from, None for the one
    that comes with numser.
    """
    corpus = recogniser.trained_on.partition(",")[0]
    return {
        "clips": list(CLIPS),
        "labels": list(recogniser.labels),
        "about": _about(recogniser, path),
        "learned": _LEARNED.get(corpus, "acted speech"),
        "window": window_seconds(recogniser),
        "most": {"bytes": most_bytes, "seconds": LONGEST},
    }


@cache
def clip(emotion: str) -> bytes:
    """One of CLIPS as a WAV file, to try the page with. The built-in corpus makes it when it is first asked for."""
    import soundfile

    from numser.corpora.synthetic import perform

    (speaker, sentence), file = CLIPS[emotion], io.BytesIO()
    soundfile.write(file, perform(speaker, sentence, emotion).utterance.waveform, SAMPLE_RATE, format="WAV")
    return file.getvalue()


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


def _pieces(recogniser: Recogniser, sound: bytes) -> list[Piece]:
    """A recording's windows. One that is too long is refused by its header, or before the rest is read."""
    pieces, longest = [], window_seconds(recogniser)
    for start, waveform in windows(_of_fair_size(sound, _MOST_SAMPLES), longest, longest, NAME):
        if start + len(waveform) / SAMPLE_RATE > LONGEST:
            raise _too_long()
        pieces.append(Piece(0, NAME, start, waveform))
    return pieces


def _of_fair_size(sound: bytes, most: int) -> io.BytesIO:
    """The file, if it has no more samples, in all channels, than `most`. What no header says is counted."""
    import soundfile

    samples = 0
    with suppress(soundfile.LibsndfileError, InputError), Sound(io.BytesIO(sound), NAME) as opened:
        frames = opened.skip(most // opened.channels + 1) if opened.frames is None else opened.frames
        samples = frames * opened.channels
    if samples > most:
        raise _too_long()
    return io.BytesIO(sound)


def _too_long() -> InputError:
    return InputError(
        f"{NAME}: it is longer than {LONGEST / 60:g} minutes, or has too many channels; "
        "cut it, or use python -m numser.predict, which takes any length"
    )


def _drawn(recogniser: Recogniser, piece: Piece, power: np.ndarray | InputError) -> np.ndarray:
    """A window's mel power for the picture, which is in decibels of full scale. It is what the network's frames were
    made of, before the window's own level was taken out: that would make a step where the next window begins. Only
    where there is none, in digital silence, or the page's axes do not fit it, is it computed for the picture.
    """
    if isinstance(power, np.ndarray) and recogniser.features in (PAPER, NUMSER):
        return power
    return mel_power(piece.sound)


def _said(prediction: Prediction | None) -> dict[str, Any]:
    """Labels by their places in the model's list, so that no label can be taken for anything else."""
    if prediction is None:
        return {"predicted": None, "probabilities": None}
    labels = list(prediction.probabilities)
    return {"predicted": labels.index(prediction.label), "probabilities": list(prediction.probabilities.values())}


def _curve(prediction: Prediction | None) -> dict[str, Any] | None:
    weights = prediction.weights() if prediction else []
    return attention_curve([weight for _, weight in weights], [second for second, _ in weights])


def _about(recogniser: Recogniser, path: Path | None) -> list[tuple[str, str]]:
    """The model, for people: from its file, and for the one that comes with numser from its card."""
    numbers = sum(w.size for w in recogniser.params.values())
    network = f"{recogniser.model.name}, {numbers:,} parameters"
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
