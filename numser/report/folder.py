"""What lies in the folder of a training run, or of a cross-validation, for a report on it."""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numser.errors import InputError
from numser.recipe import Recipe
from numser.runs.config import HOW, Config
from numser.runs.folder import CrossvalidationFolder, RunFolder
from numser.runs.folds import folds_of
from numser.runs.result import RunResult


@dataclass(frozen=True)
class Fold:
    """One run."""

    name: str
    config: Config
    history: list[list[float | None]]  # a row a validation: step, loss, validation loss, validation UA
    result: RunResult | None  # None: it has not ended


@dataclass(frozen=True)
class Runs:
    """A training run, or the folds of a cross-validation."""

    folds: list[Fold]
    crossvalidation: bool
    planned: int | None = None  # how many folds there are to be; None: that is not known
    results: list[RunResult] = field(init=False)  # of the folds that have ended; at least one

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
        if fold.config.train_on_all:
            raise InputError(
                f"{folder}: in this run all recordings trained, so that there is no test to report on; name one that "
                "left some out, or a cross-validation"
            )
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
    return RunFolder(folder).config.is_file() or RunFolder(folder).result.is_file()


def _in_order(path: Path) -> list[Any]:
    """fold2 before fold10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _fold(path: Path) -> Fold:
    folder = RunFolder(path)
    result = folder.read_result() if folder.result.is_file() else None
    config = folder.read_config() if result is None else result.config
    return Fold(path.name or path.resolve().name, config, folder.read_history(), result)


def _check_one_crossvalidation(folder: Path, folds: list[Fold]) -> None:
    first = folds[0]
    for fold in folds[1:]:
        if _settings(fold.config) != _settings(first.config):
            raise InputError(
                f"{folder}: {first.name} and {fold.name} in it are runs with different settings, no folds of one "
                "cross-validation; name one run's folder"
            )
    ended = [(fold.name, fold.result.labels) for fold in folds if fold.result is not None]
    if not ended:
        raise InputError(f"{folder}: none of its {len(folds)} folds has ended; wait for the first")
    for name, labels in ended[1:]:
        if labels != ended[0][1]:
            raise InputError(f"{folder}: {ended[0][0]} and {name} in it have different labels; run one anew")


def _settings(config: Config) -> dict[str, Any]:
    """What all folds share."""
    own = {"data": None, "fold": config.fold is None, "test_speaker": None}
    return asdict(config) | own | {"recipe": asdict(config.recipe) | {"seed": 0}}


def _planned(folder: Path, folds: list[Fold]) -> int | None:
    """How many folds the cross-validation has: its summary says so when it has ended, else its corpus does."""
    if (planned := CrossvalidationFolder(folder).planned()) is not None:
        return max(len(folds), planned)
    recipes: list[Recipe] = list({fold.config.recipe: None for fold in folds})
    config = folds[0].config
    how, speakers = {name: getattr(config, name) for name in HOW}, config.test_speaker is not None
    try:
        corpus = config.load(offline=True)
        return max(len(folds), len(folds_of(config.corpus, config.data, speakers, recipes, corpus, **how)))
    except InputError:  # it is elsewhere now
        return None if speakers else max(len(folds), (config.subsets - 1) * len(recipes))
