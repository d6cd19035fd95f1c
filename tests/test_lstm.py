import numpy as np
import pytest

from numser.layers import LSTM, LastState
from numser.ragged import pack, unpack


@pytest.mark.parametrize("bidirectional", [True, False])
def test_states_and_gradients_are_pytorchs(bidirectional):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    layer = LSTM(4, 5, bidirectional)
    params = {name: w + 0.3 * rng.standard_normal(w.shape) for name, w in layer.init(rng, np.float64).items()}
    utterances = [rng.standard_normal((frames, 4)) for frames in (3, 1, 6, 3)]
    y, cache = layer.forward(params, pack(utterances))
    dy = rng.standard_normal(y.data.shape)
    dx, grads = layer.backward(params, cache, dy)

    theirs = torch.nn.LSTM(4, 5, bidirectional=bidirectional).double()
    order = np.r_[0:5, 10:15, 5:10, 15:20]  # PyTorch's gates are i, f, g, o
    prefixes = {"forward.": "l0", "backward.": "l0_reverse"} if bidirectional else {"": "l0"}
    for prefix, suffix in prefixes.items():
        for name, tensor in (("w", "weight_ih"), ("u", "weight_hh"), ("b", "bias_ih"), (None, "bias_hh")):
            value = params[prefix + name].T[order] if name else np.zeros(20)
            getattr(theirs, f"{tensor}_{suffix}").data = torch.tensor(value)
    xs = [torch.tensor(u, requires_grad=True) for u in utterances]
    states = [theirs(x)[0] for x in xs]
    torch.cat(states).backward(torch.tensor(dy))
    for mine, state in zip(unpack(y), states, strict=True):
        np.testing.assert_allclose(mine, state.detach(), rtol=0, atol=1e-14)
    np.testing.assert_allclose(dx, torch.cat([x.grad for x in xs]), rtol=0, atol=1e-13)
    for prefix, suffix in prefixes.items():
        for name, tensor in (("w", "weight_ih"), ("u", "weight_hh"), ("b", "bias_ih")):
            expected = getattr(theirs, f"{tensor}_{suffix}").grad.numpy()
            np.testing.assert_allclose(grads[prefix + name].T[order], expected, rtol=0, atol=1e-13)


def test_extreme_inputs_saturate_without_nan():
    layer = LSTM(2, 3)
    params = layer.init(np.random.default_rng(0))
    with np.errstate(all="raise"):
        y, _ = layer.forward(params, pack([np.full((4, 2), sign * 1e6, np.float32) for sign in (1, -1)]))
    assert np.abs(y.data).max() <= 1


def test_initial_values():
    params = LSTM(768, 128).init(np.random.default_rng(0), np.float64)
    assert {name: w.shape for name, w in params.items() if name.startswith("forward")} == {
        "forward.w": (768, 512),
        "forward.u": (128, 512),
        "forward.b": (512,),
    }
    assert sum(w.size for w in params.values()) == 918_528
    np.testing.assert_array_equal(params["backward.b"], [0] * 256 + [1] * 128 + [0] * 128)  # f is open at first
    assert not np.array_equal(params["forward.w"], params["backward.w"])


def test_of_one_direction_the_last_frame_is_the_last_state():
    x = pack([np.arange(6.0).reshape(3, 2), np.array([[7.0, 8.0]])])
    y, cache = LastState(2, bidirectional=False).forward({}, x)
    assert y.tolist() == [[4, 5], [7, 8]]
    dx, _ = LastState(2, bidirectional=False).backward({}, cache, y)
    assert dx.tolist() == [[0, 0], [0, 0], [4, 5], [7, 8]]
