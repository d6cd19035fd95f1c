"""A whole training on the built-in corpus, for the lessons: its learning curve, and its test in short.

    python -m numser.train --corpus synthetic --test-speaker 09,10 --recipe paper --steps 300 --batch-size 32 \
        --lr 0.001 --validate-every 10 --out RUN
    python benchmarks/training.py RUN

Written are results/training.csv, which is the run's history.csv, and results/training.json, which is its result.json
without the utterances; of these it keeps how many of each level of difficulty were recognised.
"""

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from measure import RESULTS, record

from numser.cli import run
from numser.files import write_whole
from numser.runs.folder import RunFolder


def main(argv: list[str] | None = None) -> None:
    """Keep what is small."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("run", type=Path, metavar="RUN", help="a folder that numser.train left")
    args = p.parse_args(argv)
    folder = RunFolder(args.run)
    result, history = folder.read_result(), folder.history.read_bytes()
    write_whole(RESULTS / "training.csv", lambda file: file.write(history))
    kept = ("ua", "wa", "f1", "labels", "confusion", "best_step", "best_validation_ua")
    of = Counter(u.difficulty for u in result.utterances)
    right = Counter(u.difficulty for u in result.utterances if u.right)
    by_level = {level: {"utterances": of[level], "recognised": right[level]} for level in sorted(of)}
    args.data, args.out = None, RESULTS / "training.json"
    record(args, asdict(result.config), {**{name: getattr(result, name) for name in kept}, "by_level": by_level})


if __name__ == "__main__":
    run(main)
