import platform
import subprocess
import sys

import pytest

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
