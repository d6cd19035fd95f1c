"""Many runs, one a fold, on any executor.        Paper §4.2

A fold is a run of its own with a folder of its own, so it can be computed anywhere, killed at any moment and gone on
with. What comes out does not depend on where it ran, how many ran at once, or what died on the way, since a run's
bits do not depend on threads or interruptions. Each fold computes on one thread, but for the last ones on this
machine, which share the cores that would have nothing to do.

Whoever runs folds gives a callable that makes a `concurrent.futures.Executor`. If a worker dies, the pool that it
belonged to is of no more use; another one is made, and the folds that had not ended go on there.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from numser import splits
from numser.cli import Progress, in_words
from numser.corpora import Corpus
from numser.dataset import Dataset
from numser.errors import InputError
from numser.files import file_lock, make_folder
from numser.recipe import Recipe
from numser.runs import load_frames, run
from numser.runs.config import Config
from numser.runs.folder import CrossvalidationFolder, RunFolder
from numser.runs.result import RunResult
from numser.threads import available_cores, keep_freed_memory

TRIES = 3  # how often workers may die without a fold ending between
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")}


def folds_of(
    name: str, data: str | None, speakers: bool, recipes: list[Recipe], corpus: Corpus, **how: Any
) -> dict[str, Config]:
    """What each fold is, by the name of its folder. `corpus` is the one called `name`, loaded from `data`, or from
    where it usually is: then folds are told where that was, since elsewhere it may be another folder. `how` goes to
    each `Config`.

    Raises      InputError: speakers are to be left out, and there are fewer than three; a label has too few
                utterances
    """
    if data is None and corpus.source is not None:
        data = str(corpus.source.absolute())
    if not speakers:
        runs = range(splits.folds(corpus.utterances, how.get("subsets", splits.SUBSETS)))
        asked: list[dict[str, Any]] = [{"fold": k, "test_speaker": None} for k in runs]
    else:
        asked = [
            {"fold": None, "test_speaker": speaker}
            for speaker in sorted({u.speaker for u in corpus.utterances if u.speaker is not None})
        ]
        if len(asked) < 3:
            raise InputError(f"‹speakers›: the corpus names {len(asked)} speakers, and three are needed")
    configs = [Config(name, data, recipe=one, **split, **how) for one in recipes for split in asked]
    folds: dict[str, Config] = {}
    for c in configs:
        name = c.split_name + (f"-seed{c.recipe.seed}" if len(recipes) > 1 else "")
        while name in folds:  # speakers "a b" and "a-b"
            name += "-other"
        folds[name] = c
    return folds


def check_workers(jobs: int | None, address: str | None) -> None:
    """Refuse --jobs that cannot be.

    Raises      InputError: there are none; Dask is to run them, whose workers' threads decide how many run at once
    """
    if jobs is not None and jobs < 1:
        raise InputError(f"‹jobs› {jobs}: should be at least 1")
    if jobs is not None and address:
        raise InputError(
            f"‹jobs› {jobs}: with ‹dask› {address} as many folds run at once as its workers have threads"
        )


def visible_to_workers(out: Path, data: str | None) -> tuple[Path, str | None]:
    """The folders as Dask's workers will find them: they work in folders of their own."""
    return out.absolute(), data and str(Path(data).absolute())


def workers(jobs: int | None, address: str | None) -> tuple[Callable[[], Executor], int]:
    """Makes executors: of a Dask cluster's workers if there is an address, else of local processes. And how many of
    these there are, which share this machine's cores; 1 for Dask, whose workers have their own.

    Raises      InputError: Dask is not installed, or no scheduler is at the address
    """
    if not address:
        jobs = jobs or available_cores()
        return local_processes(jobs), jobs
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            f'‹dask› {address}: Dask is not installed; pip install "numser[distributed]" brings it'
        ) from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise InputError(f"‹dask› {address}: no scheduler answers there ({error})") from error
    return lambda: client.get_executor(pure=False), 1


class _Quiet(Progress):
    """Says nothing: a worker's lines would fall between those of the others."""

    def live(self, text: str) -> None:
        """Nothing."""

    step = line = live


_kept: dict[tuple, tuple[Corpus, Dataset]] | None = None  # a corpus and its frames, for a worker's next fold


def _frames_of_last_fold(config: Config, threads: int, progress: Progress, offline: bool) -> tuple[Corpus, Dataset]:
    """`load_frames`; where the fold before had the same, that again."""
    key = config.corpus, config.data, *config.reading.items(), config.recipe.level, config.recipe.system
    if _kept is None:
        return load_frames(config, threads, progress, offline)
    if key not in _kept:
        _kept.clear()
        _kept[key] = load_frames(config, threads, progress, offline)
    return _kept[key]


def run_fold(config: Config, out: Path, identity: str, threads: int = 1) -> RunResult:
    """Run one fold, or go on with it, in its folder. This is what workers call. Returns what is in result.json.

    The corpus is there: whoever hands out the folds has loaded it. Workers fetch nothing.

    Raises      InputError: what the run raises
    """
    folder = RunFolder(out)
    make_folder(out.parent)
    with file_lock(folder.fold_lock, if_possible=True):  # a worker of a cross-validation that was killed may be at it
        result = finished(config, out, identity)
        if result is None:
            resume = folder.state.exists()
            result = run(
                config,
                out,
                resume=resume,
                threads=threads,
                progress=_Quiet(),
                offline=True,
                load=_frames_of_last_fold,
            )
        assert result is not None  # a fold has a test
        return result


def finished(config: Config, out: Path, identity: str) -> RunResult | None:
    """The result of a fold that has ended before, or None. `identity` is that of the corpus, which may have moved.

    Raises      InputError: the folder holds the result of other settings, or of another corpus, or a damaged one
    """
    folder = RunFolder(out)
    if not folder.result.exists():
        return None
    result = folder.read_result()
    origin = None
    if replace(result.config, data=None) != replace(config, data=None):
        origin = "a run with other settings"
    elif result.corpus_identity != identity:
        origin = "other recordings than ‹data› has now"
    if origin:
        raise InputError(f"{folder.result}: is the result of {origin}; choose another ‹out›")
    return result


def local_processes(jobs: int) -> Callable[[], Executor]:
    """Makes executors of so many processes of this machine, each with one thread for BLAS."""

    def make() -> Executor:
        return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin_worker)

    return make


def _begin_worker() -> None:
    global _kept
    _kept = {}
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Where the cross-validation is killed, nobody ends its workers: they would wait for the next fold for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # what a fold has done is in its folder


@contextmanager
def one_thread_in_children() -> Iterator[None]:
    """Processes that are started inside the block find the environment that holds BLAS libraries to one thread."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run_folds(
    folds: dict[str, Config],
    out: Path,
    make_executor: Callable[[], Executor],
    identity: str,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    on_result: Callable[[dict[str, RunResult]], object] = lambda results: None,
) -> dict[str, RunResult]:
    """Run all folds that have not ended before. Returns each fold's result, in the order of `folds`.

    `identity` is the corpus's, so that results of other recordings are not taken. `jobs`: how many run at once and
    share this machine's cores. `on_result` is called with the results so far, in the order of `folds`, at first and
    whenever one has come in.

    Raises      InputError: a fold's run raised it, or workers died TRIES times without a fold ending
    """
    progress = progress or Progress()
    CrossvalidationFolder(out).remove_halves()
    results = {name: finished(config, out / name, identity) for name, config in folds.items()}
    waiting = [name for name, result in results.items() if result is None]
    if len(waiting) < len(folds):
        progress.line(f"{len(folds) - len(waiting)} of {len(folds)} folds have ended before")
    follower, tries = _Follower(progress, folds, out, waiting), 0
    on_result(_done(results))
    others = multiprocessing.active_children()  # the caller's own
    with one_thread_in_children():
        while waiting:
            executor = make_executor()
            try:
                last = len(waiting) % jobs  # fewer than cores: they share them
                threads = [1] * (len(waiting) - last) + [jobs // last] * last if last else [1] * len(waiting)
                todo = {n: (folds[n], out / n, identity, k) for n, k in zip(waiting, threads, strict=True)}
                with closing(_until_broken(executor, todo, follower)) as ended:
                    for name, result in ended:
                        results[name] = result
                        follower.ended(name, result)
                        on_result(_done(results))
            except BaseException:
                executor.shutdown(wait=False)
                for process in multiprocessing.active_children():
                    if process not in others:
                        process.terminate()
                raise
            executor.shutdown()
            left = [name for name in waiting if results[name] is None]
            tries = tries + 1 if len(left) == len(waiting) else 0
            if left and tries == TRIES:
                raise InputError(
                    f"{out}: workers died {TRIES} times without a fold ending, perhaps for lack of memory; try the "
                    "same command again with fewer ‹jobs›"
                )
            if left:
                progress.line(f"a worker died; going on with {', '.join(left)}")
            waiting = left
    progress.clear()
    return _done(results)


def _done(results: dict[str, RunResult | None]) -> dict[str, RunResult]:
    return {name: result for name, result in results.items() if result is not None}


def _until_broken(
    executor: Executor, jobs: dict[str, tuple], follower: "_Follower"
) -> Generator[tuple[str, RunResult], None, None]:
    """Results as they come in, until all have, or until what is left has lost its pool. What has not begun when this
    is closed is cancelled."""
    running: dict[Future, str] = {}
    try:
        with suppress(BrokenExecutor):  # a worker died before all were handed out
            for name, job in jobs.items():
                running[executor.submit(run_fold, *job)] = name
        yield from _as_they_end(running, follower)
    finally:
        for future in running:
            future.cancel()


def _as_they_end(running: dict[Future, str], follower: "_Follower") -> Iterator[tuple[str, RunResult]]:
    while running:
        for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
            name = running.pop(future)
            error = future.exception()
            if error is None:
                yield name, future.result()
            elif isinstance(error, InputError):
                raise InputError(f"{name}: {error.args[0]}") from error
            elif not (isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"):  # Dask's
                raise error
        follower.look()


class _Follower:
    """Says how far all folds together are, and when they will be done."""

    def __init__(self, progress: Progress, folds: dict[str, Config], out: Path, waiting: list[str]):
        self.progress, self.folds, self.out, self.waiting = progress, folds, out, list(waiting)
        self.began, self.steps_before = time.monotonic(), self._steps()
        self.steps = sum(config.recipe.steps for config in folds.values())

    def _steps(self) -> int:
        """Steps done in all folds, from their learning curves."""
        steps = 0
        for name, config in self.folds.items():
            if name not in self.waiting:
                steps += config.recipe.steps
            else:
                steps += RunFolder(self.out / name).steps_done()
        return steps

    def look(self) -> None:
        """Renew the live line."""
        self.progress.live(self._line())

    def ended(self, name: str, result: RunResult) -> None:
        """A fold has ended."""
        self.waiting.remove(name)
        scores = f"UA {result.ua:.3f}  WA {result.wa:.3f}  F1 {result.f1:.3f}"
        self.progress.line(f"{name:<14}  {scores}  of step {result.best_step}  ({self._line()})")

    def _line(self) -> str:
        done = self._steps()
        line = f"{len(self.folds) - len(self.waiting)} of {len(self.folds)} folds, step {done} of {self.steps}"
        if done == self.steps_before or done == self.steps:
            return line
        seconds = (time.monotonic() - self.began) / (done - self.steps_before) * (self.steps - done)
        return f"{line}, {in_words(seconds)} left"
