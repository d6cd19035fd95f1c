import re
import subprocess
import sys

import pytest
from conftest import PROJECT

from numser import layers

README = (PROJECT / "README.md").read_text(encoding="utf-8")
MAP = (PROJECT / "numser" / "README.md").read_text(encoding="utf-8").split("## Map")[1].split("\n## ")[0]
PAGES = [
    PROJECT / folder / "README.md"
    for folder in (
        ".",
        "numser",
        "numser/corpora",
        "numser/pretrained",
        "tests",
        "tutorials",
        "benchmarks",
        "benchmarks/results/paper",
    )
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page):
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_it_is_short():
    assert len(README.encode()) <= 9_000


@pytest.mark.parametrize("name", sorted(set(layers.__all__) - {"Layer"}))
def test_every_public_layer_has_a_row(name):
    assert f"`{name}`" in MAP


def test_every_layers_file_is_in_the_map():
    files = {f"layers/{p.name}" for p in (PROJECT / "numser" / "layers").glob("*.py")}
    assert files - set(re.findall(r"\]\(([^)]+)\)", MAP)) == {"layers/__init__.py"}


@pytest.mark.parametrize("file", sorted((PROJECT / "numser" / "layers").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_every_layers_file_names_its_test(file):
    named = re.findall(
        r"tests/\w+\.py", re.search(r"^Test {8}(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)[1]
    )
    assert named and all((PROJECT / name).exists() for name in named)


def test_every_module_is_in_the_map():
    """Of a command's folder, its front is enough."""
    modules = {p.name for p in (PROJECT / "numser").glob("*.py")} - {"__init__.py", "cli.py", "errors.py", "jit.py"}
    assert modules - set(re.findall(r"\]\(([^)]+)\)", MAP)) == set()


def test_every_lesson_is_in_the_map():
    lessons = {f"../tutorials/{p.name}" for p in (PROJECT / "tutorials").glob("[0-9]*.ipynb")}
    assert len(lessons) >= 3
    assert lessons == set(re.findall(r"\]\((../tutorials/[0-9][^)]+)\)", MAP))


def test_no_placeholder_is_left():
    assert re.findall(r"\b[A-Z]+_[A-Z_]*RESULT\b", README) == []


def test_the_test_command_is_the_one_that_ci_reads():
    block = re.search(r"<!-- command: tests -->\n```sh\n(.*?)\n```", README, re.DOTALL)
    assert block[1].endswith("-m pytest")


def test_every_option_in_a_command_exists():
    commands = re.findall(r"-m (numser[\w.]*)([^`\n]*)", README)
    assert len(commands) >= 6
    for module in {module for module, _ in commands}:
        help_text = subprocess.run(
            [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True
        ).stdout
        for name, rest in commands:
            if name == module:
                assert [o for o in re.findall(r"--[a-z-]+", rest) if o not in help_text] == []
