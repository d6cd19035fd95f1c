"""Recognise emotions in sound files.        python -m numser.predict --help"""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from numser.cli import Progress, command_line, complain, run, say
from numser.errors import InputError, collected_notes, printable

if TYPE_CHECKING:
    import numpy as np

    from numser.recogniser import Prediction, Recogniser, Window

_LITTLE = 30.0  # seconds of sound that NumPy alone recognises in the time that it takes to load Numba
_EPILOG = """\
A recording of more than 7 s is recognised window by window, and then as a whole, by the mean of its windows'
probabilities; windows in which nobody speaks do not count. The probabilities are the network's: they say how sure it
is, not how likely it is to be right. Control characters in names and labels are printed as \\x1b and the like; in
CSV, a text that a spreadsheet would take for a formula (=, +, -, @) begins with an apostrophe.

M4A, AAC, WebM, MP4, and the rest of files that are joined or damaged, are read through the program ffmpeg, if that is
installed. With --step, WAV on standard input is recognised as it comes: each window is printed at once, but in JSON.

examples:
  python -m numser.predict a.wav recordings/
  python -m numser.predict runs/emodb-fold0/model.npz interview.mp3 --step 1 --format csv > interview.csv
  python -m numser.predict call.wav --channel left
  arecord -d 5 -f S16_LE -r 16000 | python -m numser.predict - --format json --attention
  arecord -f S16_LE -r 16000 | python -m numser.predict - --step 1
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    about = "Recognise the emotion in sound files: WAV, FLAC, OGG or MP3, of any sampling rate and length."
    p = command_line("predict", about, _EPILOG, usage="%(prog)s [options] [MODEL.npz] FILE…")
    p.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="sound files, folders of them, or - for standard input; a first one that ends in .npz is the model, "
        "which numser.train left in its run's folder, as is such a folder (default: the one that comes with numser)",
    )
    p.add_argument("--format", choices=("text", "json", "csv"), default="text", help="(default text)")
    p.add_argument("--attention", action="store_true", help="tell the weight of every frame, with its time")
    p.add_argument(
        "--step", type=float, metavar="S", help="seconds from a window to the next (default 7: they touch)"
    )
    p.add_argument(
        "--channel",
        metavar="left|right|mean|N",
        help="of which channel, from 1 on (default mean, unless they cancel)",
    )
    p.add_argument(
        "--same-speaker",
        metavar="DIR",
        type=Path,
        help="a folder with recordings of the person who speaks in all FILEs, best made with the same microphone; "
        "what they express need not be known",
    )
    return p


def main(argv: list[str] | None = None) -> int:
    """Print what each file is recognised as."""
    args = parser().parse_intermixed_args(argv)
    model = args.files.pop(0) if _is_model(args.files[0]) else None
    if not args.files:
        raise InputError(f"{model}: is the model; name the sound files after it")
    if args.files.count("-") > 1:
        raise InputError("-: standard input can be read once; name it once")
    for file in filter(_is_model, args.files):
        raise InputError(f"{file}: is a model, and a model comes first; the sound files come after it")
    from numser.recogniser import load, predict_windows
    from numser.speech import no_speech

    recogniser = load(model)
    if model is None:
        Progress().line(f"model: the one that comes with numser, trained on {recogniser.trained_on}")
    if args.attention and not recogniser.model.attention:
        raise InputError(f"--attention: the model in {model} was made without it")
    progress, failures = Progress(), 0
    if args.same_speaker is not None:
        recogniser = _for_speaker(recogniser, args.same_speaker, progress)
    live = args.step is not None and "-" in args.files
    with ExitStack() as kept, FORMATS[args.format](recogniser.labels, args.attention) as output:
        files = _named(args.files, live, kept)
        found = predict_windows(
            recogniser if live else _ready_at_once(recogniser, files, args.step),
            files,
            args.step,
            channel=args.channel,
            live=live,
        )
        for i, of_file in groupby(found, key=lambda pair: pair[0]):
            (name, path), windows, mistake = files[i], [], None
            at_once = live and path is sys.stdin.buffer
            for _, window in of_file:
                if isinstance(window, InputError):
                    mistake = window
                    continue
                windows.append(window)
                if at_once:
                    output.window(name, window)
                else:
                    progress.live(f"{name}: {window.end:.0f} s")
            progress.clear()
            if windows and not any(window.prediction for window in windows):
                mistake, windows = mistake or no_speech(name), []
            if windows:
                output.write(name, windows, at_once)
            if mistake:
                failures += 1
                complain(mistake)
    return 2 if failures else 0


def _for_speaker(recogniser: "Recogniser", folder: Path, progress: Progress) -> "Recogniser":
    """The recogniser for the person whose recordings are in a folder."""
    from numser.audio import SAMPLE_RATE, read_audio
    from numser.corpora.recordings import sound_files

    if not folder.is_dir():
        raise InputError(f"--same-speaker {folder}: there is no such folder; name one with recordings of the person")
    sounds, _ = sound_files(folder, "name a folder that has some")
    waveforms: list[np.ndarray] = []
    for sound in sounds:
        progress.live(f"{sound}: how this person speaks, {len(waveforms) + 1}/{len(sounds)}")
        waveforms.append(read_audio(sound))
    progress.clear()
    progress.line(f"--same-speaker: {len(sounds)} recordings of this person in {folder}")
    return recogniser.for_speaker(waveforms, SAMPLE_RATE, list(map(str, sounds)))


def _ready_at_once(
    recogniser: "Recogniser", files: list[tuple[str, Path | BinaryIO]], step: float | None
) -> "Recogniser":
    """A recogniser that does without Numba, where to load it would take longer than to recognise the files."""
    from numser.audio import duration
    from numser.model import SeparableSER
    from numser.plain import PlainSER
    from numser.recogniser import window_seconds

    model = recogniser.model
    if not isinstance(model, SeparableSER):
        return recogniser
    window, heard = window_seconds(recogniser), 0.0
    for _, path in files:
        with suppress(InputError), collected_notes():  # they are said when the file's turn comes
            seconds = duration(path, _LITTLE + window)
            heard += min(seconds, window) + max(seconds - window, 0) * window / (step or window)
        if heard > _LITTLE:
            return recogniser
    return replace(recogniser, model=PlainSER(**asdict(model)))


def _is_model(argument: str) -> bool:
    """Whether it is a model's file, a run's folder, or a folder of runs, whose examples are not what is meant."""
    kept = ("model.npz", "*/model.npz", "state.npz", "*/state.npz")
    return argument.lower().endswith(".npz") or any(any(Path(argument).glob(pattern)) for pattern in kept)


def _named(arguments: list[str], live: bool, closing: ExitStack) -> list[tuple[str, Path | BinaryIO]]:
    """The files that the arguments stand for, each with the name it is called by; folders are searched."""
    from numser.corpora.recordings import passed_over_sentences, sound_files
    from numser.streams import kept

    files: list[tuple[str, Path | BinaryIO]] = []
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            if sys.stdin is None or sys.stdin.isatty():
                raise InputError(
                    "-: standard input is the terminal, or closed; let a program send sound, or name a file"
                )
            sound = sys.stdin.buffer if live else closing.enter_context(kept(sys.stdin.buffer, "standard input"))
            files.append(("standard input", sound))
        elif path.is_dir():
            sounds, passed_over = sound_files(path, "name a folder that has some, or a file")
            files += [(str(sound), sound) for sound in sounds]
            for sentence in passed_over_sentences(passed_over, path):
                Progress().line(f"{path}: {sentence}")
        else:
            files.append((argument, path))
    return files


class Writer:
    """Writes what was found, as it comes or file by file."""

    def __init__(self, labels: Sequence[str], attention: bool):
        self.labels, self.attention = labels, attention

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        pass

    def window(self, name: str, window: "Window") -> None:
        """Write what was found in a part of a file."""

    def write(self, name: str, windows: list["Window"], written: bool) -> None:
        """Write what was found in a file; its windows may be written already."""
        for window in windows if not written else ():
            self.window(name, window)


class Text(Writer):
    """A line a file: its label, and every label's probability, the largest first. A line a window where there are
    several, and then one for the whole; with attention, a line a frame.
    """

    def window(self, name: str, window: "Window") -> None:
        """A line, and its frames."""
        self._line(f"{name} {window.start:.1f}–{window.end:.1f} s", window.prediction)

    def write(self, name: str, windows: list["Window"], written: bool) -> None:
        """Its windows, and what they say together."""
        from numser.recogniser import overall

        if len(windows) == 1 and not written:
            self._line(name, windows[0].prediction)
            return
        super().write(name, windows, written)
        self._line(f"{name}, mean of its windows", overall(windows))

    def _line(self, what: str, prediction: "Prediction | None") -> None:
        if prediction is None:
            say(f"{printable(what)}: no speech")
            return
        ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
        shares = "  ".join(f"{label} {share:.3f}" for label, share in ranked)
        say(printable(f"{what}: {prediction.label}  ({shares})"))
        if self.attention:
            for second, weight in prediction.weights():
                say(f"  {second:8.2f} s  {weight:.5f}")


class Csv(Writer):
    """A row a window: file, start and end in seconds, label, and every label's probability, the last two empty where
    nobody speaks. With attention, a row a frame, that has its second and weight too.
    """

    def __init__(self, labels: Sequence[str], attention: bool):
        from numser.files import csv_cells

        super().__init__(labels, attention)
        self.cells, self.rows = csv_cells, csv.writer(sys.stdout, lineterminator="\n")

    def __enter__(self) -> Self:
        self.rows.writerow(
            self.cells(["file", "start", "end", "label", *self.labels])
            + (["second", "weight"] if self.attention else [])
        )
        return self

    def window(self, name: str, window: "Window") -> None:
        """A row, or one for each frame."""
        row = self.cells([name, f"{window.start:.2f}", f"{window.end:.2f}"])
        heard = window.prediction
        row += ["" for _ in ("label", *self.labels)] if heard is None else self.cells([heard.label, *_shares(heard)])
        if not self.attention:
            self.rows.writerow(row)
        elif heard is None:
            self.rows.writerow([*row, "", ""])
        else:
            for second, weight in heard.weights():
                self.rows.writerow([*row, f"{second:.2f}", f"{weight:.6f}"])
        sys.stdout.flush()


def _shares(prediction: "Prediction") -> list[str]:
    return [f"{share:.6f}" for share in prediction.probabilities.values()]


class Json(Writer):
    """A list with an object a file: file, label, probabilities, and its windows, each with the same and its start
    and end in seconds, null where nobody speaks; with attention, each with the seconds and weights of its frames.
    """

    before = "[\n"

    def write(self, name: str, windows: list["Window"], written: bool) -> None:
        """An object, once its last window is known."""
        from numser.recogniser import overall

        found = {"file": name, **_as_json(overall(windows)), "windows": [self._window(window) for window in windows]}
        print(self.before + json.dumps(found), end="", flush=True)
        self.before = ",\n"

    def _window(self, window: "Window") -> dict[str, Any]:
        heard = window.prediction
        values = {"start": round(window.start, 3), "end": round(window.end, 3), **_as_json(heard)}
        if self.attention and heard is not None:
            values["attention"] = {
                "seconds": [round(second, 3) for second, _ in heard.weights()],
                "weights": [round(weight, 6) for _, weight in heard.weights()],
            }
        return values

    def __exit__(self, *_) -> None:
        print("[]" if self.before == "[\n" else "\n]")


def _as_json(prediction: "Prediction | None") -> dict[str, Any]:
    if prediction is None:
        return {"label": None, "probabilities": None}
    shares = {label: round(share, 6) for label, share in prediction.probabilities.items()}
    return {"label": prediction.label, "probabilities": shares}


FORMATS: dict[str, type[Writer]] = {"text": Text, "csv": Csv, "json": Json}


if __name__ == "__main__":
    run(main)
