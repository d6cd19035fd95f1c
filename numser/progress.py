"""Progress of long work: one live line on a terminal, plain lines elsewhere."""

import shutil
import sys
import time
from typing import TextIO


class Progress:
    """Writes to standard error, so that results on standard output stay clean.

    `live` says where the work is now: on a terminal it overwrites the last such line, elsewhere it says nothing.
    `step` says that something happened that matters: on a terminal it is live too, elsewhere it is a line.
    `line` stays in both.
    """

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
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
            print(text, file=self.stream, flush=True)

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        print(text, file=self.stream, flush=True)

    def clear(self) -> None:
        """Remove the live line."""
        if self.terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _overwrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self.stream.write("\r\x1b[K" + text[:width])
        self.stream.flush()


def duration(seconds: float) -> str:
    """A length of time as a person would say it: 42 s, 3 min, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 100:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
