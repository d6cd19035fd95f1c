"""Builds the notebooks: runs each lesson's script in Jupyter's kernel, and keeps what it printed and drew.

    python tutorials/build.py              all lessons
    python tutorials/build.py 02 03        these lessons
    python tutorials/build.py --prose 02   the same, if only prose and comments have changed: nothing is run
    python tutorials/build.py --check      only says whether each notebook holds its script's cells
    python tutorials/build.py --without-solutions numser.zip     an archive for students

The script is the source; a notebook is never edited. Two builds differ only where the outputs do, for example in
measured times: cells are named after what is in them, and nothing of the machine is kept. A picture's alternative
text, for those who do not see it, stands before its `plt.show()`, in a comment that begins with `# Picture:`.
"""

import argparse
import ast
import os
import re
import sys
import time
import tomllib
import zipfile
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

from numser.cli import run
from numser.errors import InputError
from numser.files import write_whole
from shown import small

HERE = Path(__file__).parent
LARGEST = 1_000_000  # bytes of a notebook
SECONDS = 300  # that a cell may take
FIRST = "opened-alone"  # the first code cell of every notebook
COLAB, BINDER = "https://colab.research.google.com", "https://mybinder.org"
ANSWERS = re.compile(r"The answers, and wrong ones: `solutions/\w+\.py`\. ?")  # which students need not have
_PICTURE = re.compile(r"^ *# Picture: (.*(?:\n *#.*)*)", re.MULTILINE)
_MACHINE = re.compile(r"/(?:home|Users|root|tmp|var|opt)/\w+|[A-Z]:\\\w+|ipykernel_\d+")  # what no output may tell


def lessons(numbers: list[str]) -> list[Path]:
    """The scripts of the lessons with these numbers; without numbers, all of them.

    Raises      InputError: there is no such lesson
    """
    scripts = {path.name[:2]: path for path in sorted(HERE.glob("[0-9][0-9]_*.py"))}
    for number in numbers:
        if number not in scripts:
            raise InputError(f"{number}: there is no such lesson; choose from {', '.join(scripts)}")
    return [scripts[number] for number in numbers or scripts]


def cells(script: Path):
    """A script as a notebook that was not run. A cell's id comes from its text: it stays while the text does."""
    jupytext, nbformat = _jupyter()
    source = jupytext.read(script, fmt="py:percent")
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"file_extension": ".py", "name": "python"},
    }
    seen: dict[str, int] = {}
    for cell in source.cells:
        if cell.cell_type == "code" and FIRST not in {c.id for c in notebook.cells}:
            notebook.cells += _before_the_code(script)
        new = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        digest = sha256(cell.source.encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        notebook.cells.append(new(cell.source, id=digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"))
    return notebook


def repository() -> str | None:
    """Where the project is published, if it is: pyproject.toml's project.urls say so, and nothing else does."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository")


def _before_the_code(script: Path) -> list:
    """Badges that open the notebook elsewhere, and the cell that fetches what the lesson needs there."""
    _, nbformat = _jupyter()
    first, found = (HERE / "opened_alone.py").read_text(encoding="utf-8").strip(), []
    if address := repository():
        first = first.replace('or "ADDRESS"', f'or "{address}/archive/HEAD.zip"')
        name = f"{address.removeprefix('https://github.com/')}/blob/main/tutorials/{script.stem}.ipynb"
        place = name.replace("/blob/main/", "/HEAD?labpath=")
        found.append(
            nbformat.v4.new_markdown_cell(
                f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({COLAB}/github/{name}) "
                f"[![Open in Binder]({BINDER}/badge_logo.svg)]({BINDER}/v2/gh/{place})",
                id="badges",
            )
        )
    hidden = {"jupyter": {"source_hidden": True}}
    return [*found, nbformat.v4.new_code_cell(first, id=FIRST, metadata=hidden)]


def build(script: Path) -> Path:
    """Run a lesson, and write the notebook beside its script.

    Raises      InputError: a cell failed; the notebook would be too large, or would tell of this machine
    """
    _jupyter()
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    notebook = cells(script)
    metadata = dict(notebook.metadata)  # the kernel adds its versions
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(HERE)}},
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise InputError(f"{script}: a cell failed; the notebook is left as it was\n{error}") from None
    notebook.metadata = metadata
    for output in _pictures(notebook.cells):
        picture = small(b64decode(output["data"]["image/png"]))
        output["data"]["image/png"] = b64encode(picture).decode()
    return _write(notebook, script)


def reword(script: Path) -> Path:
    """Write the notebook with a script's prose and comments, and the outputs that it has.

    Raises      InputError: there is no notebook, or the code has changed; what `build` raises
    """
    _, nbformat = _jupyter()
    notebook, target = cells(script), script.with_suffix(".ipynb")
    old = nbformat.read(target, as_version=4).cells if target.exists() else []
    new, old = ([c for c in some if c.cell_type == "code"] for some in (notebook.cells, old))
    before = [c for c in old if c.id != FIRST]
    if list(map(_code, new[1:])) != list(map(_code, before)):
        raise InputError(f"{script}: its code has changed; build it without --prose")
    for number, (cell, outputs) in enumerate(zip(new, [[], *(c.outputs for c in before)], strict=True), start=1):
        cell.outputs, cell.execution_count = outputs, number
    return _write(notebook, script)


def _code(cell) -> str:
    return ast.dump(ast.parse(cell.source))


def _write(notebook, script: Path) -> Path:
    _, nbformat = _jupyter()
    for cell in notebook.cells:
        texts = [" ".join(text.replace("\n#", " ").split()) for text in _PICTURE.findall(cell.source)]
        for output, text in zip(_pictures([cell]), texts, strict=False):
            output.metadata["image/png"] = {"alt": text}
    if found := faults(notebook, script):
        raise InputError(f"{script}: {'; '.join(found)}")
    target = script.with_suffix(".ipynb")
    write_whole(target, lambda file: file.write((nbformat.writes(notebook) + "\n").encode()))
    return target


def _pictures(cells) -> list:
    """The outputs of these cells that are pictures."""
    return [o for cell in cells for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})]


def faults(notebook, script: Path) -> list[str]:
    """What is wrong with a notebook, in words: cells that are not its script's, not run, or failed; size; paths."""
    _, nbformat = _jupyter()
    found = []
    expected = [(c.id, c.cell_type, c.source) for c in cells(script).cells]
    if [(c.id, c.cell_type, c.source) for c in notebook.cells] != expected:
        found.append("its cells are not the script's")
    code = [c for c in notebook.cells if c.cell_type == "code"]
    if any(c.execution_count is None for c in code):
        found.append("a cell was not run")
    if any(output.output_type == "error" for c in code for output in c.outputs):
        found.append("a cell failed")
    if (size := len(nbformat.writes(notebook).encode())) > LARGEST:
        found.append(f"it has {size} bytes, should have {LARGEST} at most")
    if any("alt" not in output.metadata.get("image/png", {}) for output in _pictures(code)):
        found.append("a picture has no alternative text")
    for output in (output for c in code for output in c.outputs):
        page = output.get("data", {}).get("text/html", "")
        if any('alt="' not in tag or 'alt=""' in tag for tag in re.findall("<img[^>]*>", page)):
            found.append("a picture has no alternative text")
        texts = [output.get("text", ""), *(t for kind, t in output.get("data", {}).items() if "image" not in kind)]
        text = re.sub(r"base64,[\w+/=]+", "", "\n".join(map(str, texts)))
        for path in {*_MACHINE.findall(text), *(p for p in (str(HERE.parent), sys.prefix) if p in text)}:
            found.append(f"an output holds a path of this machine, {path}")
    return found


def check(script: Path) -> list[str]:
    """What is wrong with a lesson's notebook on disk."""
    _, nbformat = _jupyter()
    notebook = script.with_suffix(".ipynb")
    if not notebook.exists():
        return ["there is none"]
    return faults(nbformat.read(notebook, as_version=4), script)


def without_solutions(archive: Path) -> Path:
    """Write numser's source and the lessons without solutions, and what is for teachers, as a .zip.

    The lessons' first cell can fetch it: it has the form of a published source archive.
    """
    root = HERE.parent
    names = ["pyproject.toml", "README.md", "LICENSE"]
    names += (
        p.relative_to(root).as_posix() for d in ("numser", "benchmarks", "tutorials") for p in root.glob(f"{d}/**/*")
    )
    left_out = ("tutorials/solutions/", "tutorials/teaching/")

    def write(file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
            for name in sorted(names):
                path = root / name
                if not path.is_file() or "__pycache__" in path.parts or name.startswith(left_out):
                    continue
                content = path.read_bytes()
                if path.parent == HERE and path.suffix in (".py", ".ipynb"):
                    content = ANSWERS.sub("", content.decode()).encode()
                whole.writestr(f"numser/{name}", content)

    write_whole(archive, write)
    return archive


def _jupyter():
    try:
        import jupytext
        import nbformat
    except ImportError:
        raise InputError('notebooks need jupytext; pip install "numser[tutorials]" brings it') from None
    return jupytext, nbformat


def main(argv: list[str] | None = None) -> int:
    """Build notebooks, or check them."""
    parser = argparse.ArgumentParser(prog="python tutorials/build.py", description=main.__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons' numbers (default: all)")
    parser.add_argument("--check", action="store_true", help="build nothing; fail if a notebook is not its script's")
    parser.add_argument("--prose", action="store_true", help="run nothing; only prose and comments have changed")
    parser.add_argument(
        "--without-solutions", metavar="FILE.zip", type=Path, help="write an archive for students, and build nothing"
    )
    args = parser.parse_args(argv)
    if args.without_solutions:
        print(without_solutions(args.without_solutions))
        return 0
    failed = 0
    for script in lessons(args.lessons):
        if args.check:
            found = check(script)
            failed += bool(found)
            command = f"python tutorials/build.py {script.name[:2]}"
            print(f"{script.stem}.ipynb: {'; '.join(found) + f'. Build it: {command}' if found else 'ok'}")
        else:
            start = time.perf_counter()
            target = reword(script) if args.prose else build(script)
            size = target.stat().st_size / 1000
            print(f"{target.name}: {size:.0f} kB, {time.perf_counter() - start:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    run(main)
