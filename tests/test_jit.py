import importlib
import sys
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


def test_safe_jit_does_with_overlapping_arrays_what_python_does():
    """`jit` does not: if it did here, its warning would be out of date."""

    def add_to(x, y):
        for i in range(len(x)):
            y[i] += x[i]

    def last(function):
        series = np.arange(1.0, 13.0)
        function(series[:-1], series[1:])
        return series[-1]

    assert last(add_to) == last(jit.safe_jit(add_to)) == 78
    if "noalias" in jit._options():
        assert last(jit.jit(add_to)) != 78
    assert jit.safe_jit(lambda x: 1.0 / x)(0.0) == np.inf


@pytest.fixture
def two_kernels(tmp_path, monkeypatch):
    """A module whose `outer` calls its `inner`, imported anew."""
    (tmp_path / "two_kernels.py").write_text(
        "from numser.jit import jit\n"
        "@jit\ndef outer(x):\n    return inner(x) + 1\n"
        "@jit\ndef inner(x):\n    return 2 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("two_kernels")
    del sys.modules["two_kernels"]


def test_a_file_s_kernels_are_compiled_together_when_one_is_first_called(two_kernels):
    first = two_kernels.outer
    assert isinstance(first, jit.Kernel) and first.compiled is None
    assert first(3) == 7
    assert two_kernels.outer is first.compiled  # so that nothing stands between them from now on
    assert first(4) == two_kernels.outer(4) == 9
    assert numba.njit(first.py_func)(5) == 11


def test_a_kernel_that_was_not_called_can_be_compiled_in_another_way(two_kernels):
    assert numba.njit(two_kernels.outer.py_func)(3) == 7


def test_no_thread_finds_a_kernel_in_its_place_before_all_are(two_kernels, monkeypatch):
    """Numba, which compiles at the first call, would look for the others in the file, and not know what it finds."""
    njit, outer = jit._njit, two_kernels.outer

    def slow(function):
        assert outer.compiled is None and two_kernels.outer is outer  # another thread would see this
        return njit(function)

    monkeypatch.setattr(jit, "_njit", slow)
    assert outer(3) == 7


def test_what_numba_refuses_is_refused_again(two_kernels, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(jit, "_njit", lambda function: 1 / 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                two_kernels.outer(3)
    assert two_kernels.outer(3) == 7
