"""What becomes of memory that an array no longer needs.

A large array's memory comes fresh from the operating system, which clears each page of it at the first touch, and
goes back there when the array is gone. A training step needs the same hundred arrays again and again, and an
utterance recognised is over in milliseconds, of which the clearing takes a third. So the C library is told to keep
what was freed and to hand it out again.
"""

import ctypes

# The names are those of glibc's mallopt(3).
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
