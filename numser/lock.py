"""One process at a time.

The operating system holds the lock, so it ends with its process, however that ends; the file stays and says nothing.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from numser.cache import open_unbuffered, writing


@contextmanager
def alone(
    path: Path, on_wait: Callable[[], None] = lambda: None, pause: float = 0.2, if_possible: bool = False
) -> Iterator[None]:
    """Run the block while no other thread or process is in such a block with the same `path`.

    `on_wait` is called once if another one is there, before it is waited for; it may raise, instead of waiting. The
    file is made, and never removed: whoever waits for it would hold a lock on a file that the next one does not find.
    With `if_possible`, the block runs unprotected on a file system that cannot lock, such as some networks'.

    Units       pause in seconds, between two looks
    Raises      InputError: the file cannot be made, or its file system cannot lock
    """
    with open_unbuffered(path, "ab") as file:
        waits = False
        while not _locked(file, path, if_possible):
            if not waits:
                waits = True
                on_wait()
            time.sleep(pause)  # waiting in the system would keep Ctrl-C waiting too, on Windows
        try:
            yield
        finally:
            _unlock(file)


def _locked(file: BinaryIO, path: Path, if_possible: bool) -> bool:
    """Try to get the lock."""
    with writing(path):
        try:
            _lock(file)
            return True
        except (BlockingIOError, PermissionError):  # Windows says the latter
            return False
        except OSError:
            if not if_possible:
                raise
            return True


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
