"""Who computes on which core, and what becomes of memory that an array no longer needs.

numser gives each core one Python thread with its own part of the batch (the kernels run without Python's lock).
The matrix products inside go to a BLAS library that would start threads of its own. Both together fight for
the cores: with two cores a training step takes twice as long. And BLAS adds in another order with another number of
threads, so the result would depend on the machine. So BLAS is held to one thread while numser computes.
"""

import ctypes
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_blocks = 0  # how many `one_blas_thread` blocks are open, in all threads
_keeper: "_Keeper | None" = None
_warned = False


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread inside the block. Blocks may overlap in several threads: the last one lets go.

    Where the BLAS library cannot be held, a warning says so, once.
    """
    global _blocks, _keeper, _warned
    with _lock:
        if _keeper is None:
            _keeper = _Keeper()
        _blocks += 1
        warn, _warned = not (_keeper.held or _warned), _warned or not _keeper.held
    try:
        if warn:
            warnings.warn(
                "numser: NumPy's BLAS library cannot be held to one thread here; training may be slower, and another "
                "number of threads may give other last digits",
                stacklevel=3,
            )
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0 and _keeper is not None:
                _keeper.let_go()
                _keeper = None


class _Keeper(threading.Thread):
    """Sets the limit when it starts, and takes it back when it is told to let go.

    It is a thread because threadpoolctl lets only the thread that set a limit take it back, and the first block
    to open need not be the last to close.
    """

    def __init__(self):
        super().__init__(name="numser-blas-limit", daemon=True)
        self.held = False
        self._tried, self._done = threading.Event(), threading.Event()
        self.start()
        self._tried.wait()

    def run(self):
        try:
            blas = ThreadpoolController().select(user_api="blas")
            with blas.limit(limits=1):
                threads = [library["num_threads"] for library in blas.info()]
                self.held = bool(threads) and set(threads) == {1}
                self._tried.set()
                self._done.wait()
        finally:
            self._tried.set()

    def let_go(self):
        self._done.set()
        self.join()


# A large array's memory comes fresh from the operating system, which clears each page of it at the first touch, and
# goes back there when the array is gone. A training step needs the same hundred arrays again and again, and an
# utterance recognised is over in milliseconds, of which the clearing takes a third. So the C library is told to keep
# what was freed and to hand it out again. The names are those of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_THRESHOLD = 32 * 2**20  # glibc takes no more; larger arrays still come fresh


def keep_freed_memory() -> bool:
    """Make this process reuse the memory of arrays up to 32 MiB; its peak is then kept until it ends.

    Threads share one pool, because memory that one of several pools keeps is of no use to the others. Where the C
    library is not glibc nothing happens and the result is False.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; Windows
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_ARENA_MAX, 1))
    return all([mallopt(name, value) == 1 for name, value in settings])
