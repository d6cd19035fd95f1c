import numpy as np
import pytest

from numser.layers import BatchNorm, Dense, ReLU, Residual, Sequential
from numser.layers.batch_norm import RHO, batch_statistics, is_learned, with_statistics
from numser.ragged import pack


def test_it_is_pytorchs_while_training_and_after():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    layer = BatchNorm(3)
    params = {name: w + rng.uniform(0, 1, 3) for name, w in layer.init(rng, np.float64).items()}
    x = pack([rng.standard_normal((frames, 4, 3)) for frames in (2, 5)])
    theirs = torch.nn.BatchNorm1d(3, eps=1e-3, momentum=1 - RHO).double()
    theirs.load_state_dict(
        {
            name: torch.tensor(params[mine])
            for name, mine in (
                ("weight", "gamma"),
                ("bias", "beta"),
                ("running_mean", "running_mean"),
                ("running_var", "running_variance"),
            )
        },
        strict=False,
    )
    rows = torch.tensor(x.data.reshape(-1, 3), requires_grad=True)
    y, cache = layer.forward(params, x, training=True)
    np.testing.assert_allclose(y.data.reshape(-1, 3), theirs(rows).detach(), rtol=0, atol=1e-13)
    moved = with_statistics(params, [batch_statistics(layer, cache)])
    np.testing.assert_allclose(moved["running_mean"], theirs.running_mean, rtol=0, atol=1e-13)
    n = len(rows)  # PyTorch puts the unbiased variance into the running one
    unbiased = params["running_variance"] + (moved["running_variance"] - params["running_variance"])
    unbiased += (1 - RHO) * cache.variance / (n - 1)
    np.testing.assert_allclose(unbiased, theirs.running_var, rtol=0, atol=1e-13)
    theirs.eval()
    theirs.running_var = torch.tensor(moved["running_variance"])
    y, cache = layer.forward(moved, x)
    np.testing.assert_allclose(y.data.reshape(-1, 3), theirs(rows).detach(), rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="without training=True"):
        layer.backward(moved, cache, y.data)


def test_statistics_are_found_by_name_and_averaged_over_a_batchs_parts():
    inner = Sequential((("norm", BatchNorm(3)), ("", ReLU())))
    network = Sequential((("dense", Dense(2, 3)), ("block", Residual(inner)), ("", BatchNorm(3))))
    rng = np.random.default_rng(0)
    params = network.init(rng, np.float64)
    parts = []
    for _ in range(2):
        _, cache = network.forward(params, rng.standard_normal((5, 2)), training=True)
        parts.append(batch_statistics(network, cache))
    running = [f"{p}running_{of}" for p in ("block.norm.", "") for of in ("mean", "variance")]
    assert list(parts[0]) == running == [name for name in params if not is_learned(name)]
    moved = with_statistics(params, parts)
    for name in params:
        if name in running:
            mean = (parts[0][name] + parts[1][name]) / 2
            np.testing.assert_allclose(moved[name], 0.99 * params[name] + 0.01 * mean, rtol=0, atol=1e-15)
        else:
            assert moved[name] is params[name]
