"""Corpora whose file names say everything, a folder of folders, and a table. Emo-DB, IEMOCAP: files of their own."""

import os
import re
from collections import Counter

import numpy as np
import pytest
import soundfile
from conftest import PROJECT

from numser.corpora import NAMES, Corpus, Utterance, coded, folder, load_corpus, table
from numser.corpora.coded import CODED
from numser.errors import InputError


def make(root, *paths, sound=0.0):
    """These sound files, each 0.1 s of the one sample."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        format = "WAV" if path.lower().endswith(".wav") else None
        soundfile.write(root / path, np.full(1600, sound), 16_000, format=format)
    return root


def read(corpus):
    return [(u.name, u.label, u.speaker, u.text) for u in corpus.utterances]


def test_ravdess(tmp_path):
    make(
        tmp_path,
        "Actor_12/03-01-06-01-02-01-12.wav",
        "Actor_12/03-02-06-01-02-01-12.wav",  # sung
        "Actor_12/01-01-06-01-02-01-12.wav",  # a film's
        "Actor_01/03-01-02-01-01-01-01.WAV",
        "Actor_01/03-01-09-01-01-01-01.wav",  # there are eight emotions
    )
    corpus = coded.load("ravdess", tmp_path)
    assert read(corpus) == [
        ("03-01-02-01-01-01-01", "calm", "01", "01"),
        ("03-01-06-01-02-01-12", "fear", "12", "02"),
    ]
    assert corpus.findings[0] == (
        f"Found 2 of RAVDESS's 1440 utterances in {tmp_path}: calm 1, fear 1; 2 speakers; 0.0 minutes."
    )
    assert corpus.findings[1] == (
        "Passed over 3 files: 1 not named as in RAVDESS (Actor_01/03-01-09-01-01-01-01.wav); "
        "1 the sound of a film, which is there as sound alone too (Actor_12/01-01-06-01-02-01-12.wav); "
        "1 song (Actor_12/03-02-06-01-02-01-12.wav)."
    )
    assert corpus.findings[2].startswith("Missing against the full corpus: anger 192, calm 191")


def test_savee_in_folders_or_side_by_side(tmp_path):
    make(tmp_path, "DC/a01.wav", "JE_sa15.wav", "kl/SU03.WAV", "DC/n30.wav", "XX/a01.wav", "DC/x01.wav")
    corpus = coded.load("savee", tmp_path)
    assert read(corpus) == [
        ("DC_a01", "anger", "DC", "a01"),
        ("DC_n30", "neutral", "DC", "n30"),
        ("JE_sa15", "sadness", "JE", "sa15"),
        ("KL_su03", "surprise", "KL", "su03"),
    ]
    assert corpus.findings[1] == "Passed over 2 files: 2 not named as in SAVEE (DC/x01.wav, …)."


def test_savee_of_one_speaker_from_the_speakers_folder(tmp_path, monkeypatch):
    make(tmp_path, "DC/a01.wav")
    monkeypatch.chdir(tmp_path / "DC")
    (utterance,) = load_corpus("savee", ".").utterances
    assert utterance.speaker == "DC"


def test_tess(tmp_path):
    make(tmp_path, "OAF_angry/OAF_back_angry.wav", "YAF_ps/YAF_back_ps.wav", "OAF_neutral/OA_bite_neutral.wav")
    assert read(coded.load("tess", tmp_path)) == [
        ("OAF_back_angry", "anger", "OAF", "back"),
        ("OAF_bite_neutral", "neutral", "OAF", "bite"),
        ("YAF_back_ps", "pleasant surprise", "YAF", "back"),
    ]


def test_crema_d(tmp_path):
    make(tmp_path, "1001_IEO_HAP_MD.wav", "1040_ITH_SAD_X.wav", "1076_MTI_SAD_XX.wav", "1064_IEO_DIS_MD.wav")
    corpus = coded.load("crema-d", tmp_path)
    assert read(corpus) == [
        ("1001_IEO_HAP_MD", "happiness", "1001", "IEO"),
        ("1040_ITH_SAD_X", "sadness", "1040", "ITH"),
    ]
    assert corpus.findings[1] == (
        "Passed over 2 files: 1 with several emotions (1064_IEO_DIS_MD.wav); 1 without sound (1076_MTI_SAD_XX.wav)."
    )


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("ravdess", {f"03-01-0{n}-01-01-01-01": label for n, label in enumerate(
            ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"], start=1)}),
        ("savee", {f"DC_{code}01": label for code, label in dict(
            a="anger", d="disgust", f="fear", h="happiness", n="neutral", sa="sadness", su="surprise").items()}),
        ("tess", {f"YAF_dog_{code}": label for code, label in dict(
            angry="anger", disgust="disgust", fear="fear", happy="happiness", neutral="neutral",
            ps="pleasant surprise", sad="sadness").items()}),
        ("crema-d", {f"1091_DFA_{code}_XX": label for code, label in dict(
            ANG="anger", DIS="disgust", FEA="fear", HAP="happiness", NEU="neutral", SAD="sadness").items()}),
    ],
)  # fmt: skip
def test_the_codes_of_emotions(tmp_path, name, codes):
    make(tmp_path, *(f"{code}.wav" for code in codes))
    assert {u.path.stem: u.label for u in coded.load(name, tmp_path).utterances} == codes


@pytest.mark.parametrize(("name", "total"), [("ravdess", 1440), ("savee", 480), ("tess", 2800), ("crema-d", 7440)])
def test_how_many_the_full_corpora_hold(name, total):
    assert sum(CODED[name].full.values()) == total


def test_a_copy_in_another_folder_is_passed_over(tmp_path):
    """RAVDESS and TESS go round in archives that hold everything twice."""
    make(tmp_path, "OAF_angry/OAF_back_angry.wav", "again/OAF_angry/OAF_back_angry.wav")
    corpus = coded.load("tess", tmp_path)
    assert [u.path for u in corpus.utterances] == [tmp_path / "OAF_angry/OAF_back_angry.wav"]
    assert corpus.findings[1] == "Passed over 1 file: 1 there twice (again/OAF_angry/OAF_back_angry.wav)."


def test_two_different_recordings_of_one_name_are_refused(tmp_path):
    make(tmp_path, "a/OAF_back_angry.wav")
    make(tmp_path, "b/OAF_back_angry.wav", sound=0.5)
    with pytest.raises(InputError, match=r"b.OAF_back_angry.wav: another recording of this name is .*a.OAF_back"):
        coded.load("tess", tmp_path)


def test_hidden_and_stray_files_are_counted(tmp_path):
    make(tmp_path, "deep/er/OAF_back_angry.wav", ".trash/OAF_bar_angry.wav", "._OAF_back_angry.wav")
    (tmp_path / "readme.txt").write_text("hello")
    findings = coded.load("tess", tmp_path).findings
    assert findings[1] == "Passed over 3 files: 2 hidden (.trash, …); 1 not sound (readme.txt)."


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_and_circles_end(tmp_path):
    make(tmp_path, "elsewhere/OAF_back_angry.wav")
    (tmp_path / "tess").mkdir()
    (tmp_path / "tess" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "circle").symlink_to(tmp_path / "elsewhere")
    assert [u.path for u in coded.load("tess", tmp_path / "tess").utterances] == [
        tmp_path / "tess" / "linked" / "OAF_back_angry.wav"
    ]


@pytest.mark.parametrize("name", CODED)
def test_a_coded_corpus_that_is_not_there(tmp_path, name, monkeypatch):
    monkeypatch.setenv("NUMSER_DATA", str(tmp_path))
    with pytest.raises(InputError, match=rf"{tmp_path / name}: there is no such folder; .*data"):
        load_corpus(name)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=r"there are no sound files in it; .*data"):
        load_corpus(name)
    make(tmp_path / name, "hello.wav")
    with pytest.raises(InputError, match=r"none of its 1 sound files has a name as in .*, such as .*wav.*data"):
        load_corpus(name)
    with pytest.raises(InputError, match=r"hello.wav: this is a file, not a folder; .*data"):
        load_corpus(name, tmp_path / name / "hello.wav")


def test_a_folder_of_folders(tmp_path):
    make(tmp_path, "joy/b.wav", "joy/deep/a.FLAC", "anger/a.ogg", "stray.wav")
    (tmp_path / "joy" / "notes.txt").write_text("")
    corpus = folder.load(tmp_path)
    assert [(u.name, u.label, u.speaker) for u in corpus.utterances] == [
        ("anger/a.ogg", "anger", None),
        ("joy/b.wav", "joy", None),
        ("joy/deep/a.FLAC", "joy", None),
    ]
    assert corpus.findings == [
        f"Found 3 utterances in {tmp_path}: anger 1, joy 2.",
        "Passed over 2 files: 1 not sound (joy/notes.txt); 1 in no label's folder (stray.wav).",
    ]


def test_folders_that_cannot_be_meant(tmp_path):
    make(tmp_path, "a.wav")
    with pytest.raises(InputError, match="all its 1 sound files lie side by side; give, as data"):
        folder.load(tmp_path)
    with pytest.raises(InputError, match="corpus folder: give, as data"):
        folder.load()


@pytest.mark.skipif(os.name == "nt", reason="capitals make no difference there")
def test_labels_that_differ_in_capitals_only(tmp_path):
    make(tmp_path, "Joy/a.wav", "joy/b.wav")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("names that differ in capitals are one folder here")
    with pytest.raises(InputError, match="Joy and joy differ in capitals only"):
        folder.load(tmp_path)


def test_a_name_that_is_no_utf8_is_no_obstacle(tmp_path):
    name = os.fsdecode(b"joy/\xff.wav")
    try:
        make(tmp_path, "joy/a.wav")
        os.rename(tmp_path / "joy/a.wav", tmp_path / name)
    except OSError:
        pytest.skip("the file system wants UTF-8")
    corpus = folder.load(tmp_path)
    assert corpus.utterances[0].name == name
    assert len(corpus.identity) == 64


@pytest.mark.parametrize("label", [os.fsdecode(b"\xff"), "joy\x1b[2J", "joy\nerror", "a\u202eb"])
def test_a_label_that_cannot_be_shown_is_refused(label):
    utterance = Utterance("a", label, waveform=np.zeros(9, np.float32))
    with pytest.raises(InputError, match=r"a: its label, '.*\\.*', has a character that is not UTF-8 or cannot be"):
        Corpus("X", [utterance], [])
    assert Corpus("X", [Utterance("a", "радість 😀 ß ‌", waveform=utterance.waveform)], []).utterances


@pytest.mark.parametrize("name", ["emodb", "folder", "iemocap", "savee", "table"])
def test_a_name_that_is_too_long_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=r"there is no such folder|File name too long"):
        load_corpus(name, tmp_path / ("a" * 300), offline=True)


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
    ],
)
def test_a_table(tmp_path, text, encoding):
    corpus = table.load(write(tmp_path, text, encoding))
    assert [(u.name, u.label, u.speaker, u.votes) for u in corpus.utterances] == [
        ("a.wav", "anger", "Anna", 0.9),
        ("sub/b.flac", "joy", None, None),
    ]
    assert corpus.utterances[1].path == tmp_path / "sub" / "b.flac"
    assert corpus.findings[0] == (f"Found 2 utterances in {tmp_path / 't.csv'}: anger 1, joy 1; 1 speakers named.")
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
        ("file,label\na.wav,joy\n", r"first row should name columns path and label, found \['file', 'label'\]"),
        ("path,label\n", "has no rows below its first"),
        ("path,label\n\na.wav,\n", "row 3 has no label"),
        ("path,label\n,joy\n", "row 2 has no path"),
        ("path,label\nc.wav,joy\n", "row 2 names c.wav, and there is no file"),
        ("path,label\na\0.wav,joy\n", "(row 2 names|is not CSV)"),
        ("path,label,votes\na.wav,joy,90\n", "row 2: votes should be a share from 0 to 1, such as 0.9, found 90"),
        ("path,label,votes\na.wav,joy,nan\n", "row 2: votes should be a share"),
        ("path,label,votes\na.wav,joy,most\n", "row 2: votes should be a share"),
        ("path,label\na.wav,joy\na.wav,anger\n", "row 3 has a.wav again, and otherwise"),
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
    with pytest.raises(InputError, match="is not UTF-8"):
        table.load(write(tmp_path, "path,label\na.wav,Zärtlichkeit\n", "latin-1"))
    with pytest.raises(InputError, match="corpus table: give, as data, a CSV file"):
        table.load()


def test_every_name_loads_a_corpus_of_that_name(tmp_path):
    for name in set(NAMES) - {"synthetic"}:
        with pytest.raises(InputError):
            load_corpus(name, tmp_path / "nothing")


def test_the_table_keeps_the_order_of_its_rows(tmp_path):
    make(tmp_path, *(f"{n}.wav" for n in "cab"))
    (tmp_path / "t.csv").write_text("path,label\nc.wav,x\na.wav,y\nb.wav,x\n")
    corpus = table.load(tmp_path / "t.csv")
    assert [u.name for u in corpus.utterances] == ["c.wav", "a.wav", "b.wav"]
    assert Counter(u.label for u in corpus.utterances) == {"x": 2, "y": 1}


def test_the_corpora_page_has_a_row_for_every_name_and_links_that_hold():
    page = PROJECT / "numser" / "corpora" / "README.md"
    text = page.read_text(encoding="utf-8")
    assert tuple(sorted(re.findall(r"^\| `([a-z][a-z-]*)` \|", text, re.MULTILINE))) == NAMES
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links and [link for link in links if not (page.parent / link).exists()] == []
