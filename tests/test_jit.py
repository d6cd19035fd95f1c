import importlib
import warnings

import numba
import numpy as np
import pytest

from numser import jit


@pytest.fixture
def nowhere_to_write(monkeypatch):
    """Numba as it is where no cache folder can be written."""
    njit = numba.njit

    def refusing(*args, cache=False, **kwargs):
        def decorate(function):
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return njit(**kwargs)(function)

        return decorate

    monkeypatch.setattr(numba, "njit", refusing)
    monkeypatch.setattr(jit, "_warned", False)


def test_without_a_cache_folder_kernels_work_and_one_warning_says_so(nowhere_to_write):
    def double(x):
        return 2 * x

    def square(x):
        return x * x

    with pytest.warns(UserWarning) as warned:
        results = [kernel(3) for kernel in (jit.jit(double), jit.jit(square))]
    assert results == [6, 9]
    assert len(warned) == 1
    assert "set NUMBA_CACHE_DIR to a folder you may write to" in str(warned[0].message)
    assert warned[0].filename == __file__  # it points at who called the kernel


def test_with_a_cache_folder_there_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jit.jit(lambda x: x)(3) == 3


def test_kernels_are_told_that_arrays_do_not_overlap():
    """Else fast kernels are a third as fast, and nothing else would show it."""

    def add(x, y):
        for i in range(len(x)):
            y[i] += x[i]

    kernel = numba.njit(**jit._options())(add)  # from no cache: cached code has no listing
    kernel(np.ones(3), np.ones(3))
    (code,) = kernel.inspect_llvm().values()
    definition = next(line for line in code.splitlines() if line.startswith("define") and "add" in line)
    assert definition.count("noalias") > 2


def test_a_file_s_kernels_are_compiled_together_when_one_is_first_called(tmp_path, monkeypatch):
    (tmp_path / "two_kernels.py").write_text(
        "from numser.jit import jit\n"
        "@jit\ndef outer(x):\n    return inner(x) + 1\n"
        "@jit\ndef inner(x):\n    return 2 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    two_kernels = importlib.import_module("two_kernels")
    first = two_kernels.outer
    assert isinstance(first, jit.Kernel) and first.compiled is None and first.py_func.__name__ == "outer"
    assert first(3) == 7
    assert two_kernels.outer is first.compiled  # so that nothing stands between them from now on
    assert first(4) == two_kernels.outer(4) == 9
