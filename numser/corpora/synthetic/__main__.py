"""Write the built-in corpus into files.        python -m numser.corpora.synthetic DIR

In the layout of Emo-DB: DIR/wav/*.wav, DIR/erkennung.txt, and what only a made-up corpus knows: DIR/votes.csv (what
each listener heard) and DIR/spans.csv (where the emotion lies, and how strong; neutral recordings have no row there).
"""

import io
import os
import shutil
from pathlib import Path

from numser.audio import SAMPLE_RATE
from numser.cli import Progress, command_line, run
from numser.corpora import synthetic
from numser.errors import InputError


def write(folder: Path, progress: Progress) -> None:
    """Write the whole corpus into `folder`, which appears whole or not at all.

    Raises      InputError: it is a file, a folder that is not empty, or cannot be made: the disk is full, …
    """
    import soundfile

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: this is a file; name a folder that is new or empty")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: this folder is not empty; name one that is new or empty")
    folder = folder.resolve()
    partial = folder.with_name(f".{folder.name}-{os.getpid()}")  # a sibling, so that it can be renamed
    try:
        (partial / "wav").mkdir(parents=True)
        recognised = ["Nr.\tSatz\terkannt\tnatuerlich"]
        votes, spans = ["file,listener,vote"], ["file,start,end,strength"]
        total = len(synthetic.SPEAKERS) * len(synthetic.TEXTS) * len(synthetic.EMOTIONS)
        for number, (utterance, strength, heard, _) in enumerate(synthetic.performances(), start=1):
            file = f"{utterance.name}.wav"
            sound = io.BytesIO()
            soundfile.write(sound, utterance.waveform, SAMPLE_RATE, format="WAV", subtype="PCM_16")
            (partial / "wav" / file).write_bytes(sound.getvalue())
            percent = f"{100 * (utterance.votes or 0):.2f}".replace(".", ",")
            recognised.append(f"{number}\t{file}\t{percent}\t0,00")  # nobody was asked how natural it sounds
            votes += [f"{file},{listener},{vote}" for listener, vote in enumerate(heard, start=1)]
            if utterance.span is not None:
                start, end = utterance.span
                spans.append(f"{file},{start:.3f},{end:.3f},{strength:.3f}")
            progress.live(f"{number} of {total} recordings")
        for name, lines in (("erkennung.txt", recognised), ("votes.csv", votes), ("spans.csv", spans)):
            (partial / name).write_text("\n".join(lines) + "\n", encoding="latin-1")
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror}); name a folder you may write to, where 60 MB have room"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress.line(f"{total} recordings are in {folder}")


def main(argv: list[str] | None = None) -> None:
    """Write the built-in corpus into files."""
    parser = command_line("corpora.synthetic", "Write the built-in synthetic corpus as WAV files.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is new or empty")
    write(parser.parse_args(argv).folder, Progress())


if __name__ == "__main__":
    run(main)
