import numpy as np
import pytest
from scipy.special import expit, softmax

from numser.layers import HiddenAttention
from numser.ragged import pack


@pytest.mark.parametrize("hidden", [1, 3])
def test_it_is_scipys_softmax_of_scipys_sigmoid(hidden):
    rng = np.random.default_rng(0)
    layer = HiddenAttention(4, hidden)
    params = {name: w + rng.standard_normal(w.shape) for name, w in layer.init(rng, np.float64).items()}
    utterances = [3 * rng.standard_normal((frames, 4)) for frames in (1, 5, 3)]
    y, (_, _, alpha) = layer.forward(params, pack(utterances))
    weights = [softmax(expit(h @ params["w"] + params["b"]) @ params["u"]) for h in utterances]
    np.testing.assert_allclose(alpha, np.concatenate(weights), rtol=0, atol=1e-15)
    expected = [w @ h for w, h in zip(weights, utterances, strict=True)]
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-14)


def test_extreme_scores_do_not_overflow():
    layer = HiddenAttention(2, 3)
    params = layer.init(np.random.default_rng(0)) | {"u": np.full(3, 1e5, np.float32)}
    with np.errstate(over="raise", invalid="raise"):
        y, _ = layer.forward(params, pack([np.array([[1e4, 1], [-1e4, 2]], np.float32)]))
    assert np.isfinite(y).all()
