import numpy as np
import pytest

from numser.layers import BlockMaxPool
from numser.ragged import pack, unpack


@pytest.mark.parametrize("size", [(2, 4), (2, 2), (3, 1), (1, 1)])
def test_forward_and_backward_are_pytorchs(size):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    utterances = [rng.standard_normal((frames, 11, 3)) for frames in (3, 8, 7)]
    y, cache = BlockMaxPool(*size).forward({}, pack(utterances))
    dy = rng.standard_normal(y.data.shape)
    dx, _ = BlockMaxPool(*size).backward({}, cache, dy)
    gradients = np.split(dy, y.offsets[1:-1])
    for u, mine, d, gradient in zip(utterances, unpack(y), gradients, np.split(dx, np.cumsum([3, 8])), strict=True):
        x = torch.tensor(u, requires_grad=True)
        z = torch.nn.functional.max_pool2d(x.permute(2, 0, 1)[None], size)
        z.backward(torch.tensor(d).permute(2, 0, 1)[None])
        np.testing.assert_array_equal(mine, z[0].detach().permute(1, 2, 0))
        np.testing.assert_array_equal(gradient, x.grad)


def test_the_first_of_equals_wins_and_a_nan_comes_through():
    pool = BlockMaxPool(2, 2)
    y, cache = pool.forward({}, pack([np.zeros((2, 2, 1))]))
    assert pool.backward({}, cache, np.ones_like(y.data))[0].ravel().tolist() == [1, 0, 0, 0]
    x = np.zeros((2, 2, 1))
    x[1, 0] = np.nan
    assert np.isnan(pool.forward({}, pack([x]))[0].data).all()


def test_less_than_a_block_is_refused():
    with pytest.raises(ValueError, match="a block has 2 frames of 4 frequencies, found an utterance with 1 frames"):
        BlockMaxPool(2, 4).forward({}, pack([np.zeros((5, 8, 1)), np.zeros((1, 8, 1))]))
    with pytest.raises(ValueError, match="1 to 256 values"):
        BlockMaxPool(20, 20)
