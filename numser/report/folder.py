"""What lies in the folder of a training run, or of a cross-validation, for a report on it."""

import csv
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from numser.errors import InputError
from numser.files import read_json
from numser.recipe import Recipe
from numser.results import check_result
from numser.runs import Config
from numser.splits import SUBSETS

_CURVES = ("step", "loss", "validation_loss", "validation_ua")


@dataclass(frozen=True)
class Fold:
    """One run."""

    name: str
    config: Config
    history: list[list[float]]  # a row a validation: step, loss, validation loss, validation UA
    result: dict[str, Any] | None  # what is in result.json; None: it has not ended


@dataclass(frozen=True)
class Runs:
    """A training run, or the folds of a cross-validation."""

    folds: list[Fold]
    crossvalidation: bool
    planned: int | None = None  # how many folds there are to be; None: that is not known
    results: list[dict[str, Any]] = field(init=False)  # of the folds that have ended; at least one

    def __post_init__(self):
        object.__setattr__(self, "results", [fold.result for fold in self.folds if fold.result is not None])


def read_runs(folder: Path) -> Runs:
    """Read a folder that numser.train or numser.crossval wrote.

    Raises      InputError: it is no such folder; no run in it has ended; a file in it is damaged; its runs are not
                folds of one cross-validation
    """
    if not folder.is_dir():
        found = "this is a file" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {found}; name the folder of a training run or of a cross-validation")
    if _holds_run(folder):
        fold = _fold(folder)
        if fold.result is None:
            raise InputError(
                f"{folder}: this run has not ended, there is no result.json; go on with it by "
                f"python -m numser.train --resume --out {folder}"
            )
        return Runs([fold], crossvalidation=False)
    folds = [_fold(path) for path in sorted(folder.iterdir(), key=_in_order) if _holds_run(path)]
    if not folds:
        raise InputError(
            f"{folder}: holds neither a training run (result.json) nor folds of a cross-validation; name the folder "
            "that numser.train or numser.crossval wrote"
        )
    _check_one_crossvalidation(folder, folds)
    return Runs(folds, crossvalidation=True, planned=_planned(folder, folds))


def _holds_run(folder: Path) -> bool:
    return (folder / "config.json").is_file() or (folder / "result.json").is_file()


def _in_order(path: Path) -> list[Any]:
    """fold2 before fold10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _fold(folder: Path) -> Fold:
    path = folder / "result.json"
    result = read_json(path) if path.is_file() else None
    where = folder / "config.json" if result is None else path
    try:
        config = Config.from_dict(read_json(where) if result is None else result["config"])
        if result is not None:
            check_result(result)
    except KeyError as error:
        raise InputError(f"{where}: is damaged (it lacks {error}); run this fold anew") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: is damaged ({error}); run this fold anew") from error
    return Fold(folder.name or folder.resolve().name, config, _history(folder / "history.csv"), result)


def _history(path: Path) -> list[list[float | None]]:
    """The learning curve; empty if there is none. None where nothing was validated."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                [float(row[column]) if row[column] != "" else None for column in _CURVES]
                for row in csv.DictReader(file)
            ]
        if not np.isfinite([x for row in rows for x in row if x is not None]).all() or any(
            None in row[:2] or (row[2] is None) != (row[3] is None) for row in rows
        ):
            raise ValueError("a number in it is missing or not finite")
        return rows
    except FileNotFoundError:
        return []
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read or is damaged ({error}); take it away, or run this anew") from error


def _check_one_crossvalidation(folder: Path, folds: list[Fold]) -> None:
    first = folds[0]
    for fold in folds[1:]:
        if _settings(fold.config) != _settings(first.config):
            raise InputError(
                f"{folder}: {first.name} and {fold.name} in it are runs with different settings, no folds of one "
                "cross-validation; name one run's folder"
            )
    ended = [fold for fold in folds if fold.result is not None]
    if not ended:
        raise InputError(f"{folder}: none of its {len(folds)} folds has ended; wait for the first")
    for fold in ended[1:]:
        if fold.result["labels"] != ended[0].result["labels"]:
            raise InputError(f"{folder}: {ended[0].name} and {fold.name} in it have different labels; run one anew")


def _settings(config: Config) -> dict[str, Any]:
    """What all folds share."""
    by_speaker = config.test_speaker is not None
    config = replace(config, data=None, fold=None, test_speaker=None, recipe=replace(config.recipe, seed=0))
    return asdict(config) | {"by_speaker": by_speaker}


def _planned(folder: Path, folds: list[Fold]) -> int | None:
    """How many folds the cross-validation has: its summary says so when it has ended, else its corpus does."""
    if (folder / "summary.json").is_file():
        names = read_json(folder / "summary.json").get("folds")
        return max(len(folds), len(names) if isinstance(names, list) else 0)
    recipes: list[Recipe] = list({fold.config.recipe: None for fold in folds})
    config = folds[0].config
    if config.test_speaker is None:
        return max(len(folds), (SUBSETS - 1) * len(recipes))
    from numser.corpora import load_corpus
    from numser.crossval import folds_of

    try:
        corpus = load_corpus(config.corpus, None if config.data is None else Path(config.data), offline=True)
        return max(len(folds), len(folds_of(config.corpus, config.data, True, recipes, corpus)))
    except InputError:  # it is elsewhere now
        return None
