"""What a run left in result.json, read again with care."""

import json

import pytest
from conftest import PROJECT
from made_runs import config_of

from numser.errors import InputError
from numser.evaluation import Result
from numser.runs.config import Config
from numser.runs.result import RunResult, read_result

OLDER = PROJECT / "tests" / "older_result.json"  # from before there were recipes by name
KEPT = [OLDER, *sorted((PROJECT / "benchmarks" / "results").rglob("result.json"))]
ROW = {
    "name": "a",
    "path": None,
    "speaker": "03",
    "difficulty": "A",
    "truth": "joy",
    "predicted": "anger",
    "probabilities": [0.9, 0.1],
    "attention": [0.5, 0.5],
    "attention_seconds": [0.01, 0.05],
}
RESULT = {
    "ua": 0.5,
    "wa": 0,
    "f1": 1.0,
    "labels": ["anger", "joy"],
    "confusion": [[0, 0], [1, 0]],
    "utterances": [ROW],
    "config": {"corpus": "emodb", "data": None, "fold": 0, "test_speaker": None, "recipe": {"blocks": 2}},
    "corpus": "emodb",
    "seed": 0,
    "best_step": 10,
    "best_validation_ua": 0.25,
    "seconds": 3.5,
    "versions": {"numser": "0.1.0"},
    "machine": "Linux x86_64",
}


@pytest.fixture
def read(tmp_path):
    def read(result):
        (tmp_path / "result.json").write_text(json.dumps(result))
        return read_result(tmp_path / "result.json")

    return read


def test_a_sound_result_is_read_as_it_is(read):
    plain = {key: value for key, value in ROW.items() if not key.startswith("attention")}
    for values in (RESULT, RESULT | {"utterances": [plain]}, RESULT | {"validation_labels": ["joy"]}):
        result = read(values)
        again = result.to_json()
        assert {key: again[key] for key in values} == values | {"config": again["config"]}
        assert result.config == config_of(recipe=result.config.recipe) and result.config.recipe.blocks == 2
        assert read(again) == read(values | {"more": 1}) == result
        assert Result.from_json(values).to_json() == {key: values[key] for key in list(values)[:6]}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: "-".join(path.parts[-5:-1]))
def test_results_of_older_versions_are_read_as_they_are(path):
    values = json.loads(path.read_text())
    result = read_result(path)
    again = json.loads(json.dumps(result.to_json()))
    assert [key for key in again if key in values] == list(values)
    asked, recipe = ((again if key == "config" else again["config"])[key] for key in ("config", "recipe"))
    assert asked.items() >= (values["config"] | {"recipe": recipe}).items()
    assert recipe.items() >= values["config"]["recipe"].items()
    assert again | values | {"config": asked} == again
    assert "validation_labels" in values or result.validation_labels is None


def test_there_are_results_of_older_versions():
    assert "validation_labels" not in json.loads(OLDER.read_text())
    assert len(KEPT) > 20


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"validation_labels": 3}, "validation_labels should be a list, found 3"),
        ({"validation_labels": ["joy", "joy"]}, "validation_labels should be different ones of the labels"),
        ({"validation_labels": ["joy", "calm"]}, "validation_labels should be different ones of the labels"),
        ({"validation_labels": []}, "validation_labels should be different ones of the labels"),
        ({"ua": "0.5"}, "ua should be a number from 0 to 1, found '0.5'"),
        ({"wa": float("nan")}, "wa should be a number from 0 to 1, found nan"),
        ({"f1": True}, "f1 should be"),
        ({"best_validation_ua": -0.1}, "best_validation_ua should be"),
        ({"seconds": None}, "seconds should be a number"),
        ({"seconds": 10**400}, "seconds should be"),
        ({"config": 3.0}, "config should be an object, found 3.0"),
        ({"config": RESULT["config"] | {"recipe": {"lr": "1"}}}, "config.recipe.lr should be a number, found '1'"),
        ({"config": RESULT["config"] | {"recipe": {"lr": -1}}}, "lr -1.0: should be a positive number"),
        ({"config": RESULT["config"] | {"recipe": {"magic": 1}}}, "config has 'magic', which this version does not"),
        ({"config": RESULT["config"] | {"fold": None}}, "one of fold, test_speaker and train_on_all should be given"),
        ({"versions": ["1.0"]}, "versions should be an object"),
        ({"versions": {"numser": 1}}, "versions.numser should be text, found 1"),
        ({"corpus": None}, "corpus should be text, found None"),
        ({"seed": 0.5}, "seed should be a whole number"),
        ({"best_step": 10**400}, "best_step should be a whole number, found 1000"),
        ({"best_step": True}, "best_step should be a whole number"),
        ({"labels": ["joy", "joy"]}, "labels should be different texts"),
        ({"labels": []}, "labels should be different texts"),
        ({"labels": "joy"}, "labels should be a list"),
        ({"confusion": [[0, 1]]}, "confusion should be 2 rows of 2 counts"),
        ({"confusion": [[0], [1, 0]]}, "confusion should be 2 rows of 2 counts"),
        ({"confusion": [[0, -1], [1, 1]]}, r"confusion\[0\]\[1\] should be a whole number from 0 to .*, found -1"),
        ({"confusion": [[0, 0.0], [1, 0]]}, r"confusion\[0\]\[1\] should be a whole number"),
        ({"confusion": None}, "confusion should be a list"),
        ({"utterances": []}, "utterances should not be empty"),
        ({"utterances": [3]}, r"utterances\[0\] should be an object, found 3"),
        ({"utterances": [ROW, ROW]}, "its confusion matrix is not that of its utterances"),
        ({"confusion": [[0, 0], [0, 1]]}, "its confusion matrix is not that of its utterances"),
        *(
            ({"utterances": [ROW | change]}, match)
            for change, match in (
                ({"path": "a\0b"}, r"utterances\[0\]\.path should be text, found 'a\\x00b'"),
                ({"path": "\ud800"}, r"utterances\[0\]\.path should be text, found '\\ud800'"),
                ({"path": "\ud800" * 10**6}, r"path should be text, found '(.ud800){13}…; take"),
                ({"name": 3}, r"utterances\[0\]\.name should be text"),
                ({"speaker": ["03"]}, r"utterances\[0\]\.speaker should be text"),
                ({"truth": "rage"}, "truth of 'a' should be one of anger, joy, found 'rage'"),
                ({"predicted": None}, r"utterances\[0\]\.predicted should be text"),
                ({"difficulty": "D"}, "difficulty of 'a' should be one of A, B, C"),
                ({"probabilities": [1]}, "probabilities of 'a' should be 2"),
                ({"probabilities": [1, 2]}, r"probabilities\[1\] should be a number from 0 to 1, found 2"),
                ({"attention": [1]}, "attention of 'a' should have as many seconds as weights"),
                ({"attention": [1, "x"]}, r"attention\[1\] should be a number"),
                ({"attention_seconds": [0, -1]}, r"attention_seconds\[1\] should be a number"),
            )
        ),
    ],
)
def test_what_cannot_be(read, tmp_path, change, match):
    with pytest.raises(InputError, match=match) as refusal:
        read(RESULT | change)
    assert str(refusal.value).startswith(f"{tmp_path / 'result.json'}: is damaged: ")
    assert str(refusal.value).endswith("; take it away, and the run is tested anew")


def test_what_is_missing():
    for key in RESULT:
        with pytest.raises(ValueError, match=f"^{key} is missing$"):
            RunResult.from_json({name: value for name, value in RESULT.items() if name != key})
    for key in list(ROW)[:7]:
        row = {name: value for name, value in ROW.items() if name != key}
        with pytest.raises(ValueError, match=rf"^utterances\[0\]\.{key} is missing$"):
            RunResult.from_json(RESULT | {"utterances": [row]})
    for key in RESULT["config"]:
        with pytest.raises(ValueError, match=f"^config.{key} is missing$"):
            Config.from_json({name: value for name, value in RESULT["config"].items() if name != key})
