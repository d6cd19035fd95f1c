"""Checks answers to the exercises, and says which entries are wrong.

    python tutorials/checker.py     sends every solution through its check, and every wrong answer: it must be caught

A lesson's checks stand in `checks/`, its solutions in `solutions/`. A check is a function with the exercise's name
and the decorator `exercise`; it calls the student's answer and compares what comes back by `same`, or the gradients
of a layer by `gradients`. Both raise `Wrong`, whose text the student reads.
"""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import numser
from numser.cli import run
from numser.gradcheck import INPUT, TOLERANCE, every_entry, gradcheck
from numser.ragged import frames_of

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"  # of runs that are too long for a lesson
_SHOWN = 4  # wrong entries that are named; the others are counted


class Wrong(Exception):
    """What is wrong with an answer, in words for the student."""


class Verdict(NamedTuple):
    """What a check says. `right` is None while the exercise is not solved."""

    right: bool | None
    text: str


def exercise(ask: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a check of `ask`, which raises Wrong if the answer is. The check prints; its `judge` gives the Verdict."""

    def judge(answer: Any) -> Verdict:
        name = ask.__name__
        try:
            ask(answer)
        except NotImplementedError:
            return Verdict(
                None, f"{name}: not solved yet. Fill it in, then run its cell and this one (or the script) again."
            )
        except Wrong as wrong:
            return Verdict(False, f"{name}: not right yet. {wrong}")
        except Exception as error:
            return Verdict(False, f"{name}: not right yet. It raised {type(error).__name__}: {error}{_where(error)}")
        return Verdict(True, f"{name}: right.")

    @wraps(ask)
    def check(answer: Any) -> None:
        print(judge(answer).text)

    check.judge = judge
    return check


def same(found: Any, expected: Any, what: str, tolerance: float = 1e-6) -> None:
    """Compare numbers, arrays or tuples of them, `tolerance` as a share of the largest expected number.

    Raises      Wrong: another shape; the wrong entries, and what they have in common
    """
    if found is None:
        raise Wrong(f"{what} is None. Is a `return` missing?")
    if isinstance(expected, tuple):
        if not isinstance(found, tuple) or len(found) != len(expected):
            n = f"{len(found)} of them" if isinstance(found, tuple) else type(found).__name__
            raise Wrong(f"{what} should be {len(expected)} values, found {n}.")
        for k, (one, other) in enumerate(zip(found, expected, strict=True)):
            same(one, other, f"{what}[{k}]", tolerance)
        return
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise Wrong(f"The shape of {what} should be {expected.shape}, found {found.shape}.")
    if found.dtype.kind not in "biufc":
        raise Wrong(f"{what} should hold numbers, found {found.dtype}.")
    scale = np.abs(expected).max(initial=0) or 1
    bad = ~(np.abs(found - expected) <= tolerance * scale)  # NaN is bad too
    if bad.any():
        raise Wrong(_listed(found, expected, bad, what))


def gradients(layer: Any, params: dict[str, np.ndarray], x: Any, seed: int = 0) -> None:
    """Check the gradients of a student's layer against finite differences. x and params: float64, and small.

    Raises      Wrong: a gradient has another shape than its tensor; its wrong entries
    """
    y, cache = layer.forward(params, x)
    found = layer.backward(params, cache, np.ones_like(frames_of(y)))
    if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[1], dict):
        raise Wrong("backward should return dx and a dict of the parameters' gradients.")
    dx, grads = found
    tensors = {INPUT: (dx, frames_of(x))} | {name: (grads.get(name), w) for name, w in params.items()}
    for name, (gradient, tensor) in tensors.items():
        if np.shape(gradient) != tensor.shape:
            shape = "nothing" if gradient is None else np.shape(gradient)
            raise Wrong(f"The shape of d{name} should be that of {name}, {tensor.shape}, found {shape}.")
    errors = gradcheck(layer, params, x, np.random.default_rng(seed))
    wrong = []
    for name in (name for name, error in errors.items() if not error <= TOLERANCE):
        analytic, numeric = every_entry(layer, params, x, np.random.default_rng(seed), name)
        bad = ~(np.abs(analytic - numeric) <= TOLERANCE * np.abs(numeric).max())
        if bad.any():
            wrong.append(_listed(analytic, numeric, bad, f"d{name}"))
    if wrong:
        fine = [f"d{name}" for name, error in errors.items() if error <= TOLERANCE]
        raise Wrong("\n".join([*wrong, f"{' and '.join(fine)}: right."] if fine else wrong))


def _listed(found: np.ndarray, expected: np.ndarray, bad: np.ndarray, what: str) -> str:
    if bad.ndim == 0:
        return f"{what} is {found:.6g}, should be {expected:.6g}."
    places = np.argwhere(bad)
    verb = "is" if len(places) == 1 else "are"
    lines = [f"{len(places)} of the {bad.size} entries of {what} {verb} wrong{_in_common(found, expected, bad)}:"]
    for place in map(tuple, places[:_SHOWN]):
        index = ", ".join(map(str, place))
        lines.append(f"    [{index}] is {found[place]:.6g}, should be {expected[place]:.6g}")
    if len(places) > _SHOWN:
        lines.append("    …")
    return "\n".join(lines)


def _in_common(found: np.ndarray, expected: np.ndarray, bad: np.ndarray) -> str:
    """One factor by which all wrong entries are off, and a place that they share: they often name the mistake."""
    if bad.sum() < 2:
        return ""
    common = ""
    if not found[bad].any():
        common = ", all of them 0"
    elif np.all(expected[bad] != 0) and np.all(np.isfinite(found[bad])):
        ratio = found[bad] / expected[bad]
        if np.ptp(ratio) <= 1e-4 * abs(ratio[0]):
            common = f", all {ratio[0]:.4g} times what they should be"
    for axis, indices in enumerate(np.argwhere(bad).T):
        first, last = indices.min(), indices.max()
        if 2 * (last - first + 1) <= bad.shape[axis]:
            where = f"index {first}" if first == last else f"indices {first} to {last}"
            return f"{common}, all of them at {where} of axis {axis}"
    return common


def _where(error: Exception) -> str:
    """The last line of the student's own that the error came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_ours(Path(f.filename))]
    return f"\n    in {frames[-1].name}, line {frames[-1].lineno}: {frames[-1].line}" if frames else ""


def _is_ours(path: Path) -> bool:
    """A file that students do not write: this one, a check, numser's, or an installed package's."""
    inside = {HERE / "checks", Path(numser.__file__).parent} & {*path.parents}
    return path == Path(__file__) or bool(inside) or "site-packages" in path.parts


class Answer(NamedTuple):
    """One answer of `solutions/`: a solution, or a wrong one that its check must catch."""

    lesson: str
    exercise: str
    answer: Any
    is_solution: bool
    check: Callable[[Any], None]


def answers() -> Iterator["Answer"]:
    """All solutions and all wrong answers; at least one of each for every exercise.

    Raises      LookupError: an exercise has no solution, or no wrong answer
    """
    for solved in sorted((HERE / "solutions").glob("[0-9][0-9]_*.py")):
        solutions, checks = load(solved), load(HERE / "checks" / f"{solved.stem[3:]}.py")
        for name, check in vars(checks).items():
            if not hasattr(check, "judge"):
                continue
            if not hasattr(solutions, name) or not solutions.WRONG.get(name):
                raise LookupError(f"{solved.name}: should have a solution of {name}, and wrong answers in WRONG")
            yield Answer(solved.stem, name, getattr(solutions, name), True, check)
            for wrong in solutions.WRONG[name]:
                yield Answer(solved.stem, name, wrong, False, check)


def load(path: Path) -> ModuleType:
    """A file as a module, whatever its name; what it imports from beside this file is found."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}.{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Check every solution, and show that every wrong answer is caught."""
    failures = 0
    for lesson, _, answer, is_solution, check in answers():
        right, text = check.judge(answer)
        failed = right is not is_solution
        failures += failed
        what = "solution" if is_solution else f"wrong answer {answer.__name__}"
        print(f"{'FAILED: ' if failed else ''}{lesson}, {what}\n{indent(text, '    ')}")
    print(f"{failures} failed" if failures else "every solution is right, and every wrong answer is caught")
    return 1 if failures else 0


if __name__ == "__main__":
    run(main)
