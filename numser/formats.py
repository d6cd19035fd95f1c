"""How predictions are written: for people, as CSV, or as JSON."""

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

from numser.recogniser import Prediction
from numser.windows import Window, overall


class Text:
    """A line a file: its label, and every label's probability, the largest first. A line a window where there are
    several, and then one for the whole; with attention, a line a frame.
    """

    def __init__(self, labels: Sequence[str], attention: bool):
        self.attention = attention

    def __enter__(self) -> "Text":
        return self

    def __exit__(self, *_) -> None:
        pass

    def write(self, name: str, windows: list[Window]) -> None:
        """Write what was found in a file."""
        if len(windows) > 1:
            for window in windows:
                self._line(f"{name} {window.start:.1f}–{window.end:.1f} s", window.prediction)
            self._line(f"{name}, mean of its windows", overall(windows))
        else:
            self._line(name, windows[0].prediction)

    def _line(self, what: str, prediction: Prediction | None) -> None:
        if prediction is None:
            print(f"{what}: no speech", flush=True)
            return
        ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
        shares = "  ".join(f"{label} {share:.3f}" for label, share in ranked)
        print(f"{what}: {prediction.label}  ({shares})", flush=True)
        if self.attention and prediction.attention is not None:
            for second, weight in zip(prediction.seconds, prediction.attention, strict=True):
                print(f"  {second:8.2f} s  {weight:.5f}")


class Csv:
    """A row a window: file, start and end in seconds, label, and every label's probability, the last two empty where
    nobody speaks. With attention, a row a frame, that has its second and weight too.
    """

    def __init__(self, labels: Sequence[str], attention: bool):
        self.labels, self.attention = labels, attention
        self.rows = csv.writer(sys.stdout, lineterminator="\n")

    def __enter__(self) -> "Csv":
        self.rows.writerow(
            ["file", "start", "end", "label", *self.labels, *(["second", "weight"] if self.attention else [])]
        )
        return self

    def __exit__(self, *_) -> None:
        pass

    def write(self, name: str, windows: list[Window]) -> None:
        """Write what was found in a file."""
        for window in windows:
            row = [name, f"{window.start:.2f}", f"{window.end:.2f}"]
            heard = window.prediction
            row += ["" for _ in ("label", *self.labels)] if heard is None else [heard.label, *_shares(heard)]
            if not self.attention:
                self.rows.writerow(row)
            elif heard is None:
                self.rows.writerow([*row, "", ""])
            else:
                for second, weight in zip(heard.seconds, heard.attention, strict=True):
                    self.rows.writerow([*row, f"{second:.2f}", f"{weight:.6f}"])
        sys.stdout.flush()


def _shares(prediction: Prediction) -> list[str]:
    return [f"{share:.6f}" for share in prediction.probabilities.values()]


class Json:
    """A list with an object a file: file, label, probabilities, and its windows, each with the same and its start
    and end in seconds, null where nobody speaks; with attention, each with the seconds and weights of its frames.
    """

    def __init__(self, labels: Sequence[str], attention: bool):
        self.attention = attention
        self.before = "[\n"

    def __enter__(self) -> "Json":
        return self

    def write(self, name: str, windows: list[Window]) -> None:
        """Write what was found in a file."""
        found = {"file": name, **_as_json(overall(windows)), "windows": [self._window(window) for window in windows]}
        print(self.before + json.dumps(found), end="", flush=True)
        self.before = ",\n"

    def _window(self, window: Window) -> dict[str, Any]:
        heard = window.prediction
        values = {"start": round(window.start, 3), "end": round(window.end, 3), **_as_json(heard)}
        if self.attention and heard is not None:
            seconds, weights = heard.seconds.tolist(), heard.attention.tolist()
            values["attention"] = {
                "seconds": [round(s, 3) for s in seconds],
                "weights": [round(w, 6) for w in weights],
            }
        return values

    def __exit__(self, *_) -> None:
        print("[]" if self.before == "[\n" else "\n]")


def _as_json(prediction: Prediction | None) -> dict[str, Any]:
    if prediction is None:
        return {"label": None, "probabilities": None}
    shares = {label: round(share, 6) for label, share in prediction.probabilities.items()}
    return {"label": prediction.label, "probabilities": shares}


FORMATS = {"text": Text, "csv": Csv, "json": Json}
