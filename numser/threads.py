"""Who computes on which core.

numser gives each core one Python thread with its own part of the batch (the kernels run without Python's lock).
The matrix products inside go to a BLAS library that would start threads of its own. Both together fight for
the cores: with two cores a training step takes twice as long. And BLAS adds in another order with another number of
threads, so the result would depend on the machine. So BLAS is held to one thread while numser computes.
"""

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
        if _blocks == 0:
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
            if _blocks == 0:
                _keeper.let_go()


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
