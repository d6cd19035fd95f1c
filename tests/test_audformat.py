"""Databases in audEERING's format, written by its own package."""

import shutil

import numpy as np
import pytest
import soundfile
from conftest import command_refuses

from numser.corpora import load_corpus

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat")  # pandas 3.1's, to audformat 1.4
LABELS = ["anger", "neutral", None]


@pytest.fixture(scope="module", params=["csv", "parquet"])
def database(tmp_path_factory, request):
    """Six files, three speakers; emotions by file, by segment, and by split."""
    audformat = pytest.importorskip("audformat", reason="the extra audformat is not installed")
    root = tmp_path_factory.mktemp(request.param)
    files = [f"wav/{k}.wav" for k in range(6)]
    (root / "wav").mkdir()
    for k, file in enumerate(files):
        soundfile.write(root / file, np.full(2000, k / 10), 1000)
    db = audformat.Database("made", source="here", usage=audformat.define.Usage.UNRESTRICTED)
    db.schemes["emotion"] = audformat.Scheme(labels=LABELS[:2])
    db.schemes["speaker"] = audformat.Scheme(labels={s: {"gender": "female"} for s in "123"})

    def table(name, index, values, column, scheme, split=None):
        if split:
            db.splits[split] = audformat.Split(split)
        db[name] = audformat.Table(index, split_id=split)
        db[name][column] = audformat.Column(scheme_id=scheme)
        db[name][column].set(values)

    table("files", audformat.filewise_index(files), list("123123"), "speaker", "speaker")
    table("emotion", audformat.filewise_index(files), 2 * LABELS, "emotion", "emotion")
    for split, some in (("train", files[:4]), ("test", files[4:])):
        table(
            f"emotion.{split}", audformat.filewise_index(some), (2 * LABELS[:2])[: len(some)], "e", "emotion", split
        )
    parts = audformat.segmented_index(2 * files[:1], ["0s", "1.2s"], ["1s", None])
    table("parts", parts, LABELS[:2], "emotion", "emotion")
    db.save(str(root), storage_format=request.param)
    return root


def read(corpus):
    return [(u.name, u.label, u.speaker, u.split) for u in corpus.utterances]


def test_a_table_of_files(database):
    corpus = load_corpus("audformat", database, table="emotion")
    assert read(corpus) == [
        ("wav/0.wav", "anger", "1", None),
        ("wav/1.wav", "neutral", "2", None),
        ("wav/3.wav", "anger", "1", None),
        ("wav/4.wav", "neutral", "2", None),
    ]
    assert corpus.findings == [
        f"Found 4 utterances in {database}: anger 2, neutral 2; 2 speakers named.",
        "Passed over 2 rows without a label.",
    ]
    assert corpus.utterances[0].path == database / "wav" / "0.wav"


def test_a_table_of_segments(database):
    corpus = load_corpus("audformat", database, table="parts")
    assert read(corpus) == [("wav/0.wav#t=0,1", "anger", "1", None), ("wav/0.wav#t=1.2,2", "neutral", "1", None)]
    assert [u.seconds for u in corpus.utterances] == pytest.approx([1, 0.8])


def test_labels_of_any_words_may_be_missing_too(tmp_path):
    """Of a scheme without labels pandas makes another kind of column, with its own NA."""
    audformat = pytest.importorskip("audformat", reason="the extra audformat is not installed")
    db = audformat.Database("made")
    db.schemes["emotion"] = audformat.Scheme("str")
    db["all"] = audformat.Table(audformat.filewise_index([f"{k}.wav" for k in range(3)]))
    db["all"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["all"]["emotion"].set(LABELS)
    db.save(str(tmp_path))
    for k in range(3):
        soundfile.write(tmp_path / f"{k}.wav", np.full(2000, k / 10), 1000)
    corpus = load_corpus("audformat", tmp_path)
    assert [u.label for u in corpus.utterances] == LABELS[:2]
    assert corpus.findings[-1] == "Passed over 1 rows without a label."


def test_tables_that_are_a_split(database):
    corpus = load_corpus("audformat", database, table="emotion.train,emotion.test")
    assert [u.split for u in corpus.utterances] == 4 * ["train"] + 2 * ["test"]


def test_which_table_is_asked_where_several_could_be_meant(database, tmp_path):
    tables = "emotion, emotion.test, emotion.train, parts"
    with command_refuses(rf"^--table: name a table of .*; these do: {tables}$"):
        load_corpus("audformat", database)
    with command_refuses(rf"^--table files: name a table of .*; these do: {tables}$"):
        load_corpus("audformat", database, table="files")


def test_neither_pickles_nor_python_objects_are_read(database, tmp_path):
    copy = shutil.copytree(database, tmp_path / "copy")
    (copy / "db.emotion.pkl").write_bytes(b"audformat would take this before the table beside it")
    assert len(load_corpus("audformat", copy, table="emotion").utterances) == 4
    header = (copy / "db.yaml").read_text(encoding="utf-8")
    (copy / "db.yaml").write_text(header + "meta: !!python/object:numser.errors.InputError {}\n", encoding="utf-8")
    with command_refuses("is no audformat database .*python/object"):
        load_corpus("audformat", copy, table="emotion")


def test_what_is_no_database(database, tmp_path):
    with command_refuses("^--corpus audformat: give, as --data, the folder that holds db.yaml"):
        load_corpus("audformat")
    with command_refuses(r"db.yaml: cannot be read \(No such file"):
        load_corpus("audformat", tmp_path)
    (tmp_path / "db.yaml").write_text("hello")
    with command_refuses(f"^{tmp_path}: is no audformat database"):
        load_corpus("audformat", tmp_path)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "audformat", None)
    with command_refuses(r'--corpus audformat: the package is not installed; pip install "numser\[audformat\]"'):
        load_corpus("audformat", tmp_path)
