import platform
import subprocess
import sys
import threading
from contextlib import ExitStack

import numpy as np  # noqa: F401  so that a BLAS library is there to be held
import pytest
from threadpoolctl import threadpool_info

from numser import threads
from numser.threads import available_cores, one_blas_thread


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture
def free_blas():
    """What BLAS is set to while nobody holds it: more than one thread, or there is nothing to test."""
    before = blas_threads()
    if before <= {1}:
        pytest.skip(f"BLAS libraries have {before or 'no'} threads here, so there is nothing to hold")
    return before


def test_held_inside_and_released_after(free_blas):
    with one_blas_thread():
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == free_blas


def test_held_when_the_first_block_is_in_another_thread(free_blas):
    seen = []

    def work():
        with one_blas_thread():
            seen.append(blas_threads())

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert seen == [{1}]
    assert blas_threads() == free_blas


def test_the_last_of_overlapping_blocks_lets_go(free_blas):
    first, second = ExitStack(), ExitStack()
    first.enter_context(one_blas_thread())
    second.enter_context(one_blas_thread())
    first.close()
    assert blas_threads() == {1}
    second.close()
    assert blas_threads() == free_blas


class Nothing:
    """A ThreadpoolController on a machine whose BLAS it does not know."""

    def select(self, **_):
        return self

    def info(self):
        return []

    def limit(self, limits):
        return ExitStack()


def test_a_library_that_cannot_be_held_is_said_once(monkeypatch):
    monkeypatch.setattr(threads, "ThreadpoolController", Nothing)
    monkeypatch.setattr(threads, "_warned", False)
    with pytest.warns(UserWarning, match="cannot be held to one thread") as said:
        for _ in range(2):
            with one_blas_thread():
                pass
    assert len(said) == 1
    assert said[0].filename == __file__


def test_a_warning_that_is_an_error_does_not_block_the_next(monkeypatch, free_blas):
    monkeypatch.setattr(threads, "_warned", False)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "ThreadpoolController", Nothing)
        with pytest.raises(UserWarning), one_blas_thread():
            pass
    with one_blas_thread():
        assert blas_threads() == {1}


def test_at_least_one_core():
    assert available_cores() >= 1


REPEATED = """
import resource
import numpy as np
from numser.threads import keep_freed_memory

assert keep_freed_memory()
faults = []
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    x, y = np.ones(2**20), np.ones(2**20)  # 8 MiB each
    del x, y
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sum(faults[5:]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told to keep memory")
def test_freed_arrays_are_not_cleared_again():
    command = [sys.executable, "-c", REPEATED]
    assert int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) < 50
