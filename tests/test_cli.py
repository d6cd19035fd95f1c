import io
import os
import pickle
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from numser.cli import Progress, confusion_table, in_words, python_command, run, say, shell_line
from numser.errors import InputError


@pytest.fixture(autouse=True)
def _words(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["numser"])  # not pytest's own, which may be empty


def code_of(main):
    with pytest.raises(SystemExit) as end:
        run(main)
    return end.value.code


def run_python(*arguments, **options):
    options = {"capture_output": True, "text": True, "check": False} | options
    return subprocess.run([sys.executable, *arguments], **options)


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (1, 1), (130, 130)])
def test_what_main_returns_is_the_exit_code(value, code):
    assert code_of(lambda: value) == code


def test_a_users_mistake_is_one_line(capsys):
    def main():
        print("so far so good")
        raise InputError("‹out› a.wav: it holds no samples; record it anew")

    assert code_of(main) == 2
    assert capsys.readouterr() == ("so far so good\n", "error: --out a.wav: it holds no samples; record it anew\n")


@pytest.mark.parametrize(
    ("words", "option"),
    [(["--data", ""], "--data"), (["a.wav", ""], "an argument"), ([""], "an argument"), (["--data="], "--data")],
)
def test_an_empty_word_is_not_the_folder_where_one_is(words, option, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["numser", *words])
    assert code_of(lambda: pytest.fail("it has begun")) == 2
    assert capsys.readouterr().err.startswith(f"error: {option}: is empty, perhaps a variable that is not set; ")
    monkeypatch.setattr(sys, "argv", ["numser", "--map", "calm=", "--map=calm="])
    assert code_of(lambda: 0) == 0


def test_an_interrupt_ends_quietly(capsys):
    def main():
        raise KeyboardInterrupt

    assert code_of(main) == 130
    assert capsys.readouterr() == ("", "")


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)


PRINTS_LITTLE = "run(lambda: print('a line of text'))"
PRINTS_MUCH = "run(lambda: print('a line of text\\n' * 100_000))"
HELPS = "import argparse; run(lambda: argparse.ArgumentParser().parse_args(['--help']))"


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe breaks in another way")
@pytest.mark.parametrize("program", [PRINTS_LITTLE, PRINTS_MUCH, HELPS])
def test_a_reader_who_has_gone_is_no_error(program):
    reading, writing = os.pipe()
    os.close(reading)
    program = f"from numser.cli import run; {program}"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with os.fdopen(writing, "wb") as pipe:
        done = run_python("-c", program, env=buffered, stdout=pipe, stderr=subprocess.PIPE, capture_output=False)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["numser.train", "--help"], ["numser.model", "--blocks", "0"]])
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_terminal_without_greek_letters(arguments, encoding):
    done = run_python("-m", *arguments, env=os.environ | {"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("\\u03bb" if arguments[0] == "numser.train" else "\\u2070") in done.stdout


def test_streams_that_cannot_be_set_are_left_alone(monkeypatch):
    class Stream:
        text = ""

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stdout", Stream())
    assert code_of(lambda: print("λ")) == 0
    assert sys.stdout.text == "λ\n"


def test_a_shell_line_is_read_as_its_words():
    words = [python_command(), "-m", "numser.predict", Path("my runs") / "it's.npz", "$HOME", "a.wav", ""]
    assert shlex.split(shell_line(*words)) == [str(word) for word in words]
    assert shell_line("python", "-m", "numser.predict", Path("a.wav")) == "python -m numser.predict a.wav"


def test_a_line_for_windows(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    assert shell_line("python", "my runs\\model.npz", "a.wav") == 'python "my runs\\model.npz" a.wav'


def test_an_argument_is_an_option_in_a_command_and_a_name_in_python():
    mistake = InputError("‹test_speaker› 99: is not there; use ‹fold›, not «‹» or --data")
    assert str(mistake) == "test_speaker 99: is not there; use fold, not «‹» or --data"
    assert str(pickle.loads(pickle.dumps(mistake))) == str(mistake)
    assert mistake.for_command() == "--test-speaker 99: is not there; use --fold, not «‹» or --data"


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this platform has no /dev/full")


@pytest.mark.skipif(sys.platform == "win32", reason="the shell is another one")
@pytest.mark.parametrize("where", ["2>&-", pytest.param("2>/dev/full", marks=FULL)])
def test_what_cannot_be_shown_is_dropped(where):
    program = (
        "import sys; from numser.cli import Progress, run\n"
        "def main():\n"
        "    progress = Progress()\n"
        "    for _ in range(3): progress.line('a line'); progress.step('a step'); print('a word', file=sys.stderr)\n"
        "    print('done')\n"
        "run(main)"
    )
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} {where}",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the shell is another one")
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (">&-", "standard output is closed; send it to a file, or to nowhere"),
        pytest.param(
            ">/dev/full",
            "standard output: cannot be written (No space left on device); send it elsewhere",
            marks=FULL,
        ),
    ],
)
@pytest.mark.parametrize(
    "program", ["-m numser.model --blocks 0", f"-c {shlex.quote(f'from numser.cli import run; {PRINTS_MUCH}')}"]
)
def test_results_that_cannot_be_written_are_an_error(where, reason, program):
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} {program} {where}", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {reason}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="it has other signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_who_is_asked_to_end_puts_away_what_was_begun(name, tmp_path):
    program = (
        f"import signal; signal.signal(signal.{name}, signal.SIG_DFL)\n"  # nohup has it ignored
        "import time; from pathlib import Path; from numser.cli import run; path = Path('begun')\n"
        "def main():\n"
        "    try: path.touch(); print('ready', flush=True); time.sleep(60)\n"
        "    finally: path.unlink()\n"
        "run(main)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=tmp_path) as process:
        process.stdout.readline()
        process.send_signal(getattr(signal, name))
    assert process.returncode == 128 + getattr(signal, name)
    assert list(tmp_path.iterdir()) == []


# A request to end that comes while libsndfile writes to memory; then long work, or an error, since a part is missing.
LOST = """
import io, os, signal, sys, time
import numpy as np, soundfile
from numser.cli import run

signal.signal(signal.SIGTERM, signal.SIG_DFL)  # who starts programs in the background may have them ignored
signal.signal(signal.SIGINT, signal.default_int_handler)

class Asked(io.BytesIO):
    asked = False

    def write(self, data):
        if not self.asked:
            self.asked = True
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        return super().write(data)

def main():
    try:
        soundfile.write(Asked(), np.zeros(16000), 16000, format="WAV")
    except AssertionError:
        if sys.argv[2] == "error":
            raise
    time.sleep(30)

run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has other signals")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
@pytest.mark.parametrize("then", ["work", "error"])
def test_a_request_to_end_is_not_lost_where_c_calls_python(name, code, then):
    done = run_python("-c", LOST, name, then, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_name_too_long_is_one_line(capsys):
    name = "a" * 300
    assert code_of(lambda: Path(name).read_bytes()) == 2
    assert capsys.readouterr().err == f"error: {name}: cannot be used (File name too long); check this name\n"


HOSTILE = "a\x1b]0;b\x07\nerror: \u202ec\udcff"
SHOWN = r"a\x1b]0;b\x07\nerror: \u202ec\udcff"


def test_names_do_nothing_to_a_terminal(capsys):
    stream = Terminal()
    progress = Progress(stream)
    progress.live(HOSTILE)
    progress.step(HOSTILE)
    progress.line(HOSTILE)
    assert [text.rstrip("\n") for text in stream.getvalue().split("\r\x1b[K")] == ["", SHOWN, SHOWN, SHOWN]

    def main():
        say(f"two\nlines {HOSTILE[:3]}")
        print(confusion_table([HOSTILE, "ß ‌ا"], [[1, 0], [0, 1]]))
        raise InputError(HOSTILE)

    assert code_of(main) == 2
    out, err = capsys.readouterr()
    assert out.startswith(f"two\nlines {SHOWN[:6]}\n") and SHOWN in out and "ß ‌ا" in out
    assert err == f"error: {SHOWN}\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (3500, "58 min"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_as_a_person_says_them(seconds, words):
    assert in_words(seconds) == words


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
