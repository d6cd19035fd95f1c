import io

import pytest

from numser.cli import Progress, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (3500, "58 min"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_as_a_person_says_them(seconds, words):
    assert duration(seconds) == words


def test_a_terminal_has_one_live_line_and_lines_that_stay(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    progress = Progress(stream)
    progress.live("first")
    progress.live("too soon after the first")
    progress.step("a step that is longer than the terminal is wide")
    progress.line("stays")
    assert stream.getvalue().split("\r\x1b[K") == ["", "first", "a step that is long", "stays\n"]


def test_elsewhere_only_what_matters_is_a_line():
    stream = io.StringIO()
    progress = Progress(stream)
    progress.live("not shown")
    progress.step("a step")
    progress.line("a line")
    progress.clear()
    assert stream.getvalue() == "a step\na line\n"
