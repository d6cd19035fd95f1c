"""A training's state in a file, and back. What no run could have left is refused."""

import platform
from dataclasses import asdict, astuple, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

import numser
from numser.errors import InputError
from numser.files import Layout, read_about, read_arrays, write_arrays
from numser.optim import AdamState
from numser.ragged import Params
from numser.recipe import Recipe
from numser.runs.config import Config
from numser.training import Order, State, Validation, initial_state

KIND = "training state"
_COUNT = {"least": 0, "most": 10**9}
_SCORE = {"least": -1, "most": 1}  # −1: nothing has been validated
_WIDE = {"least": 0, "most": 2**128 - 1}


@dataclass(frozen=True)
class _Words:
    state: int = field(metadata=_WIDE)
    inc: int = field(metadata=_WIDE)


@dataclass(frozen=True)
class _Generator:
    """The state of one of NumPy's generators."""

    bit_generator: str
    state: _Words
    has_uint32: int = field(metadata={"least": 0, "most": 1})
    uinteger: int = field(metadata={"least": 0, "most": 2**32 - 1})

    def __post_init__(self) -> None:
        if self.bit_generator != "PCG64":
            raise ValueError("a generator should be PCG64")


@dataclass(frozen=True)
class StoredState:
    """What a state's file says beside its arrays. A default is of what older files do not say."""

    config: Config
    corpus_fingerprint: str
    step: int = field(metadata=_COUNT)
    position: int = field(metadata=_COUNT)  # in the order of the utterances
    best_ua: float = field(metadata=_SCORE)
    best_step: int = field(metadata=_COUNT)
    order: _Generator
    dropout: _Generator
    augmentation: _Generator | None = None
    versions: dict[str, str] | None = None  # which wrote it


def versions() -> dict[str, str]:
    """Of what a run's numbers depend on."""
    ours = {"python": platform.python_version(), "numser": numser.__version__}
    return ours | {name: version(name) for name in ("numpy", "numba", "scipy", "soundfile")}


def write_state(path: Path, config: Config, state: State, fingerprint: str) -> None:
    """Write everything that the training is made of. `fingerprint` is the dataset's."""
    arrays = {f"{prefix}.{name}": w for prefix, own in _sets(config.recipe, state).items() for name, w in own.items()}
    arrays["permutation"] = state.order.permutation.astype(np.int64)
    arrays["recent_losses"] = np.array(state.recent_losses, float)
    rows = [astuple(row) for row in state.history]
    arrays["history"] = np.array(rows, float).reshape(-1, len(fields(Validation)))
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
        "versions": versions(),
    }
    write_arrays(path, arrays, about)


def stored_state(path: Path) -> StoredState:
    """What a state's file says beside its arrays.

    Raises      InputError: it is missing, damaged or of another version
    """
    return read_about(path, KIND, StoredState)


def read_state(path: Path, stored: StoredState, recipe: Recipe, n_classes: int, n_train: int) -> State:
    """The reverse of `write_state`, for a run that goes on by this recipe.

    Raises      InputError: the file is damaged
    """
    state = initial_state(recipe, n_classes, n_train)
    sets = _sets(recipe, state)
    layouts = {f"{p}.{name}": Layout("float32", w.shape) for p, own in sets.items() for name, w in own.items()}
    layouts["permutation"] = Layout("int64", (n_train,))
    layouts["recent_losses"] = Layout("float64", (None,))
    layouts["history"] = Layout("float64", (None, len(fields(Validation))), finite=False)
    arrays, _ = read_arrays(path, KIND, lambda about: layouts)
    if fault := _fault(stored, arrays, n_train):
        raise InputError(f"{path}: is damaged: {fault}; start a new run")
    restored: dict[str, Params] = {p: {name: arrays[f"{p}.{name}"] for name in own} for p, own in sets.items()}
    state.params, state.best_params = restored["params"], restored["best"]
    state.average = restored.get("average", state.params)
    state.adam = AdamState(stored.step, restored["m"], restored["v"])
    state.order = Order(state.order.rng, arrays["permutation"].astype(np.int64), stored.position)
    state.order.rng.bit_generator.state = asdict(stored.order)
    state.dropout.bit_generator.state = asdict(stored.dropout)
    if stored.augmentation is not None:
        state.augmentation.bit_generator.state = asdict(stored.augmentation)
    state.best_ua, state.best_step = stored.best_ua, stored.best_step
    state.recent_losses = arrays["recent_losses"].tolist()
    state.history = [Validation(int(row[0]), *row[1:]) for row in arrays["history"].tolist()]
    return state


def _sets(recipe: Recipe, state: State) -> dict[str, Params]:
    sets = {"params": state.params, "best": state.best_params, "m": state.adam.m, "v": state.adam.v}
    return sets | ({"average": state.average} if recipe.average else {})


def _fault(stored: StoredState, arrays: dict[str, np.ndarray], n_train: int) -> str | None:
    """What no run's state could be."""
    history, recent = arrays["history"], arrays["recent_losses"]
    steps, validated = history[:, 0], history[:, 2:]
    last = steps[-1] if len(steps) else 0
    rising = np.isfinite(steps).all() and (steps == np.floor(steps)).all() and (np.diff(steps, prepend=0) > 0).all()
    if stored.position > n_train or not np.array_equal(np.sort(arrays["permutation"]), np.arange(n_train)):
        return f"the order is not one of {n_train} utterances"
    if stored.best_step > stored.step:
        return f"the best step, {stored.best_step}, is after the last, {stored.step}"
    if any(name.startswith("v.") and (w < 0).any() for name, w in arrays.items()):
        return "a mean of squares is negative"
    if not rising or last + len(recent) != stored.step:
        return f"the steps of its history do not lead to step {stored.step}"
    if not (np.isfinite(history[:, 1]).all() and (np.isfinite(validated).all() or np.isnan(validated).all())):
        return "a loss in its history is not finite"
    if (validated[:, 1:] < -1).any() or (validated[:, 1:] > 1).any():
        return "a score in its history is no share"
    if stored.config.recipe.augments and stored.augmentation is None:
        return "the augmentation's generator is missing"
    return None
