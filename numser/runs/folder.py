"""The folders of a training run and of a cross-validation: each file's name, what writes it, and what reads it.

    RUN/state.npz       everything that the training is made of at one moment: the truth while it runs
    RUN/config.json     what was asked for
    RUN/history.csv     the learning curve, a row a validation
    RUN/result.json     the test: UA, WA, F1, confusion matrix, and each utterance's truth, probabilities, attention
    RUN/model.npz       the parameters it ended with, and all that `python -m numser.predict` needs
    RUN/example.wav     a test utterance to try the model on, where it has no file of its own
    RUN/.lock           held by the process that trains here

    FOLDS/fold0 …       a run each
    FOLDS/.fold0.lock   held by the worker that has this fold
    FOLDS/folds.csv     a row a fold that has ended
    FOLDS/summary.json  what they say together

A training goes on from state.npz alone; the run's other files are written anew from it.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

from numser.audio import SAMPLE_RATE
from numser.corpora import Utterance
from numser.errors import InputError
from numser.files import (
    file_lock,
    make_folder,
    read_arrays,
    read_json,
    remove_halves,
    write_arrays,
    write_csv,
    write_json,
    write_whole,
)
from numser.optim import AdamState, Params
from numser.recipe import Recipe
from numser.recogniser import check_arrays
from numser.runs.config import Config, with_changes
from numser.runs.result import RunResult, read_result
from numser.training import Order, State, Validation, initial_state

KIND = "training state"
FILES = ("state.npz", "config.json", "history.csv", "result.json", "model.npz", "example.wav")
CURVES = ("step", "loss", "validation_loss", "validation_ua")  # of history.csv, what is read again
FOLD_COLUMNS = ("ua", "wa", "f1", "best_step", "best_validation_ua", "seconds")


class RunFolder:
    """The folder of a training run; it need not exist. Attributes are paths."""

    def __init__(self, path: Path):
        self.path = path
        self.state, self.config, self.history, self.result, self.model, self.example = (path / f for f in FILES)
        self.lock = path / ".lock"

    @property
    def fold_lock(self) -> Path:
        """The lock beside the folder, where it is a fold's."""
        return self.path.with_name(f".{self.path.name}.lock")

    def check(self, resume: bool) -> None:
        """See that there is a run to resume, or none that would be written over.

        Raises      InputError: it is not so
        """
        found = [name for name in FILES if (self.path / name).exists()]
        if resume and not self.state.exists():
            raise InputError(
                f"‹resume› ‹out› {self.path}: there is no run to resume in that folder; leave out ‹resume›"
            )
        if found and not resume:
            how = ", or add ‹resume›" if self.state.exists() else ""
            raise InputError(f"‹out› {self.path}: already holds a run ({found[0]}); choose another folder{how}")

    @contextmanager
    def held(self, resume: bool) -> Iterator[None]:
        """Make the folder, and train in it while no other process does.

        Raises      InputError: another one does; as `check`
        """

        def refuse() -> None:
            raise InputError(
                f"‹out› {self.path}: another process is training in this folder; wait for it, or choose another ‹out›"
            )

        make_folder(self.path)
        with file_lock(self.lock, refuse, if_possible=True):
            self.check(resume)  # again, since another process may have been here meanwhile
            remove_halves(self.path, FILES)
            yield

    def save(self, config: Config, state: State, fingerprint: str) -> None:
        """Write state.npz, and config.json and history.csv from it. `fingerprint` is the dataset's."""
        arrays = {"permutation": state.order.permutation, "recent_losses": np.array(state.recent_losses)}
        arrays["history"] = np.array([astuple(row) for row in state.history]).reshape(-1, len(fields(Validation)))
        for prefix, values in _parameter_sets(config.recipe, state).items():
            arrays |= {f"{prefix}.{name}": w for name, w in values.items()}
        about = {
            "kind": KIND,
            "config": asdict(config),
            "corpus_fingerprint": fingerprint,
            "step": state.step,
            "position": state.order.position,
            "best_ua": state.best_ua,
            "best_step": state.best_step,
            "order": state.order.rng.bit_generator.state,
            "dropout": state.dropout.bit_generator.state,
            "augmentation": state.augmentation.bit_generator.state,
        }
        write_arrays(self.state, arrays, about)
        write_json(self.config, asdict(config))
        curve = [["" if math.isnan(x) else x for x in astuple(row)] for row in state.history]
        write_csv(self.history, [f.name for f in fields(Validation)], curve)

    def stored_config(self) -> Config:
        """What the run to resume was asked to do.

        Raises      InputError: there is no run, or its state is damaged
        """
        self.check(resume=True)
        return self._read_state()[0]

    def restore(self, config: Config, n_classes: int, n_train: int, fingerprint: str) -> State:
        """The reverse of `save`, for a run that goes on with this configuration.

        Raises      InputError: the state is damaged, or is of other settings or another corpus; it has more steps
        """
        path, (stored, arrays, about) = self.state, self._read_state()
        if with_changes(stored, config.data, config.recipe.steps) != config:
            raise InputError(f"{path}: was made with other settings, {json.dumps(asdict(stored))}; use the same ones")
        try:
            if about["corpus_fingerprint"] != fingerprint:
                raise InputError(
                    f"{path}: the corpus has changed since this run began; start a new run in another ‹out›"
                )
            if about["step"] > config.recipe.steps:
                raise InputError(
                    f"‹steps› {config.recipe.steps}: this run has already done {about['step']} steps; give more"
                )
            return _state(path, config, arrays, about, n_classes, n_train)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is damaged ({type(error).__name__}: {error}); start a new run") from error

    def _read_state(self) -> tuple[Config, dict[str, np.ndarray], dict[str, Any]]:
        arrays, about = read_arrays(self.state, KIND)
        try:
            return Config.from_json(about.get("config")), arrays, about
        except ValueError as error:
            raise InputError(f"{self.state}: is not a training state this version can read ({error})") from error

    def read_config(self) -> Config:
        """What is in config.json.

        Raises      InputError: it cannot be read or is damaged
        """
        values = read_json(self.config)
        try:
            return Config.from_json(values)
        except ValueError as error:
            raise InputError(f"{self.config}: is damaged ({error}); run this fold anew") from error

    def read_history(self) -> list[list[float | None]]:
        """The learning curve, a row a validation: step, loss, validation loss and UA; the last two are None where
        nothing validates. Empty if there is no file.

        Raises      InputError: it cannot be read or is damaged
        """
        try:
            with open(self.history, encoding="utf-8", newline="") as file:
                rows = [
                    [float(row[column]) if row[column] != "" else None for column in CURVES]
                    for row in csv.DictReader(file)
                ]
            for row in rows:
                if not all(map(math.isfinite, (x for x in row if x is not None))) or (
                    None in row[:2] or (row[2] is None) != (row[3] is None)
                ):
                    raise ValueError("a number in it is missing or not finite")
            return rows
        except FileNotFoundError:
            return []
        except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
            raise InputError(
                f"{self.history}: cannot be read or is damaged ({error}); take it away, or run this anew"
            ) from error

    def steps_done(self) -> int:
        """How many steps the learning curve tells of, so far."""
        if not self.history.exists():
            return 0
        last = self.history.read_text(encoding="utf-8").splitlines()[-1].split(",")[0]
        return int(last) if last.isdigit() else 0

    def write_example(self, utterance: Utterance) -> str:
        """A file that the model can be tried on: the utterance's, or one that is made of it."""
        if utterance.path is not None and utterance.segment is None:
            return str(utterance.path)
        import soundfile

        sound = io.BytesIO()
        soundfile.write(sound, utterance.read(), SAMPLE_RATE, format="WAV")
        write_whole(self.example, lambda file: file.write(sound.getvalue()))
        return str(self.example)

    def write_result(self, result: RunResult) -> None:
        """Write result.json: the run has ended."""
        write_json(self.result, result.to_json())

    def read_result(self) -> RunResult:
        """What is in result.json.

        Raises      InputError: it cannot be read or is damaged
        """
        return read_result(self.result)


def _parameter_sets(recipe: Recipe, state: State) -> dict[str, Params]:
    sets = {"params": state.params, "best": state.best_params, "m": state.adam.m, "v": state.adam.v}
    return sets | ({"average": state.average} if recipe.average else {})


def _state(path: Path, config: Config, arrays: dict, about: dict, n_classes: int, n_train: int) -> State:
    """The reverse of `save`."""
    state = initial_state(config.recipe, n_classes, n_train)
    history, recent, permutation = (arrays.pop(name) for name in ("history", "recent_losses", "permutation"))
    if sorted(permutation.tolist()) != list(range(n_train)) or not 0 <= about["position"] <= n_train:
        raise ValueError(f"the order is not one of {n_train} utterances")
    sets = _parameter_sets(config.recipe, state)
    check_arrays(path, arrays, {f"{p}.{name}": w.shape for p, values in sets.items() for name, w in values.items()})
    restored = {p: {name: arrays[f"{p}.{name}"] for name in values} for p, values in sets.items()}
    state.params, state.best_params = restored["params"], restored["best"]
    state.average = restored.get("average", state.params)
    state.adam = AdamState(int(about["step"]), restored["m"], restored["v"])
    state.order = Order(state.order.rng, permutation, int(about["position"]))
    state.order.rng.bit_generator.state = about["order"]
    state.dropout.bit_generator.state = about["dropout"]
    if config.recipe.augments:
        state.augmentation.bit_generator.state = about["augmentation"]
    state.best_ua, state.best_step = float(about["best_ua"]), int(about["best_step"])
    state.recent_losses = recent.tolist()
    state.history = [Validation(int(row[0]), *row[1:]) for row in history.tolist()]
    return state


class CrossvalidationFolder:
    """The folder of a cross-validation; it need not exist."""

    def __init__(self, path: Path):
        self.path, self.table, self.summary = path, path / "folds.csv", path / "summary.json"

    def remove_halves(self) -> None:
        """Remove what a process that was killed had written of the files that are its own."""
        remove_halves(self.path, (self.table.name, self.summary.name))

    def write_table(self, results: Mapping[str, RunResult]) -> None:
        """Write folds.csv: a row for each fold that has ended."""
        make_folder(self.path)
        rows = [[name, r.seed, *(getattr(r, column) for column in FOLD_COLUMNS)] for name, r in results.items()]
        write_csv(self.table, ("fold", "seed", *FOLD_COLUMNS), rows)

    def write_summary(self, summary: dict[str, Any], results: Mapping[str, RunResult]) -> None:
        """Write summary.json: what the folds say together, and where they come from."""
        first = next(iter(results.values()))
        about = {"corpus": first.corpus, "config": asdict(first.config)}
        about |= {"versions": first.versions, "machine": first.machine}
        write_json(self.summary, summary | {"folds": list(results)} | about)

    def planned(self) -> int | None:
        """How many folds the summary tells of; None: there is no summary yet.

        Raises      InputError: it cannot be read or is damaged
        """
        if not self.summary.is_file():
            return None
        names = read_json(self.summary).get("folds")
        return len(names) if isinstance(names, list) else 0
