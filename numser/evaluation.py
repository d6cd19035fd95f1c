"""A recogniser's test on utterances whose emotions are known."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from numser.dataset import Dataset
from numser.features import frame_seconds
from numser.inference import recognise
from numser.losses import softmax
from numser.metrics import confusion_matrix, macro_f1, unweighted_accuracy, weighted_accuracy
from numser.model import attended_frames
from numser.recogniser import Recogniser
from numser.threads import one_blas_thread


def test(
    recogniser: Recogniser, dataset: Dataset, members: np.ndarray, threads: int, among: Sequence[str] | None = None
) -> dict[str, Any]:
    """Recognise utterances of a standardised dataset that has the recogniser's classes: UA, WA, F1, the confusion
    matrix, and a row an utterance with truth, probabilities and attention. With `among`, only these labels are
    answers; the probabilities then are shares of theirs.

    Shapes      members (B,) int, indices into the dataset
    """
    log_mels = dataset.log_mels.select(members)
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        logits, attention = recognise(recogniser.model, recogniser.params, log_mels, pool)
    if among is not None:
        logits[:, [label not in among for label in dataset.classes]] = -np.inf
    probabilities, lengths = softmax(logits), log_mels.lengths
    labels = dataset.labels[members]
    confusion = confusion_matrix(labels, logits.argmax(1), len(dataset.classes))
    rows = []
    for row, i in enumerate(members):
        u = dataset.utterances[i]
        rows.append(
            {
                "name": u.name,
                "path": str(u.path) if u.path else None,
                "speaker": u.speaker,
                "difficulty": dataset.levels[i],
                "truth": u.label,
                "predicted": dataset.classes[int(logits[row].argmax())],
                "probabilities": [round(float(p), 6) for p in probabilities[row]],
            }
        )
        if attention is not None:
            seconds = frame_seconds(dataset.starts[i] + attended_frames(lengths[row]), recogniser.features)
            rows[-1]["attention"] = [round(float(w), 6) for w in attention[row]]
            rows[-1]["attention_seconds"] = [round(float(s), 3) for s in seconds]
    return {
        "ua": unweighted_accuracy(confusion),
        "wa": weighted_accuracy(confusion),
        "f1": macro_f1(confusion),
        "labels": list(dataset.classes),
        "confusion": confusion.tolist(),
        "utterances": rows,
    }
