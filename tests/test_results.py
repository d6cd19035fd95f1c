import json

import pytest

from numser.errors import InputError
from numser.results import read_result

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
    "best_validation_ua": 0.25,
    "seconds": 3.5,
    "config": {"fold": 0},
    "versions": {"numser": "0.1.0"},
    "corpus": "emodb",
    "machine": "Linux x86_64",
    "seed": 0,
    "best_step": 10,
    "labels": ["anger", "joy"],
    "confusion": [[0, 0], [1, 0]],
    "utterances": [ROW],
}


@pytest.fixture
def read(tmp_path):
    def read(result):
        (tmp_path / "result.json").write_text(json.dumps(result))
        return read_result(tmp_path / "result.json")

    return read


def test_a_sound_result_is_read_as_it_is(read):
    plain = {key: value for key, value in ROW.items() if not key.startswith("attention")}
    for result in (
        RESULT,
        RESULT | {"utterances": [plain]},
        RESULT | {"more": 1},
        RESULT | {"validation_labels": ["joy"]},
    ):
        assert read(result) == result


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"validation_labels": 3}, "validation_labels should be different ones of the labels, found 3"),
        ({"validation_labels": ["joy", "joy"]}, "validation_labels should be different ones of the labels"),
        ({"validation_labels": ["joy", "calm"]}, "validation_labels should be different ones of the labels"),
        ({"validation_labels": []}, "validation_labels should be different ones of the labels"),
        ({"ua": "0.5"}, "ua should be a number from 0 to 1, found '0.5'"),
        ({"wa": float("nan")}, "wa should be a number from 0 to 1, found nan"),
        ({"f1": True}, "f1 should be"),
        ({"best_validation_ua": -0.1}, "best_validation_ua should be"),
        ({"seconds": None}, "seconds should be"),
        ({"config": 3.0}, "config should be dict, found 3.0"),
        ({"corpus": None}, "corpus should be str, found None"),
        ({"seed": 0.5}, "seed should be a whole number"),
        ({"best_step": True}, "best_step should be a whole number"),
        ({"labels": ["joy", "joy"]}, "labels should be different texts"),
        ({"labels": []}, "labels should be"),
        ({"labels": "joy"}, "labels should be"),
        ({"confusion": [[0, 1]]}, "confusion should be 2 rows of 2 counts"),
        ({"confusion": [[0], [1, 0]]}, "confusion should be"),
        ({"confusion": [[0, -1], [1, 1]]}, "confusion should be"),
        ({"confusion": [[0, 0.0], [1, 0]]}, "confusion should be"),
        ({"confusion": None}, "confusion should be"),
        ({"utterances": []}, "utterances should be a list with an object each"),
        ({"utterances": [3]}, "utterances should be a list with an object each"),
        ({"utterances": [ROW, ROW]}, "its confusion matrix is not that of its utterances"),
        ({"confusion": [[0, 0], [0, 1]]}, "its confusion matrix is not that of its utterances"),
    ],
)
def test_what_cannot_be(read, tmp_path, change, match):
    with pytest.raises(InputError, match=match) as refusal:
        read(RESULT | change)
    assert str(refusal.value).startswith(f"{tmp_path / 'result.json'}: is damaged: ")
    assert str(refusal.value).endswith("; take it away, and the run is tested anew")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"path": "a\0b"}, "path of a should be text or null"),
        ({"name": 3}, "an utterance's name should be text"),
        ({"path": 3}, "path of a should be text or null"),
        ({"speaker": ["03"]}, "speaker of a should be text or null"),
        ({"truth": "rage"}, "truth of a should be one of anger, joy, found 'rage'"),
        ({"predicted": None}, "predicted of a should be one of anger, joy"),
        ({"difficulty": "D"}, "difficulty of a should be one of A, B, C"),
        ({"probabilities": [1]}, "probabilities of a should be 2"),
        ({"probabilities": [1, 2]}, "a probability of a should be a number from 0 to 1, found 2"),
        ({"attention": [1]}, "attention of a should have as many seconds as weights"),
        ({"attention": [1, "x"]}, "attention of a should be a number"),
        ({"attention_seconds": [0, -1]}, "attention_seconds of a should be a number"),
    ],
)
def test_what_an_utterance_cannot_have(read, change, match):
    with pytest.raises(InputError, match=match):
        read(RESULT | {"utterances": [ROW | change]})


def test_what_is_missing(read):
    for key in RESULT:
        with pytest.raises(InputError, match=f"is damaged: '{key}' is missing"):
            read({name: value for name, value in RESULT.items() if name != key})
    for key in ("name", "path", "speaker", "difficulty", "truth", "predicted", "probabilities"):
        row = {name: value for name, value in ROW.items() if name != key}
        with pytest.raises(InputError, match=f"is damaged: '{key}' is missing"):
            read(RESULT | {"utterances": [row]})
