"""For teachers: slides and assignments made from the lessons."""

import re
import sys

import pytest
from conftest import PROJECT

TUTORIALS = PROJECT / "tutorials"
sys.path.insert(0, str(TUTORIALS))

pytest.importorskip("jupytext", reason='jupytext is not installed; pip install "numser[tutorials]"')

import build  # noqa: E402
import checker  # noqa: E402

LESSONS = build.lessons([])
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
assignments, slides = (checker.load(TUTORIALS / "teaching" / f"{name}.py") for name in ("assignments", "slides"))


def as_students_get_it(source):
    """A cell without what nbgrader takes out, and without blank lines at its end."""
    for what in ("SOLUTION", "HIDDEN TESTS"):
        source = re.sub(f"### BEGIN {what}.*?### END {what}", "", source, flags=re.DOTALL)
    return source.rstrip()


@each_lesson
def test_an_assignment_is_the_lesson_with_a_point_for_each_exercise(lesson):
    notebook, plain = assignments.assignment(lesson, 7), build.cells(lesson)
    code, expected = ([c for c in n.cells if c.cell_type == "code"] for n in (notebook, plain))
    assert [as_students_get_it(c.source) for c in code] == [c.source for c in expected]
    marked = [c.metadata["nbgrader"] for c in code if "nbgrader" in c.metadata]
    assert len({m["grade_id"] for m in marked}) == len(marked)
    assert [m["solution"] for m in marked] == [True, False] * (len(marked) // 2)
    exercises = [a.exercise for a in checker.answers() if a.is_solution and a.lesson == lesson.stem]
    assert sum(m.get("points", 0) for m in marked) == len(exercises)
    assert "solutions/" not in "".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def test_an_assignments_solutions_pass_its_hidden_tests_and_its_stubs_do_not():
    (lesson,) = build.lessons(["12"])
    answer, test = (c for c in assignments.assignment(lesson, 7).cells if "leaks" in str(c.metadata.get("nbgrader")))
    given = {"check": checker.load(TUTORIALS / "checks" / "your_own_recordings.py")}
    exec(answer.source + "\n" + test.source, given)
    with pytest.raises(AssertionError, match="not solved yet"):
        exec(as_students_get_it(answer.source) + "\n" + test.source, given)


def test_a_courses_folder(tmp_path, capsys):
    assignments.main([str(tmp_path / "course"), "--secret", "7", "02", "12"])
    assert "nbgrader generate_assignment" in capsys.readouterr().out
    assert sorted(p.stem for p in tmp_path.glob("course/source/*/*.ipynb")) == [
        "02_convolution", "12_your_own_recordings",
    ]  # fmt: skip
    assert "code_stub" in (tmp_path / "course" / "nbgrader_config.py").read_text()


@each_lesson
def test_slides_have_the_lessons_question_its_guesses_and_all_of_its_pictures(lesson):
    text, pictures = slides.slides(lesson)
    script = lesson.read_text(encoding="utf-8")
    assert text.count("**Guess first.**") == script.count("**Guess first.**")
    assert text.count("**Question.**") == 1
    assert re.findall(rf"\({lesson.stem}/(\d+)\.png\)", text) == [str(k + 1) for k in range(len(pictures))]
    assert len(pictures) == len(re.findall(r"^(?:plt\.show\(\)|turn\(|listen_along\()", script, re.MULTILINE))
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert "## Exercise 1 · " in text
    assert "<details>" not in text


def test_slides_as_html_need_no_network(tmp_path):
    pytest.importorskip("pypandoc", reason='pandoc is not installed; pip install "numser[teaching]"')
    slides.main([str(tmp_path), "06"])
    page = (tmp_path / "06_attention_pooling.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(list(tmp_path.glob("06_attention_pooling/*.png")))
    assert re.findall(r'(?:src|<link[^>]* href)="(?!data:)', page) == []
    assert "<math " in page
