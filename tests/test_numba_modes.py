"""The layers' tests once more, with the kernels as plain Python, and with every index checked.

Each mode has an empty cache of its own: from a warm one Numba would serve kernels without checks.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

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
WITHOUT_KERNELS = "LSTM or BatchNorm or BlockMaxPool or Conv2D or SelfAttention or HiddenAttention or LeakyReLU"
MODES = ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"]
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


def start_python(arguments, cache: Path, **mode: str) -> subprocess.Popen:
    environment = os.environ | mode | {"NUMBA_CACHE_DIR": str(cache)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *arguments], env=environment, cwd=TESTS.parent, text=True, **pipes)


@pytest.fixture(scope="module")
def layer_tests(tmp_path_factory):
    """The cache and the process of each mode. They run side by side."""
    options = [
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-m",
        "not network",
        "-k",
        f"not ({WITHOUT_KERNELS})",
        "-p",
        "no:cacheprovider",
    ]
    caches = {mode: tmp_path_factory.mktemp("cache") for mode in MODES}
    started = {
        mode: (
            cache,
            start_python([*options, *map(str, LAYER_TESTS)], cache, NUMSER_TEST_EXAMPLES="2", **{mode: "1"}),
        )
        for mode, cache in caches.items()
    }
    yield started
    for _, process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("mode", MODES)
def test_the_layers_tests_pass(mode, layer_tests):
    cache, process = layer_tests[mode]
    output, errors = process.communicate()
    assert process.returncode == 0, output[-5000:] + errors[-2000:]
    assert " passed" in output
    compiled = list(cache.rglob("*.nbi"))
    assert bool(compiled) == (mode == "NUMBA_BOUNDSCHECK")


@pytest.mark.parametrize(("mode", "caught"), [({}, False), ({"NUMBA_BOUNDSCHECK": "1"}, True)])
def test_an_index_out_of_bounds_is_caught_only_where_it_is_checked(mode, caught, tmp_path):
    script = tmp_path / "kernel.py"
    script.write_text(OUT_OF_BOUNDS)
    checked = {"NUMBA_BOUNDSCHECK": "0", "NUMBA_DISABLE_JIT": "0", **mode}
    process = start_python([str(script)], tmp_path / "cache", **checked)
    _, errors = process.communicate()
    assert ("IndexError" in errors) == caught
    assert (process.returncode != 0) == caught, errors
