"""Every reader of text takes time in proportion to it: 10 MB, of the kinds that patterns stumble over, in seconds."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import cpu_seconds

from numser.corpora import load_corpus
from numser.errors import InputError
from numser.runs.folder import RunFolder

SIZE, SECONDS = 10_000_000, 6
LONG = {
    "a word": "a",
    "words": "a ",
    "blanks": " ",
    "names": "a.wav ",
    "a name and blanks": ("a.wav", " "),
    "a name and a number": ("a.wav ", "1"),
    "numbers": "1,",
    "underscores": "Ses01F_",
    "a head": ("[1 - 2]\tSes01F_", "a_"),
    "votes": "C-E1:\tAnger;",
    "quotes": '"',
    "lines": "a,b\n",
    "empty lines": "\n",
    "brackets": "[",
    "a list": ("[", "1,"),
    "text": ('{"ua": "', "a"),
    "a number": ('{"ua": ', "1"),
}


def emodb(folder: Path):
    (folder / "wav").mkdir()
    soundfile.write(folder / "wav" / "03a01Fa.wav", np.full(1600, 0.1), 16000)
    return folder / "erkennung.txt", lambda: load_corpus("emodb", folder)


def iemocap(folder: Path):
    texts = folder / "Session1" / "dialog" / "EmoEvaluation"
    texts.mkdir(parents=True)
    soundfile.write(folder / "Session1" / "Ses01F_impro01_F000.wav", np.full(1600, 0.1), 16000)
    return texts / "Ses01F_impro01.txt", lambda: load_corpus("iemocap", folder)


def table(folder: Path):
    return folder / "table.csv", lambda: load_corpus("table", folder / "table.csv")


def history(folder: Path):
    return folder / "history.csv", RunFolder(folder).read_history


def config(folder: Path):
    return folder / "config.json", RunFolder(folder).read_config


def result(folder: Path):
    return folder / "result.json", RunFolder(folder).read_result


BEGINNINGS = {table: "path,label\n", history: "step,loss,validation_loss,validation_ua\n"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "reader", [emodb, iemocap, table, history, config, result], ids=lambda reader: reader.__name__
)
def test_the_time_is_in_proportion(reader, tmp_path):
    path, read = reader(tmp_path)
    slow = {}
    for kind, parts in LONG.items():
        begin, part = parts if isinstance(parts, tuple) else ("", parts)
        path.write_text(BEGINNINGS.get(reader, "") + begin + part * ((SIZE - len(begin)) // len(part)))

        def refused_or_not():
            with suppress(InputError):
                read()

        if (seconds := cpu_seconds(refused_or_not)) > SECONDS:
            slow[kind] = seconds
    assert not slow


def test_a_refusal_is_short(tmp_path):
    for reader in (emodb, iemocap, table, history, config, result):
        folder = tmp_path / reader.__name__
        folder.mkdir()
        path, read = reader(folder)
        path.write_text(BEGINNINGS.get(reader, "") + "[x.wav" + "a" * 10**6)
        with pytest.raises(InputError) as refusal:
            read()
        assert len(str(refusal.value)) < 1000
    value = {"config": {"corpus": ["x" * 10**6] * 100}}
    (tmp_path / "result.json").write_text(json.dumps(value))
    with pytest.raises(InputError) as refusal:
        RunFolder(tmp_path).read_result()
    assert len(str(refusal.value)) < 1000
