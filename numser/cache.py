"""Where corpora are looked for, and fetched to, when nobody says where."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from numser.errors import InputError


def cache_folder() -> Path:
    """The folder that holds corpora, each in a folder of its own name; it need not exist.

    $NUMSER_DATA where it is set; else a folder `numser` where this platform keeps what can be fetched again:
    %LOCALAPPDATA% on Windows, ~/Library/Caches on macOS, elsewhere $XDG_CACHE_HOME or ~/.cache.
    """
    if chosen := os.environ.get("NUMSER_DATA"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "numser"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While something below the cache folder is written, what the system refuses becomes one sentence.

    Raises      InputError: the disk is full, rights are missing, …
    """
    try:
        yield
    except OSError as error:
        remedy = "make room or give rights, or name another folder in the environment variable NUMSER_DATA"
        raise InputError(f"{path}: cannot be written ({error.strerror}); {remedy}") from error


def open_unbuffered(path: Path, mode: str) -> FileIO:
    """Open a file to write to it: what is written goes to the system at once, and closing has nothing left to do.

    Raises      InputError: as above
    """
    with writing(path):
        return open(path, mode, buffering=0)


def write_all(file: FileIO, data: bytes) -> None:
    """Write data to an unbuffered file, which by itself may take a part only, such as when the disk is full.

    Raises      InputError: as above
    """
    with writing(file.name):
        while data:
            data = data[file.write(data) :]
