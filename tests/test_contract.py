"""What every layer, every loss and the whole network must hold, proven once for all of them.

Gradients against central differences, the input's included; nothing depends on batch-mates; float32 stays float32;
arguments stay as they are; two calls agree. And the proof itself is put to the test: a wrong backward must fail.
"""

import inspect
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from numser import layers, losses
from numser.gradcheck import (
    INPUT,
    TOLERANCE,
    LossLayer,
    decisions,
    examples,
    gradcheck,
    networks,
    random_params,
    worst_entry,
)
from numser.layers.batch_norm import is_learned
from numser.ragged import Ragged, frames_of, pack, unpack

LAYERS = sorted(examples(np.random.default_rng(0)))
NETWORKS = sorted(networks(np.random.default_rng(0)))
LOSSES = [name for name, (layer, _) in examples(np.random.default_rng(0)).items() if isinstance(layer, LossLayer)]
# Layers that treat each number by itself take any array; what the others refuse is tested for all that walk through
# utterances.
WALKERS = [
    name
    for name, (_, x) in examples(np.random.default_rng(0)).items()
    if isinstance(x, Ragged) and name not in ("ReLU", "LeakyReLU", "PReLU", "Dropout", "BatchNorm")
]
each_layer = pytest.mark.parametrize("name", LAYERS)
each = pytest.mark.parametrize("name", [*LAYERS, *(pytest.param(n, marks=pytest.mark.network) for n in NETWORKS)])

EXAMPLES = int(os.environ.get("NUMSER_TEST_EXAMPLES", "8"))  # fewer in test_numba_modes.py
thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
sizes = st.fixed_dictionaries(
    {
        "lengths": st.lists(st.integers(1, 8), min_size=1, max_size=4).map(tuple),
        "frequencies": st.integers(1, 7),
        "channels": st.integers(1, 4),
    }
)
seeds = st.integers(0, 2**32 - 1)


def example(name: str, seed: int = 0, **size) -> tuple[Any, dict, Any, np.random.Generator]:
    """(layer, params, x, rng) of the example called `name`."""
    rng = np.random.default_rng(seed)
    layer, x = (networks(rng) if name in NETWORKS else examples(rng, **size))[name]
    return layer, random_params(layer, rng), x, rng


def as_float32(value):
    if isinstance(value, dict):
        return {name: w.astype(np.float32) for name, w in value.items()}
    return Ragged(value.data.astype(np.float32), value.offsets) if isinstance(value, Ragged) else value.astype("f4")


def test_every_public_layer_and_loss_is_here():
    public = set(layers.__all__) - {"Layer", "Binarised"}  # flat in what it learns: test_binarised.py
    public |= {
        name
        for name, f in vars(losses).items()
        if inspect.isfunction(f) and list(inspect.signature(f).parameters)[:2] == ["logits", "labels"]
        if not name.startswith("_")
    }
    assert public == {name.split(",")[0] for name in LAYERS}


@each_layer
@thorough
@given(size=sizes, seed=seeds)
def test_gradients(name, size, seed):
    layer, params, x, rng = example(name, seed, **size)
    errors = gradcheck(layer, params, x, rng)
    assert errors.keys() == {INPUT, *params}
    assert max(errors.values()) <= TOLERANCE, errors


@pytest.mark.network
@pytest.mark.parametrize(
    "name", ["SeparableSER", *(pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS if n != "SeparableSER")]
)
def test_gradients_of_the_whole_network(name):
    errors = gradcheck(*example(name, seed=1))
    assert max(errors.values()) <= TOLERANCE, errors


def alone_and_together(layer, params, x) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What comes out for each utterance in a batch of its own, and in the common batch."""

    def outputs(batch):
        y, _ = layer.forward(params, batch)
        return unpack(y) if isinstance(y, Ragged) else list(y)

    batches = [pack([u]) for u in unpack(x)] if isinstance(x, Ragged) else [row[None] for row in x]
    return [outputs(batch)[0] for batch in batches], outputs(x)


def assert_close(alone, together, relative):
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=relative * max(1, np.abs(a).max()))


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in LOSSES])  # a loss is of the whole batch
@thorough
@given(size=sizes, seed=seeds)
def test_nothing_depends_on_batch_mates(name, size, seed):
    layer, params, x, _ = example(name, seed, **size)
    assert_close(*alone_and_together(layer, params, x), 1e-12)
    assert_close(*alone_and_together(layer, as_float32(params), as_float32(x)), 1e-5)


@pytest.mark.network
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_depends_on_batch_mates_in_the_whole_network(name):
    layer, params, x, _ = example(name)
    params = layer.init(np.random.default_rng(0), np.float64)
    assert_close(*alone_and_together(layer, params, x), 1e-12)
    assert_close(*alone_and_together(layer, as_float32(params), as_float32(x)), 1e-5)


def all_floats(value) -> list[np.ndarray]:
    """Every floating-point array in a nest of tuples, lists, dicts and batches."""
    if isinstance(value, Ragged):
        value = value.data
    if isinstance(value, np.ndarray):
        return [value] if value.dtype.kind == "f" else []
    if isinstance(value, dict):
        value = list(value.values())
    return [a for part in value for a in all_floats(part)] if isinstance(value, (tuple, list)) else []


def pass_through(layer, params, x):
    """Forward and backward with a fixed gradient: (y, cache, dx, grads)."""
    y, cache = layer.forward(params, x, training=True, rng=np.random.default_rng(5))
    return y, cache, *layer.backward(params, cache, gradient_of(y))


def gradient_of(y):
    frames = frames_of(y)
    return np.asarray(np.cos(np.arange(frames.size)).reshape(frames.shape), frames.dtype)


@each
def test_float32_stays_float32(name):
    layer, params, x, _ = example(name)
    if isinstance(layer, LossLayer):
        loss, dlogits = layer.loss(as_float32(x))  # weights and λ are float64 here, and must not upcast it
        assert (loss.dtype, dlogits.dtype) == (np.float32, np.float32)
        return
    floats = all_floats(list(pass_through(layer, as_float32(params), as_float32(x))))
    assert len(floats) >= 2
    assert {a.dtype for a in floats} == {np.dtype(np.float32)}


@each
def test_arguments_stay_and_two_calls_agree(name):
    layer, params, x, _ = example(name)
    before = [a.copy() for a in all_floats([params, x])]
    first = all_floats(list(pass_through(layer, params, x)))
    second = all_floats(list(pass_through(layer, params, x)))
    for a, b in zip([*before, *first], [*all_floats([params, x]), *second], strict=True):
        np.testing.assert_array_equal(a, b)


@each
def test_backward_may_be_called_again_from_one_cache_and_without_the_inputs_gradient(name):
    layer, params, x, _ = example(name)
    y, cache, dx, grads = pass_through(layer, params, x)
    for wanted in (True, False):
        again_dx, again = layer.backward(params, cache, gradient_of(y), input_gradient=wanted)
        assert again.keys() == grads.keys()
        for tensor, g in grads.items():
            np.testing.assert_array_equal(again[tensor], g, err_msg=tensor)
        if again_dx is None:
            assert not wanted
        else:
            assert wanted or name in LAYERS  # a network saves the work
            np.testing.assert_array_equal(again_dx, dx)


@pytest.mark.parametrize("name", WALKERS)
def test_bad_input_is_refused_by_name(name):
    layer, params, x, _ = example(name)
    for offsets in ([0, len(x.data) + 1], [1, len(x.data)], [0, 3, 2, len(x.data)], [0]):
        with pytest.raises(ValueError, match="offsets"):
            layer.forward(params, Ragged(x.data, np.array(offsets)))
    if params:
        with pytest.raises(ValueError, match="params"):
            layer.forward({}, x)
        with pytest.raises(ValueError, match="dtype should be float32"):
            layer.forward(params, as_float32(x))
        with pytest.raises(ValueError, match="shape should be"):
            layer.forward(params, Ragged(np.concatenate([x.data, x.data], -1), x.offsets))
    y, cache = layer.forward(params, x)
    with pytest.raises(ValueError, match="dy"):
        layer.backward(params, cache, np.zeros((2, *frames_of(y).shape)))


# The test of the test.


@dataclass(frozen=True)
class Broken:
    """A layer whose backward is wrong: `spoil` changes one tensor's gradient."""

    layer: Any
    tensor: str
    spoil: Any

    def forward(self, params, x, *, training=False, rng=None):
        return self.layer.forward(params, x, training=training, rng=rng)

    def backward(self, params, cache, dy):
        dx, grads = self.layer.backward(params, cache, dy)
        gradients = {INPUT: dx, **grads}
        gradients[self.tensor] = self.spoil(gradients[self.tensor])
        return gradients.pop(INPUT), gradients


def without_edge_row(gradient):
    rows = [i for i, row in enumerate(gradient) if np.any(row)]
    spoiled = gradient.copy()
    spoiled[rows[-1]] = 0
    return spoiled


def tensors(name):
    _, params, _, _ = example(name)
    return [INPUT, *filter(is_learned, params)]  # the others' gradient is 0, and stays that if a part is taken away


CASES = [(name, tensor) for name in LAYERS for tensor in tensors(name)]


@pytest.mark.parametrize(("name", "tensor"), CASES)
@pytest.mark.parametrize("spoil", [without_edge_row, lambda g: 1.001 * g], ids=["edge row", "0.1 %"])
def test_a_wrong_backward_is_caught(name, tensor, spoil):
    """By two directions: along one, what is wrong can cancel, in one of some sixty tensors."""
    layer, params, x, rng = example(name, 3)
    checks = [gradcheck(Broken(layer, tensor, spoil), params, x, rng) for _ in range(2)]
    assert max(errors[tensor] for errors in checks) > TOLERANCE
    assert all(error <= TOLERANCE for errors in checks for other, error in errors.items() if other != tensor)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("tensor", ["entry.w", "output.b"])
def test_a_wrong_backward_of_the_network_is_caught(tensor):
    layer, params, x, rng = example("SeparableSER", 3)
    errors = gradcheck(Broken(layer, tensor, lambda g: 1.001 * g), params, x, rng)
    assert errors[tensor] > TOLERANCE


@pytest.mark.parametrize("index", [(0, 0, 0), (2, 1, 2), (1, 2, 0)])
def test_the_worst_entry_is_found(index):
    def spoil(gradient):
        spoiled = gradient.copy()
        spoiled[index] *= 1.001
        return spoiled

    layer, params, x, rng = example("DepthwiseConv")
    entry = worst_entry(Broken(layer, "w", spoil), params, x, rng, "w")
    assert entry.index == index
    assert entry.analytic == pytest.approx(1.001 * entry.numeric, rel=1e-6)


def test_a_corner_between_both_sides_is_avoided():
    """Right at the corner of a ReLU every direction crosses it, and the check says so instead of passing."""
    relu = layers.ReLU()
    with pytest.raises(ArithmeticError, match="corner"):
        gradcheck(relu, {}, np.zeros((2, 3)), np.random.default_rng(0))
    errors = gradcheck(relu, {}, np.full((2, 3), 1e-5), np.random.default_rng(0))
    assert errors[INPUT] <= 1e-4  # a smaller step was found; rounding weighs more there


def test_decisions_are_found_in_a_nested_cache():
    sign, winner = np.array([True]), np.array([3], np.uint8)
    assert list(decisions([(sign, 1.5), Ragged(np.zeros(1), np.array([0, 1])), [winner, None]])) == [sign, winner]


def test_a_fused_block_tells_its_decisions():
    layer, params, x, _ = example("FusedBlock")
    _, cache = layer.forward(params, x, training=True)
    signs = list(decisions([cache]))
    assert len(signs) == 2
    assert all(s.dtype == np.bool_ and 0 < s.sum() < s.size for s in signs)
    _, cache = layer.forward(params, x)
    with pytest.raises(ValueError, match="without training=True"):
        list(decisions(cache))


def test_a_gradient_check_needs_float64_and_all_gradients():
    layer, params, x, rng = example("Dense")
    with pytest.raises(ValueError, match="float64"):
        gradcheck(layer, as_float32(params), x, rng)

    class Forgetful(Broken):
        def backward(self, params, cache, dy):
            dx, grads = self.layer.backward(params, cache, dy)
            return dx, {"w": grads["w"]}

    with pytest.raises(ValueError, match="keys"):
        gradcheck(Forgetful(layer, "", None), params, x, rng)


def test_dropout_is_on_in_the_check():
    layer, params, x, rng = example("Dropout")

    class Forgetful(Broken):
        def backward(self, params, cache, dy):
            return dy, {}  # right for inference, where nothing is dropped

    assert gradcheck(Forgetful(layer, INPUT, None), params, x, rng)[INPUT] > TOLERANCE
