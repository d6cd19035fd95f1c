import re
import subprocess
import sys

import pytest
from conftest import PROJECT

from numser import layers

README = (PROJECT / "README.md").read_text(encoding="utf-8")
MAP = README.split("## Map")[1].split("\n## ")[0]


def test_every_path_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    paths = [link for link in links if not link.startswith("http")]
    assert len(paths) > 40
    assert [path for path in paths if not (PROJECT / path).exists()] == []


@pytest.mark.parametrize("name", sorted(set(layers.__all__) - {"Layer"}))
def test_every_public_layer_has_a_row(name):
    assert f"`{name}`" in MAP


def test_every_layers_file_is_in_the_map():
    files = {f"numser/layers/{p.name}" for p in (PROJECT / "numser" / "layers").glob("*.py")}
    assert files - set(re.findall(r"\]\(([^)]+)\)", MAP)) == {"numser/layers/__init__.py", "numser/layers/initial.py"}


def test_every_lesson_is_in_the_map():
    lessons = {f"tutorials/{p.name}" for p in (PROJECT / "tutorials").glob("[0-9]*.ipynb")}
    assert len(lessons) >= 3
    assert lessons == set(re.findall(r"\]\((tutorials/[0-9][^)]+)\)", MAP))


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
