import numpy as np
import pytest

from numser.layers import (
    BlockMaxPool,
    Conv2D,
    Dense,
    EachOne,
    Flatten,
    PReLU,
    Residual,
    Sequential,
    inverted_residual,
    separable_block,
)
from numser.ragged import pack


def test_names_are_dotted_and_may_be_shared():
    layer = Sequential((("hidden", Sequential((("", Dense(3, 2)), ("", PReLU(2))))), ("output", Dense(2, 4))))
    params = layer.init(np.random.default_rng(0))
    assert sorted(params) == ["hidden.b", "hidden.slope", "hidden.w", "output.b", "output.w"]
    y, cache = layer.forward(params, np.ones((5, 3), np.float32))
    _, grads = layer.backward(params, cache, np.ones_like(y))
    assert {name: g.shape for name, g in grads.items()} == {name: w.shape for name, w in params.items()}


def test_a_residual_adds_its_input():
    layer = Residual(Dense(3, 3))
    params = {"w": np.zeros((3, 3)), "b": np.array([1.0, 2.0, 3.0])}
    y, cache = layer.forward(params, np.ones((1, 3)))
    np.testing.assert_array_equal(y, [[2, 3, 4]])
    np.testing.assert_array_equal(layer.backward(params, cache, np.array([[5.0, 6.0, 7.0]]))[0], [[5, 6, 7]])


def test_a_residual_refuses_a_layer_that_changes_the_shape():
    layer = Residual(Dense(3, 1))
    with pytest.raises(ValueError, match="keeps the shape"):
        layer.forward(layer.init(np.random.default_rng(0), np.float64), np.zeros((2, 3)))


def test_each_one_is_the_layer_itself():
    rng = np.random.default_rng(0)
    x = pack([rng.standard_normal((frames, 6, 2)) for frames in (4, 9, 5)])
    layer = Sequential((("conv", Conv2D.same(2, 3, (3, 3))), ("", BlockMaxPool(2, 2))))
    params = layer.init(rng, np.float64)
    y, cache = layer.forward(params, x)
    own, own_cache = EachOne(layer).forward(params, x)
    np.testing.assert_allclose(own.data, y.data, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(own.offsets, y.offsets)
    dy = rng.standard_normal(y.data.shape)
    dx, grads = layer.backward(params, cache, dy)
    own_dx, own_grads = EachOne(layer).backward(params, own_cache, dy)
    np.testing.assert_allclose(own_dx, dx, rtol=0, atol=1e-14)
    assert own_grads.keys() == grads.keys()
    for name, g in grads.items():
        np.testing.assert_allclose(own_grads[name], g, rtol=0, atol=1e-13)


def test_the_inverted_residual_is_its_block_and_a_way_around():
    rng = np.random.default_rng(0)
    x = pack([rng.standard_normal((4, 5, 3))])
    params = inverted_residual(3, 6).init(rng, np.float64)
    assert {name: w.shape for name, w in params.items()} == {
        "expand.w": (3, 6),
        "expand.b": (6,),
        "depthwise.w": (3, 3, 6),
        "project.w": (6, 3),
        "project.b": (3,),
    }
    block, _ = separable_block(3, 6, 3).forward(params, x)
    y, _ = inverted_residual(3, 6).forward(params, x)
    np.testing.assert_array_equal(y.data, x.data + block.data)


def test_flatten_puts_channels_inside_frequencies():
    x = np.arange(12.0).reshape(2, 3, 2)
    y, cache = Flatten().forward({}, pack([x]))
    np.testing.assert_array_equal(y.data, [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])
    np.testing.assert_array_equal(Flatten().backward({}, cache, y.data)[0], x)


def test_a_layers_repr_is_its_architecture():
    text = repr(separable_block(3, 6, 2))
    for part in ("PointwiseConv(in_channels=3, channels=6)", "DepthwiseConv(channels=6)", "ReLU()"):
        assert part in text
