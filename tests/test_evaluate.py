import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import command_refuses

from numser import recogniser as recogniser_file
from numser import train
from numser.corpora import Corpus, Utterance, emodb
from numser.dataset import prepare
from numser.errors import InputError
from numser.evaluate import main, mapped
from numser.evaluation import test as run_test
from numser.features import PAPER, Standardiser
from numser.model import BANDS, SeparableSER
from numser.recogniser import Recogniser

LABELS = ("anger", "joy", "neutral")


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    model = SeparableSER(3, blocks=0)
    standardiser = Standardiser(np.full(BANDS, -40, np.float32), np.full(BANDS, 15, np.float32))
    params = model.init(np.random.default_rng(0))
    params["output.b"][:] = 0, 3, 0  # it says joy wherever it may
    return Recogniser(model, params, LABELS, PAPER, standardiser, "noise")


@pytest.fixture
def model_file(recogniser, tmp_path):
    recogniser.save(tmp_path / "model.npz")
    return str(tmp_path / "model.npz")


@pytest.fixture
def recordings(tmp_path):
    """Six recordings of noise: two each of anger, neutral and calm."""
    rng = np.random.default_rng(0)
    for n, label in enumerate(("anger", "anger", "neutral", "neutral", "calm", "calm")):
        (tmp_path / "data" / label).mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "data" / label / f"{n}.wav", 0.1 * rng.standard_normal(4000 + 500 * n), 16_000)
    return str(tmp_path / "data")


def test_a_model_scores_on_a_runs_test_speakers_what_the_run_scored(tiny_corpus, tmp_path, capsys):
    options = ["--blocks", "0", "--batch-size", "4", "--validate-every", "2", "--lr", "0.001", "--steps", "6"]
    out = tmp_path / "run"
    data = ["--corpus", "emodb", "--data", str(tiny_corpus)]
    train.main([*data, "--test-speaker", "08", "--out", str(out), *options])
    main([str(out / "model.npz"), *data, "--speakers", "08", "--out", str(tmp_path / "again.json")])
    result, again = (json.loads(path.read_text()) for path in (out / "result.json", tmp_path / "again.json"))
    assert {row["speaker"] for row in again["utterances"]} == {"08"}
    for key in ("ua", "wa", "f1", "labels", "confusion"):
        assert again[key] == result[key]
    for row, before in zip(again["utterances"], result["utterances"], strict=True):
        assert {key: row[key] for key in ("name", "truth", "predicted", "path")} == {
            key: before[key] for key in ("name", "truth", "predicted", "path")
        }
        np.testing.assert_allclose(row["probabilities"], before["probabilities"], atol=1e-4)
    assert again["trained_on"] == "emodb, speaker08"
    low, high = again["ua_interval"]
    assert 0 <= low <= again["ua"] <= high <= 1
    assert f"8 utterances:  UA {again['ua']:.3f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("trained_on", "speakers", "heard"),
    [
        ("emodb, fold0", None, True),
        ("emodb, fold0", "03", True),
        ("emodb, speaker03", None, True),
        ("emodb, speaker03", "03", False),
        ("emodb, speaker03-09", "09,03", False),
        ("emodb, speaker03", "03,09", True),
        ("synthetic, fold0", None, False),
    ],
)
def test_it_says_when_the_model_may_have_heard_the_corpus(
    tiny_corpus, recogniser, tmp_path, capsys, trained_on, speakers, heard
):
    replace(recogniser, trained_on=trained_on).save(tmp_path / "m.npz")
    some = ["--speakers", speakers] if speakers else []
    main([str(tmp_path / "m.npz"), "--corpus", "emodb", "--data", str(tiny_corpus), *some])
    sentence = f"The model was trained on {trained_on}: what it has heard before flatters it."
    assert (sentence in capsys.readouterr().err) == heard


def test_labels_are_mapped_and_left_out(model_file, recordings, tmp_path, capsys):
    command = [model_file, "--corpus", "folder", "--data", recordings]
    main([*command, "--map", "calm=neutral", "--out", str(tmp_path / "all.json")])
    main([*command, "--map", "calm=", "--out", str(tmp_path / "some.json")])
    everything, some = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("all", "some"))
    assert [row["truth"] for row in everything["utterances"]] == ["anger"] * 2 + ["neutral"] * 4
    assert [row["truth"] for row in some["utterances"]] == ["anger"] * 2 + ["neutral"] * 2
    assert everything["labels"] == list(LABELS)
    assert np.sum(everything["confusion"], axis=1).tolist() == [2, 0, 4]
    assert everything["map"] == {"calm": "neutral"}
    out, err = capsys.readouterr()
    assert "Left out 2 utterances: calm 2." in err
    assert out.count("by chance 0.500") == 2  # of the labels that are there, two of the model's three
    assert out.count("UA and F1 are over the labels that were tested, 2 of 3: anger, neutral.") == 2
    assert "Only 6 recordings were tested, fewer than 30" in out and "Only 4 recordings were tested" in out


def test_ua_and_f1_are_over_the_same_labels(model_file, recordings, tmp_path):
    """A model that always says joy, of which there is none, has neither; joy does not dilute F1."""
    command = [model_file, "--corpus", "folder", "--data", recordings, "--map", "calm=joy", "--out"]
    main([*command, str(tmp_path / "with.json")])
    result = json.loads((tmp_path / "with.json").read_text())
    assert (result["ua"], result["f1"]) == (pytest.approx(1 / 3), pytest.approx((2 * 2 / 8) / 3))
    main([*command[:-2], "calm=", "--out", str(tmp_path / "without.json")])
    result = json.loads((tmp_path / "without.json").read_text())
    assert (result["ua"], result["f1"]) == (0, 0)


def test_restricted_to_the_corpus_labels(recogniser, recordings, model_file, tmp_path, capsys):
    command = [model_file, "--corpus", "folder", "--data", recordings, "--map", "calm="]
    main([*command, "--out", str(tmp_path / "free.json")])
    main([*command, "--restrict", "--out", str(tmp_path / "bound.json")])
    free, bound = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("free", "bound"))
    assert {row["predicted"] for row in free["utterances"]} == {"joy"}
    for row, before in zip(bound["utterances"], free["utterances"], strict=True):
        anger, joy, neutral = before["probabilities"]
        shares = [anger / (anger + neutral), 0, neutral / (anger + neutral)]
        np.testing.assert_allclose(row["probabilities"], shares, atol=1e-4)
        assert joy > max(anger, neutral)
        assert row["predicted"] == ("anger" if anger > neutral else "neutral")
    assert "by chance 0.500" in capsys.readouterr().out


def test_each_speaker_may_be_standardised(recogniser, model_file, tiny_corpus, tmp_path, capsys):
    out = tmp_path / "result.json"
    data = ["--corpus", "emodb", "--data", str(tiny_corpus), "--speakers", "03"]
    main([model_file, *data, "--map", "anger=joy", "--standardise", "speaker", "--out", str(out)])
    assert "Each speaker was standardised by all of the speaker's own recordings" in capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result["standardise"] == "speaker"
    sounds = [soundfile.read(row["path"], dtype="float32")[0] for row in result["utterances"]]
    person = recogniser.for_speaker(sounds, 16_000)
    for sound, row in zip(sounds, result["utterances"], strict=True):
        probabilities = list(person.predict(sound, 16_000).probabilities.values())
        np.testing.assert_allclose(row["probabilities"], probabilities, atol=1e-4)


def test_speakers_who_are_not_named_cannot_be_standardised(model_file, recordings):
    with pytest.raises(InputError, match=r"standardise speaker: .* names no speaker; use standardise corpus"):
        main([model_file, "--corpus", "folder", "--data", recordings, "--map", "calm=", "--standardise", "speaker"])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ([], r'the model knows anger, joy, neutral, and the corpus has calm; map each, as in --map "calm=anger"'),
        (["--map", "calm"], "--map calm: should be the corpus's label, =, the model's"),
        (["--map", "=joy"], "--map =joy: should be"),
        (["--map", "calm=peace"], "--map calm=peace: the model knows anger, joy, neutral; map calm to one of these"),
        (["--map", "calm=", "--map", "calm=joy"], "--map calm=joy: calm is mapped twice"),
        (["--map", "calm=", "--map", "rage=anger"], "--map rage=anger: the corpus has no rage; it has anger, calm"),
        (["--map", "calm=", "--map", "anger=", "--map", "neutral="], "leaves none of the corpus's 6 utterances"),
        (["--speakers", "03"], "--speakers 03: there is no such speaker; the corpus has none"),
    ],
)
def test_what_cannot_be_asked(model_file, recordings, options, match):
    with pytest.raises(InputError, match=match):
        main([model_file, "--corpus", "folder", "--data", recordings, *options])


def test_a_result_is_not_overwritten(model_file, recordings, tmp_path, monkeypatch):
    (tmp_path / "result.json").write_text("mine")
    command = [model_file, "--corpus", "folder", "--data", recordings, "--map", "calm=", "--out"]
    with pytest.raises(InputError, match=r"result.json: is already there; name another file"):
        main([*command, str(tmp_path / "result.json")])
    assert (tmp_path / "result.json").read_text() == "mine"
    with pytest.raises(InputError, match="is a file"):
        main([*command, str(tmp_path / "result.json" / "r.json")])
    monkeypatch.setattr(recogniser_file, "load", lambda _: pytest.fail("it has begun"))
    with command_refuses("^--out .*nowhere/r.json: there is no folder .*nowhere; make it"):
        main([*command, str(tmp_path / "nowhere" / "r.json")])


def test_mapping_keeps_everything_else():
    corpus = Corpus("c", [Utterance("a", "calm", "03", "t", 0.9), Utterance("b", "joy")], [])
    found, sentences = mapped(corpus, {"calm": "neutral"}, LABELS)
    calm, joy = found.utterances
    assert (calm.name, calm.label, calm.speaker, calm.text, calm.votes) == ("a", "neutral", "03", "t", 0.9)
    assert joy.label == "joy"
    assert sentences == []


def test_attention_lies_where_the_models_frames_lie(recogniser, tiny_corpus):
    """Seconds follow the model's own hop, not the paper's."""
    coarse = replace(recogniser, features=replace(PAPER, hop_length=320))
    corpus = emodb.load(tiny_corpus)
    dataset = prepare(corpus, coarse.features, classes=LABELS).standardised(coarse.standardiser)
    row = run_test(coarse, dataset, np.arange(1), threads=1).utterances[0]
    assert np.diff(row.attention_seconds) == pytest.approx(4 * 0.02)
