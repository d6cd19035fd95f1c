"""The one exception for mistakes of the person who runs numser."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ARGUMENT = re.compile("‹([a-z_]+)›")


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence: which file or argument, what was found, what to do. An argument's name stands in it
    as ‹test_speaker›: Python shows it as test_speaker, and a command, which ends with the sentence and exit code 2
    instead of a traceback, as the option --test-speaker.
    """

    def __str__(self) -> str:
        return _ARGUMENT.sub(r"\1", super().__str__())

    def for_command(self) -> str:
        """The sentence with options in the place of arguments."""
        return _ARGUMENT.sub(lambda name: option_of(name[1]), super().__str__())


class InputWarning(UserWarning):
    """Something the user gave is used, but not as it stands. One sentence, as in an InputError."""


_NOTES: ContextVar[list[str] | None] = ContextVar("_NOTES", default=None)


def note(sentence: str) -> None:
    """Warn by an InputWarning, or tell who collects such sentences."""
    notes = _NOTES.get()
    if notes is None:
        warnings.warn(sentence, InputWarning, stacklevel=3)
    elif sentence not in notes:
        notes.append(sentence)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Collect what `note` is given in this thread."""
    notes: list[str] = []
    before = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(before)


def option_of(argument: str) -> str:
    """What a command calls an argument."""
    return f"--{argument.replace('_', '-')}"
