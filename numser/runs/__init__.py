"""A training run: prepare a corpus, train the network, test it, and leave everything in a folder (`folder.py`).

The run's state is saved at every validation. Kill it at any moment, resume it, and it ends with the same bits.
"""

import math
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numser.augment import Augmentation
from numser.cli import Progress, in_words
from numser.corpora import Corpus
from numser.dataset import Dataset, prepare
from numser.evaluation import test
from numser.features import Standardiser
from numser.files import check_writable
from numser.recogniser import Recogniser
from numser.runs.config import Config
from numser.runs.folder import RunFolder
from numser.runs.result import RunResult
from numser.runs.state import versions
from numser.splits import Split, remarks
from numser.threads import available_cores
from numser.training import (
    State,
    feature_settings,
    final_params,
    initial_state,
    network,
    speaker_head,
    train,
    training_pieces,
)


class Interrupted(Exception):
    """The run was asked to stop, and has saved its state."""


def load_frames(config: Config, threads: int, progress: Progress, offline: bool) -> tuple[Corpus, Dataset]:
    """The corpus that a run asks for, and its log-mels. `offline`: a corpus that is missing is not fetched.

    Raises      InputError: the corpus cannot be used, or does not have the split
    """
    corpus = config.load(offline)
    for finding in corpus.findings:
        progress.line(finding)
    config.split(corpus)  # before the work of making frames
    features = feature_settings(config.recipe)
    return corpus, prepare(corpus, features, threads, lambda done, of: progress.live(f"log-mels {done}/{of}"))


def run(
    config: Config,
    out: Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    on_begin: Callable[[], None] = lambda: None,
    stop: Callable[[], bool] = lambda: False,
    offline: bool = False,
    load: Callable[[Config, int, Progress, bool], tuple[Corpus, Dataset]] = load_frames,
) -> RunResult | None:
    """Train as `config` says, test, leave everything in the folder `out`, and return what is in result.json; None
    where all utterances train, and nothing is left to test.

    `on_begin()` is called before the first step. `stop()` is asked after each: once it is true, the state is saved
    and Interrupted raised. `offline`: a corpus that is missing is not fetched.

    Raises      InputError: the corpus, the split or the folder cannot be used
                Interrupted: `stop` said so
    """
    progress = progress or Progress()
    threads = threads or available_cores()
    began = time.monotonic()
    folder = RunFolder(out)
    check_writable(out)
    folder.check(resume)
    corpus, dataset = load(config, threads, progress, offline)
    split = config.split(corpus)
    for remark in remarks(corpus.utterances, split):
        progress.line(remark)
    features = feature_settings(config.recipe)
    standardiser = Standardiser.fit(dataset.log_mels.select(split.train))
    by_speaker = config.standardise == "speaker"
    each = dataset.speakers_standardisers(standardiser) if by_speaker else [standardiser] * len(dataset.labels)
    augmentation = Augmentation(config.recipe, features, dataset.log_mels, each) if config.recipe.augments else None
    raw, dataset = dataset, dataset.standardised(each)

    count = len(training_pieces(config.recipe, dataset.log_mels.lengths, split.train))
    with folder.held(resume):
        if resume:
            for sentence in _changed(folder.stored_state().versions or {}):
                progress.line(sentence)
            state = folder.restore(config, len(dataset.classes), count, dataset.fingerprint)
        else:
            state = initial_state(config.recipe, len(dataset.classes), count)
        folder.save(config, state, dataset.fingerprint)
        for line in _summary(config, dataset, split, count, threads):
            progress.line(line)
        on_begin()
        _train(config, dataset, split, state, augmentation, folder, threads, progress, stop)
        params = final_params(config.recipe, state)
        recogniser = Recogniser(
            network(config.recipe, len(dataset.classes)),
            params,
            dataset.classes,
            features,
            standardiser,
            f"{config.corpus}, {config.split_name}",
            speaker_head(config.recipe, params, raw, split.train, standardiser, threads),
        )
        recogniser.save(folder.model)
        if config.train_on_all:
            return None
        result = RunResult(
            **vars(test(recogniser, dataset, split.test, threads, by_speaker=by_speaker)),
            validation_labels=sorted({dataset.utterances[i].label for i in split.validation}),
            **_origin(config, corpus, state),
            threads=threads,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - began, 1),
            example=folder.write_example(dataset.utterances[split.test[0]]),
        )
        folder.write_result(result)
        return result


def _train(
    config: Config,
    dataset: Dataset,
    split: Split,
    state: State,
    augmentation: Augmentation | None,
    folder: RunFolder,
    threads: int,
    progress: Progress,
    stop: Callable[[], bool],
) -> None:
    """Train to the end, save at each validation, and say how it goes.

    Raises      Interrupted: `stop` said so
    """
    follower = Follower(progress, config.recipe.steps, state.step)

    def on_step(state: State, loss: float) -> bool:
        follower.step(state, loss)
        stopping = stop() and state.step < config.recipe.steps
        if stopping:
            folder.save(config, state, dataset.fingerprint)
        return stopping

    def on_validation(state: State) -> None:
        folder.save(config, state, dataset.fingerprint)
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


def _origin(config: Config, corpus: Corpus, state: State) -> dict[str, Any]:
    """Where a result comes from. `best_step` is the step whose weights it has; that has a validation UA or none."""
    step, ua = state.best_step, state.best_ua
    if config.recipe.keep == "last":
        step, ua = state.step, state.history[-1].validation_ua
    return {
        "config": config,
        "corpus": config.corpus,
        "corpus_identity": corpus.identity,
        "corpus_path": str(corpus.source.resolve()) if corpus.source else None,
        "seed": config.recipe.seed,
        "best_step": step,
        "best_validation_ua": None if math.isnan(ua) else ua,
        "versions": versions(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _changed(before: dict[str, str]) -> list[str]:
    """What to know of a run that goes on with other versions than those that saved it last."""
    now = versions()
    changed = [f"{name} {before[name]}, now {now[name]}" for name in now if before.get(name, now[name]) != now[name]]
    remark = "the last digits of its numbers may differ from those of a run that was not stopped"
    return [f"this run was saved with {'; '.join(changed)}: {remark}"] if changed else []


def _summary(config: Config, dataset: Dataset, split: Split, pieces: int, threads: int) -> list[str]:
    recipe, what = config.recipe, "utterances" if pieces == len(split.train) else "pieces of utterances"
    name, settings = recipe.loss_in_words
    loss = f"{name} ({settings})" if settings else recipe.loss
    lines = [
        f"training on {len(split.train)} utterances, validation on {len(split.validation) or 'none'}, "
        f"test on {len(split.test) or 'none'} ({config.split_name}); {len(dataset.classes)} emotions",
        f"{network(recipe, len(dataset.classes)).name}, loss {loss}, "
        f"{recipe.steps} steps of {recipe.batch_size} {what} "
        f"({recipe.steps * recipe.batch_size / pieces:.0f} epochs), learning rate {recipe.lr:g}, "
        f"seed {recipe.seed}, {threads} threads",
    ]
    if config.standardise == "speaker":
        lines.append("each speaker standardised by all of the speaker's own recordings")
    return lines


class Follower:
    """Says where the training is, and when it will be done."""

    def __init__(self, progress: Progress, steps: int, first: int):
        self.progress, self.steps, self.first = progress, steps, first
        self.began = time.monotonic()
        self.best = ""

    def step(self, state: State, loss: float) -> None:
        """A step has been done."""
        self.progress.live(self._line(state, loss))

    def validation(self, state: State) -> None:
        """The learning curve has a new row."""
        row = state.history[-1]
        if not math.isnan(row.validation_ua):
            self.best = f"  validation UA {row.validation_ua:.3f}  best {state.best_ua:.3f} at {state.best_step}"
        self.progress.step(self._line(state, row.loss))

    def _line(self, state: State, loss: float) -> str:
        """One line of at most 80 characters."""
        seconds = (time.monotonic() - self.began) / (state.step - self.first)
        left = in_words(seconds * (self.steps - state.step))
        return f"step {state.step:>{len(str(self.steps))}}/{self.steps}  loss {loss:.3f}{self.best}  {left} left"
