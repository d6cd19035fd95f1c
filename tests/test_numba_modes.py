"""The layers' tests once more, with the kernels as plain Python, and with every index checked.

Each mode has an empty cache of its own: from a warm one Numba would serve kernels without checks.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LAYERS = [
    "conv",
    "pointwise",
    "depthwise",
    "fused",
    "pool",
    "gru",
    "attention",
    "dense",
    "activation",
    "dropout",
    "compose",
]
LAYER_TESTS = [TESTS / f"test_{name}.py" for name in ["contract", *LAYERS]]
OUT_OF_BOUNDS = """
import numpy as np
from numser.jit import jit

@jit
def sum_and_one_more(x):
    total = 0.0
    for i in range(len(x) + 1):
        total += x[i]
    return total

sum_and_one_more(np.ones(3))
"""


def run_python(arguments, cache: Path, **mode: str) -> subprocess.CompletedProcess:
    environment = os.environ | mode | {"NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=TESTS.parent, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("mode", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_the_layers_tests_pass(mode, tmp_path):
    options = ["-m", "pytest", "-q", "-m", "not network", "-p", "no:cacheprovider"]
    done = run_python([*options, *map(str, LAYER_TESTS)], tmp_path, **{mode: "1"})
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    compiled = list(tmp_path.rglob("*.nbi"))
    assert bool(compiled) == (mode == "NUMBA_BOUNDSCHECK")


@pytest.mark.parametrize(("mode", "caught"), [({}, False), ({"NUMBA_BOUNDSCHECK": "1"}, True)])
def test_an_index_out_of_bounds_is_caught_only_where_it_is_checked(mode, caught, tmp_path):
    script = tmp_path / "kernel.py"
    script.write_text(OUT_OF_BOUNDS)
    done = run_python(
        [str(script)], tmp_path / "cache", **{"NUMBA_BOUNDSCHECK": "0", "NUMBA_DISABLE_JIT": "0", **mode}
    )
    assert ("IndexError" in done.stderr) == caught
    assert (done.returncode != 0) == caught, done.stderr
