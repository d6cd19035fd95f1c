"""How numser compiles its kernels."""

import warnings
from collections.abc import Callable
from typing import Any

import numba

# Numba's cache does not know these options: after changing one, delete the folders __pycache__.
#
# contract: a*b + c may become one fused multiply-add. Nothing is reordered, so a sum has the same bits on
# every run. error_model numpy: dividing by zero gives inf, as in NumPy, and loops need no test for it.
_OPTIONS: dict[str, Any] = dict(nogil=True, fastmath={"contract"}, error_model="numpy")

# noalias: the arrays that a kernel gets do not overlap. Else the compiler must fear that writing one array changes
# another, reads everything again and again, and computes many loops one number at a time. Numba has this switch for
# its own use and does not offer it to decorators, so it is put among what decorators may say.
try:
    from numba.core.compiler import Flags
    from numba.core.cpu import CPUTargetOptions
    from numba.core.options import TargetOptions

    if hasattr(Flags, "noalias"):
        CPUTargetOptions.noalias = TargetOptions.Mapping("noalias")
        _OPTIONS["noalias"] = True
except (ImportError, AttributeError):  # a Numba that is built otherwise: slower, not wrong
    pass


def jit(function: Callable) -> Callable:
    """Compile `function` with Numba at its first call, and remember the machine code on disk.

    The kernels run without Python's lock, so that two threads can each work on their part of a batch.
    Arrays that a kernel gets must not overlap, unless it only reads them.
    Where no cache folder can be written kernels are compiled anew in each process, and one warning says so.
    A jitted function may call jitted functions of its own file only: Numba does not notice when a
    function in another file has changed, and would go on using the old machine code.
    """
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba: "no locator available", raised while decorating
        _warn_once()
        return numba.njit(**_OPTIONS)(function)


_warned = False


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "numser: no folder for compiled kernels can be written, so they are compiled anew in each process; "
            "set NUMBA_CACHE_DIR to a folder you may write to",
            stacklevel=3,
        )
