from dataclasses import fields, replace

import pytest

from numser import train
from numser.errors import InputError
from numser.recipe import NUMSER, PAPER, RECIPES, Recipe, recipe


def test_the_papers_recipe_is_the_papers_in_every_number():
    """§4.2 of the paper, and its authors' program where the paper says nothing; and nothing beside that."""
    asked = {"steps": 2200, "batch_size": 64, "lr": 3e-4, "clip": 5.0, "validate_every": 10, "keep": "best"}
    asked |= {"blocks": 4, "attention": True, "tied": True, "dropout": 0.0, "loss": "ce", "level": "absolute"}
    asked |= {"lambda_b": 1.0, "lambda_c": 2.0, "beta": 0.3, "q": 0.7, "schedule": "constant", "warm_up": 0}
    assert {name: getattr(PAPER, name) for name in asked} == asked
    assert not PAPER.augments and PAPER.average == PAPER.weight_decay == 0
    assert Recipe() == PAPER


def test_numsers_recipe_keeps_the_papers_network_and_loss():
    for name in ("blocks", "attention", "tied", "loss"):
        assert getattr(NUMSER, name) == getattr(PAPER, name)
    assert NUMSER.level == "speech" and NUMSER.keep == "last" and NUMSER.augments


def test_a_recipe_by_name_with_another_value():
    assert recipe() == NUMSER
    assert recipe("paper", steps=7) == replace(PAPER, steps=7)
    with pytest.raises(InputError, match=r"^recipe poem: should be one of numser, paper"):
        recipe("poem")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("schedule", "linear", "schedule linear: should be one of constant, cosine"),
        ("keep", "first", "keep first: should be one of best, last"),
        ("level", "loud", "level loud: should be one of absolute, speech"),
        ("average", 1.0, "average 1.0: should be at least 0 and below 1"),
        ("warm_up", -1, "warm_up -1: should be at least 0"),
        ("tempo", 0.5, "tempo 0.5: should be from 1 to 4"),
        ("warp", float("nan"), "warp nan: should be from 1 to 4"),
        ("noise", 1.5, "noise 1.5: should be from 0 to 1"),
        ("offset", float("inf"), "offset inf: should be 0 or a positive number"),
        ("crop", 0.01, "crop 0.01: should be 0, or at least 0.1 seconds"),
        ("masks", 101, "masks 101: should be from 0 to 100"),
        ("weight_decay", -0.1, "weight_decay -0.1: should be 0 or a positive number"),
        ("q", 0.0, "q 0.0: should be above 0 and at most 1"),
        ("seed", -1, f"seed -1: should be from 0 to {2**128 - 1}"),
    ],
)
def test_values_that_cannot_work(name, value, message):
    with pytest.raises(InputError) as caught:
        replace(PAPER, **{name: value})
    assert str(caught.value) == message


def test_each_value_has_an_option_that_tells_both_recipes(capsys):
    with pytest.raises(SystemExit):
        train.parser().parse_args(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for f in fields(Recipe):
        if isinstance(f.default, bool):
            continue
        assert f"--{f.name.replace('_', '-')} " in text, f.name
        numser, paper = (getattr(RECIPES[name], f.name) for name in ("numser", "paper"))
        if numser != paper:
            assert f"(default {numser}, the paper's {paper})" in text, f.name
