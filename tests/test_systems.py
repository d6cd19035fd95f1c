"""The systems of Table 5: their counts, their pieces, and the commands that take them."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from conftest import command_refuses

import numser
from numser import crossval, evaluate, predict, report, train
from numser.corpora import load_corpus
from numser.errors import InputError
from numser.export import export
from numser.gradcheck import TOLERANCE, gradcheck, random_params
from numser.inference import pieces, recognise
from numser.losses import softmax
from numser.model import SeparableSER, main
from numser.ragged import Ragged, offsets_of, pack
from numser.recipe import ACRNN as ACRNN_RECIPE
from numser.recipe import OF_SYSTEMS, Recipe, recipe
from numser.recipe import SYSTEMS as NAMES
from numser.report.data import report_data
from numser.report.folder import read_runs
from numser.runs.folds import folds_of, run_fold
from numser.systems import ACRNN, BCRNN, SYSTEMS
from numser.systems.drn import residual_block
from numser.training import training_pieces


@pytest.mark.parametrize(
    ("options", "parameters"),
    [  # counted from paper and program of Chen et al., 2018, with and without the paper's pool
        ("--system acrnn --classes 4", 7_334_726),
        ("--system acrnn --blocks 5 --classes 7", 6_351_625),
        ("--system acrnn-pool2 --classes 4", 9_300_806),
        ("--system acrnn-pool2 --blocks 5 --classes 7", 8_317_705),
        # from the program of others; 10·32 weights for each of 128 − 17 more inputs, one bias a gate instead of two
        ("--system drn --classes 4", 9_934_868 + 35_520 - 4_096),
        ("--system drn-late --classes 4", 9_934_868 + 35_520 - 4_096),
        # 3D-ACRNN's with two numbers a channel for each further batch normalisation
        ("--system bcrnn --classes 7", 6_351_625 + 4 * 2 * 256),
        ("--system bcrnn-real --classes 7", 6_351_625 + 4 * 2 * 256),
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


def test_an_utterance_is_cut_into_the_fewest_pieces_that_cover_it():
    model = ACRNN(4, blocks=1)
    assert pieces(model, 5) == [(0, 5)]
    assert pieces(model, 300) == [(0, 300)]
    assert pieces(model, 301) == [(0, 300), (1, 301)]  # the first and the last 3 s, as the authors' program
    assert pieces(model, 700) == [(0, 300), (200, 500), (400, 700)]
    assert pieces(SeparableSER(4), 700) == [(0, 700)]


def test_an_answer_is_the_largest_of_its_pieces_probabilities(monkeypatch):
    monkeypatch.setattr(ACRNN, "segment", 20)
    model, rng = ACRNN(3, blocks=1), np.random.default_rng(0)
    params = model.init(rng)
    frames = [rng.standard_normal((n, 120)).astype(np.float32) for n in (45, 12)]
    with ThreadPoolExecutor(2) as pool:
        found = recognise(model, params, frames, pool)
    first = [softmax(model.forward(params, pack([frames[0][a : a + 20]]))[0])[0] for a in (0, 12, 25)]
    second = softmax(model.forward(params, pack([frames[1]]))[0])[0]
    np.testing.assert_allclose(np.exp(found.logits), [np.max(first, 0), second], rtol=1e-5)
    assert found.attention is None


def test_training_shows_all_pieces_with_their_utterances_label():
    shown = training_pieces(ACRNN_RECIPE, [100, 650, 301], np.array([1, 2]))
    assert shown.tolist() == [[1, 0, 300], [1, 175, 475], [1, 350, 650], [2, 0, 300], [2, 1, 301]]


def test_recipe_and_registry_know_the_same_systems():
    assert set(SYSTEMS) == set(OF_SYSTEMS) == set(NAMES) - {"separable"}
    assert all(recipe(system=name) == named and named.system == name for name, named in OF_SYSTEMS.items())


SMALL = ["--blocks", "1", "--batch-size", "8", "--validate-every", "2", "--lr", "0.001"]


def asked(corpus, system="acrnn", *more) -> list[str]:
    return ["--corpus", "emodb", "--data", str(corpus), "--system", system, *SMALL, *more]


@pytest.fixture(scope="module")
def finished(tiny_corpus, tmp_path_factory):
    """The folder of a run whose utterances are cut in two."""
    out = tmp_path_factory.mktemp("runs") / "acrnn"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ACRNN, "segment", 15)
        train.main(asked(tiny_corpus, "acrnn", "--test-speaker", "08", "--steps", "4", "--out", str(out)))
        yield out


def test_a_run_is_tested_kept_and_read_again(finished, capsys):
    result = json.loads((finished / "result.json").read_text())
    recogniser = numser.load(finished)
    assert recogniser.model == ACRNN(2, blocks=1)
    assert np.abs(recogniser.params["norm.running_mean"]).max() > 0  # it moves, though nothing learns it
    assert "ACRNN(n_classes=2, blocks=1, pool=4)" in repr(recogniser)
    for row in result["utterances"]:
        assert "attention" not in row
        prediction = recogniser.predict(row["path"])
        assert prediction.attention is None
        np.testing.assert_allclose(list(prediction.probabilities.values()), row["probabilities"], atol=1e-4)
    data = str(Path(row["path"]).parents[1])
    evaluate.main([str(finished / "model.npz"), "--corpus", "emodb", "--data", data, "--speakers", "08"])
    assert f"8 utterances:  UA {result['ua']:.3f}" in capsys.readouterr().out
    assert predict.main([str(finished / "model.npz"), row["path"]]) == 0
    assert row["predicted"] in capsys.readouterr().out
    page = finished / "report.html"
    report.main([str(finished), "--out", str(page)])
    assert page.stat().st_size > 0
    about = dict(report_data(read_runs(finished))["about"])
    assert about["Network"].startswith("ACRNN(") and "parameters" in about["Network"]


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_bytes(finished, tiny_corpus, tmp_path):
    out = str(tmp_path / "run")
    train.main(asked(tiny_corpus, "acrnn", "--test-speaker", "08", "--steps", "2", "--out", out, "--threads", "1"))
    train.main(["--resume", "--out", out, "--steps", "4"])
    for file in ("model.npz", "history.csv"):
        assert (tmp_path / "run" / file).read_bytes() == (finished / file).read_bytes(), file


@pytest.mark.slow
def test_a_fold_of_a_crossvalidation_is_such_a_run(finished, tiny_corpus, tmp_path):
    given = crossval.parser().parse_args([*asked(tiny_corpus), "--speakers", "--steps", "4"])
    changes = {name: value for name, value in vars(given).items() if name in {f.name for f in fields(Recipe)}}
    corpus = load_corpus("emodb", tiny_corpus)
    folds = folds_of("emodb", str(tiny_corpus), True, [recipe(**changes)], corpus)
    assert list(folds) == ["speaker03", "speaker08", "speaker09"]
    config = folds["speaker08"]
    assert train._config(vars(train.parser().parse_args(config.options()))) == config
    assert (
        run_fold(config, tmp_path / "fold", corpus.identity).ua
        == json.loads((finished / "result.json").read_text())["ua"]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recipe", "paper"], "--recipe paper: --system acrnn has a recipe of its own"),
        (["--noise", "0.2"], "--noise: is not for --system acrnn, but for the paper's network alone"),
        (["--untied"], "--untied: is not for --system acrnn, but for the paper's network alone"),
        (["--blocks", "0"], "--blocks: should be a whole number from 1 to 20, found 0"),
    ],
)
def test_options_that_a_system_has_not(options, message, tiny_corpus, tmp_path):
    with command_refuses(re.escape(message)):
        train.main([*asked(tiny_corpus), *options, "--out", str(tmp_path / "run")])


def test_a_systems_model_is_not_exported(finished, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    with pytest.raises(InputError, match="only the paper's network can be exported"):
        export(numser.load(finished), tmp_path / "model.onnx")


def test_gradients_of_a_residual_block():
    """DRN's blocks; in the check of the whole network there are none, since so many weights take long."""
    layer, rng = residual_block(4, 3, 2), np.random.default_rng(0)
    params = random_params(layer, rng)
    x = Ragged(rng.standard_normal((16, 1, 4)), offsets_of([9, 1, 6]))
    errors = gradcheck(layer, params, x, rng)
    assert errors.keys() == {"x", *params} and len(params) == 10
    assert max(errors.values()) <= TOLERANCE, errors


@pytest.mark.slow
@pytest.mark.parametrize(("system", "blocks"), [("drn", 1), ("bcrnn", 2)])
def test_the_other_systems_train_and_answer_too(system, blocks, tiny_corpus, tmp_path):
    options = ["--test-speaker", "08", "--steps", "2", "--blocks", str(blocks), "--out", str(tmp_path / "run")]
    train.main([*asked(tiny_corpus, system), *options])
    recogniser = numser.load(tmp_path / "run")
    assert recogniser.model == SYSTEMS[system](2, blocks)
    row = json.loads((tmp_path / "run" / "result.json").read_text())["utterances"][0]
    found = recogniser.predict(row["path"]).probabilities
    np.testing.assert_allclose(list(found.values()), row["probabilities"], atol=1e-4)


def test_of_a_binary_network_a_bit_a_weight_is_enough():
    model, rng = BCRNN(4, blocks=6), np.random.default_rng(0)
    params = model.init(rng)
    # of 6 convolutions, but the first, the linear layer, and the LSTM's input matrices; all else takes four bytes
    bits = 5 * 3 * 256 * (128 + 4 * 256) + 2560 * 768 + 2 * 768 * 512
    assert model.stored_bytes(params) == bits / 8 + 4 * (7_334_726 + 5 * 2 * 256 - bits)
    assert BCRNN(4, blocks=6, binary=False).stored_bytes(params) == 4 * (7_334_726 + 5 * 2 * 256)
    names = [*(f"conv{n}.w" for n in range(2, 7)), "linear.w", "lstm.forward.w", "lstm.backward.w"]
    signs = {name: np.where(params[name] >= 0, 1, -1).astype(np.float32) for name in names}
    x = pack([rng.standard_normal((9, 120)).astype(np.float32)])
    np.testing.assert_array_equal(model.forward(params | signs, x)[0], model.forward(params, x)[0])
    other = params | {"conv2.w": -params["conv2.w"]}
    assert np.abs(model.forward(other, x)[0] - model.forward(params, x)[0]).max() > 0
