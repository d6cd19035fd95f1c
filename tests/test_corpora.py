"""Corpora whose file names say everything, and a folder of folders. The others have files of their own."""

import os
import re

import numpy as np
import pytest
import soundfile
from conftest import PROJECT, command_refuses

from numser.corpora import NAMES, Corpus, Utterance, coded, folder, load_corpus
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
    make(tmp_path, "AudioMP3/1001_IEO_HAP_MD.mp3", "1001_ieo_hap_md.flac")
    again = coded.load("crema-d", tmp_path)
    assert [u.path for u in again.utterances] == [u.path for u in corpus.utterances]
    assert "2 there in another format (1001_ieo_hap_md.flac, …)" in again.findings[1]
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
def test_labels_that_differ_in_capitals_and_spaces_are_one(tmp_path):
    make(tmp_path, "Joy/a.wav", "Joy/c.wav", "joy /b.wav", "anger/d.wav")
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("names that differ in capitals are one folder here")
    corpus = folder.load(tmp_path)
    assert [u.label for u in corpus.utterances] == ["Joy", "Joy", "anger", "Joy"]
    assert corpus.findings[1] == "Taken for one label: 'Joy'; 'joy '."


def test_copies_are_passed_over_and_counted(tmp_path):
    """So that none is on both sides of a split."""
    make(tmp_path, "anger/a.wav", "anger/b.wav", sound=0.1)
    make(tmp_path, "joy/a.wav", sound=0.2)
    make(tmp_path, "joy/b.wav", "joy/c.wav", "joy/d.wav", sound=0.3)
    corpus = load_corpus("folder", tmp_path)
    assert [u.name for u in corpus.utterances] == ["anger/a.wav", "joy/a.wav", "joy/b.wav"]
    assert corpus.findings[-1] == (
        "Passed over 3 copies of recordings that are there under another name (such as anger/b.wav)."
    )
    make(tmp_path, "joy/e.wav", sound=0.1)
    corpus = load_corpus("folder", tmp_path)
    assert [u.name for u in corpus.utterances] == ["joy/a.wav", "joy/b.wav"]
    assert corpus.findings[-1] == (
        "Passed over 3 recordings that are there with another label too (such as anger/a.wav)."
    )


def test_what_sounds_the_same_is_a_copy_whatever_the_file(tmp_path):
    """Lossless formats differ in bytes, and agree in every sample; what agrees in length alone is none."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(-(2**12), 2**12, (2, 32_000), np.int16)
    late = np.concatenate([one[:20_000], other[20_000:]])
    (tmp_path / "joy").mkdir()
    for name, samples in {"a.wav": one, "b.flac": one, "c.aiff": one, "d.wav": other, "e.wav": late}.items():
        soundfile.write(tmp_path / "joy" / name, samples, 16_000)
    soundfile.write(tmp_path / "joy" / "f.wav", one, 22_050)
    corpus = load_corpus("folder", tmp_path)
    assert [u.name for u in corpus.utterances] == ["joy/a.wav", "joy/d.wav", "joy/e.wav", "joy/f.wav"]
    assert corpus.findings[-1] == (
        "Passed over 2 copies of recordings that are there under another name (such as joy/b.flac)."
    )


def test_of_the_same_name_in_two_formats_the_wav_is_taken(tmp_path):
    """They differ by what the coder lost, and no sample agrees."""
    make(tmp_path, "joy/a.mp3", "joy/b.flac", "joy/b.ogg", "joy/a.wav", "joy/deep/a.mp3")
    corpus = folder.load(tmp_path)
    assert [u.name for u in corpus.utterances] == ["joy/a.wav", "joy/b.flac", "joy/deep/a.mp3"]
    assert corpus.findings[1] == "Passed over 2 files: 2 there in another format (joy/a.mp3, …)."


@pytest.mark.parametrize(
    ("name", "option"), [("emodb", "layout"), ("folder", "table"), ("audformat", "encoding"), ("synthetic", "layout")]
)
def test_options_of_another_corpus_are_refused(name, option):
    with command_refuses(rf"^--{option} x: is for --corpus \w+, not {name}; leave it out$"):
        load_corpus(name, None, **{option: "x"})


@pytest.mark.parametrize("suffix", ["aifc", "caf", "mp2", "oga", "rf64", "snd", "sph", "voc", "w64", "wav"])
def test_what_libsndfile_opens_is_found_in_folders(tmp_path, suffix):
    format = {"aifc": "AIFF", "mp2": "MP3", "oga": "OGG", "snd": "AU", "sph": "NIST"}.get(suffix, suffix.upper())
    (tmp_path / "joy").mkdir()
    soundfile.write(tmp_path / "joy" / f"a.{suffix}", np.zeros(1600), 16_000, format=format)
    (utterance,) = folder.load(tmp_path).utterances
    assert 0.1 <= utterance.seconds < 0.2  # MP3 has padding


def test_git_lfs_pointers(tmp_path):
    (tmp_path / "AudioWAV").mkdir()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{0:064d}\nsize 77000\n"
    (tmp_path / "AudioWAV" / "1001_IEO_HAP_MD.wav").write_text(pointer)
    with pytest.raises(InputError, match=r"HAP_MD.wav: is a pointer of Git LFS, without the sound; git lfs pull"):
        coded.load("crema-d", tmp_path)


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


def test_every_name_loads_a_corpus_of_that_name(tmp_path):
    for name in set(NAMES) - {"synthetic"}:
        with pytest.raises(InputError):
            load_corpus(name, tmp_path / "nothing")


def test_the_corpora_page_has_a_row_for_every_name_and_links_that_hold():
    page = PROJECT / "numser" / "corpora" / "README.md"
    text = page.read_text(encoding="utf-8")
    assert tuple(sorted(re.findall(r"^\| `([a-z][a-z-]*)` \|", text, re.MULTILINE))) == NAMES
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links and [link for link in links if not (page.parent / link).exists()] == []
