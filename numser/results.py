"""What a run left in result.json, read again with care: another program, or a person, may have had it in hand."""

from math import isfinite
from pathlib import Path
from typing import Any

from numser.errors import InputError
from numser.files import read_json


def read_result(path: Path) -> dict[str, Any]:
    """A run's result.

    Raises      InputError: it cannot be read, or something that a result has is missing or cannot be
    """
    result = read_json(path)
    try:
        check_result(result)
    except KeyError as error:
        raise InputError(
            f"{path}: is damaged: {error} is missing; take it away, and the run is tested anew"
        ) from None
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: is damaged: {error}; take it away, and the run is tested anew") from None
    return result


def check_result(result: dict[str, Any]) -> None:
    """See whether a run's result is what numser.evaluation.test and numser.runs make.

    Raises      KeyError: something is missing
                TypeError, ValueError: something is not what it should be; the message says what
    """
    for name in ("ua", "wa", "f1"):
        _number(name, result[name], 0, 1)
    if result["best_validation_ua"] is not None:  # as it is where what would validate trained as well
        _number("best_validation_ua", result["best_validation_ua"], 0, 1)
    _number("seconds", result["seconds"], 0, 1e12)
    for name, kind in (("config", dict), ("versions", dict), ("corpus", str), ("machine", str)):
        if not isinstance(result[name], kind):
            raise ValueError(f"{name} should be {kind.__name__}, found {result[name]!r}")
    for name in ("seed", "best_step"):
        if type(result[name]) is not int:
            raise ValueError(f"{name} should be a whole number, found {result[name]!r}")
    labels, confusion, rows = result["labels"], result["confusion"], result["utterances"]
    if not _list_of(str, labels) or len(set(labels)) != len(labels):
        raise ValueError(f"labels should be different texts, found {labels!r}")
    validated = result.get("validation_labels", labels)  # runs of an older numser do not say it
    several = _list_of(str, validated) or (validated == [] and result["best_validation_ua"] is None)
    if not several or len(set(validated)) != len(validated) or not set(validated) <= set(labels):
        raise ValueError(f"validation_labels should be different ones of the labels, found {validated!r}")
    if not (isinstance(confusion, list) and len(confusion) == len(labels)) or not all(
        _list_of(int, row) and len(row) == len(labels) and min(row) >= 0 for row in confusion
    ):
        raise ValueError(f"confusion should be {len(labels)} rows of {len(labels)} counts")
    if not _list_of(dict, rows):
        raise ValueError("utterances should be a list with an object each")
    counts = [[0] * len(labels) for _ in labels]
    for row in rows:
        _check_row(row, labels)
        counts[labels.index(row["truth"])][labels.index(row["predicted"])] += 1
    if counts != confusion:
        raise ValueError("its confusion matrix is not that of its utterances")


def _check_row(row: dict[str, Any], labels: list[str]) -> None:
    name = row["name"]
    if not isinstance(name, str) or "\0" in name:
        raise ValueError(f"an utterance's name should be text, found {name!r}")
    for key in ("path", "speaker"):
        if not isinstance(row[key], str | None) or "\0" in (row[key] or ""):
            raise ValueError(f"{key} of {name} should be text or null, found {row[key]!r}")
    for key, known in (("truth", labels), ("predicted", labels), ("difficulty", ["A", "B", "C"])):
        if row[key] not in known:
            raise ValueError(f"{key} of {name} should be one of {', '.join(known)}, found {row[key]!r}")
    if not isinstance(row["probabilities"], list) or len(row["probabilities"]) != len(labels):
        raise ValueError(f"probabilities of {name} should be {len(labels)}")
    for share in row["probabilities"]:
        _number(f"a probability of {name}", share, 0, 1)
    attention, seconds = row.get("attention", []), row.get("attention_seconds", [])
    if not isinstance(attention, list) or not isinstance(seconds, list) or len(attention) != len(seconds):
        raise ValueError(f"attention of {name} should have as many seconds as weights")
    for weight, second in zip(attention, seconds, strict=True):
        _number(f"attention of {name}", weight, 0, 1)
        _number(f"attention_seconds of {name}", second, 0, 1e12)


def _number(name: str, value: Any, least: float, most: float) -> None:
    if type(value) not in (int, float) or not isfinite(value) or not least <= value <= most:
        raise ValueError(f"{name} should be a number from {least:g} to {most:g}, found {value!r}")


def _list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is kind for item in value)
