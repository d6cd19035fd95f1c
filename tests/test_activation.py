import numpy as np
import pytest

from numser.layers import LeakyReLU, PReLU, ReLU


def test_relu_cuts_what_is_negative():
    y, cache = ReLU().forward({}, np.array([[-1.0, 0.0, 2.0]]))
    np.testing.assert_array_equal(y, [[0, 0, 2]])
    np.testing.assert_array_equal(ReLU().backward({}, cache, np.full((1, 3), 5.0))[0], [[0, 0, 5]])


def test_prelu_scales_what_is_negative():
    params = {"slope": np.array([0.5, 0.5, 0.5])}
    y, cache = PReLU(3).forward(params, np.array([[-1.0, 0.0, 2.0]]))
    np.testing.assert_array_equal(y, [[-0.5, 0, 2]])
    dx, grads = PReLU(3).backward(params, cache, np.full((1, 3), 4.0))
    np.testing.assert_array_equal(dx, [[2, 2, 4]])
    np.testing.assert_array_equal(grads["slope"], [-4, 0, 0])


def test_prelu_starts_as_a_relu():
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    layer = PReLU(3)
    np.testing.assert_array_equal(layer.forward(layer.init(np.random.default_rng(0)), x)[0], ReLU().forward({}, x)[0])


def test_prelu_refuses_other_units():
    with pytest.raises(ValueError, match=r"shape should be \(any, 3\)"):
        PReLU(3).forward({"slope": np.zeros(3)}, np.zeros((2, 4)))


def test_a_nan_comes_through():
    assert np.isnan(ReLU().forward({}, np.array([np.nan]))[0]).all()


def test_the_leaky_one_is_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.array([[-2.0, -0.0, 0.0], [1e-30, 3.0, -1e-30]])
    y, cache = LeakyReLU(0.01).forward({}, x)
    theirs = torch.tensor(x, requires_grad=True)
    z = torch.nn.functional.leaky_relu(theirs, 0.01)
    z.backward(torch.full_like(z, 2))
    np.testing.assert_array_equal(y, z.detach())
    np.testing.assert_array_equal(LeakyReLU(0.01).backward({}, cache, np.full_like(x, 2))[0], theirs.grad)
