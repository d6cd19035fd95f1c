"""Recognise emotions in sound files.        python -m numser.predict --help"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from numser.commandline import run
from numser.errors import InputError
from numser.progress import Progress

if TYPE_CHECKING:
    from numser.recogniser import Recogniser

_EPILOG = """\
A recording of more than 7 s is recognised window by window, and then as a whole, by the mean of its windows'
probabilities; windows in which nobody speaks do not count. The probabilities are the network's: they say how sure it
is, not how likely it is to be right.

examples:
  python -m numser.predict a.wav recordings/
  python -m numser.predict runs/emodb-fold0/model.npz interview.mp3 --step 1 --format csv > interview.csv
  arecord -d 5 -f S16_LE -r 16000 | python -m numser.predict - --format json --attention
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m numser.predict",
        usage="python -m numser.predict [options] [MODEL.npz] FILE…",
        description="Recognise the emotion in sound files: WAV, FLAC, OGG or MP3, of any sampling rate and length.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="sound files, folders of them, or - for standard input; a first one that ends in .npz is the model, "
        "which numser.train left in its run's folder (default: the one that comes with numser)",
    )
    p.add_argument("--format", choices=("text", "json", "csv"), default="text", help="(default text)")
    p.add_argument("--attention", action="store_true", help="tell the weight of every frame, with its time")
    p.add_argument(
        "--step", type=float, metavar="S", help="seconds from a window to the next (default 7: they touch)"
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
    model = args.files.pop(0) if args.files[0].lower().endswith(".npz") else None
    if not args.files:
        raise InputError(f"{model}: is the model; name the sound files after it")
    from numser.formats import FORMATS
    from numser.recogniser import load
    from numser.speech import no_speech
    from numser.windows import predict_windows

    recogniser = load(model)
    if model is None:
        print(f"model: the one that comes with numser, trained on {recogniser.trained_on}", file=sys.stderr)
    if args.attention and not recogniser.model.attention:
        raise InputError(f"--attention: the model in {model} was made without it")
    progress, failures = Progress(), 0
    if args.same_speaker is not None:
        recogniser = _for_speaker(recogniser, args.same_speaker, progress)
    with _named(args.files) as files, FORMATS[args.format](recogniser.labels, args.attention) as output:
        found = predict_windows(recogniser, files, args.step)
        for i, of_file in groupby(found, key=lambda pair: pair[0]):
            name, windows, mistake = files[i][0], [], None
            for _, window in of_file:
                if isinstance(window, InputError):
                    mistake = window
                else:
                    windows.append(window)
                    progress.live(f"{name}: {window.end:.0f} s")
            progress.clear()
            if windows and not any(window.prediction for window in windows):
                mistake, windows = mistake or no_speech(name), []
            if windows:
                output.write(name, windows)
            if mistake:
                failures += 1
                print(f"error: {mistake}", file=sys.stderr, flush=True)
    return 2 if failures else 0


def _for_speaker(recogniser: "Recogniser", folder: Path, progress: Progress) -> "Recogniser":
    """The recogniser for the person whose recordings are in a folder."""
    from numser.audio import SAMPLE_RATE, read_audio
    from numser.corpora.recordings import sound_files

    if not folder.is_dir():
        raise InputError(f"--same-speaker {folder}: there is no such folder; name one with recordings of the person")
    sounds, _ = sound_files(folder, "name a folder that has some")
    waveforms = []
    for sound in sounds:
        progress.live(f"{sound}: how this person speaks, {len(waveforms) + 1}/{len(sounds)}")
        waveforms.append(read_audio(sound))
    progress.clear()
    print(f"--same-speaker: {len(sounds)} recordings of this person in {folder}", file=sys.stderr)
    return recogniser.for_speaker(waveforms, SAMPLE_RATE, list(map(str, sounds)))


@contextmanager
def _named(arguments: list[str]) -> Iterator[list[tuple[str, Path]]]:
    """The files that the arguments stand for, each with the name it is called by; folders are searched."""
    from numser.corpora.recordings import said, sound_files

    files: list[tuple[str, Path]] = []
    with TemporaryDirectory(prefix="numser-") as folder:
        for argument in arguments:
            path = Path(argument)
            if argument == "-":
                files.append(("standard input", _standard_input(Path(folder))))
            elif path.is_dir():
                sounds, passed_over = sound_files(path, "name a folder that has some, or a file")
                files += [(str(sound), sound) for sound in sounds]
                for sentence in said(passed_over, path):
                    print(f"{path}: {sentence}", file=sys.stderr)
            else:
                files.append((argument, path))
        yield files


def _standard_input(folder: Path) -> Path:
    """What comes on standard input, in a file: where sound ends and what it is cannot be seen in a pipe."""
    if sys.stdin.isatty():
        raise InputError("-: standard input is the terminal; let a program send sound, or name a file")
    path = folder / f"sound{len(list(folder.iterdir()))}"
    try:
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    except OSError as error:
        raise InputError(
            f"-: standard input cannot be kept in {folder} ({error.strerror}); make room there"
        ) from None
    return path


if __name__ == "__main__":
    run(main)
