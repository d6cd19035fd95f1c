"""Train the network on a corpus.        python -m numser.train --help"""

import argparse
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from numser.cli import (
    Progress,
    command_line,
    confusion_table,
    offline_option,
    option,
    python_command,
    run,
    say,
    shell_line,
)
from numser.corpora import NAMES, reading_options
from numser.errors import InputError
from numser.recipe import PAPER, RECIPES, flag_of, recipe, recipe_options, split_options

if TYPE_CHECKING:
    from numser.runs.config import Config
    from numser.runs.folder import RunFolder
    from numser.runs.result import RunResult

_EPILOG = """\
Speech emotion recognition after Zhong et al., Interspeech 2020. The corpus is split into recordings to train on,
recordings that choose the best moment of the training (validation), and recordings for the test, which the
network meets once, at the end. The run's folder then holds the test's result (result.json), the learning curve
(history.csv) and the trained network (model.npz).

examples:
  python -m numser.train --corpus emodb --fold 0
  python -m numser.train --corpus emodb --data path/to/emodb --test-speaker 03 --blocks 2
  python -m numser.train --resume --out runs/emodb-fold0
"""


def parser() -> argparse.ArgumentParser:
    """The command line. An option that is not given is not set, so that a resumed run can keep its own."""
    about = "Train the network on a corpus of emotional speech, and test it."
    p = command_line("train", about, _EPILOG, argument_default=argparse.SUPPRESS)
    what = p.add_argument_group("what to learn from")
    what.add_argument("--corpus", metavar="NAME", help=f"{', '.join(NAMES)}; synthetic is built in")
    what.add_argument(
        "--data",
        metavar="DIR",
        help="the corpus's folder, or table's file (default: a folder of its name in $NUMSER_DATA or the cache)",
    )
    offline_option(what)
    reading_options(what)
    split = what.add_mutually_exclusive_group()
    option(split, "--fold", 0, "one of the paper's nine splits, 0 to 8", type=int, metavar="K")
    split.add_argument(
        "--test-speaker",
        metavar="S",
        help="test on this speaker (several: 03,08), whom the network never hears before",
    )
    split.add_argument(
        "--train-on-all",
        action="store_true",
        help="all recordings train, and none is left to test: for a model to use, once numser.crossval has told how "
        "good such models are",
    )

    split_options(what)

    how = recipe_options(p)
    option(how, "--seed", PAPER.seed, "of all that is drawn at random", type=int)
    option(how, "--threads", "all cores", "threads; the result does not depend on it", type=int, metavar="N")

    where = p.add_argument_group("where it goes")
    where.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default runs/CORPUS-SPLIT)")
    where.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out; --data may be another one; so may --steps, if the schedule is constant",
    )
    return p


def main(argv: list[str] | None = None) -> int:
    """Train, test, print the result."""
    given = vars(parser().parse_args(argv))
    resume, out, threads = given.pop("resume", False), given.pop("out", None), given.pop("threads", None)
    offline = given.pop("offline", False)
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads}: should be at least 1")
    from numser import runs  # imports Numba, which takes longer than --help should
    from numser.runs.config import with_changes
    from numser.runs.folder import RunFolder

    if resume:
        if out is None:
            raise InputError("--resume: say which run to go on with, by --out DIR")
        config = RunFolder(out).stored_state().config
        _check_same(given, config, out)
        config = with_changes(config, given.get("data"), given.get("steps"))
    else:
        config = _config(given)
        out = out or _fresh_folder(f"{config.corpus}-{config.split_name}")
    with _StopOnInterrupt() as stop:
        try:
            result = runs.run(
                config,
                out,
                resume=resume,
                threads=threads,
                on_begin=stop.training_begins,
                stop=lambda: stop.asked,
                offline=offline,
            )
        except (runs.Interrupted, KeyboardInterrupt):
            if RunFolder(out).state.exists():
                line = shell_line(python_command(), "-m", "numser.train", "--resume", "--out", str(out))
                Progress().line(f"stopped; to go on: {line}")
            return 130
    say(_report_of_all(config, RunFolder(out)) if result is None else _report(result, RunFolder(out)))
    return 0


def _config(given: dict):
    from numser.runs.config import HOW, Config

    given = dict(given)
    if "corpus" not in given:
        raise InputError(f"--corpus: say what to learn from: {', '.join(NAMES)}; synthetic is built in")
    corpus, data = given.pop("corpus"), given.pop("data", None)
    speaker, everything = given.pop("test_speaker", None), given.pop("train_on_all", False)
    fold = None if speaker is not None or everything else given.pop("fold", 0)
    how = {name: given.pop(name) for name in HOW if name in given}
    return Config(corpus, data, fold, speaker, recipe(**given), everything, **how)


def _check_same(given: dict, config, out: Path) -> None:
    stored = {**vars(config), **vars(config.recipe)}
    given, named = dict(given), given.get("recipe")
    if named:
        given = {**asdict(RECIPES[named]), "steps": None, "seed": stored["seed"]} | given
        del given["recipe"]
    for name, value in given.items():
        if name not in ("data", "steps") and stored[name] != value:
            option = f"{flag_of(name)}{'' if isinstance(value, bool) else f' {value}'}"
            option = f"--recipe {named}" if named and value == getattr(RECIPES[named], name, None) else option
            raise InputError(
                f"{option}: the run in {out} was started with {name} = {stored[name]}; "
                f"leave the option out, or start a new run in another --out"
            )


def _fresh_folder(name: str) -> Path:
    folder, number = Path("runs") / name, 1
    while folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        number += 1
        folder = Path("runs") / f"{name}-{number}"
    return folder


class _StopOnInterrupt:
    """While training, Ctrl-C finishes the step and saves; a second one, or one before training, stops at once."""

    def __init__(self):
        self.training = self.asked = False
        self.before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():  # elsewhere Python does not let us
            self.before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, *_):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def _interrupted(self, *_):
        if self.asked or not self.training:
            raise KeyboardInterrupt
        self.asked = True
        print("\nstopping after this step (Ctrl-C again: at once) …", file=sys.stderr)

    def training_begins(self) -> None:
        """From now on, a step can be finished and saved."""
        self.training = True


def _report(result: "RunResult", folder: "RunFolder") -> str:
    from numser.summary import chance, remarks  # brings NumPy

    return "\n".join(
        [
            f"{_ending(result)}; {result.seconds:.0f} s in all",
            f"test on {len(result.utterances)} utterances:  UA {result.ua:.3f}  WA {result.wa:.3f}  "
            f"F1 {result.f1:.3f}  (UA by chance {chance([result]):.3f})",
            *remarks([result]),
            "",
            confusion_table(result.labels, result.confusion),
            "",
            f"everything is in {folder.path}; to recognise a file:",
            shell_line(python_command(), "-m", "numser.predict", folder.model, str(result.example)),
        ]
    )


def _report_of_all(config: "Config", folder: "RunFolder") -> str:
    return "\n".join(
        [
            "all recordings trained, so that nothing was left to test; how good such models are, this tells:",
            shell_line(python_command(), "-m", "numser.crossval", "--corpus", config.corpus, "--speakers"),
            "",
            f"everything is in {folder.path}; to recognise a file:",
            shell_line(python_command(), "-m", "numser.predict", folder.model, "FILE"),
        ]
    )


def _ending(result: "RunResult") -> str:
    """Which weights a training ended with, and what chose them."""
    recipe, ua = result.config.recipe, result.best_validation_ua
    if recipe.keep == "best":
        return f"best on validation at step {result.best_step} (UA {ua:.3f})"
    weights = "averaged weights" if recipe.average else "weights"
    if ua is None:
        return f"the {weights} of the last step; what would validate trained as well"
    return f"the {weights} of the last step (validation UA {ua:.3f}, which chose nothing)"


if __name__ == "__main__":
    run(main)
