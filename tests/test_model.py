import numpy as np
import pytest

from numser import losses
from numser.model import SeparableSER, attended_frames, main, stages
from numser.ragged import Ragged, offsets_of, pack

# Paper, Table 4: parameters by number of blocks, in millions that turn out to be 2^20, cut after two digits.
TABLE_4 = {1: "0.83", 2: "0.85", 3: "0.87", 4: "0.88", 5: "0.90", 6: "0.92"}
COUNTS = {1: 877_892, 2: 895_620, 3: 913_348, 4: 931_076, 5: 948_804, 6: 966_532}


def parameters(model):
    return sum(w.size for w in model.init(np.random.default_rng(0)).values())


@pytest.mark.parametrize("blocks", TABLE_4)
def test_parameter_counts_of_table_4(blocks):
    count = parameters(SeparableSER(4, blocks))
    assert count == COUNTS[blocks]
    assert str(count / 2**20)[:4] == TABLE_4[blocks]


def test_untied_directions_would_not_fit_table_4():
    assert parameters(SeparableSER(4, 4, tied=False)) / 2**20 > 1.6


def test_names_and_shapes():
    params = SeparableSER(7, 1).init(np.random.default_rng(0))
    assert {name: w.shape for name, w in params.items()} == {
        "entry.w": (3, 3, 1, 32),
        "entry.b": (32,),
        "stem.expand.w": (32, 64),
        "stem.expand.b": (64,),
        "stem.depthwise.w": (3, 3, 64),
        "stem.project.w": (64, 64),
        "stem.project.b": (64,),
        "blocks.0.expand.w": (64, 128),
        "blocks.0.expand.b": (128,),
        "blocks.0.depthwise.w": (3, 3, 128),
        "blocks.0.project.w": (128, 64),
        "blocks.0.project.b": (64,),
        "gru.w": (2048, 384),
        "gru.u": (128, 384),
        "gru.b": (384,),
        "attention.w": (256,),
        "hidden.w": (256, 64),
        "hidden.b": (64,),
        "hidden.slope": (64,),
        "output.w": (64, 7),
        "output.b": (7,),
    }
    assert params["attention.w"].std() == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("classes", [4, 7])
def test_the_first_loss_is_ln_k(classes):
    """Before training, the class-balanced mean loss should be that of guessing: ln K, within 2 %."""
    rng = np.random.default_rng(0)
    model = SeparableSER(classes)
    labels = rng.integers(classes, size=24)
    x = pack([rng.standard_normal((n, 128)).astype(np.float32) for n in rng.integers(30, 90, 24)])
    for seed in range(3):
        logits, _ = model.forward(model.init(np.random.default_rng(seed)), x)
        weights = losses.class_weights(labels, classes)[labels]
        loss, _ = losses.cross_entropy(logits, labels, weights)
        assert loss == pytest.approx(np.log(classes), rel=0.02)


@pytest.mark.parametrize("frames", [3, 4, 5, 6, 7, 8, 100, 301])
def test_attention_weights_lie_where_they_say(frames):
    """Each weight's centre, and its number, by walking the two strided windows back to the input."""
    model = SeparableSER(4, blocks=0)
    x = Ragged(np.ones((frames, 128), np.float32), offsets_of([frames]))
    _, cache = model.forward(model.init(np.random.default_rng(0)), x)
    weights = model.attention_weights(cache)
    centres = attended_frames(frames)
    assert len(weights.data) == len(centres)
    assert weights.data.sum() == pytest.approx(1, abs=1e-5)
    entered = (frames - 3) // 2 + 1
    total = max((-(-entered // 2) - 1) * 2 + 3 - entered, 0)
    for k, centre in enumerate(centres):
        pooled = 2 * k - total // 2 + 1  # the middle of pool window k, an entry frame …
        assert centre == 2 * pooled + 1  # … whose own window is centred here


def test_without_attention_there_are_no_weights():
    model = SeparableSER(4, blocks=0, attention=False)
    _, cache = model.forward(model.init(np.random.default_rng(0)), pack([np.ones((9, 128), np.float32)]))
    with pytest.raises(ValueError, match="without it"):
        model.attention_weights(cache)


def test_what_it_refuses():
    model = SeparableSER(4)
    params = model.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least 3"):
        model.forward(params, pack([np.ones((2, 128), np.float32)]))
    with pytest.raises(ValueError, match=r"\(any, 128\), found \(9, 64\)"):
        model.forward(params, pack([np.ones((9, 64), np.float32)]))


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("n_classes", 1, "whole number of at least 2, found 1"),
        ("n_classes", 4.0, "found 4.0"),
        ("n_classes", True, "found True"),
        ("n_classes", "4", "found '4'"),
        ("blocks", -1, "whole number of at least 0, found -1"),
        ("blocks", 1.5, "found 1.5"),
        ("blocks", False, "found False"),
        ("dropout", 1.0, "at least 0 and below 1, found 1.0"),
        ("dropout", -0.1, "found -0.1"),
        ("dropout", float("nan"), "found nan"),
    ],
)
def test_refuses_hyper_parameters(name, value, complaint):
    with pytest.raises(ValueError, match=f"^{name}: should be .*{complaint}$"):
        SeparableSER(**{"n_classes": 4, name: value})


def test_one_seed_is_one_network_in_both_precisions():
    model = SeparableSER(4, 1)
    single, double = (model.init(np.random.default_rng(7), dtype) for dtype in (np.float32, np.float64))
    for name, w in single.items():
        np.testing.assert_array_equal(w, double[name].astype(np.float32))


def test_repr_is_the_architecture():
    text = "SeparableSER(n_classes=7, blocks=2, attention=False, tied=True, dropout=0.0)"
    assert repr(SeparableSER(7, 2, attention=False)) == text


def test_the_layer_table(capsys):
    table = {stage.name: stage for stage in stages(SeparableSER(7), 301)}
    assert table["entry"].output == (150, 63, 32)
    assert table["pool"].output == (75, 32, 64)
    assert table["blocks.3"].multiply_accumulates == 75 * 32 * (2 * 64 * 128 + 9 * 128)
    assert table["gru"].multiply_accumulates == 75 * (2048 * 384 + 2 * 128 * 384)
    assert table["attention"].multiply_accumulates == 2 * 75 * 256
    main(["--blocks", "4", "--classes", "7"])
    printed = capsys.readouterr().out
    assert "931,271" in printed
    assert "150 × 63 × 32" in printed


@pytest.mark.parametrize(
    ("option", "value", "bounds"),
    [
        ("--classes", "1", "2 to 1000"),
        ("--classes", "1000000000", "2 to 1000"),
        ("--blocks", "-1", "0 to 100"),
        ("--blocks", "101", "0 to 100"),
        ("--seconds", "nan", "0.02 to 60"),
    ],
)
def test_the_layer_table_has_bounds(option, value, bounds, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([option, value])
    assert f"{option} should be from {bounds}, found {value}" in capsys.readouterr().err
