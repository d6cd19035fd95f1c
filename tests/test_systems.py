"""The systems of Table 5: their counts, their pieces, and the commands that take them."""

import re

import pytest

from numser.model import main


@pytest.mark.parametrize(
    ("options", "parameters"),
    [  # counted from paper and program of Chen et al., 2018, with and without the paper's pool
        ("--system acrnn --classes 4", 7_334_726),
        ("--system acrnn --blocks 5 --classes 7", 6_351_625),
        ("--system acrnn-pool2 --classes 4", 9_300_806),
        ("--system acrnn-pool2 --blocks 5 --classes 7", 8_317_705),
    ],
)
def test_parameter_counts(options, parameters, capsys):
    main([*options.split(), "--seconds", "0.2"])
    assert re.search(r"^total +([\d,]+)", capsys.readouterr().out, re.M)[1] == f"{parameters:,}"


def test_what_a_system_has_not_is_refused(capsys):
    for options, message in (
        (["--no-attention"], "--system acrnn: has neither --no-attention nor --untied"),
        (["--blocks", "0"], "--blocks: should be a whole number from 1 to 20, found 0"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["--system", "acrnn", *options])
        assert message in capsys.readouterr().err
