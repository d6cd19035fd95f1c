"""How numser compiles its kernels.

BEWARE: `jit` promises the compiler that no array a function writes overlaps another that it gets. In numser's kernels
that is so. In a loop of your own it may not be: `add(x[:-1], x[1:])`, which writes into what it reads next, then
gives wrong sums, and nobody says so. For loops that may meet such arrays there is `safe_jit`.

Numba takes half a second to load, and a kernel seconds to compile where no cache has it. So neither happens before a
kernel is called.
"""

import threading
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import cache, update_wrapper
from typing import Any

_lock = threading.RLock()
_waiting: dict[int, list["Kernel"]] = defaultdict(list)  # by the file's globals: what was not called yet
_warned = False


def jit(function: Callable) -> "Kernel":
    """Compile `function` with Numba at its first call, and remember the machine code on disk.

    The kernels run without Python's lock, so that two threads can each work on their part of a batch.
    An array that a kernel writes must not overlap another that it gets: where it does, the numbers are wrong.
    Where no cache folder can be written kernels are compiled anew in each process, and one warning says so.
    A jitted function may call jitted functions of its own file only: Numba does not notice when a
    function in another file has changed, and would go on using the old machine code.
    """
    return _waits(Kernel(function))


def intrinsic(function: Callable) -> "Kernel":
    """As `jit`, for a function that writes its own machine code, as `numba.extending.intrinsic` has it. Only jitted
    functions of its file can call it, and not while Numba is told to run them as Python.
    """
    return _waits(Kernel(function, intrinsic=True))


def compiles() -> bool:
    """Whether kernels are machine code: NUMBA_DISABLE_JIT makes Python of them."""
    from numba.core import config

    return not getattr(config, "DISABLE_JIT", 0)


def safe_jit(function: Callable) -> Callable:
    """As `jit`, without the promise: arrays may overlap, and the loops do what they do in Python.

    It can be slower. The machine code is not kept on disk, where Numba would not tell it from that of `jit`. An index
    beyond an array's end is not noticed, as with `jit`; dividing by zero gives inf, as in NumPy.
    """
    import numba

    return numba.njit(**{name: value for name, value in _options().items() if name != "noalias"})(function)


class Kernel:
    """A function that becomes Numba's when it is first called, together with the others of its file."""

    def __init__(self, function: Callable, intrinsic: bool = False):
        self.function, self.intrinsic = function, intrinsic
        self.compiled: Any = None
        update_wrapper(self, function)

    @property
    def py_func(self) -> Callable:
        """The function itself, which Python can run, or Numba compile in another way; so Numba calls it, too."""
        _compile_file(self.function.__globals__)
        return self.function

    def __call__(self, *args: Any) -> Any:
        """Call what Numba made of the function."""
        if self.compiled is None:
            _compile_file(self.function.__globals__)
        return self.compiled(*args)


def _compile_file(names: dict[str, Any]) -> None:
    """Hand all kernels of a file to Numba, and put what it gives in their places, where other kernels look.

    All at once: another thread may call one of them meanwhile, and Numba must not find a kernel in it that is not yet
    in its place.
    """
    with _lock:
        kernels = _waiting.get(id(names), [])
        compiled = list(map(_made, kernels))
        named = {k.function.__name__: c for k, c in zip(kernels, compiled, strict=True)}
        names.update({name: c for name, c in named.items() if names.get(name) in kernels})
        for kernel, of_numba in zip(kernels, compiled, strict=True):
            kernel.compiled = of_numba
        _waiting.pop(id(names), None)


def _waits(kernel: Kernel) -> Kernel:
    _waiting[id(kernel.function.__globals__)].append(kernel)
    return kernel


def _made(kernel: Kernel) -> Callable:
    return _intrinsic(kernel.function) if kernel.intrinsic else _njit(kernel.function)


def _njit(function: Callable) -> Callable:
    import numba

    try:
        return numba.njit(cache=True, **_options())(function)
    except RuntimeError:  # numba: "no locator available", raised while decorating
        _warn_once()
        return numba.njit(**_options())(function)


def _intrinsic(function: Callable) -> Callable:
    from numba.extending import intrinsic as of_numba

    return of_numba(function)


@cache
def _options() -> dict[str, Any]:
    """What numser tells Numba. Its cache does not know this: after a change, delete the folders __pycache__.

    contract: a*b + c may become one fused multiply-add. Nothing is reordered, so a sum has the same bits on
    every run. error_model numpy: dividing by zero gives inf, as in NumPy, and loops need no test for it.

    noalias: no array that a kernel writes overlaps another that it gets. Else the compiler must fear that writing one
    array changes another, reads everything again and again, and computes many loops one number at a time. Numba has
    this switch for its own use and does not offer it to decorators, so it is put among what decorators may say.
    """
    options: dict[str, Any] = dict(nogil=True, fastmath={"contract"}, error_model="numpy")
    try:
        from numba.core.compiler import Flags
        from numba.core.cpu import CPUTargetOptions
        from numba.core.options import TargetOptions

        if hasattr(Flags, "noalias"):
            CPUTargetOptions.noalias = TargetOptions.Mapping("noalias")
            options["noalias"] = True
    except (ImportError, AttributeError):  # a Numba that is built otherwise: slower, not wrong
        pass
    return options


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "numser: no folder for compiled kernels can be written, so they are compiled anew in each process; "
            "set NUMBA_CACHE_DIR to a folder you may write to",
            stacklevel=6,
        )
