import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import soundfile
from conftest import syllables

from numser.model import SeparableSER
from numser.plain import PlainSER
from numser.ragged import pack


@pytest.mark.parametrize("untied", [False, True])
@pytest.mark.parametrize("attention", [False, True])
def test_numpy_alone_computes_what_the_layers_do(attention, untied):
    """In float64, for every edge of the convolution's and the pool's windows; an utterance beside others."""
    rng = np.random.default_rng(0)
    model = SeparableSER(4, blocks=2, attention=attention, tied=not untied)
    params = {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in model.init(rng, np.float64).items()}
    x = pack([rng.standard_normal((frames, 128)) for frames in (3, 4, 5, 6, 7, 8, 9, 40)])
    expected, cache = model.forward(params, x)
    plain = PlainSER(**asdict(model))
    logits, plain_cache = plain.forward(params, x)
    np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(plain.statistics(plain_cache), model.statistics(cache), rtol=1e-10, atol=1e-10)
    if attention:
        weights, found = model.attention_weights(cache), plain.attention_weights(plain_cache)
        np.testing.assert_array_equal(found.offsets, weights.offsets)
        np.testing.assert_allclose(found.data, weights.data, rtol=1e-10)


def test_what_is_not_finite_stays_to_be_seen():
    rng = np.random.default_rng(0)
    model = PlainSER(3, blocks=1)
    params = model.init(rng)
    params["stem.depthwise.w"][1, 1, 5] = np.nan
    assert np.isnan(model.forward(params, pack([rng.standard_normal((20, 128), np.float32)]))[0]).any()


@pytest.mark.slow
def test_one_file_is_recognised_without_numba(tmp_path):
    """By the command; many files are worth loading it."""
    path, n = tmp_path / "a.wav", 4 * 16_000
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(n) * syllables(n, 16_000), 16_000)
    code = f"""
import sys
import numser.predict
names = 10 * [r"{path}"]
numser.predict.main(names[:2])
print({{"numba", "scipy"}} & set(sys.modules))
numser.predict.main(names)
print({{"numba", "scipy"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    two, many = [line for line in done.stdout.splitlines() if "wav" not in line]
    assert (two, "numba" in many) == ("set()", True), done.stderr
