"""What a run is asked to do, and how to ask for it again."""

from hypothesis import given
from hypothesis import strategies as st

from numser.recipe import recipe
from numser.runs.config import Config
from numser.train import _config, parser

OTHER = st.fixed_dictionaries(
    {},
    optional={
        "blocks": st.integers(0, 6),
        "attention": st.booleans(),
        "tied": st.booleans(),
        "loss": st.sampled_from(["ce", "focal"]),
        "lr": st.floats(1e-5, 1),
        "steps": st.integers(1, 999),
        "seed": st.integers(0, 9),
    },
)


@given(
    name=st.sampled_from(["numser", "paper"]),
    changes=OTHER,
    split=st.sampled_from([(0, None), (8, None), (None, "03,08")]),
    data=st.sampled_from([None, "my folder"]),
    standardise=st.sampled_from(["corpus", "speaker"]),
)
def test_a_configuration_says_by_which_options_it_is_had_again(name, changes, split, data, standardise):
    config = Config("emodb", data, *split, recipe(name, **changes), standardise=standardise)
    assert _config(vars(parser().parse_args(config.options()))) == config
    if not changes and name == "numser" and split[0] == 0 and data is None and standardise == "corpus":
        assert config.options() == ["--corpus", "emodb", "--fold", "0"]
