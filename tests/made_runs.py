"""Folders as numser.train and numser.crossval leave them, with results that a test thinks up."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from numser.metrics import confusion_matrix, macro_f1, unweighted_accuracy, weighted_accuracy
from numser.recipe import Recipe
from numser.runs import Config

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
    config = {"corpus": "emodb", "data": None, "fold": 0, "test_speaker": None} | config
    config.setdefault("recipe", Recipe(blocks=0, steps=4))
    asked = asdict(Config(**config))
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(asked))
    curve = ["step,loss,validation_loss,validation_ua,validation_wa,best_ua"]
    curve += [",".join(map(str, [*point, 0, 0])) for point in history]
    (folder / "history.csv").write_text("\n".join(curve) + "\n")
    if ended:
        truth, predicted = ([labels.index(r[key]) for r in rows] for key in ("truth", "predicted"))
        counts = confusion_matrix(np.array(truth), np.array(predicted), len(labels))
        result = {"ua": unweighted_accuracy(counts), "wa": weighted_accuracy(counts), "f1": macro_f1(counts)}
        result |= {"labels": list(labels), "confusion": counts.tolist(), "utterances": list(rows)}
        best = max(history, key=lambda point: point[3])
        result |= {"config": asked, "best_step": best[0], "best_validation_ua": best[3], "seconds": 90.0}
        result |= {
            "corpus": asked["corpus"],
            "seed": asked["recipe"]["seed"],
            "corpus_path": None,
            "versions": {"numser": "0.1.0"},
            "machine": "Linux x86_64",
        }
        (folder / "result.json").write_text(json.dumps(result))
    return folder
