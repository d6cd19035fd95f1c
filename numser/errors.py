"""The one exception for mistakes of the person who runs numser, and how it quotes what it found."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from reprlib import repr as short

_ARGUMENT = re.compile("‹([a-z_]+)›")
_LONGEST = 5_000  # characters of a sentence: a path may have 4096
_QUOTED = 80  # characters of a damaged value that a sentence repeats
# What moves a terminal's cursor or breaks its lines; what turns the direction of writing round; halves of characters,
# which stand for bytes that are not UTF-8.
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence: which file or argument, what was found, what to do. An argument's name stands in it
    as ‹test_speaker›: Python shows it as test_speaker, and a command, which ends with the sentence and exit code 2
    instead of a traceback, as the option --test-speaker.
    """

    def __str__(self) -> str:
        return _ARGUMENT.sub(r"\1", _within_reason(super().__str__()))

    def for_command(self) -> str:
        """The sentence with options in the place of arguments."""
        return _ARGUMENT.sub(lambda name: option_of(name[1]), _within_reason(super().__str__()))


def _within_reason(sentence: str) -> str:
    """All of it, unless names in it are longer than any person's."""
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST // 2]} … {sentence[-_LONGEST // 2 :]}"


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


def printable(text: str) -> str:
    """A text as one line that is safe on any screen: control characters, line breaks too, as Python writes them."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def reason(error: BaseException) -> str:
    """What an error says, in short: some repeat all that they stumbled over."""
    lines = str(error).splitlines()
    return printable(lines[0][:160]) if lines else type(error).__name__


def quoted(value: object) -> str:
    """A value as a sentence quotes it: what Python writes for it, but not all of what is long."""
    text = repr(value[: _QUOTED + 1]) if isinstance(value, str) else short(value)
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
