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
_holders = 0  # how many `one_blas_thread` blocks are open, in all threads
_limit = None


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread inside the block. Blocks may overlap in several threads: the last one lets go.

    Where the BLAS library cannot be held, one warning says so.
    """
    global _holders, _limit
    with _lock:
        if _holders == 0:
            blas = ThreadpoolController().select(user_api="blas")
            if len(blas) == 0:
                warnings.warn(
                    "numser: NumPy's BLAS library cannot be held to one thread here; training may be slower, and "
                    "another number of threads may give other last digits",
                    stacklevel=3,
                )
            _limit = blas.limit(limits=1)
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0:
                _limit.restore_original_limits()
