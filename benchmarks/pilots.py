"""The validation curves of some runs, for the lessons.

    python benchmarks/pilots.py "whole recordings" RUN RUN … -- "two seconds" RUN …

Each group is a name and folders that numser.train left. Only their history.csv is read, which knows nothing of the
test. Written is results/pilots.csv.
"""

import csv
import sys
from pathlib import Path

from measure import RESULTS

from numser.cli import run
from numser.files import write_csv
from numser.runs.folder import RunFolder


def main() -> None:
    """Collect and write."""
    groups = [group.split("\t") for group in "\t".join(sys.argv[1:]).split("\t--\t")]
    rows = [
        (name, RunFolder(Path(folder)).read_config().fold, row["step"], row["loss"], row["validation_ua"])
        for name, *folders in groups
        for folder in folders
        for row in csv.DictReader(RunFolder(Path(folder)).history.read_text().splitlines())
    ]
    write_csv(RESULTS / "pilots.csv", ("recordings", "fold", "step", "loss", "validation_ua"), rows)


if __name__ == "__main__":
    run(main)
