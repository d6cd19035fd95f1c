"""Write the lessons as assignments for nbgrader: answers to fill in, points, and hidden tests.

    python tutorials/teaching/assignments.py course --secret 4711            a course's folder, all lessons
    python tutorials/teaching/assignments.py course --secret 4711 02 05      these lessons

An answer gets a point if its check finds it right, once more with other random numbers, which the secret decides: who
has written what the visible check wants to see, and no more, is found out. The numbers stand in hidden tests, which
nbgrader takes out of what students are given; so it does with the solutions. numser and the folder `tutorials` have
to be on the path where nbgrader runs (PYTHONPATH); where they are not, each notebook's first cell fetches them.
"""

import argparse
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from numser.cli import run
from numser.errors import InputError
from numser.files import write_whole

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import build

CONFIG = """\
c = get_config()  # noqa: F821  nbgrader brings it
c.CourseDirectory.root = {root!r}
c.ClearSolutions.code_stub = {{"python": ""}}  # the lessons have stubs of their own
"""
_ASKED = re.compile(r"^check\.(\w+)\(\w+\)$", re.MULTILINE)


def assignment(script: Path, secret: int) -> Any:
    """A lesson as a teacher's notebook, with solutions and hidden tests between nbgrader's marks."""
    notebook = build.cells(script)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = build.ANSWERS.sub("", cell.source)
    for answer, test in pairwise(code):
        names = _ASKED.findall(test.source)
        if not names:
            continue
        solved = "".join(
            f'{name} = checker.load(checker.HERE / "solutions" / "{script.name}").{name}\n' for name in names
        )
        answer.source += f"\n\n\n### BEGIN SOLUTION\nimport checker\n\n{solved}### END SOLUTION"
        hidden = "".join(f'assert_right("{script.stem[3:]}", "{name}", {name}, {secret})\n' for name in names)
        test.source += f"\n### BEGIN HIDDEN TESTS\nfrom checker import assert_right\n\n{hidden}### END HIDDEN TESTS"
        _mark(answer, f"answer-{names[0]}", solution=True)
        _mark(test, f"test-{names[0]}", grade=True, locked=True, points=len(names))
    return notebook


def _mark(cell: Any, grade_id: str, **what: Any) -> None:
    plain = {"grade": False, "solution": False, "locked": False, "task": False, "cell_type": "code"}
    cell.metadata["nbgrader"] = plain | what | {"grade_id": grade_id, "schema_version": 3}


def main(argv: list[str] | None = None) -> None:
    """Write a course's folder."""
    parser = argparse.ArgumentParser(prog="python tutorials/teaching/assignments.py", description=main.__doc__)
    parser.add_argument("course", type=Path, help="the folder; its source/ gets a folder a lesson")
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons' numbers (default: all)")
    parser.add_argument("--secret", type=int, required=True, help="a whole number that students do not know")
    args = parser.parse_intermixed_args(argv)
    if args.secret < 0:
        raise InputError(f"--secret {args.secret}: should be at least 0")
    import nbformat

    config = CONFIG.format(root=str(args.course.resolve()))
    (args.course / "source").mkdir(parents=True, exist_ok=True)
    write_whole(args.course / "nbgrader_config.py", lambda file: file.write(config.encode()))
    for script in build.lessons(args.lessons):
        folder = args.course / "source" / script.stem
        folder.mkdir(exist_ok=True)
        written = nbformat.writes(assignment(script, args.secret)).encode()
        write_whole(folder / f"{script.stem}.ipynb", lambda file, written=written: file.write(written))
    print(f"{args.course}: now, in this folder: nbgrader generate_assignment LESSON")


if __name__ == "__main__":
    run(main)
