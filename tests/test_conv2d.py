import numpy as np
import pytest
from scipy.signal import correlate

from numser.layers import Conv2D
from numser.ragged import pack, unpack

SETTINGS = [
    Conv2D(2, 4, (5, 3)),
    Conv2D(2, 4, (2, 3), stride=(2, 3)),
    Conv2D(2, 4, (3, 2), dilation=(4, 2), padding=((4, 4), (0, 2))),
    Conv2D(2, 4, (10, 1), padding=((4, 5), (0, 0))),
    Conv2D(2, 4, (3, 9), stride=(2, 1), padding=((2, 1), (0, 0))),  # all frequencies under one window
    Conv2D(2, 4, (3, 3), stride=(2, 1), dilation=(2, 3), padding=((1, 3), (2, 0)), bias=False),
]


@pytest.mark.parametrize("layer", SETTINGS, ids=str)
def test_forward_is_scipys_correlation(layer):
    """SciPy knows no stride, dilation or padding: it gets a window with holes, and padded sound."""
    rng = np.random.default_rng(0)
    utterances = [rng.standard_normal((frames, 9, 2)) for frames in (9, 12, 15)]
    params = {name: w + rng.standard_normal(w.shape) for name, w in layer.init(rng, np.float64).items()}
    window = np.zeros((*(d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel, strict=True)), 2, 4))
    window[:: layer.dilation[0], :: layer.dilation[1]] = params["w"]
    y, _ = layer.forward(params, pack(utterances))
    for u, mine in zip(utterances, unpack(y), strict=True):
        u = np.pad(u, (*layer.padding, (0, 0)))
        for o in range(4):
            expected = correlate(u, window[..., o], mode="valid")[:: layer.stride[0], :: layer.stride[1], 0]
            expected = expected + params["b"][o] if layer.bias else expected
            np.testing.assert_allclose(mine[..., o], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layer", SETTINGS, ids=str)
def test_gradients_are_pytorchs(layer):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(1)
    x, params = rng.standard_normal((13, 9, 2)), layer.init(rng, np.float64)
    y, cache = layer.forward(params, pack([x]))
    dy = rng.standard_normal(y.data.shape)
    dx, grads = layer.backward(params, cache, dy)
    sound, w = (torch.tensor(a, requires_grad=True) for a in (x, params["w"]))
    padded = torch.nn.functional.pad(sound.permute(2, 0, 1)[None], (*layer.padding[1], *layer.padding[0]))
    z = torch.nn.functional.conv2d(padded, w.permute(3, 2, 0, 1), stride=layer.stride, dilation=layer.dilation)
    z.backward(torch.tensor(dy).permute(2, 0, 1)[None])
    np.testing.assert_allclose(dx, sound.grad.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(grads["w"], w.grad.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [(5, 3), (3, 1), (1, 1), (4, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 4)])
def test_same_keeps_the_size(kernel, dilation):
    layer = Conv2D.same(1, 2, kernel, dilation)
    y, _ = layer.forward(layer.init(np.random.default_rng(0), np.float64), pack([np.zeros((7, 5, 1))]))
    assert y.data.shape == (7, 5, 2)


def test_too_short_an_utterance_is_refused():
    layer = Conv2D(1, 2, (3, 3), dilation=(4, 1))
    x = pack([np.zeros((9, 8, 1)), np.zeros((8, 8, 1))])
    with pytest.raises(ValueError, match="reaches over 9 frames of 3 frequencies, found an utterance with 8 frames"):
        layer.forward(layer.init(np.random.default_rng(0), np.float64), x)
