"""Keep what the folds of numser.reproduce or numser.crossval left, without their models and this machine's paths.

    python benchmarks/keep_folds.py runs/reproduce-emodb benchmarks/results/paper/emodb4

Folders are as before, so `numser.reproduce … --out benchmarks/results/paper/emodb4 --show` makes the tables from what
was kept, and without --show it runs what is missing. Paths of recordings begin at the corpus's folder.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from numser.cli import run
from numser.files import make_folder, write_json
from numser.results import read_result


def main() -> None:
    """Copy each fold's result, and each cross-validation's rows and summary."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("runs", type=Path)
    p.add_argument("kept", type=Path)
    args = p.parse_args()
    for path in sorted(args.runs.rglob("result.json")):
        result = read_result(path)
        folder = str(Path(result["corpus_path"]).parent) + "/"
        keep(args.kept / path.relative_to(args.runs), without(result, folder))
    for path in sorted(args.runs.rglob("summary.json")):
        summary = json.loads(path.read_text())
        folder = str(Path(summary["config"]["data"]).absolute().parent) + "/"
        keep(args.kept / path.relative_to(args.runs), without(summary, folder))
    for path in sorted(args.runs.rglob("folds.csv")):
        rows = args.kept / path.relative_to(args.runs)
        if rows.parent.is_dir():  # else no fold has ended yet
            rows.write_bytes(path.read_bytes())


def keep(path: Path, what: dict[str, Any]) -> None:
    """Write it, in a folder that may be new."""
    make_folder(path.parent)
    write_json(path, what)
    print(path)


def without(value: Any, folder: str) -> Any:
    """All texts without this beginning."""
    if isinstance(value, dict):
        return {key: without(inner, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [without(inner, folder) for inner in value]
    return value.removeprefix(folder) if isinstance(value, str) else value


if __name__ == "__main__":
    run(main)
