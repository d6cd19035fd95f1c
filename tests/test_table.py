"""A table of recordings, or of segments of them."""

import unicodedata
from collections import Counter

import numpy as np
import pytest
import soundfile
from conftest import command_refuses

from numser.corpora import load_corpus, table
from numser.errors import InputError


def make(root, *paths):
    """These sound files, each 0.1 s, and no two alike."""
    for n, path in enumerate(paths, start=1):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / path, np.full(1600, 0.01 * n), 16_000)
    return root


def write(folder, text, encoding="utf-8"):
    make(folder, "a.wav", "sub/b.flac")
    (folder / "t.csv").write_bytes(text.encode(encoding))
    return folder / "t.csv"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path,label,speaker,votes\na.wav,anger,Anna,0.9\nsub/b.flac,joy,,\n", "utf-8"),
        ("Path;Label;Speaker;Votes;Notes\r\na.wav;anger;Anna;0,9;x\r\nsub/b.flac;joy;;;\r\n", "utf-8-sig"),
        ("label\tpath\tvotes\tspeaker\nanger\ta.wav\t0.9\tAnna\n\njoy\tsub/b.flac\n", "utf-8"),
        (
            'path,label,speaker,votes\n"a.wav","anger"," Anna ",.9\nsub/b.flac, joy,,\na.wav,anger,Anna,0.90\n',
            "utf-8",
        ),
        ('path, label, "speaker", votes\na.wav, "anger", "Anna", 0.9\nsub/b.flac, joy, , \n', "utf-8"),
        ('path,"label",speaker,votes,"No\ntes"\na.wav,anger,Anna,0.9,"x\ny"\nsub/b.flac,joy,,,\n', "utf-8"),
    ],
)
def test_a_table(tmp_path, text, encoding):
    corpus = table.load(write(tmp_path, text, encoding))
    assert [(u.name, u.label, u.speaker, u.votes) for u in corpus.utterances] == [
        ("a.wav", "anger", "Anna", 0.9),
        ("sub/b.flac", "joy", None, None),
    ]
    assert corpus.utterances[1].path == tmp_path / "sub" / "b.flac"
    unused = (
        "; nothing is made of the column Notes"
        if "Notes" in text
        else "; nothing is made of the column No tes"
        if "No" in text
        else ""
    )
    assert corpus.findings[0] == (
        f"Found 2 utterances in {tmp_path / 't.csv'}: anger 1, joy 1; 1 speakers named{unused}."
    )
    again = "Passed over 1 rows that say again what another says."
    assert corpus.findings[1:] == ([again] if text.count("a.wav") == 2 else [])


def test_a_table_with_paths_from_the_root(tmp_path):
    make(tmp_path, "sounds/a.wav")
    (tmp_path / "t.csv").write_text(f"path,label\n{tmp_path / 'sounds' / 'a.wav'},joy\n")
    (utterance,) = table.load(tmp_path / "t.csv").utterances
    assert utterance.path == tmp_path / "sounds" / "a.wav"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"t.csv: its first row should name columns path and label, found \[\]"),
        ("sound,label\na.wav,joy\n", r"first row should name columns path and label, found \['sound', 'label'\]"),
        ("path,label\n", "has no rows below its first"),
        ("path,label\n\na.wav,\n", "row 3 has no label"),
        ("path,label\n,joy\n", "row 2 has no path"),
        ("path,label\nc.wav,joy\n", "row 2 names 'c.wav', and there is no such file"),
        ("path,label\na\0.wav,joy\n", "(row 2 names|is not CSV)"),
        ("path,label,votes\na.wav,joy,90\n", "row 2: votes should be a share from 0 to 1, such as 0.9, found '90'"),
        ("path,label,votes\na.wav,joy,-nan\n", "row 2: votes should be a share"),
        ("path,label,votes\na.wav,joy,most\n", "row 2: votes should be a share"),
        ("path,label\na.wav,joy\na.wav,anger\n", "row 3 has a.wav again, and otherwise; keep one of the rows$"),
        ("path,label,on\na.wav,joy,1\na.wav,anger,2\n", r"or call start and end of segments so, unlike \['on'\]$"),
        ("p\0a\0t\0h\0,\0", r"is not UTF-8 text \(it has NUL characters, as UTF-16 and spreadsheets' own files have"),
        ('path,label\n"a.wav,joy\n', "is not CSV"),
    ],
)
def test_refuses_a_table(tmp_path, text, match):
    with pytest.raises(InputError, match=match) as refusal:
        table.load(write(tmp_path, text))
    assert str(refusal.value).startswith(f"{tmp_path / 't.csv'}: ")


def test_refuses_what_is_no_table(tmp_path):
    with pytest.raises(InputError, match="this is a folder; give, as data, a CSV file"):
        table.load(tmp_path)
    with pytest.raises(InputError, match=r"no.csv: cannot be read \(No such file"):
        table.load(tmp_path / "no.csv")
    with pytest.raises(
        InputError, match=r"is not UTF-8 text \(.*\); save it as CSV in UTF-8, or name its encoding, such as cp1252"
    ):
        table.load(write(tmp_path, "path,label\na.wav,Zärtlichkeit\n", "latin-1"))
    with pytest.raises(InputError, match="corpus table: give, as data, a CSV file"):
        table.load()


def test_the_table_keeps_the_order_of_its_rows(tmp_path):
    make(tmp_path, *(f"{n}.wav" for n in "cab"))
    (tmp_path / "t.csv").write_text("path,label\nc.wav,x\na.wav,y\nb.wav,x\n")
    corpus = table.load(tmp_path / "t.csv")
    assert [u.name for u in corpus.utterances] == ["c.wav", "a.wav", "b.wav"]
    assert Counter(u.label for u in corpus.utterances) == {"x": 2, "y": 1}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,emotion\na.wav,anger\nsub/b.flac,joy\n", "utf-8"),
        ("File Name;Emotion\na.wav;anger\nsub/b.flac;joy\n", "utf-8"),
        (",file_name,emotion\n0,a.wav,anger\n1,sub/b.flac,joy\n", "utf-8"),
        ("path,label\na.wav,anger\nsub\\b.flac,joy\n", "utf-8"),
        ("sep=;\r\npath;label\r\na.wav;anger\r\nsub/b.flac;joy\r\n", "utf-8"),
        ("path,label\na.wav,anger\nsub/b.flac,joy\n", "utf-16"),
        ("path,label\na.wav,anger\nsub/b.flac,joy\n", "utf-8-sig"),
    ],
)
def test_tables_of_other_tools(tmp_path, text, encoding):
    corpus = table.load(write(tmp_path, text, encoding))
    assert [(u.path.name, u.label) for u in corpus.utterances] == [("a.wav", "anger"), ("b.flac", "joy")]
    assert corpus.findings == [f"Found 2 utterances in {tmp_path / 't.csv'}: anger 1, joy 1; no speakers named."]


def test_another_encoding_by_its_name(tmp_path):
    file = write(tmp_path, "path,label\na.wav,Zärtlichkeit\nsub/b.flac,Ärger\n", "cp1252")
    corpus = load_corpus("table", file, encoding="cp1252")
    assert [u.label for u in corpus.utterances] == ["Zärtlichkeit", "Ärger"]
    with command_refuses("--encoding klingon: Python knows no such encoding; try cp1252"):
        table.load(file, "klingon")


@pytest.mark.parametrize(("there", "written"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_in_another_form_of_unicode(tmp_path, there, written):
    make(tmp_path, unicodedata.normalize(there, "Jürgen/ärger.wav"))
    file = tmp_path / "t.csv"
    file.write_text(unicodedata.normalize(written, "path,label\nJürgen/ärger.wav,Ärger\n"), encoding="utf-8")
    (utterance,) = table.load(file).utterances
    assert utterance.seconds == 0.1
    assert utterance.label == "Ärger"  # NFC, whatever the table has


def test_spaces_before_quotes_are_no_part_of_a_name(tmp_path):
    corpus = table.load(write(tmp_path, 'path, label, speaker\na.wav, "anger", "Doe, Jane"\n'))
    assert [(u.label, u.speaker) for u in corpus.utterances] == [("anger", "Doe, Jane")]


def test_one_rule_for_labels_and_speakers(tmp_path):
    make(tmp_path, *(f"{n}.wav" for n in "abcd"))
    file = tmp_path / "t.csv"
    file.write_text("path,label,speaker\na.wav,Anger,Anna\nb.wav,anger,anna\nc.wav,anger,ANNA\nd.wav,joy,anna\n")
    corpus = table.load(file)
    assert [(u.label, u.speaker) for u in corpus.utterances] == 3 * [("anger", "anna")] + [("joy", "anna")]
    assert corpus.findings[1:] == [
        "Taken for one label: 'Anger'; 'anger'.",
        "Taken for one speaker: 'ANNA'; 'Anna'; 'anna'.",
    ]


@pytest.mark.parametrize("missing", ["nan", "NaN", "None", "<NA>"])
def test_what_pandas_writes_of_what_is_missing_names_nobody(tmp_path, missing):
    file = write(tmp_path, f"path,label,speaker\na.wav,none,{missing}\nsub/b.flac,joy,Nancy\n")
    assert [(u.label, u.speaker) for u in table.load(file).utterances] == [("none", None), ("joy", "Nancy")]
    file.write_text("path,label\na.wav,nan\n")
    with command_refuses("row 2 has no label; fill it in"):
        table.load(file)


def test_a_file_under_two_paths_is_no_overlap(tmp_path):
    corpus = load_corpus("table", write(tmp_path, "path,label\na.wav,joy\n./a.wav,joy\n"))
    assert corpus.findings[1:] == [
        "Passed over 1 copies of recordings that are there under another name (such as ./a.wav)."
    ]


def test_an_evaluation_set_beside_a_test_set_is_for_validation(tmp_path):
    file = write(tmp_path, "path,label,split\na.wav,joy,Test\nsub/b.flac,joy,evaluation\n")
    assert [u.split for u in table.load(file).utterances] == ["test", "validation"]
    file.write_text(file.read_text().replace("Test", "train_set"))
    assert [u.split for u in table.load(file).utterances] == ["train", "test"]


def test_splits_where_every_row_names_one(tmp_path):
    make(tmp_path, "a.wav", "b.wav")
    file = tmp_path / "t.csv"
    file.write_text("path,label,split\na.wav,joy,train\nb.wav,joy,dev\n")
    assert [u.split for u in table.load(file).utterances] == ["train", "validation"]
    file.write_text("path,label,split\na.wav,joy,train\nb.wav,joy,2\n")
    corpus = table.load(file)
    assert [u.split for u in corpus.utterances] == [None, None]
    assert corpus.findings[0].endswith("nothing is made of the column split.")


@pytest.fixture
def long(tmp_path):
    """Ten seconds, of which second k is k/10."""
    soundfile.write(tmp_path / "long.wav", np.repeat(np.arange(10) / 10, 1000), 1000, subtype="FLOAT")

    def load(text):
        (tmp_path / "t.csv").write_text(text)
        return table.load(tmp_path / "t.csv")

    return load


@pytest.mark.parametrize(
    ("columns", "row", "segment"),
    [
        ("start,end", "2,4", (2, 4)),
        ("start;end", "2,0;4,00", (2, 4)),
        ("start,end", "2.0,4e0", (2, 4)),
        ("start,end", "0:02,00:00:04.000", (2, 4)),
        ("start,end", "0 days 00:00:02,0 days 00:00:04.000000", (2, 4)),
        ("Start,Duration", "2,2", (2, 4)),
        ("start,end", "2,", (2, 10)),
        ("start,end", "0 days 00:00:02,NaT", (2, 10)),
        ("start,end", ",4", (0, 4)),
        ("start,end", "0 days,0 days 00:00:04", (0, 4)),  # as pandas writes a whole day
        ("onset,offset", "2,4", (2, 4)),
        ("Start Time,Stop", "2,4", (2, 4)),
        ("duration", "4", None),  # where nothing starts, it says how long the recording is, or was
        ("from,end", "2,4", None),
        ("start,end", "9,10.05", (9, 10)),
        ("start,end", ",", None),
        ("start,end", "0,nan", None),
        ("duration", "9.96", None),  # as it says how long the file is
        ("start,end", "0,10.05", None),
    ],
)
def test_segments(long, columns, row, segment):
    mark = ";" if ";" in columns else ","
    corpus = long(f"file{mark}label{mark}{columns}\nlong.wav{mark}joy{mark}{row}\n")
    (utterance,) = corpus.utterances
    assert utterance.segment == segment
    start, end = segment or (0, 10)
    assert utterance.seconds == pytest.approx(end - start)
    heard = utterance.read()
    assert len(heard) == 16_000 * (end - start)
    np.testing.assert_allclose(heard[8000::16_000], np.arange(start, end) / 10, atol=0.01)
    assert utterance.name == ("long.wav" if segment is None else f"long.wav#t={start},{end}")
    assert ("1 are segments of 1 files" in corpus.findings[0]) == (segment is not None)


def test_columns_that_no_start_makes_times_are_named(long):
    corpus = long("file,label,from,end\nlong.wav,joy,2,4\n")
    assert corpus.findings[0].endswith("; nothing is made of the columns from, end.")


def test_several_segments_of_one_file(long):
    corpus = long(
        "path,start,end,label\nlong.wav,0,2,joy\nlong.wav,2,4,anger\nlong.wav,2,4,anger\nlong.wav,3,5,joy\n"
    )
    assert [(u.name, u.label) for u in corpus.utterances] == [
        ("long.wav#t=0,2", "joy"),
        ("long.wav#t=2,4", "anger"),
        ("long.wav#t=3,5", "joy"),
    ]
    assert corpus.findings[1] == "Passed over 1 rows that say again what another says."
    assert corpus.findings[2].startswith("1 segments overlap the one before them, so that random subsets may have")


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (
            "20,21",
            r"row 2: the segment from 20 to 21 s is not inside .*long.wav, which has 10.000 s; correct the times",
        ),
        ("2,11", "the segment from 2 to 11 s is not inside"),
        ("4,2", "the segment from 4 to 2 s is not inside"),
        ("11,", "the segment from 11 to 10 s is not inside"),
        ("soon,2", "row 2: start should be seconds, or a time such as 00:00:01.5, found 'soon'; correct it"),
        ("-1,2", "start should be seconds"),
        ("1,inf", "end should be seconds"),
        ("1:2:3:4,5", "start should be seconds"),
    ],
)
def test_refuses_a_segment(long, row, match):
    with pytest.raises(InputError, match=match):
        long(f"path,label,start,end\nlong.wav,joy,{row}\n")


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "OGG", "GSM610"])
def test_segments_of_every_format_begin_where_they_should(tmp_path, format):
    """GSM 06.10 cannot seek."""
    rng, options = np.random.default_rng(0), {"format": format}
    if format == "GSM610":
        options = {"format": "WAV", "subtype": "GSM610"}
    noise = np.convolve(rng.standard_normal(64_000), np.ones(8) / 40, "same")
    soundfile.write(tmp_path / "a.wav", noise, 16_000, **options)
    (tmp_path / "t.csv").write_text("path,label,start,end\na.wav,x,,\na.wav,y,1.25,2.75\n")
    whole, part = (u.read() for u in table.load(tmp_path / "t.csv").utterances)
    np.testing.assert_allclose(part, whole[20_000:44_000], atol=1e-5)
