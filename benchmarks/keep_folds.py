"""Keep what the folds of numser.reproduce or numser.crossval left, without their models and this machine's paths.

    python benchmarks/keep_folds.py runs/reproduce-emodb benchmarks/results/paper/emodb

Folders are as before, so `numser.reproduce … --out benchmarks/results/paper/emodb --show` makes the tables from what
was kept, and without --show it runs what is missing. Paths of recordings begin at the corpus's folder.
"""

import argparse
from pathlib import Path
from typing import Any

from numser.cli import run
from numser.files import make_folder, read_json, write_json
from numser.runs.folder import CrossvalidationFolder, RunFolder


def main() -> None:
    """Copy each fold's result, and each cross-validation's rows and summary."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("runs", type=Path)
    p.add_argument("kept", type=Path)
    args = p.parse_args()
    folders = [args.runs, *sorted(path for path in args.runs.rglob("*") if path.is_dir())]
    for path in folders:
        run = RunFolder(path)
        if run.result.exists():
            result = run.read_result()
            corpus = str(Path(str(result.corpus_path)).parent) + "/"
            keep(args.kept / run.result.relative_to(args.runs), without(result.to_json(), corpus))
    for path in folders:
        folds, kept = CrossvalidationFolder(path), args.kept / path.relative_to(args.runs)
        if folds.summary.exists():
            summary = read_json(folds.summary)
            corpus = str(Path(summary["config"]["data"]).absolute().parent) + "/"
            keep(kept / folds.summary.name, without(summary, corpus))
        if folds.table.exists() and kept.is_dir():  # else no fold has ended yet
            (kept / folds.table.name).write_bytes(folds.table.read_bytes())


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
