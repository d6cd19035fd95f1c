"""Train the network on a corpus.        python -m numser.train --help"""

import argparse
import signal
import sys
import threading
from dataclasses import MISSING, fields
from pathlib import Path

from numser.commandline import python_command, run, shell_line
from numser.corpora import NAMES
from numser.errors import InputError
from numser.recipe import LOSSES, Recipe

_DEFAULTS = {f.name: f.default for f in fields(Recipe) if f.default is not MISSING}
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
    p = argparse.ArgumentParser(
        prog="python -m numser.train",
        description="Train the network on a corpus of emotional speech, and test it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )

    what = p.add_argument_group("what to learn from")
    what.add_argument("--corpus", metavar="NAME", help=f"{', '.join(NAMES)}; synthetic is built in")
    what.add_argument(
        "--data",
        metavar="DIR",
        help="the corpus's folder, or table's file (default: a folder of its name in $NUMSER_DATA or the cache)",
    )
    offline_option(what)
    split = what.add_mutually_exclusive_group()
    option(split, "--fold", 0, "one of the paper's nine splits, 0 to 8", type=int, metavar="K")
    split.add_argument(
        "--test-speaker",
        metavar="S",
        help="test on this speaker (several: 03,08), whom the network never hears before",
    )

    how = recipe_options(p)
    option(how, "--seed", _DEFAULTS["seed"], "of the initial values, the order and dropout", type=int)
    option(how, "--threads", "all cores", "threads; the result does not depend on it", type=int, metavar="N")

    where = p.add_argument_group("where it goes")
    where.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default runs/CORPUS-SPLIT)")
    where.add_argument(
        "--resume", action="store_true", help="go on with the run in --out; --steps and --data may be other ones"
    )
    return p


def option(group, flag: str, default=None, help: str = "", **kwargs) -> None:
    """Add an option whose help tells the default."""
    note = "" if default is None else f" (default {default})"
    group.add_argument(flag, help=help + note, **kwargs)


def offline_option(group) -> None:
    """Add --offline."""
    group.add_argument(
        "--offline", action="store_true", help="do not fetch Emo-DB if it is not there (or set NUMSER_OFFLINE=1)"
    )


def recipe_options(p: argparse.ArgumentParser):
    """Add the options of a `Recipe` but for the seed: the network, and how to train. Returns the latter's group."""
    net = p.add_argument_group("the network")
    option(net, "--blocks", _DEFAULTS["blocks"], "inverted residual blocks", type=int, metavar="N")
    net.add_argument(
        "--no-attention", action="store_false", dest="attention", help="use the GRU's last states instead"
    )
    net.add_argument("--untied", action="store_false", dest="tied", help="own weights for each direction of the GRU")
    option(net, "--dropout", _DEFAULTS["dropout"], "share of units left out before the hidden layer", type=float)

    how = p.add_argument_group("how to train")
    losses = (
        "ce: weighted cross-entropy; focal: what listeners found hard need not be answered with certainty; "
        "soft: soft bootstrapping, which replaces a part of the label by the network's own belief; lq: L_q, which "
        "lets utterances go that do not fit"
    )
    option(how, "--loss", "ce", losses, choices=LOSSES)
    option(how, "--lambda-b", _DEFAULTS["lambda_b"], "focal loss: λ of utterances of medium difficulty", type=float)
    option(how, "--lambda-c", _DEFAULTS["lambda_c"], "focal loss: λ of hard utterances", type=float)
    option(how, "--beta", _DEFAULTS["beta"], "soft bootstrapping: the label's share, 0 to 1", type=float)
    option(how, "--q", _DEFAULTS["q"], "L_q's exponent, above 0 and at most 1", type=float)
    option(how, "--steps", _DEFAULTS["steps"], "training steps", type=int, metavar="N")
    option(how, "--batch-size", _DEFAULTS["batch_size"], "utterances a step", type=int, metavar="N")
    option(how, "--lr", _DEFAULTS["lr"], "learning rate of Adam", type=float)
    option(how, "--clip", _DEFAULTS["clip"], "largest norm of the gradient", type=float)
    option(how, "--validate-every", _DEFAULTS["validate_every"], "steps between validations", type=int, metavar="N")
    return how


def main(argv: list[str] | None = None) -> int:
    """Train, test, print the result."""
    given = vars(parser().parse_args(argv))
    resume, out, threads = given.pop("resume", False), given.pop("out", None), given.pop("threads", None)
    offline = given.pop("offline", False)
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads}: should be at least 1")
    from numser import runs  # imports Numba, which takes longer than --help should

    if resume:
        if out is None:
            raise InputError("--resume: say which run to go on with, by --out DIR")
        config = runs.stored_config(out)
        _check_same(given, config, out)
        config = runs.with_changes(config, given.get("data"), given.get("steps"))
    else:
        config = _config(given)
        out = out or _fresh_folder(f"{config.corpus}-{config.split_name}")
    with _StopOnInterrupt() as stop:
        try:
            result = runs.run(config, out, resume=resume, threads=threads, stop=stop, offline=offline)
        except (runs.Interrupted, KeyboardInterrupt):
            if (out / "state.npz").exists():
                line = shell_line(python_command(), "-m", "numser.train", "--resume", "--out", str(out))
                print(f"stopped; to go on: {line}", file=sys.stderr)
            return 130
    print(_report(result, out))
    return 0


def _config(given: dict):
    from numser.runs import Config

    given = dict(given)
    if "corpus" not in given:
        raise InputError(f"--corpus: say what to learn from: {', '.join(NAMES)}; synthetic is built in")
    corpus, data = given.pop("corpus"), given.pop("data", None)
    speaker = given.pop("test_speaker", None)
    fold = None if speaker is not None else given.pop("fold", 0)
    return Config(corpus, data, fold, speaker, Recipe(**given))


def _check_same(given: dict, config, out: Path) -> None:
    stored = {**vars(config), **vars(config.recipe)}
    for name, value in given.items():
        if name not in ("data", "steps") and stored[name] != value:
            option = {"attention": "--no-attention", "tied": "--untied"}.get(
                name, f"--{name.replace('_', '-')} {value}"
            )
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

    def __call__(self) -> bool:
        """Asked after each step, and once before the first."""
        self.training = True
        return self.asked


def _report(result: dict, out: Path) -> str:
    from numser.summary import chance, remarks  # brings NumPy

    return "\n".join(
        [
            f"best on validation at step {result['best_step']} (UA {result['best_validation_ua']:.3f}); "
            f"{result['seconds']:.0f} s in all",
            f"test on {len(result['utterances'])} utterances:  UA {result['ua']:.3f}  WA {result['wa']:.3f}  "
            f"F1 {result['f1']:.3f}  (UA by chance {chance([result]):.3f})",
            *remarks([result]),
            "",
            confusion_table(result["labels"], result["confusion"]),
            "",
            f"everything is in {out}; to recognise a file:",
            shell_line(python_command(), "-m", "numser.predict", str(out / "model.npz"), result["example"]),
        ]
    )


def confusion_table(labels: list[str], confusion: list[list[int]]) -> str:
    """The confusion matrix as text: a row a true label, a column a predicted one, recalls at the right."""
    wide = max(map(len, labels)) + 1
    lines = [f"{'':<{wide}}" + "".join(f"{label[:4]:>6}" for label in labels) + "  recall    (rows: truth)"]
    for label, row in zip(labels, confusion, strict=True):
        recall = f"{row[labels.index(label)] / sum(row):.2f}" if sum(row) else "-"
        lines.append(f"{label:<{wide}}" + "".join(f"{n or '·':>6}" for n in row) + f"{recall:>8}")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
