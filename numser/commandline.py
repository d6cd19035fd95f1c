"""What all command lines share: how they end, how they name Python, and how they quote what to type."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from numser.errors import InputError
from numser.memory import keep_freed_memory


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call `main` and end the process: a user's mistake is one sentence and exit code 2, not a traceback.

    The process is the command's own, so freed memory is kept for the next array.
    What the terminal's encoding lacks, such as λ in Windows' cp1252, is printed as an escape.
    """
    keep_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's streams lack it, and need it not
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            code = main() or 0
        finally:  # --help ends main by SystemExit
            sys.stdout.flush()
    except InputError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)


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
    words = [str(word) for word in words]
    if sys.platform == "win32":
        from subprocess import list2cmdline

        return list2cmdline(words)
    return shlex.join(words)
