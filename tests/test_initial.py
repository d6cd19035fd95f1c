import numpy as np
import pytest

from numser.layers.initial import he_convolutions
from numser.model import SeparableSER
from numser.ragged import Ragged, frames_of
from numser.recipe import recipe
from numser.training import initial_state


def sizes(params, blocks):
    """The standard deviation of what each stage of the network gives, for a standardised log-mel."""
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.standard_normal((120, 128)), axis=0)  # neighbours alike, as in speech
    x = Ragged(((smooth - smooth.mean()) / smooth.std())[:, :, None].astype(np.float32), np.array([0, 120]))
    found = {}
    for name, layer in SeparableSER(7, blocks).network.children:
        x, _ = layer.forward({k[len(name) + 1 :]: w for k, w in params.items() if k.startswith(name + ".")}, x)
        found[name] = frames_of(x).std()
    return found


@pytest.mark.parametrize("blocks", [1, 4, 6])
def test_the_signal_keeps_its_size_where_glorots_shrinks_a_hundredfold(blocks):
    glorot = SeparableSER(7, blocks).init(np.random.default_rng(1))
    he = he_convolutions(np.random.default_rng(2), glorot, blocks)
    assert sizes(glorot, blocks)["flatten"] < 0.03
    assert all(0.3 < size < 3 for name, size in sizes(he, blocks).items() if name in ("entry", "stem", "flatten"))


@pytest.mark.parametrize("blocks", [1, 4, 6])
def test_residual_branches_add_a_little_each(blocks):
    glorot = SeparableSER(7, blocks).init(np.random.default_rng(1))
    found = sizes(he_convolutions(np.random.default_rng(2), glorot, blocks), blocks)
    assert 1.02 < found["flatten"] / found["pool"] < 2


def test_only_convolutions_differ_and_their_biases_stay():
    glorot = SeparableSER(7, 2).init(np.random.default_rng(1))
    he = he_convolutions(np.random.default_rng(2), glorot, 2)
    assert he.keys() == glorot.keys()
    changed = {name for name in he if not np.array_equal(he[name], glorot[name])}
    convolutions = {name for name in he if name.startswith(("entry", "stem", "blocks")) and name.endswith("w")}
    assert changed == convolutions
    assert all(he[name].shape == w.shape and he[name].dtype == w.dtype for name, w in glorot.items())


def test_the_papers_recipe_draws_as_before_and_numsers_draws_he():
    paper, numser = (initial_state(recipe(name), 7, 10).params for name in ("paper", "numser"))
    plain = SeparableSER(7, 4).init(np.random.default_rng(np.random.SeedSequence(0).spawn(4)[0]))
    assert all(np.array_equal(w, plain[name]) for name, w in paper.items())
    assert not np.array_equal(numser["stem.depthwise.w"], plain["stem.depthwise.w"])
    assert np.array_equal(numser["gru.w"], plain["gru.w"])
