"""Checks answers to the exercises, and says which entries are wrong.

    python tutorials/checker.py     sends every solution through its check, and every wrong answer: it must be caught

A lesson's checks stand in `checks/`, its solutions in `solutions/`. A check is a function with the exercise's name
and the decorator `exercise`; it calls the student's answer and compares what comes back by `same`, or the gradients
of a layer by `gradients`. Both raise `Wrong`, whose text the student reads. A function is given copies; a layer is
asked through `Watched`, which gives it copies and says what it has changed.
"""

import dis
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import numser
from numser.cli import run
from numser.gradcheck import INPUT, TOLERANCE, every_entry, gradcheck
from numser.ragged import frames_of, with_frames

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"  # of runs that are too long for a lesson
_SHOWN = 4  # wrong entries that are named; the others are counted


class Wrong(Exception):
    """What is wrong with an answer, in words for the student."""


class Unsolved(NotImplementedError):
    """A part of an answer is still a stub: which, and what is right already, in words for the student."""


class Verdict(NamedTuple):
    """What a check says. `right` is None while the exercise is not solved."""

    right: bool | None
    text: str


def exercise(ask: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a check of `ask`, which raises Wrong if the answer is. The check prints; its `judge` gives the Verdict."""

    def judge(answer: Any) -> Verdict:
        name = ask.__name__
        try:
            with np.errstate(all="ignore"):  # what overflows shows in the values
                ask(answer)
        except Unsolved as part:
            return Verdict(None, f"{name}: {part}")
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


def assert_right(lesson: str, exercise: str, answer: Any, secret: int) -> None:
    """For hidden tests: ask a lesson's check anew, whatever was put in its place, and with other random numbers.

    Raises      AssertionError: the answer is not right; says what is wrong
    """
    numbers = np.random.default_rng
    with patch.object(np.random, "default_rng", lambda seed=0: numbers([secret, seed])):
        verdict = getattr(load(HERE / "checks" / f"{lesson}.py"), exercise).judge(answer)
    assert verdict.right, verdict.text


def parts(found: Any, what: str, *names: str) -> Any:
    """What an answer returned together: a tuple, a list or an array with an entry for each name.

    Raises      Wrong: it is something else, or has another length
    """
    if found is None:
        raise Wrong(f"{what} returned None. Is a `return` missing?")
    several = isinstance(found, tuple | list) or (isinstance(found, np.ndarray) and found.ndim)
    if not several or len(found) != len(names):
        raise Wrong(f"{what} should return ({', '.join(names)}).")
    return found


def same(found: Any, expected: Any, what: str, tolerance: float = 1e-6) -> None:
    """Compare numbers, arrays or tuples of them, `tolerance` as a share of the largest expected number.

    A list is as good as an array or a tuple, and an array with one entry as good as a number.

    Raises      Wrong: another shape; the wrong entries, and what they have in common
    """
    if found is None:
        raise Wrong(f"{what} is None. Is a `return` missing?")
    if isinstance(expected, tuple):
        several = isinstance(found, tuple | list) or (isinstance(found, np.ndarray) and found.ndim)
        if not several or len(found) != len(expected):
            n = f"{len(found)} of them" if several else type(found).__name__
            raise Wrong(f"{what} should be {len(expected)} values, found {n}.")
        for k, (one, other) in enumerate(zip(found, expected, strict=True)):
            same(one, other, f"{what}[{k}]", tolerance)
        return
    found, expected = _array(found, what), np.asarray(expected)
    if expected.ndim == 0 and found.size == 1:
        found = found.reshape(())
    if found.shape != expected.shape:
        raise Wrong(f"The shape of {what} should be {expected.shape}, found {found.shape}.")
    scale = np.abs(expected).max(initial=0) or 1
    bad = ~(np.abs(found - expected) <= tolerance * scale)  # NaN is bad too
    if bad.any():
        raise Wrong(_listed(found, expected, bad, what))


def _array(found: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(found)
    except ValueError:
        raise Wrong(f"{what} should be an array, found a list whose rows have unlike lengths.") from None
    if array.dtype.kind not in "biufc":
        raise Wrong(f"{what} should hold numbers, found {array.dtype}.")
    return array


class Watched:
    """A student's layer that gets copies. What it returns may be lists; what it changes is said."""

    def __init__(self, layer: Any):
        self.layer = layer

    def forward(self, params, x, *, training=False, rng=None):
        """As the layer's; y as an array.

        Raises      Wrong: it returned something else than y and a cache, or has changed its arguments
        """
        given = {name: w.copy() for name, w in params.items()}, with_frames(x, frames_of(x).copy())
        y, cache = parts(self.layer.forward(*given), "forward", "y", "the cache")
        _unchanged("forward", params | {INPUT: frames_of(x)}, given[0] | {INPUT: frames_of(given[1])})
        return (y if hasattr(y, "offsets") else _array(y, "y")), cache

    def backward(self, params, cache, dy):
        """As the layer's; the gradients as arrays.

        Raises      Wrong: it returned something else than dx and a dict of gradients, or has changed its arguments
                    Unsolved: it is a stub
        """
        given = {name: w.copy() for name, w in params.items()}, dy.copy()
        try:
            found = self.layer.backward(given[0], cache, given[1])
        except NotImplementedError:
            raise Unsolved("forward is right, backward is not solved yet.") from None
        _unchanged("backward", params | {"dy": dy}, given[0] | {"dy": given[1]})
        if not isinstance(found, tuple | list) or len(found) != 2 or not isinstance(found[1], dict):
            raise Wrong("backward should return dx and a dict of the parameters' gradients.")
        if found[0] is None:
            raise Wrong(f"The shape of d{INPUT} should be that of {INPUT}, found nothing.")
        return _array(found[0], f"d{INPUT}"), {name: _array(g, f"d{name}") for name, g in found[1].items()}


def _unchanged(method: str, before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> None:
    changed = [name for name, array in before.items() if not np.array_equal(array, after.get(name))]
    if changed:
        raise Wrong(
            f"{method} should leave its arguments as they are, and has changed {' and '.join(changed)}. Whoever "
            "called it still needs them: work on a copy."
        )


def gradients(layer: Any, params: dict[str, np.ndarray], x: Any, seed: int = 0) -> None:
    """Check the gradients of a student's layer against finite differences. x and params: float64, and small.

    Raises      Wrong: a gradient has another shape than its tensor; its wrong entries
                Unsolved: backward is a stub
    """
    layer = layer if isinstance(layer, Watched) else Watched(layer)
    y, cache = layer.forward(params, x)
    dx, grads = layer.backward(params, cache, np.ones_like(frames_of(y)))
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


def by_hand(answer: Any, allowed: tuple = ()) -> None:
    """See that an answer does not hand its work to numser's layers, but for a class's `init`, and those `allowed`.

    Raises      Wrong: it does
    """
    classes = answer.__mro__ if isinstance(answer, type) else ()
    bases = [c for c in classes if c.__module__.startswith(_LAYERS)]
    methods = [f for c in classes for name, f in vars(c).items() if name != "init"] or [answer]
    for name, used in [*((c.__name__, c) for c in bases), *_names_used(methods)]:
        if not any(used is one for one in allowed):
            raise Wrong(f"It should do the work itself, and uses numser's {name}.")


_LAYERS = "numser.layers", "numser.plain", "numser.model"


def _names_used(functions: list[Any]) -> Iterator[tuple[str, Any]]:
    """What of numser's layers stands in the code of these functions, and of those of the student's that they call."""
    seen, waiting = set(), list(functions)
    while waiting:
        function = inspect.unwrap(getattr(waiting[-1], "__func__", waiting[-1]))  # of a compiled one, or a static one
        waiting.pop()
        code = getattr(function, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        for step in (step for one in _nested(code) for step in dis.get_instructions(one)):
            if step.opname == "IMPORT_NAME" and step.argval.startswith("numser"):
                yield step.argval, None
            if step.opname not in ("LOAD_GLOBAL", "LOAD_NAME"):
                continue
            value = function.__globals__.get(step.argval)
            module = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) or ""
            if module == "numser" or module.startswith(_LAYERS):
                yield step.argval, value
            elif inspect.isclass(value) and module == function.__module__:
                waiting += (f for name, f in vars(value).items() if name != "init")
            elif module == function.__module__:
                waiting.append(value)


def _nested(code: Any) -> Iterator[Any]:
    yield code
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _nested(constant)


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
