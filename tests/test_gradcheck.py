"""The command line and the limits of the gradient check; what it finds is in test_contract.py."""

import numpy as np
import pytest

from numser.gradcheck import Example, _Check, every_entry, examples, gradcheck, main, random_params
from numser.layers import Dense, DepthwiseConv


class Corner:
    """|x|, whose slope at 0 no ε can tell."""

    def __init__(self):
        self.inputs = []

    def forward(self, params, x, *, training=False, rng=None):
        self.inputs.append(x)
        return np.abs(x), x > 0

    def backward(self, params, cache, dy):
        return dy * np.where(cache, 1, -1), {}


def test_no_step_is_so_small_that_rounding_decides():
    layer = Corner()
    with pytest.raises(ArithmeticError, match=r"^x: every direction tried crosses a corner"):
        gradcheck(layer, {}, np.zeros(1000), np.random.default_rng(0))
    moved = [x.std() for x in layer.inputs[1:]]
    assert 5e-6 < max(moved) < 2e-5
    assert 4e-9 < min(moved) < 1e-8


class OneTapWrong(DepthwiseConv):
    """A depthwise convolution whose backward gives one weight 0.1 % too much."""

    def backward(self, params, cache, dy):
        dx, grads = super().backward(params, cache, dy)
        grads["w"][2, 0, 1] *= 1.001
        return dx, grads


def test_every_entry_is_moved_and_the_wrong_one_stands_out():
    rng = np.random.default_rng(0)
    layer, x = OneTapWrong(3), examples(rng)["DepthwiseConv"].x
    params = random_params(layer, rng)
    analytic, numeric = every_entry(layer, params, x, rng, "w")
    assert analytic.shape == numeric.shape == (3, 3, 3)
    ratio = analytic / numeric
    assert ratio[2, 0, 1] == pytest.approx(1.001, abs=1e-6)
    ratio[2, 0, 1] = 1
    assert ratio == pytest.approx(1, abs=1e-6)
    analytic, numeric = every_entry(layer, params, x, rng, "x")
    assert analytic.shape == x.data.shape
    assert analytic == pytest.approx(numeric, abs=1e-8)


class Says(Dense):
    """A dense layer whose backward changes one gradient."""

    def __init__(self, name, change):
        super().__init__(3, 4)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "change", change)

    def backward(self, params, cache, dy):
        dx, grads = super().backward(params, cache, dy)
        found = {"x": dx} | grads
        found[self.name] = self.change(found[self.name])
        return found.pop("x"), found


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("x", lambda g: g.sum(0), r"dx: should have the shape of x, \(5, 3\), found \(3,\)"),
        ("b", np.sum, r"db: should have the shape of b, \(4,\), found \(\)"),
        ("w", lambda g: g.sum(0), r"dw: should have the shape of w, \(3, 4\), found \(4,\)"),
    ],
)
def test_a_gradient_of_another_shape_is_refused(name, change, said):
    """In its own shape each would agree with the difference along a direction that is stretched."""
    rng = np.random.default_rng(0)
    params = random_params(Dense(3, 4), rng)
    with pytest.raises(ValueError, match=said):
        gradcheck(Says(name, change), params, rng.standard_normal((5, 3)), rng)
    assert max(gradcheck(Says(name, lambda g: g), params, rng.standard_normal((5, 3)), rng).values()) < 1e-9


def test_no_entry_hides_behind_a_small_move():
    """With normal directions the error of one wrong weight varies a thousandfold, and can be within the tolerance."""
    rng = np.random.default_rng(0)
    layer, x = OneTapWrong(3), examples(rng)["DepthwiseConv"].x
    check = _Check(layer, random_params(layer, rng), x, rng)
    errors = [check.error("w") for _ in range(200)]
    assert max(errors) < 5 * min(errors)


def test_the_table_says_which_entry_is_worst(monkeypatch, capsys):
    x = examples(np.random.default_rng(0))["DepthwiseConv"].x
    example = {"one tap": Example(OneTapWrong(3), x)}
    monkeypatch.setattr("numser.gradcheck.examples", lambda rng: example)
    monkeypatch.setattr("numser.gradcheck.networks", lambda rng: {})
    assert main([]) == 1
    _, of_x, of_w, worst, end = capsys.readouterr().out.splitlines()
    assert of_x.endswith("ok") and of_w.endswith("WRONG")
    assert worst.strip().startswith("worst at [2, 0, 1]: is ")
    assert end == "1 wrong"


def test_refuses_a_seed(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--seed", "-1"])
    assert "--seed should be 0 or more, found -1" in capsys.readouterr().err
