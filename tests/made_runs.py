"""Folders as numser.train and numser.crossval leave them, with results that a test thinks up."""

import json
from dataclasses import asdict
from pathlib import Path

from numser.evaluation import Result, TestedUtterance
from numser.recipe import Recipe
from numser.runs.config import Config
from numser.runs.folder import RunFolder
from numser.runs.result import RunResult

RECIPE = Recipe(blocks=0, steps=4)
LABELS = ("anger", "neutral")


def row(name, truth="anger", predicted=None, *, sure=0.8, labels=LABELS, **changes):
    """A test utterance of result.json."""
    predicted = predicted or truth
    rest = (1 - sure) / (len(labels) - 1)
    about = {"name": name, "path": None, "speaker": "03", "difficulty": "A", "truth": truth, "predicted": predicted}
    about["probabilities"] = [sure if label == predicted else rest for label in labels]
    return about | {"attention": [0.125, 0.5, 0.25, 0.125], "attention_seconds": [0.03, 0.07, 0.11, 0.15]} | changes


def write_run(
    folder: Path, rows, *, labels=LABELS, ended=True, history=((2, 0.7, 0.75, 0.5), (4, 0.5, 0.6, 1)), **config
):
    """A run's folder. Without `ended` it has no result yet."""
    folder.mkdir(parents=True)
    files = RunFolder(folder)
    files.config.write_text(json.dumps(asdict(config_of(**config))))
    curve = ["step,loss,validation_loss,validation_ua,validation_wa,best_ua"]
    curve += [",".join(map(str, [*point, 0, 0])) for point in history]
    files.history.write_text("\n".join(curve) + "\n")
    if ended:
        best = max(history, key=lambda point: point[3])
        result = Result.of(labels, [TestedUtterance(**r) for r in rows])
        files.write_result(run_of(result, best_step=best[0], best_validation_ua=best[3], **config))
    return folder


def config_of(**config) -> Config:
    return Config(**{"corpus": "emodb", "data": None, "fold": 0, "test_speaker": None, "recipe": RECIPE} | config)


def run_of(result: Result, *, best_step=4, best_validation_ua=0.5, **config) -> RunResult:
    """A test's result as that of a run."""
    asked = config_of(**config)
    return RunResult(
        **vars(result),
        config=asked,
        corpus=asked.corpus,
        seed=asked.recipe.seed,
        best_step=best_step,
        best_validation_ua=best_validation_ua,
        seconds=90.0,
        versions={"numser": "0.1.0"},
        machine="Linux x86_64",
    )
