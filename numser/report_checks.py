"""Whether a result.json holds what a report needs. A report is often on a file that somebody else wrote."""

from typing import Any

import numpy as np


def check_result(result: dict[str, Any]) -> None:
    """See whether a run's result is what numser.evaluation.test and numser.runs make.

    Raises      KeyError: something is missing
                TypeError, ValueError: something is not what it should be; the message says what
    """
    labels = result["labels"]
    if not isinstance(labels, list) or len(labels) < 2 or len(set(map(_text, labels))) < len(labels):
        raise ValueError("labels: should be at least two different texts")
    for key in ("ua", "wa", "f1", "best_validation_ua"):
        _shares(key, result[key], ())
    for key in ("best_step", "seconds"):
        _finite(key, result[key], ())
    if not isinstance(result.get("versions", {}), dict):
        raise TypeError("versions: should be texts by name")
    counts = np.zeros((len(labels), len(labels)), int)
    for row in result["utterances"]:
        _check_row(row, labels)
        counts[labels.index(row["truth"]), labels.index(row["predicted"])] += 1
    if not counts.any() or counts.tolist() != result["confusion"]:
        raise ValueError("its confusion matrix is not that of its utterances")


def _check_row(row: dict[str, Any], labels: list[str]) -> None:
    _text(row["name"])
    for key in ("path", "speaker"):
        if row[key] is not None:
            _text(row[key])
    if row["difficulty"] not in ("A", "B", "C"):
        raise ValueError(f"difficulty: should be A, B or C, found {row['difficulty']!r}")
    _shares("probabilities", row["probabilities"], (len(labels),))
    seconds = row.get("attention_seconds", [])
    _shares("attention", row.get("attention", []), (len(seconds),))
    _finite("attention_seconds", seconds, (len(seconds),))


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError(f"should be text, found {value!r}")
    return value


def _shares(name: str, values: Any, shape: tuple[int, ...]) -> None:
    numbers = _finite(name, values, shape)
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError(f"{name}: should lie from 0 to 1")


def _finite(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "iuf" or numbers.shape != shape or not np.isfinite(numbers).all():
        raise ValueError(f"{name}: should be {' × '.join(map(str, shape)) or 'one'} finite number{'s' * bool(shape)}")
    return numbers
