"""What all commands share: how they end, how they show progress, and how they say what to type."""

import argparse
import os
import re
import shlex
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, TextIO

from numser.errors import InputError, InputWarning, printable
from numser.threads import keep_freed_memory


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call `main` and end the process: a user's mistake is one sentence and exit code 2, not a traceback.

    The process is the command's own, so freed memory is kept for the next array.
    What the terminal's encoding lacks, such as λ in Windows' cp1252, is printed as an escape.
    What cannot be written to standard error is dropped, and the work goes on; without standard output, it ends.
    Who is asked to end, by SIGTERM or the terminal that closes, first puts away what it has begun.
    """
    keep_freed_memory()
    _show_notes()
    ending = _end_in_order()
    closed = sys.stdout is None
    for name, kind in (("stderr", Shown), ("stdout", Output)):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115  # so that no other file gets its number
        if hasattr(stream, "reconfigure"):  # a notebook's streams lack it, and need it not
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, kind(stream))
    try:
        if closed:
            raise InputError("standard output is closed; send it to a file, or to nowhere")
        _check_words(sys.argv[1:])
        try:
            code = main() or 0
        finally:  # --help ends main by SystemExit
            sys.stdout.flush()
    except InputError as mistake:
        complain(mistake)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        code = 141
    except OSError as error:
        if error.filename is None:
            raise
        complain(InputError(f"{os.fsdecode(error.filename)}: cannot be used ({error.strerror}); check this name"))
        code = 2
    except Exception:
        if not ending:
            raise
        code = ending[0]
    for asked in ending:  # it has come, and need not come again
        signal.signal(asked - 128, signal.SIG_IGN)
    sys.exit(code)


def _check_words(words: list[str]) -> None:
    """Refuse an empty word, which Python takes for the folder where it is: a shell makes it of a variable not set.

    Raises      InputError: there is one
    """
    for before, word in pairwise(["", *words]):
        if word == "" or re.fullmatch("--[a-z0-9-]+=", word):
            option = word.rstrip("=") or (before if before.startswith("--") else "an argument")
            raise InputError(f"{option}: is empty, perhaps a variable that is not set; fill it in, or leave it out")


def complain(mistake: InputError) -> None:
    """Say what is wrong, as a command does."""
    print(f"error: {printable(mistake.for_command())}", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print lines. Names and labels in them are data: what they hold besides letters is shown, and does nothing."""
    print("\n".join(map(printable, text.split("\n"))), flush=True)


def _end_in_order() -> list[int]:
    """Let a request to end come as an exception. Where C has called Python, as libsndfile does, that is lost: so the
    request comes again a moment later, and its exit code is in the list from then on.
    """
    others, main, lost = sys.unraisablehook, threading.get_ident(), []
    numbers: dict[Any, int] = {}  # of signals, by the exit codes that they make

    def come_again(ignored: Any) -> None:
        interrupted = ignored.exc_type is KeyboardInterrupt
        number = signal.SIGINT if interrupted else numbers.get(getattr(ignored.exc_value, "code", None))
        if number is None:
            return others(ignored)
        lost.append(128 + number)
        # Only a signal that is sent to this thread ends its wait for something.
        send = (lambda n: signal.pthread_kill(main, n)) if os.name == "posix" else signal.raise_signal
        threading.Timer(0.02, send, [number]).start()

    sys.unraisablehook = come_again
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        with suppress(ValueError):  # not the main thread, which alone may say so
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, lambda received, _: sys.exit(128 + received))
                numbers[128 + number] = number
    return lost


class Shown:
    """A stream for what may be lost: after the first write that fails, what it is given goes nowhere."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        return self._tried(self._stream.write, text) or 0

    def flush(self) -> None:
        """Send what was written on its way."""
        self._tried(self._stream.flush)

    def _tried(self, act: Callable, *arguments: str) -> Any:
        try:
            return act(*arguments)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            with suppress(OSError, ValueError, AttributeError):  # what it still holds would be in the way at the end
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        pass


class Output(Shown):
    """A stream for results: where they cannot go, the command ends."""

    def _failed(self, error: Exception) -> None:
        if isinstance(error, BrokenPipeError):
            raise error
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"standard output: cannot be written ({reason}); send it elsewhere") from None


def _show_notes() -> None:
    """Show what is used otherwise than it stands as a line on standard error: once for each file, without code."""
    others = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, InputWarning):
            Progress().line(f"note: {message}")
        else:
            others(message, category, *where, **more)

    warnings.showwarning = show
    warnings.simplefilter("default", InputWarning)


def program(command: str = "") -> str:
    """How a command was called, for its usage: as a part of `numser` or of `python -m numser`, or by itself."""
    called = Path(sys.argv[0])
    if called.stem == "numser":
        return f"numser {command}".rstrip()
    if called.parts[-2:] == ("numser", "__main__.py") or not command:
        return f"python -m numser {command}".rstrip()
    return f"python -m numser.{command}"


def python_command() -> str:
    """What to type for the Python that is running: "python" if that is it, else its path, short where it can be."""
    running = Path(sys.executable)
    on_path = shutil.which("python")
    if on_path and Path(on_path) == running:
        return "python"
    here = Path.cwd()
    return str(running.relative_to(here)) if running.is_relative_to(here) else str(running)


def shell_line(*words: str | Path) -> str:
    """The words as one line to type into the shell, quoted where they hold spaces and the like."""
    texts = [str(word) for word in words]
    if sys.platform == "win32":
        from subprocess import list2cmdline

        return list2cmdline(texts)
    return shlex.join(texts)


class Progress:
    """Progress of long work: one live line on a terminal, plain lines elsewhere.

    Writes to standard error, so that results on standard output stay clean.

    `live` says where the work is now: on a terminal it overwrites the last such line, elsewhere it says nothing.
    `step` says that something happened that matters: on a terminal it is live too, elsewhere it is a line.
    `line` stays in both.
    """

    def __init__(self, stream: TextIO | None = None):
        self.stream = Shown(stream or sys.stderr or open(os.devnull, "w"))  # noqa: SIM115  # None: it is closed
        self.terminal = self.stream.isatty()
        self._last_live = -float("inf")

    def live(self, text: str) -> None:
        """Overwrite the live line, at most ten times a second."""
        now = time.monotonic()
        if self.terminal and now - self._last_live > 0.1:
            self._last_live = now
            self._overwrite(text)

    def step(self, text: str) -> None:
        """Overwrite the live line, or print a line where there is no terminal."""
        if self.terminal:
            self._overwrite(text)
        else:
            self.line(text)

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        print(printable(text), file=self.stream, flush=True)

    def clear(self) -> None:
        """Remove the live line."""
        if self.terminal:
            self._overwrite("")

    def _overwrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self.stream.write("\r\x1b[K" + printable(text)[:width])
        self.stream.flush()


def in_words(seconds: float) -> str:
    """A length of time as a person would say it: 42 s, 3 min, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 100:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def command_line(
    command: str, description: str | None, epilog: str | None = None, **how: Any
) -> argparse.ArgumentParser:
    """The parser of a command's arguments. Where there is an epilog, all texts have their lines as they stand."""
    kind = argparse.RawDescriptionHelpFormatter if epilog else argparse.HelpFormatter
    how |= {"prog": program(command), "description": description, "epilog": epilog, "formatter_class": kind}
    return argparse.ArgumentParser(**how)


def option(group, flag: str, default=None, help: str = "", **kwargs) -> None:
    """Add an option whose help tells the default."""
    note = "" if default is None else f" (default {default})"
    group.add_argument(flag, help=help + note, **kwargs)


def offline_option(group) -> None:
    """Add --offline."""
    group.add_argument(
        "--offline", action="store_true", help="do not fetch Emo-DB if it is not there (or set NUMSER_OFFLINE=1)"
    )


def confusion_table(labels: list[str], confusion: list[list[int]]) -> str:
    """The confusion matrix as text: a row a true label, a column a predicted one, recalls at the right."""
    labels = list(map(printable, labels))
    wide = max(map(len, labels)) + 1
    lines = [f"{'':<{wide}}" + "".join(f"{label[:4]:>6}" for label in labels) + "  recall    (rows: truth)"]
    for i, (label, row) in enumerate(zip(labels, confusion, strict=True)):
        recall = f"{row[i] / sum(row):.2f}" if sum(row) else "-"
        lines.append(f"{label:<{wide}}" + "".join(f"{n or '·':>6}" for n in row) + f"{recall:>8}")
    return "\n".join(lines)
