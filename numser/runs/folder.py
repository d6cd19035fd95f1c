"""The folders of a training run and of a cross-validation: each file's name, what writes it, and what reads it.

    RUN/state.npz       everything that the training is made of at one moment: the truth while it runs
    RUN/config.json     what was asked for
    RUN/history.csv     the learning curve, a row a validation
    RUN/result.json     the test: UA, WA, F1, confusion matrix, and each utterance's truth, probabilities, attention
    RUN/model.npz       the parameters it ended with, and all that `python -m numser.predict` needs
    RUN/example.wav     a test utterance to try the model on, where it has no file of its own
    RUN/.lock           held by the process that trains here, as the folder itself is

    FOLDS/fold0 …       a run each
    FOLDS/.fold0.lock   held by the worker that has this fold
    FOLDS/folds.csv     a row a fold that has ended
    FOLDS/summary.json  what they say together

A training goes on from state.npz alone; the run's other files are written anew from it.
"""

import csv
import io
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Any

from numser.audio import SAMPLE_RATE
from numser.corpora import Utterance
from numser.errors import InputError, quoted, reason
from numser.files import file_lock, make_folder, read_json, remove_halves, write_csv, write_json, write_whole
from numser.runs.config import Config, with_changes
from numser.runs.result import RunResult, read_result
from numser.runs.state import StoredState, read_state, stored_state, write_state
from numser.training import State, Validation

FILES = ("state.npz", "config.json", "history.csv", "result.json", "model.npz", "example.wav")
CURVES = ("step", "loss", "validation_loss", "validation_ua")  # of history.csv, what is read again
FOLD_COLUMNS = ("ua", "wa", "f1", "best_step", "best_validation_ua", "seconds")


class RunFolder:
    """The folder of a training run; it need not exist. Attributes are paths."""

    def __init__(self, path: Path):
        self.path = path
        self.state, self.config, self.history, self.result, self.model, self.example = (path / f for f in FILES)
        self.lock = path / ".lock"
        self._ours: Callable[[], bool] = lambda: True

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
        with ExitStack() as locks:
            locks.enter_context(file_lock(self.lock, refuse, if_possible=True))
            if sys.platform != "win32":  # elsewhere .lock can be removed from under it
                self._ours = locks.enter_context(file_lock(self.path, refuse, if_possible=True))
            self.check(resume)  # again, since another process may have been here meanwhile
            remove_halves(self.path, FILES)
            yield

    def save(self, config: Config, state: State, fingerprint: str) -> None:
        """Write state.npz, and config.json and history.csv from it. `fingerprint` is the dataset's."""
        if not self._ours():
            raise InputError(
                f"{self.path}: is not the folder any more that this training began in; choose another ‹out›"
            )
        write_state(self.state, config, state, fingerprint)
        write_json(self.config, asdict(config))
        curve = [["" if math.isnan(x) else x for x in astuple(row)] for row in state.history]
        write_csv(self.history, [f.name for f in fields(Validation)], curve)

    def stored_state(self) -> StoredState:
        """What the run to resume was asked to do, and how far it is.

        Raises      InputError: there is no run, or its state is damaged
        """
        self.check(resume=True)
        return stored_state(self.state)

    def restore(self, config: Config, n_classes: int, n_train: int, fingerprint: str) -> State:
        """The reverse of `save`, for a run that goes on with this configuration.

        Raises      InputError: the state is damaged, or is of other settings or another corpus; it has more steps
        """
        path, stored = self.state, stored_state(self.state)
        if with_changes(stored.config, config.data, config.recipe.steps) != config:
            raise InputError(
                f"{path}: was made with other settings, {_differing(stored.config, config)}; use the same"
            )
        if stored.corpus_fingerprint != fingerprint:
            raise InputError(f"{path}: the corpus has changed since this run began; start a new run in another ‹out›")
        if stored.step > config.recipe.steps:
            raise InputError(
                f"‹steps› {config.recipe.steps}: this run has already done {stored.step} steps; give more"
            )
        return read_state(path, stored, config.recipe, n_classes, n_train)

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
                f"{self.history}: cannot be read or is damaged ({reason(error)}); take it away, or run this anew"
            ) from error

    def steps_done(self) -> int:
        """How many steps the learning curve tells of, so far: none, where it cannot be read."""
        try:
            return int((self.read_history() or [[0]])[-1][0] or 0)
        except InputError:
            return 0

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


def _differing(one: Config, other: Config) -> str:
    """Which settings of the first are otherwise in the second."""
    first, second = ({**vars(config), **vars(config.recipe), "recipe": None} for config in (one, other))
    return ", ".join(f"{name} {quoted(first[name])}" for name in first if first[name] != second[name])


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
