"""The numbers of a report, as the page gets them: plain lists and texts, labels and speakers by their index.

One entry of `utterances` is a recording, however many folds were tested on it; its `predictions` are the folds'.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from numser.calibration import reliability
from numser.cli import in_words, shell_line
from numser.evaluation import TestedUtterance
from numser.layers.batch_norm import is_learned
from numser.page.utterance import attention_curve
from numser.report.folder import Fold, Runs
from numser.runs.config import Config
from numser.summary import SCORES, summarise
from numser.training import network as network_of


def report_data(runs: Runs) -> dict[str, Any]:
    """Everything that the page shows but sound and log-mels."""
    summary = summarise(runs.results)
    labels = summary["labels"]
    rows = list(_rows(runs))
    names = sorted({u.speaker for _, u in rows if u.speaker is not None})
    return {
        "title": f"{runs.folds[0].config.corpus}, {_split(runs)}",
        "crossvalidation": runs.crossvalidation,
        "planned": runs.planned,
        "labels": labels,
        "chance": summary["chance"],
        "validation_chance": _validation_chance(runs),
        "scores": {key: summary[key] for key in SCORES},
        "intervals": {key: summary[f"{key}_interval"] for key in SCORES},
        **{key: summary[key] for key in ("ua_interval_holds_runs", "ua_interval_speakers", "remarks")},
        "made_up": runs.folds[0].config.corpus == "synthetic",
        "tested": summary["test_utterances"],
        "folds": [_fold(fold) for fold in runs.folds],
        "kept": runs.folds[0].config.recipe.keep,
        "confusion": summary["confusion"],
        "speakers": _speakers(rows, names, labels),
        "calibration": reliability(
            np.array([max(u.probabilities) for _, u in rows]), np.array([u.right for _, u in rows])
        ),
        "utterances": _utterances(rows, names, labels),
        "about": _about(runs),
    }


def _validation_chance(runs: Runs) -> float | None:
    """1 / the number of labels that were validated on, its mean over the folds that have ended; None if that is not
    known. A random subset has all labels; of another speaker's the run says so."""
    numbers = []
    for result in runs.results:
        labels = result.validation_labels
        if labels is None and result.config.fold is not None:
            labels = result.labels
        if not labels:
            return None
        numbers.append(len(labels))
    return float(np.mean([1 / number for number in numbers]))


def _rows(runs: Runs) -> Iterator[tuple[int, TestedUtterance]]:
    """Each test utterance of each fold that has ended, with the fold's index."""
    for i, fold in enumerate(runs.folds):
        if fold.result is not None:
            yield from ((i, u) for u in fold.result.utterances)


def _split(runs: Runs) -> str:
    config = runs.folds[0].config
    by_speaker = config.test_speaker is not None
    if runs.crossvalidation:
        return "one speaker left out after the other" if by_speaker else "random subsets"
    return f"tested on speaker {config.test_speaker}" if by_speaker else f"fold {config.fold}"


def _fold(fold: Fold) -> dict[str, Any]:
    keys = ("ua", "wa", "f1", "best_step", "best_validation_ua", "seconds")
    return {
        "name": fold.name,
        "ended": fold.result is not None,
        "steps": fold.config.recipe.steps,
        "tested": 0 if fold.result is None else len(fold.result.utterances),
        "history": [[x if x is None else round(x, 5) for x in row] for row in fold.history],
        **{key: getattr(fold.result, key, None) for key in keys},
    }


def _speakers(rows: list[tuple[int, TestedUtterance]], names: list[str], labels: list[str]) -> list[dict[str, Any]]:
    """For each speaker and label, how many utterances were tested, and how many of them recognised."""
    counts = np.zeros((2, len(names), len(labels)), int)
    for _, u in rows:
        if u.speaker is not None:
            place = names.index(u.speaker), labels.index(u.truth)
            counts[0][place] += 1
            counts[1][place] += u.right
    return [
        {"name": name, "counts": n.tolist(), "hits": hits.tolist()}
        for name, n, hits in zip(names, *counts, strict=True)
    ]


def _utterances(rows: list[tuple[int, TestedUtterance]], names: list[str], labels: list[str]) -> list[dict[str, Any]]:
    """In the order of the folds; what several were tested on stands once."""
    utterances: dict[str, dict[str, Any]] = {}
    for fold, u in rows:
        about = {
            "name": u.name,
            "truth": labels.index(u.truth),
            "speaker": None if u.speaker is None else names.index(u.speaker),
            "difficulty": u.difficulty,
            "predictions": [],
        }
        utterances.setdefault(u.name, about)["predictions"].append(
            {
                "fold": fold,
                "predicted": labels.index(u.predicted),
                "probabilities": [round(p, 4) for p in u.probabilities],
                "attention": attention_curve(u.attention or [], u.attention_seconds or []),
            }
        )
    return list(utterances.values())


def _about(runs: Runs) -> list[tuple[str, str]]:
    """How the network was made and trained, for people."""
    config, result = runs.folds[0].config, runs.results[0]
    recipe = config.recipe
    seeds = sorted({fold.config.recipe.seed for fold in runs.folds})
    name, settings = recipe.loss_in_words
    model = network_of(recipe, len(result.labels))
    network = model.name
    network += "" if recipe.tied else ", untied GRU"
    network += f", dropout {recipe.dropout:g}" if recipe.dropout else ""
    parameters = sum(w.size for name, w in model.init(np.random.default_rng(0)).items() if is_learned(name))
    network += f", {parameters:,} parameters"
    return [
        ("Corpus", config.corpus),
        ("Split", _split(runs) + ("; what would validate trained as well" if config.train_on_validation else "")),
        *(
            [("Standardised", "each speaker by all of the speaker's own recordings")]
            * (config.standardise == "speaker")
        ),
        ("Network", network),
        ("Loss", f"{name}, {settings}" if settings else name),
        ("Training", f"{recipe.steps} steps of {recipe.batch_size} utterances, learning rate {recipe.lr:g}"),
        ("Seed" if len(seeds) == 1 else "Seeds", ", ".join(map(str, seeds))),
        ("Ended", _when([r.date for r in runs.results])),
        ("Took", in_words(sum(r.seconds for r in runs.results)) + (" in all" if len(runs.results) > 1 else "")),
        ("To repeat it", _command(config, seeds, runs.crossvalidation)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in result.versions.items())),
        ("Machine", result.machine),
    ]


def _when(dates: list[str | None]) -> str:
    """The day and minute on which the last run ended."""
    known = sorted(date for date in dates if date is not None)
    return f"{known[-1][:16].replace('T', ' ')} UTC" if known else "its result does not say"


def _command(config: Config, seeds: list[int], crossvalidation: bool) -> str:
    """What to type to have the same again; where the corpus lies is nobody else's business."""
    config = replace(config, data=config.data and "DIR")
    if not crossvalidation:
        return shell_line("python", "-m", "numser.train", *config.options())
    one = replace(config, fold=0, test_speaker=None, recipe=replace(config.recipe, seed=0))
    words = one.options()
    place = words.index("--fold")
    del words[place : place + 2]
    words += ["--speakers"] * (config.test_speaker is not None)
    words += ["--seeds", ",".join(map(str, seeds))] * (seeds != [0])
    return shell_line("python", "-m", "numser.crossval", *words)
