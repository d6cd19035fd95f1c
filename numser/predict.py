"""Recognise emotions in sound files.        python -m numser.predict MODEL.npz FILE…"""

import argparse
import sys

from numser.commandline import run
from numser.errors import InputError


def main(argv: list[str] | None = None) -> int:
    """Print one line a file: its label, and every label's probability, the largest first."""
    parser = argparse.ArgumentParser(
        prog="python -m numser.predict",
        description="Recognise the emotion in sound files: WAV, FLAC, OGG or MP3, any sampling rate.",
        epilog="The probabilities are the network's. They say how sure it is, not how likely it is to be right.",
    )
    parser.add_argument("model", metavar="MODEL.npz", help="what numser.train left in its run's folder")
    parser.add_argument("files", metavar="FILE", nargs="+", help="sound files")
    args = parser.parse_args(argv)
    from numser.audio import SAMPLE_RATE, read_audio
    from numser.recogniser import load

    recogniser = load(args.model)
    failures = 0
    for file in args.files:
        try:
            prediction = recogniser.predict(read_audio(file), SAMPLE_RATE, name=file)
        except InputError as mistake:
            failures += 1
            print(f"error: {mistake}", file=sys.stderr, flush=True)
            continue
        ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
        shares = "  ".join(f"{label} {share:.3f}" for label, share in ranked)
        print(f"{file}: {prediction.label}  ({shares})", flush=True)
    return 2 if failures else 0


if __name__ == "__main__":
    run(main)
