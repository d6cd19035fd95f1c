"""Make slides of the lessons: questions, equations, guesses, pictures and what is printed, exercises, what to keep.

    python tutorials/teaching/slides.py slides               all lessons
    python tutorials/teaching/slides.py slides 02 05         these lessons

Each lesson becomes a Markdown file, a folder of pictures, and, by pandoc, one HTML file that needs no network. Change
the Markdown as you like, and have pandoc do its part again: the command is in the file's first lines. pandoc is what
is on the path, or what `pip install "numser[teaching]"` brings.
"""

import argparse
import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from numser.cli import run
from numser.errors import InputError
from numser.files import write_whole

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import build  # noqa: E402  beside this folder

LINES = 12  # that are printed; more are no slide
LOOK = HERE / "look.html"
OPTIONS = ["--standalone", "--embed-resources", "--section-divs", "--mathml", "--include-in-header=look.html"]
_GUESS, _EXERCISE = "**Guess first.**", "### Exercise"


def slides(script: Path) -> tuple[str, list[bytes]]:
    """A lesson's slides in Markdown, and its pictures: of picture k the Markdown says `STEM/k.png`.

    Raises      InputError: the lesson has no notebook
    """
    import nbformat

    notebook = script.with_suffix(".ipynb")
    if not notebook.exists():
        raise InputError(f"{notebook}: there is none; build it: python tutorials/build.py {script.stem[:2]}")
    heading, guessed, out, pictures = "", False, [], []
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "markdown":
            guessed = False
            for title, text in _said(cell.source, heading):
                guessed = text.startswith(_GUESS)
                if text:
                    out.append(f"## {title}\n\n{text}\n")
                if not title.startswith("Exercise"):
                    heading = title
            continue
        for output in cell.outputs:
            if found := _picture(output):
                pictures.append(found[0])
                out.append(f"## {heading}\n\n![{found[1]}]({script.stem}/{len(pictures)}.png)\\\n")
            elif guessed and 0 < (text := output.get("text", "").rstrip()).count("\n") + 1 <= LINES and text:
                out.append(f"## {heading}\n\n```\n{text}\n```\n")
    title = re.sub(r"^# ", "", out[0].splitlines()[0].removeprefix("## "))
    command = f"pandoc {' '.join(OPTIONS)} {script.stem}.md --output {script.stem}.html"
    return f"---\ntitle: {title}\n# {command}\n---\n\n" + "\n".join(out), pictures


def _said(source: str, heading: str) -> Iterator[tuple[str, str]]:
    """Titles and texts of the slides that a cell's prose makes; a title without text for what the next cells show."""
    text = re.sub(r"<details>.*?</details>", "", source, flags=re.DOTALL)
    for block in re.split(r"\n(?=#{1,3} )", text):
        first, _, rest = block.partition("\n")
        if re.match("#{1,2} ", first):
            heading = first.lstrip("# ")
        elif first.startswith(_EXERCISE):
            yield first.lstrip("# "), rest.strip()
            continue
        else:
            rest = block
        for paragraph in re.split(r"\n\n+", rest.strip()):
            if paragraph.startswith(("**Question.**", _GUESS, "$$", "- ")):
                yield heading, paragraph
        if rest is not block:
            yield heading, ""


def _picture(output: Any) -> tuple[bytes, str] | None:
    """The picture of an output, or the first of its page, and its alternative text."""
    data = output.get("data", {})
    if "image/png" in data:
        return b64decode(data["image/png"]), output.metadata["image/png"]["alt"]
    page = re.search(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)"', data.get("text/html", ""))
    return (b64decode(page[2]), unescape(page[1])) if page else None


def main(argv: list[str] | None = None) -> None:
    """Write slides."""
    parser = argparse.ArgumentParser(prog="python tutorials/teaching/slides.py", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where they go")
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons' numbers (default: all)")
    args = parser.parse_args(argv)
    try:
        import pypandoc

        pypandoc.get_pandoc_path()
    except (ImportError, OSError):
        raise InputError('slides need pandoc; pip install "numser[teaching]" brings it') from None
    args.folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(LOOK, args.folder)
    for script in build.lessons(args.lessons):
        text, pictures = slides(script)
        (args.folder / script.stem).mkdir(exist_ok=True)
        for k, picture in enumerate(pictures, start=1):
            write_whole(args.folder / script.stem / f"{k}.png", lambda file, picture=picture: file.write(picture))
        source = args.folder / f"{script.stem}.md"
        write_whole(source, lambda file, text=text: file.write(text.encode()))
        pypandoc.convert_file(
            source.name, "html5", outputfile=f"{script.stem}.html", extra_args=OPTIONS, cworkdir=args.folder
        )
        print(source.with_suffix(".html"))


if __name__ == "__main__":
    run(main)
