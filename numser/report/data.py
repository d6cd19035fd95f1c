"""The numbers of a report, as the page gets them: plain lists and texts, labels and speakers by their index.

One entry of `utterances` is a recording, however many folds were tested on it; its `predictions` are the folds'.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from numser.page.utterance import attention_curve
from numser.report.folder import Fold, Runs
from numser.summary import summarise

BINS = 10  # of the reliability diagram


def report_data(runs: Runs) -> dict[str, Any]:
    """Everything that the page shows but sound and log-mels."""
    summary = summarise(runs.results)
    labels = summary["labels"]
    rows = list(_rows(runs))
    names = sorted({row["speaker"] for _, row in rows if row["speaker"] is not None})
    return {
        "title": f"{runs.folds[0].config.corpus}, {_split(runs)}",
        "crossvalidation": runs.crossvalidation,
        "planned": runs.planned,
        "labels": labels,
        "chance": summary["chance"],
        "validation_chance": _validation_chance(runs),
        "scores": {key: summary[key] for key in ("ua", "wa", "f1")},
        **{key: summary[key] for key in ("ua_interval", "ua_interval_holds_runs", "ua_interval_speakers", "remarks")},
        "tested": summary["test_utterances"],
        "folds": [_fold(fold) for fold in runs.folds],
        "kept": runs.folds[0].config.recipe.keep,
        "confusion": summary["confusion"],
        "speakers": _speakers(rows, names, labels),
        "calibration": calibration(
            np.array([max(row["probabilities"]) for _, row in rows]),
            np.array([row["truth"] == row["predicted"] for _, row in rows]),
        ),
        "utterances": _utterances(rows, names, labels),
        "about": _about(runs),
    }


def _validation_chance(runs: Runs) -> float | None:
    """1 / the number of labels that were validated on, its mean over the folds that have ended; None if that is not
    known. A random subset has all labels; of another speaker's the run says so."""
    known = [
        result.get("validation_labels", result["labels"] if fold.config.fold is not None else None)
        for fold in runs.folds
        if (result := fold.result) is not None
    ]
    return float(np.mean([1 / len(labels) for labels in known])) if all(known) else None


def calibration(confidence: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """How far stated probabilities can be believed.

        error = Σ_b n_b/n · |share right in b − mean confidence in b|        b: BINS equal parts of 0 to 1

    Shapes      confidence (n,) the probability of the label that was chosen   right (n,) bool
    Source      Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015
    """
    part = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = []
    for b in np.unique(part):
        members = part == b
        bins.append(
            {
                "low": b / BINS,
                "high": (b + 1) / BINS,
                "count": int(members.sum()),
                "right": int(right[members].sum()),
                "confidence": float(confidence[members].mean()),
            }
        )
    gaps = [abs(b["right"] - b["count"] * b["confidence"]) for b in bins]
    return {"bins": bins, "error": float(sum(gaps) / len(right))}


def _rows(runs: Runs) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each test utterance of each fold that has ended, with the fold's index."""
    for i, fold in enumerate(runs.folds):
        if fold.result is not None:
            yield from ((i, row) for row in fold.result["utterances"])


def _split(runs: Runs) -> str:
    config = runs.folds[0].config
    by_speaker = config.test_speaker is not None
    if runs.crossvalidation:
        return "one speaker left out after the other" if by_speaker else "random subsets"
    return f"tested on speaker {config.test_speaker}" if by_speaker else f"fold {config.fold}"


def _fold(fold: Fold) -> dict[str, Any]:
    result = fold.result or {}
    keys = ("ua", "wa", "f1", "best_step", "best_validation_ua", "seconds")
    return {
        "name": fold.name,
        "ended": fold.result is not None,
        "steps": fold.config.recipe.steps,
        "tested": len(result.get("utterances", [])),
        "history": [[x if x is None else round(x, 5) for x in row] for row in fold.history],
        **{key: result.get(key) for key in keys},
    }


def _speakers(rows: list[tuple[int, dict]], names: list[str], labels: list[str]) -> list[dict[str, Any]]:
    """For each speaker and label, how many utterances were tested, and how many of them recognised."""
    counts = np.zeros((2, len(names), len(labels)), int)
    for _, row in rows:
        if row["speaker"] is not None:
            place = names.index(row["speaker"]), labels.index(row["truth"])
            counts[0][place] += 1
            counts[1][place] += row["truth"] == row["predicted"]
    return [
        {"name": name, "counts": n.tolist(), "hits": hits.tolist()}
        for name, n, hits in zip(names, *counts, strict=True)
    ]


def _utterances(rows: list[tuple[int, dict]], names: list[str], labels: list[str]) -> list[dict[str, Any]]:
    """In the order of the folds; what several were tested on stands once."""
    utterances: dict[str, dict[str, Any]] = {}
    for fold, row in rows:
        about = {
            "name": row["name"],
            "truth": labels.index(row["truth"]),
            "speaker": None if row["speaker"] is None else names.index(row["speaker"]),
            "difficulty": row["difficulty"],
            "predictions": [],
        }
        utterances.setdefault(row["name"], about)["predictions"].append(
            {
                "fold": fold,
                "predicted": labels.index(row["predicted"]),
                "probabilities": [round(p, 4) for p in row["probabilities"]],
                "attention": attention_curve(row.get("attention", []), row.get("attention_seconds", [])),
            }
        )
    return list(utterances.values())


def _about(runs: Runs) -> list[tuple[str, str]]:
    """How the network was made and trained, for people."""
    config, result = runs.folds[0].config, runs.results[0]
    recipe = config.recipe
    seeds = sorted({fold.config.recipe.seed for fold in runs.folds})
    loss = {
        "ce": "weighted cross-entropy",
        "focal": f"focal, λ_B {recipe.lambda_b:g}, λ_C {recipe.lambda_c:g}",
        "soft": f"soft bootstrapping, β {recipe.beta:g}",
        "lq": f"L_q, q {recipe.q:g}",
    }[recipe.loss]
    network = f"{recipe.blocks} blocks, {'attention' if recipe.attention else 'no attention'}"
    network += "" if recipe.tied else ", untied GRU"
    network += f", dropout {recipe.dropout:g}" if recipe.dropout else ""
    versions = result.get("versions", {})
    return [
        ("Corpus", config.corpus),
        ("Split", _split(runs) + ("; what would validate trained as well" if config.train_on_validation else "")),
        *(
            [("Standardised", "each speaker by all of the speaker's own recordings")]
            * (config.standardise == "speaker")
        ),
        ("Network", network),
        ("Loss", loss),
        ("Training", f"{recipe.steps} steps of {recipe.batch_size} utterances, learning rate {recipe.lr:g}"),
        ("Seed" if len(seeds) == 1 else "Seeds", ", ".join(map(str, seeds))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("Machine", str(result.get("machine", "unknown"))),
    ]
