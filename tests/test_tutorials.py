"""The tutorials' machinery: what checks say, that solutions pass and wrong answers do not, notebooks and scripts.

That the lessons run is shown by running them, which CI does.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import PROJECT

TUTORIALS = PROJECT / "tutorials"
sys.path.insert(0, str(TUTORIALS))

import tutorial_answers  # noqa: E402

import build  # noqa: E402
import checker  # noqa: E402
from checker import Wrong, exercise, gradients, same  # noqa: E402

LESSONS = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))
ANSWERS = list(checker.answers())
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


def needs_jupytext():
    pytest.importorskip("jupytext", reason='jupytext is not installed; pip install "numser[tutorials]"')


@each_lesson
def test_a_lesson_has_checks_solutions_a_notebook_and_a_row_in_the_map(lesson):
    assert (TUTORIALS / "checks" / f"{lesson.stem[3:]}.py").exists()
    assert (TUTORIALS / "solutions" / lesson.name).exists()
    assert lesson.with_suffix(".ipynb").exists()
    assert f"| {lesson.stem[:2]} | [" in (TUTORIALS / "README.md").read_text(encoding="utf-8")


def test_nothing_stands_alone():
    stems = [lesson.stem for lesson in LESSONS]
    assert sorted(path.stem for path in TUTORIALS.glob("*.ipynb")) == stems
    assert sorted(path.stem for path in (TUTORIALS / "solutions").glob("*.py")) == stems
    assert sorted(path.stem for path in (TUTORIALS / "checks").glob("*.py")) == sorted(stem[3:] for stem in stems)


@pytest.mark.slow
def test_the_page_with_the_whole_network_is_what_the_layers_say():
    network = checker.load(TUTORIALS / "pictures" / "network.py")
    assert network.PAGE.read_text(encoding="utf-8") == network.page()
    assert network.PICTURE.read_text(encoding="utf-8") == network.picture()
    assert ElementTree.fromstring(network.picture()).tag.endswith("svg")
    links = re.findall(r"\]\(([^)#]+)\)", network.page())
    assert [link for link in links if not (TUTORIALS / link).exists()] == []


def test_every_path_in_the_tutorials_readme_exists():
    links = re.findall(r"\]\(([^)#]+)\)", (TUTORIALS / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 5
    assert [link for link in links if not (TUTORIALS / link).exists()] == []


@each_lesson
def test_a_lesson_asks_each_exercise_and_links_only_to_what_there_is(lesson):
    text = lesson.read_text(encoding="utf-8")
    asked = re.findall(r"^check\.(\w+)\((\w+)\)$", text, re.MULTILINE)
    names = list(dict.fromkeys(a.exercise for a in ANSWERS if a.lesson == lesson.stem))
    assert asked == [(name, name) for name in names]
    assert len(names) >= 2
    assert text.count("raise NotImplementedError") >= len(names)
    assert text.count("<details>") == text.count("</details>") >= 2
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("https://")]
    assert [link for link in links if not (TUTORIALS / link).exists()] == []


@each_lesson
def test_a_lesson_asks_before_it_answers_and_ends_in_what_the_reader_can_do(lesson):
    cells = re.split(r"^# %%", lesson.read_text(encoding="utf-8"), flags=re.MULTILINE)
    asking = [k for k, cell in enumerate(cells) if "**Guess first.**" in cell]
    assert len(asking) >= 3
    assert all(cells[k].startswith(" [markdown]") and cells[k + 1].startswith("\n") for k in asking)
    assert cells[1].count("**[The paper](https://doi.org/10.21437/Interspeech.2020-2408)**") == 1
    assert "## What you can do now" in cells[-1]


@pytest.mark.slow
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: f"{a.lesson[:2]}-{a.exercise}-{a.answer.__name__}")
def test_solutions_are_right_and_wrong_answers_are_caught(answer):
    verdict = answer.check.judge(answer.answer)
    assert verdict.right is answer.is_solution, verdict.text


@pytest.mark.slow
@pytest.mark.parametrize("exercise", tutorial_answers.SOLVED)
def test_answers_are_judged_as_they_should_be(exercise):
    check, wrongly = tutorial_answers.SOLVED[exercise].check, []
    for name, answer, right, said in tutorial_answers.expected(exercise):
        verdict = check.judge(answer)
        if verdict.right is not right or said not in verdict.text:
            wrongly.append(f"{name}: should be {right} {said!r}, found {verdict}")
    assert wrongly == []


@pytest.mark.slow
@pytest.mark.parametrize("answer", [a for a in ANSWERS if a.is_solution], ids=lambda a: a.exercise)
def test_hidden_tests_find_a_solution_right_with_other_numbers(answer):
    checker.assert_right(answer.lesson[3:], answer.exercise, answer.answer, secret=4711)


def test_hidden_tests_find_out_an_answer_that_was_written_for_the_visible_check():
    solution, known = tutorial_answers.SOLVED["softmax_backward"], {}
    solution.check.judge(lambda *a: known.setdefault(str(a), solution.answer(*a)))
    by_heart = lambda *a: known.get(str(a), a[1])  # noqa: E731
    assert solution.check.judge(by_heart).right
    with pytest.raises(AssertionError, match="not right yet"):
        checker.assert_right(solution.lesson[3:], "softmax_backward", by_heart, secret=4711)


def test_the_answers_are_more_than_200():
    assert sum(len(list(tutorial_answers.expected(exercise))) for exercise in tutorial_answers.SOLVED) > 200


def test_every_exercise_has_a_solution_and_a_wrong_answer():
    exercises = {(a.lesson, a.exercise) for a in ANSWERS}
    assert {(a.lesson, a.exercise) for a in ANSWERS if a.is_solution} == exercises
    assert {(a.lesson, a.exercise) for a in ANSWERS if not a.is_solution} == exercises


def test_an_exercise_without_wrong_answers_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "checks").mkdir()
    (tmp_path / "solutions").mkdir()
    (tmp_path / "checks" / "sums.py").write_text(
        "from checker import exercise, same\n@exercise\ndef add(answer):\n    same(answer(1, 2), 3, 'add(1, 2)')\n"
    )
    solution = tmp_path / "solutions" / "11_sums.py"
    solution.write_text("def add(a, b):\n    return a + b\nWRONG = {}\n")
    monkeypatch.setattr(checker, "HERE", tmp_path)
    with pytest.raises(LookupError, match=r"11_sums.py: should have a solution of add, and wrong answers"):
        list(checker.answers())
    solution.write_text(solution.read_text() + "def minus(a, b):\n    return a - b\nWRONG = {'add': [minus]}\n")
    assert [(a.exercise, a.is_solution) for a in checker.answers()] == [("add", True), ("add", False)]
    assert checker.main() == 0
    solution.write_text(solution.read_text().replace("a - b", "b + a"))
    assert checker.main() == 1


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        (None, 1.0, "f(x) is None. Is a `return` missing?"),
        (2.0, 3.0, "f(x) is 2, should be 3."),
        (np.ones(3), np.ones((3, 1)), "The shape of f(x) should be (3, 1), found (3,)."),
        ("abc", 1.0, "f(x) should hold numbers"),
        (5, (1, 2), "f(x) should be 2 values, found int."),
        (np.array([1, 2, 3]), (1, 2), "f(x) should be 2 values, found 3 of them."),
        ([[1, 2], [3]], np.ones((2, 2)), "f(x) should be an array, found a list whose rows have unlike lengths."),
        ((1, 2, 3), (1, 2), "f(x) should be 2 values, found 3 of them."),
        ((1, 5), (1, 2), "f(x)[1] is 5, should be 2."),
        (np.array([1.0, 9.0, 3.0]), np.array([1.0, 2.0, 3.0]), "1 of the 3 entries of f(x) is wrong:\n    [1] is 9"),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "[1] is nan, should be 2"),
        (np.array([2.0, 4.0]), np.array([1.0, 2.0]), "wrong, all 2 times what they should be:"),
        (np.zeros(2), np.array([1.0, 2.0]), "wrong, all of them 0:"),
        (np.eye(4)[:, :3], np.eye(4)[:, :3] + [[0], [0], [1], [5]], "all of them at indices 2 to 3 of axis 0:"),
        (np.zeros((4, 2)), np.arange(8).reshape(4, 2) * [[0], [0], [0], [1]], "[3, 0] is 0, should be 6"),
        (np.eye(3) * [2, 1, 1], np.eye(3) * [2, 5, 5], "all 0.2 times what they should be:"),
        (np.diag([1, 0, 0, 0]), np.diag([1, 0, 7, 7]), "all of them 0, all of them at indices 2 to 3 of axis 0:"),
        (np.zeros(9), np.arange(1, 10), "9 of the 9 entries"),
    ],
)
def test_what_is_wrong_is_said(found, expected, said):
    with pytest.raises(Wrong) as wrong:
        same(found, expected, "f(x)")
    assert said in str(wrong.value)


def test_only_the_first_wrong_entries_are_listed():
    with pytest.raises(Wrong) as wrong:
        same(np.arange(20.0), np.zeros(20), "f(x)")
    lines = str(wrong.value).splitlines()
    assert [line.strip()[:3] for line in lines[1:-1]] == ["[1]", "[2]", "[3]", "[4]"]
    assert lines[-1].strip() == "…"


def test_what_is_close_enough_is_right():
    same([1.0, 1e-9], np.array([1.0, 0.0]), "f(x)")
    with pytest.raises(Wrong):
        same([1.0, 1e-9], np.array([1.0, 0.0]), "f(x)", tolerance=1e-10)
    same((1, np.zeros(0)), (1, np.zeros(0)), "f(x)")
    same(1e-9, 0.0, "f(x)")
    same([1, [2.0]], (1, 2), "f(x)")  # lists and arrays are as good
    same(np.array([1, 2]), (1, 2), "f(x)")


@exercise
def double(answer):
    """Twice its argument."""
    same(answer(2), 4, "double(2)")


def test_a_verdict_is_printed_and_nothing_is_returned(capsys):
    def unsolved(x):
        raise NotImplementedError

    assert double(unsolved) is None
    double(lambda x: 2 * x)
    double(lambda x: x + 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("double: not solved yet.")
    assert lines[1:] == ["double: right.", "double: not right yet. double(2) is 3, should be 4."]
    assert [double.judge(a).right for a in (unsolved, lambda x: 2 * x, lambda x: x)] == [None, True, False]


def test_an_error_in_an_answer_names_its_line():
    def fails(x):
        return np.concatenate(inner(x))

    def inner(x):
        return x.nonesuch

    verdict = double.judge(fails)
    assert verdict.right is False
    assert "It raised AttributeError: 'int' object has no attribute 'nonesuch'" in verdict.text
    assert "in inner, line " in verdict.text
    assert verdict.text.endswith(": return x.nonesuch")
    verdict = double.judge(lambda x: np.linalg.inv(x))
    assert verdict.text.endswith("double.judge(lambda x: np.linalg.inv(x))")  # not the line in NumPy


class Scale:
    """y = w x, with what the test says for gradients."""

    def __init__(self, backward):
        self.says = backward

    def forward(self, params, x, *, training=False, rng=None):
        return params["w"] * x, x

    def backward(self, params, cache, dy):
        return self.says(params["w"], cache, dy)


@pytest.mark.parametrize(
    ("backward", "said"),
    [
        (lambda w, x, dy: (w * dy, {"w": 2 * x * dy}), "of dw are wrong, all 2 times what they should be"),
        (lambda w, x, dy: (w * dy, {"w": 2 * x * dy}), "\ndx: right."),
        (lambda w, x, dy: (w * dy, {"w": (x * dy).sum()}), "The shape of dw should be that of w, (3,), found ()."),
        (lambda w, x, dy: (w * dy, {}), "The shape of dw should be that of w, (3,), found nothing."),
        (lambda w, x, dy: (w * dy, x * dy), "backward should return dx and a dict"),
        (lambda w, x, dy: None, "backward should return dx and a dict"),
        (lambda w, x, dy: (w * dy * [1, 1, 1.001], {"w": x * dy}), "1 of the 3 entries of dx is wrong:\n    [2] is "),
    ],
)
def test_wrong_gradients_of_a_layer_are_listed(backward, said):
    with pytest.raises(Wrong) as wrong:
        gradients(Scale(backward), {"w": np.array([1.0, 2.0, 3.0])}, np.array([0.5, -1.0, 2.0]))
    assert said in str(wrong.value)


def test_right_gradients_pass():
    right = Scale(lambda w, x, dy: (w * dy, {"w": x * dy}))
    gradients(right, {"w": np.array([1.0, 2.0, 3.0])}, np.array([0.5, -1.0, 2.0]))


@each_lesson
def test_a_notebook_holds_its_scripts_cells(lesson):
    needs_jupytext()
    assert build.check(lesson) == []


SCRIPT = "# %% [markdown]\n# # Title\n\n# %%\nx = 1\n\n# %%\nprint(x)\n"


@pytest.fixture
def script(tmp_path):
    needs_jupytext()
    path = tmp_path / "tutorials" / "11_tiny.py"
    path.parent.mkdir()
    for name in ("build.py", "shown.py", "opened_alone.py"):
        shutil.copy(TUTORIALS / name, path.parent)
    (path.parent / "checker.py").touch()
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    path.write_text(SCRIPT)
    return path


def run_by_hand(notebook):
    code = [c for c in notebook.cells if c.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        cell.execution_count = number
    return notebook, code[-1]


def test_a_cell_keeps_its_name_when_another_is_put_before_it(script):
    before = [c.id for c in build.cells(script).cells]
    script.write_text(SCRIPT.replace("# %%\nx = 1", "# %%\ny = 2\n\n# %%\nx = 1"))
    after = [c.id for c in build.cells(script).cells]
    assert [*after[:2], *after[3:]] == before
    script.write_text(SCRIPT + "\n# %%\nprint(x)\n")
    assert len(set(c.id for c in build.cells(script).cells)) == 5  # the same text twice


def test_a_notebook_that_is_not_its_scripts_is_refused(script):
    notebook, _ = run_by_hand(build.cells(script))
    assert build.faults(notebook, script) == []
    script.write_text(SCRIPT.replace("x = 1", "x = 2"))
    assert build.faults(notebook, script) == ["its cells are not the script's"]
    assert build.check(script) == ["there is none"]


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ({"output_type": "error", "ename": "E", "evalue": "", "traceback": []}, "a cell failed"),
        (
            {"output_type": "stream", "name": "stdout", "text": "see /home/me/numser"},
            "path of this machine, /home/me",
        ),
        (
            {"output_type": "stream", "name": "stderr", "text": f"{sys.prefix}/x"},
            f"path of this machine, {sys.prefix}",
        ),
        ({"output_type": "stream", "name": "stdout", "text": "a" * 10**6}, "should have 1000000 at most"),
    ],
)
def test_outputs_that_should_not_be_kept_are_refused(script, output, fault):
    from nbformat import NotebookNode

    notebook, last = run_by_hand(build.cells(script))
    last.outputs = [NotebookNode(output)]
    assert any(fault in found for found in build.faults(notebook, script))
    last.outputs = []
    last.execution_count = None
    assert build.faults(notebook, script) == ["a cell was not run"]


def test_sound_in_an_output_is_no_path(script):
    from nbformat import NotebookNode

    notebook, last = run_by_hand(build.cells(script))
    html = '<source src="data:audio/wav;base64,AAA//tmp/abc/home/def==">'
    last.outputs = [NotebookNode(output_type="display_data", data={"text/html": html}, metadata={})]
    assert build.faults(notebook, script) == []


def test_what_is_shown_as_a_page_needs_an_alternative_text(script):
    from nbformat import NotebookNode

    notebook, last = run_by_hand(build.cells(script))
    for page, faults in (
        ('<img alt="a line" src="x">', []),
        ('<img src="x">', ["a picture has no alternative text"]),
    ):
        last.outputs = [NotebookNode(output_type="display_data", data={"text/html": page}, metadata={})]
        assert build.faults(notebook, script) == faults


def test_badges_and_the_first_cell_take_the_projects_address_from_one_place(script, monkeypatch):
    monkeypatch.setattr(build, "repository", lambda: None)
    _, first, *_ = build.cells(script).cells
    assert first.id == build.FIRST and 'or "ADDRESS"' in first.source
    monkeypatch.setattr(build, "repository", lambda: "https://github.com/somebody/numser")
    _, badges, first, *_ = build.cells(script).cells
    assert 'or "https://github.com/somebody/numser/archive/HEAD.zip"' in first.source
    assert re.findall(r"\]\(([^)]+)\)", badges.source) == [
        "https://colab.research.google.com/assets/colab-badge.svg",
        "https://colab.research.google.com/github/somebody/numser/blob/main/tutorials/11_tiny.ipynb",
        "https://mybinder.org/badge_logo.svg",
        "https://mybinder.org/v2/gh/somebody/numser/HEAD?labpath=tutorials/11_tiny.ipynb",
    ]


@pytest.mark.slow
def test_a_lesson_in_an_empty_folder_fetches_the_checks_and_installs_numser(tmp_path):
    """With everything but numser on the path, a web server here, and pip's part played."""
    archive = build.without_solutions(tmp_path / "numser.zip")
    with zipfile.ZipFile(archive) as whole:
        names = whole.namelist()
        assert "solutions/" not in whole.read("numser/tutorials/05_gru.ipynb").decode()
    assert {"numser/pyproject.toml", "numser/numser/model.py", "numser/tutorials/checks/gru.py"} <= set(names)
    assert "numser/benchmarks/results/training.csv" in names  # lessons read it
    assert [name for name in names if "/solutions/" in name or "/teaching/" in name or "__pycache__" in name] == []
    empty = tmp_path / "empty"
    empty.mkdir()
    played = (
        f"import subprocess, sys; sys.path += {[p for p in sys.path if 'site-packages' in p]}; commands = []\n"
        "def pip(command, check):\n"
        "    commands.append(command[1:]); sys.path.append(command[-1].removesuffix('[tutorials]'))\n"
        "subprocess.run = pip\n"
    )
    after = (
        "import numser, checker; from checks import gru; print(commands, numser.__file__, checker.RESULTS.exists())"
    )
    cell = (TUTORIALS / "opened_alone.py").read_text(encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for address, said in (
            (
                f"http://127.0.0.1:{server.server_port}/numser.zip",
                f"{empty}/numser-source/numser/numser/__init__.py True",
            ),
            ("", "numser has no public address: set NUMSER_SOURCE"),
        ):
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"NUMSER_SOURCE": address}
            command = [sys.executable, "-S", "-c", f"{played}\n{cell}\n{after}"]
            run = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True)
            assert said in run.stdout + run.stderr, run.stderr
            assert bool(address) == ("'pip', 'install', '-q'" in run.stdout)
            shutil.rmtree(empty / "numser-source", ignore_errors=True)
        server.shutdown()


def test_a_lesson_is_built_twice_the_same_and_a_failing_one_leaves_its_notebook(script):
    for package in ("nbclient", "ipykernel", "matplotlib"):
        pytest.importorskip(package, reason=f'{package} is not installed; pip install "numser[tutorials]"')
    import nbformat

    picture = (
        "\n# %%\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\n# Picture: a line\n# that rises\nplt.show()\n"
    )
    script.write_text(SCRIPT + picture)

    def run(*arguments):
        command = [sys.executable, str(script.parent / "build.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    assert run("--check").returncode == 1
    assert run("11").returncode == 0
    notebook = script.with_suffix(".ipynb")
    built = notebook.read_bytes()
    *_, printed, drawn = nbformat.reads(built.decode(), as_version=4).cells
    assert printed.outputs[0].text == "1\n"
    assert "image/png" in drawn.outputs[-1].data
    assert drawn.outputs[-1].metadata["image/png"]["alt"] == "a line that rises"
    assert run("--check").returncode == 0
    assert run().returncode == 0
    assert notebook.read_bytes() == built

    script.write_text((SCRIPT + picture).replace("Title", "Name").replace("that rises", "upwards"))
    assert run("--prose", "11").returncode == 0
    title, *_, drawn = nbformat.read(notebook, as_version=4).cells
    assert title.source == "# Name" and drawn.execution_count == 4
    assert drawn.outputs[-1].metadata["image/png"]["alt"] == "a line upwards"
    built = notebook.read_bytes()
    script.write_text(SCRIPT + picture.replace("1, 2", "2, 1"))
    assert "its code has changed; build it without --prose" in run("--prose").stderr
    script.write_text(SCRIPT + picture.replace("# Picture", "# What"))
    assert "a picture has no alternative text" in run().stderr
    assert notebook.read_bytes() == built

    script.write_text(SCRIPT + "\n# %%\n1 / 0\n")
    failed = run()
    assert failed.returncode == 2
    assert "a cell failed; the notebook is left as it was" in failed.stderr
    assert "ZeroDivisionError" in failed.stderr
    assert notebook.read_bytes() == built
    assert "choose from 11" in run("12").stderr
