"""A whole training on the built-in corpus, for the lessons: its learning curve, and its test in short.

    python -m numser.train --corpus synthetic --test-speaker 09,10 --steps 300 --batch-size 32 --lr 0.001 \
        --validate-every 10 --out RUN
    python benchmarks/training.py RUN

Written are results/training.csv, which is the run's history.csv, and results/training.json, which is its result.json
without the utterances; of these it keeps how many of each level of difficulty were recognised.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from measure import RESULTS, record

from numser.cli import run
from numser.files import write_whole


def main(argv: list[str] | None = None) -> None:
    """Keep what is small."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("run", type=Path, metavar="RUN", help="a folder that numser.train left")
    args = p.parse_args(argv)
    result = json.loads((args.run / "result.json").read_text(encoding="utf-8"))
    history = (args.run / "history.csv").read_bytes()
    write_whole(RESULTS / "training.csv", lambda file: file.write(history))
    kept = ("ua", "wa", "f1", "labels", "confusion", "best_step", "best_validation_ua")
    rows = result["utterances"]
    of = Counter(row["difficulty"] for row in rows)
    right = Counter(row["difficulty"] for row in rows if row["predicted"] == row["truth"])
    by_level = {level: {"utterances": of[level], "recognised": right[level]} for level in sorted(of)}
    args.data, args.out = None, RESULTS / "training.json"
    record(args, result["config"], {**{name: result[name] for name in kept}, "by_level": by_level})


if __name__ == "__main__":
    run(main)
