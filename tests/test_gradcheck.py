"""The command line and the limits of the gradient check; what it finds is in test_contract.py."""

import numpy as np
import pytest

from numser.gradcheck import gradcheck, main


class Corner:
    """|x|, whose slope at 0 no ε can tell."""

    def __init__(self):
        self.inputs = []

    def forward(self, params, x, *, rng=None):
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


def test_refuses_a_seed(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--seed", "-1"])
    assert "--seed should be 0 or more, found -1" in capsys.readouterr().err
