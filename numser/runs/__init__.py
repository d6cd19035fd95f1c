"""A training run and its folder.

    state.npz      everything that the training is made of at one moment: the truth while it runs
    config.json    what was asked for
    history.csv    the learning curve, a row a validation
    result.json    the test: UA, WA, F1, confusion matrix, and each utterance's truth, probabilities, attention
    model.npz      the parameters it ended with, and all that `python -m numser.predict` needs
    example.wav    a test utterance to try the model on, where the corpus was made on the spot and has no files

Only state.npz is ever read again; the rest is written anew from it. It is saved at every validation. Kill the run at
any moment, resume it, and it ends with the same bits.
"""

import io
import json
import math
import platform
import re
import time
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import numser
from numser import splits
from numser.audio import SAMPLE_RATE
from numser.augment import Augmentation
from numser.cli import Progress, duration
from numser.corpora import Corpus, Utterance, load_corpus
from numser.dataset import Dataset, prepare
from numser.errors import InputError
from numser.evaluation import test
from numser.features import FeatureSettings, Standardiser
from numser.files import (
    check_writable,
    file_lock,
    make_folder,
    read_arrays,
    remove_halves,
    write_arrays,
    write_csv,
    write_json,
    write_whole,
)
from numser.optim import AdamState
from numser.recipe import PAPER as PAPER_RECIPE
from numser.recipe import STANDARDISE, Recipe
from numser.recogniser import Recogniser, check_arrays
from numser.splits import Split
from numser.threads import available_cores
from numser.training import Order, State, Validation, final_params, initial_state, network, train

KIND = "training state"
LOCK = ".lock"  # held by the process that trains here
FILES = ("state.npz", "config.json", "history.csv", "result.json", "model.npz", "example.wav")


@dataclass(frozen=True)
class Config:
    """What a run was asked to do."""

    corpus: str
    data: str | None
    fold: int | None  # either this …
    test_speaker: str | None  # … or this is given: one speaker, or several with commas between
    recipe: Recipe
    train_on_validation: bool = False  # the utterances that would validate train as well, and nothing validates
    standardise: str = "corpus"  # or "speaker": each speaker's frames by all of the speaker's own, labels unseen

    def __post_init__(self):
        if self.standardise not in STANDARDISE:
            raise InputError(f"--standardise {self.standardise}: should be one of {', '.join(STANDARDISE)}")
        if self.train_on_validation and self.recipe.keep == "best":
            raise InputError("--train-on-validation: --keep best needs the validation to choose by; use --keep last")

    def split(self, corpus: Corpus) -> Split:
        """The corpus's utterances for training, validation and test."""
        if self.test_speaker is not None:
            split = splits.leave_speakers_out(corpus.utterances, self.test_speaker.split(","))
        else:
            split = splits.fold(corpus.utterances, self.fold)
        return splits.training_on_validation(split) if self.train_on_validation else split

    @property
    def split_name(self) -> str:
        """The split in words, for file names too."""
        return f"fold{self.fold}" if self.test_speaker is None else "speaker" + re.sub(r"\W", "-", self.test_speaker)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Config":
        """The reverse of `dataclasses.asdict`.

        Raises      KeyError, TypeError, ValueError, InputError: the values are not a configuration's
        """
        recipe = {**asdict(PAPER_RECIPE), **values["recipe"]}  # runs from before a field was there did as the paper
        for field in fields(Recipe):
            kind, found = type(field.default), recipe[field.name]
            if type(found) is not kind and not (kind is float and type(found) is int):
                raise TypeError(f"{field.name} should be {kind.__name__}, found {found!r}")
        values = {"train_on_validation": False, "standardise": "corpus", **values}
        for name, kind in (("corpus", str), ("data", str | None), ("fold", int | None), ("test_speaker", str | None)):
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise TypeError(f"{name} should be {kind}, found {values[name]!r}")
        for name, kind in (("train_on_validation", bool), ("standardise", str)):
            if type(values[name]) is not kind:
                raise TypeError(f"{name} should be {kind.__name__}, found {values[name]!r}")
        if (values["fold"] is None) == (values["test_speaker"] is None):
            raise ValueError("fold or test_speaker should be given, and not both")
        return cls(**{**values, "recipe": Recipe(**recipe)})


class Interrupted(Exception):
    """The run was asked to stop, and has saved its state."""


def stored_config(out: Path) -> Config:
    """What the run in `out` was asked to do.

    Raises      InputError: there is no run, or its state is damaged
    """
    if not (out / "state.npz").exists():
        raise InputError(f"--resume --out {out}: there is no run to resume in that folder; leave out --resume")
    return _read_config(out / "state.npz")[0]


def with_changes(config: Config, data: str | None = None, steps: int | None = None) -> Config:
    """What may change when a run is resumed: where the corpus is, and how long training goes on.

    A run that goes on for longer ends with the bits of one that was that long from the start, provided that its old
    end was a multiple of `validate_every`: the last step is always followed by a validation.

    Raises      InputError: the learning rate falls over the number of steps, so that another one is another training
    """
    config = config if data is None else replace(config, data=data)
    if steps is not None and steps != config.recipe.steps and config.recipe.schedule != "constant":
        raise InputError(
            f"--steps {steps}: this run's learning rate falls to 0 over {config.recipe.steps} steps, so that it "
            f"cannot go on for longer; start a new run in another --out"
        )
    return config if steps is None else replace(config, recipe=replace(config.recipe, steps=steps))


def _read_config(path: Path) -> tuple[Config, dict[str, np.ndarray], dict[str, Any]]:
    arrays, about = read_arrays(path, KIND)
    try:
        return Config.from_dict(about["config"]), arrays, about
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not a training state this version can read ({error})") from error


def run(
    config: Config,
    out: Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    offline: bool = False,
) -> dict[str, Any]:
    """Train as `config` says, test, leave everything in the folder `out`, and return what is in result.json.

    `stop()` is called before the first step, and asked after each: once it is true, the state is saved and
    Interrupted raised. `offline`: a corpus that is missing is not fetched.

    Raises      InputError: the corpus, the split or the folder cannot be used
                Interrupted: `stop` said so
    """
    progress = progress or Progress()
    threads = threads or available_cores()
    began = time.monotonic()
    check_writable(out)
    _check_contents(out, resume)
    if config.data == "":
        raise InputError("--data: is empty; name the corpus's folder")
    corpus = load_corpus(config.corpus, None if config.data is None else Path(config.data), offline=offline)
    for finding in corpus.findings:
        progress.line(finding)
    split = config.split(corpus)
    features = FeatureSettings(level=config.recipe.level)
    dataset = prepare(corpus, features, threads, lambda done, of: progress.live(f"log-mels {done}/{of}"))
    standardiser = Standardiser.fit(dataset.log_mels.select(split.train))
    each = [standardiser] * len(dataset.labels)
    if config.standardise == "speaker":
        each = dataset.speakers_standardisers(standardiser)
    augmentation = Augmentation(config.recipe, features, dataset.log_mels, each) if config.recipe.augments else None
    dataset = dataset.standardised(each)

    make_folder(out)
    with file_lock(out / LOCK, lambda: _refuse_two(out), if_possible=True):
        _check_contents(out, resume)  # again, since another process may have been here meanwhile
        remove_halves(out, FILES)
        if resume:
            state = _restore(out / "state.npz", config, dataset, len(split.train), dataset.fingerprint)
        else:
            state = initial_state(config.recipe, len(dataset.classes), len(split.train))
        _save(out, config, state, dataset.fingerprint)
        progress.line(_summary(config, dataset, split, threads))
        _train(config, dataset, split, state, augmentation, out, threads, progress, stop)
        recogniser = Recogniser(
            network(config.recipe, len(dataset.classes)),
            final_params(config.recipe, state),
            dataset.classes,
            features,
            standardiser,
            f"{config.corpus}, {config.split_name}",
        )
        recogniser.save(out / "model.npz")
        result = test(recogniser, dataset, split.test, threads)
        result["validation_labels"] = sorted({dataset.utterances[i].label for i in split.validation})
        result |= _origin(config, corpus, state, threads, time.monotonic() - began)
        result["example"] = _example(dataset.utterances[split.test[0]], out)
        write_json(out / "result.json", result)
        return result


def _refuse_two(out: Path) -> None:
    raise InputError(f"--out {out}: another process is training in this folder; wait for it, or choose another --out")


def _train(
    config: Config,
    dataset: Dataset,
    split: Split,
    state: State,
    augmentation: Augmentation | None,
    out: Path,
    threads: int,
    progress: Progress,
    stop: Callable[[], bool],
) -> None:
    """Train to the end, save at each validation, and say how it goes.

    Raises      Interrupted: `stop` said so
    """
    follower = _Follower(progress, config.recipe.steps, state.step)
    stop()

    def on_step(state: State, loss: float) -> bool:
        follower.step(state, loss)
        stopping = stop() and state.step < config.recipe.steps
        if stopping:
            _save(out, config, state, dataset.fingerprint)
        return stopping

    def on_validation(state: State) -> None:
        _save(out, config, state, dataset.fingerprint)
        follower.validation(state)

    train(
        config.recipe,
        dataset,
        split,
        state,
        augmentation=augmentation,
        threads=threads,
        on_step=on_step,
        on_validation=on_validation,
    )
    progress.clear()
    if state.step < config.recipe.steps:
        raise Interrupted


def _check_contents(out: Path, resume: bool) -> None:
    """Refuse a folder that holds no run to resume, or one that should not be written over."""
    found = [name for name in FILES if (out / name).exists()]
    if resume and "state.npz" not in found:
        raise InputError(f"--resume --out {out}: there is no run to resume in that folder; leave out --resume")
    if found and not resume:
        how = ", or add --resume" if "state.npz" in found else ""
        raise InputError(f"--out {out}: already holds a run ({found[0]}); choose another folder{how}")


def _save(out: Path, config: Config, state: State, fingerprint: str) -> None:
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
    write_arrays(out / "state.npz", arrays, about)
    write_json(out / "config.json", asdict(config))
    curve = [["" if math.isnan(x) else x for x in astuple(row)] for row in state.history]
    write_csv(out / "history.csv", [f.name for f in fields(Validation)], curve)


def _parameter_sets(recipe: Recipe, state: State) -> dict[str, dict[str, np.ndarray]]:
    sets = {"params": state.params, "best": state.best_params, "m": state.adam.m, "v": state.adam.v}
    return sets | ({"average": state.average} if recipe.average else {})


def _restore(path: Path, config: Config, dataset: Dataset, n_train: int, fingerprint: str) -> State:
    stored, arrays, about = _read_config(path)
    if with_changes(stored, config.data, config.recipe.steps) != config:
        raise InputError(f"{path}: was made with other settings, {json.dumps(asdict(stored))}; use the same ones")
    try:
        if about["corpus_fingerprint"] != fingerprint:
            raise InputError(f"{path}: the corpus has changed since this run began; start a new run in another --out")
        if about["step"] > config.recipe.steps:
            raise InputError(
                f"--steps {config.recipe.steps}: this run has already done {about['step']} steps; give more"
            )
        return _state(path, config, arrays, about, len(dataset.classes), n_train)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({type(error).__name__}: {error}); start a new run") from error


def _state(path: Path, config: Config, arrays: dict, about: dict, n_classes: int, n_train: int) -> State:
    """The reverse of `_save`."""
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


def _example(utterance: Utterance, out: Path) -> str:
    """A file that the model can be tried on."""
    if utterance.path is not None:
        return str(utterance.path)
    import soundfile

    sound = io.BytesIO()
    soundfile.write(sound, utterance.waveform, SAMPLE_RATE, format="WAV")
    write_whole(out / "example.wav", lambda file: file.write(sound.getvalue()))
    return str(out / "example.wav")


def _origin(config: Config, corpus: Corpus, state: State, threads: int, seconds: float) -> dict[str, Any]:
    """Where a result comes from. `best_step` is the step whose weights it has; that has a validation UA or none."""
    step, ua = state.best_step, state.best_ua
    if config.recipe.keep == "last":
        step, ua = state.step, state.history[-1].validation_ua
    return {
        "config": asdict(config),
        "corpus": config.corpus,
        "corpus_identity": corpus.identity,
        "corpus_path": str(corpus.source.resolve()) if corpus.source else None,
        "seed": config.recipe.seed,
        "best_step": step,
        "best_validation_ua": None if math.isnan(ua) else ua,
        "seconds": round(seconds, 1),
        "threads": threads,
        "versions": {
            "python": platform.python_version(),
            "numser": numser.__version__,
            **{name: version(name) for name in ("numpy", "numba", "scipy", "soundfile")},
        },
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _summary(config: Config, dataset: Dataset, split: Split, threads: int) -> str:
    recipe = config.recipe
    loss = {
        "ce": "ce",
        "focal": f"focal (λ_B {recipe.lambda_b:g}, λ_C {recipe.lambda_c:g})",
        "soft": f"soft bootstrapping (β {recipe.beta:g})",
        "lq": f"L_q (q {recipe.q:g})",
    }[recipe.loss]
    return (
        f"training on {len(split.train)} utterances, validation on {len(split.validation) or 'none'}, "
        f"test on {len(split.test)} ({config.split_name}); {len(dataset.classes)} emotions\n"
        f"{recipe.blocks} blocks, attention {'on' if recipe.attention else 'off'}, loss {loss}, "
        f"{recipe.steps} steps of {recipe.batch_size} utterances "
        f"({recipe.steps * recipe.batch_size / len(split.train):.0f} epochs), learning rate {recipe.lr:g}, "
        f"seed {recipe.seed}, {threads} threads"
        + (
            "\neach speaker standardised by all of the speaker's own recordings"
            if config.standardise == "speaker"
            else ""
        )
    )


class _Follower:
    """Says where the training is, and when it will be done."""

    def __init__(self, progress: Progress, steps: int, first: int):
        self.progress, self.steps, self.first = progress, steps, first
        self.began = time.monotonic()
        self.best = ""

    def step(self, state: State, loss: float) -> None:
        self.progress.live(self._line(state, loss))

    def validation(self, state: State) -> None:
        row = state.history[-1]
        if not math.isnan(row.validation_ua):
            self.best = f"  validation UA {row.validation_ua:.3f}  best {state.best_ua:.3f} at {state.best_step}"
        self.progress.step(self._line(state, row.loss))

    def _line(self, state: State, loss: float) -> str:
        """One line of at most 80 characters."""
        seconds = (time.monotonic() - self.began) / (state.step - self.first)
        left = duration(seconds * (self.steps - state.step))
        return f"step {state.step:>{len(str(self.steps))}}/{self.steps}  loss {loss:.3f}{self.best}  {left} left"
