import numpy as np
import pytest

from numser.layers import SelfAttention
from numser.ragged import pack, unpack


def test_it_is_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    layer = SelfAttention(6, 3)
    params = layer.init(rng, np.float64)
    utterances = [3 * rng.standard_normal((frames, 6)) for frames in (1, 5, 3)]
    y, cache = layer.forward(params, pack(utterances))
    dy = rng.standard_normal(y.data.shape)
    dx, grads = layer.backward(params, cache, dy)
    theirs = torch.nn.MultiheadAttention(6, 3, bias=False).double()
    theirs.in_proj_weight.data = torch.tensor(np.concatenate([params[name].T for name in "qkv"]))
    theirs.out_proj.weight.data = torch.tensor(params["o"].T)
    xs = [torch.tensor(u, requires_grad=True) for u in utterances]
    outputs = [theirs(x, x, x, need_weights=False)[0] for x in xs]
    torch.cat(outputs).backward(torch.tensor(dy))
    for mine, output in zip(unpack(y), outputs, strict=True):
        np.testing.assert_allclose(mine, output.detach(), rtol=0, atol=1e-13)
    np.testing.assert_allclose(dx, torch.cat([x.grad for x in xs]), rtol=0, atol=1e-12)
    for name, expected in zip("qkv", theirs.in_proj_weight.grad.split(6), strict=True):
        np.testing.assert_allclose(grads[name].T, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(grads["o"].T, theirs.out_proj.weight.grad, rtol=0, atol=1e-12)


def test_heads_that_do_not_divide_the_features_are_refused():
    with pytest.raises(ValueError, match="heads: should divide the 6 features, found 4"):
        SelfAttention(6, 4)


def test_extreme_scores_do_not_overflow():
    layer = SelfAttention(4, 2)
    y, _ = layer.forward(layer.init(np.random.default_rng(0)), pack([np.full((3, 4), 1e4, np.float32)]))
    assert np.isfinite(y.data).all()
