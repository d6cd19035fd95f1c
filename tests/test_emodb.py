import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from numser.audio import read_audio
from numser.corpora import emodb, load_corpus
from numser.errors import InputError
from numser.files import cache_folder

COUNTS = {"anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79, "sadness": 62}
SPEAKERS = {"03": 49, "08": 58, "09": 43, "10": 38, "11": 55, "12": 35, "13": 61, "14": 69, "15": 56, "16": 71}


def make(folder, *names, votes=None):
    """An Emo-DB folder with these recordings, each 0.1 s of silence."""
    (folder / "wav").mkdir(parents=True)
    for name in names:
        soundfile.write(folder / "wav" / name, np.zeros(1600), 16_000)
    if votes is not None:
        (folder / "erkennung.txt").write_bytes(votes.encode("latin-1"))
    return folder


def test_reads_a_small_corpus(tmp_path):
    # Rows as in the original: tabs, decimal commas, non-breaking spaces; one recording that is not there.
    votes = (
        "Nr.\tSatz\terkannt\tnatuerlich\n"
        "1\xa0\xa0\t16b10Lb.wav\t95,24\xa0\xa0\xa0\xa0\xa0\t35,00\xa0\xa0\xa0\xa0\xa0\n"
        "2\xa0\xa0\t03a01Fa.wav\t100,00\xa0\xa0\xa0\xa0\xa0\t75,00\xa0\xa0\xa0\xa0\xa0\n"
        "3\xa0\xa0\t03a01Nc.wav\t80,00\xa0\xa0\xa0\xa0\xa0\t95,00\xa0\xa0\xa0\n"
    )
    corpus = emodb.load(make(tmp_path / "data", "16b10Lb.wav", "03a01Fa.WAV", "08a02Ta.wav", votes=votes))
    assert (corpus.name, corpus.source) == ("emodb", tmp_path / "data")
    assert [(u.name, u.label, u.speaker, u.text, u.votes) for u in corpus.utterances] == [
        ("03a01Fa", "happiness", "03", "a01", 1.0),
        ("08a02Ta", "sadness", "08", "a02", None),
        ("16b10Lb", "boredom", "16", "b10", pytest.approx(0.9524)),
    ]
    assert corpus.utterances[0].path == tmp_path / "data" / "wav" / "03a01Fa.WAV"
    assert corpus.findings == [
        f"Found 3 of Emo-DB's 535 utterances in {tmp_path / 'data'}: boredom 1, happiness 1, sadness 1; "
        "3 speakers; 0.0 minutes.",
        "Missing against the full corpus: anger 127, boredom 80, disgust 46, fear 69, happiness 70, neutral 79, "
        "sadness 61.",
        "No recordings of speakers 09, 10, 11, 12, 13, 14, 15.",
        "No votes for 1 utterances: erkennung.txt is missing, or does not name them.",
    ]


def test_emotion_letters(tmp_path):
    corpus = emodb.load(make(tmp_path, *(f"03a01{letter}a.wav" for letter in "AEFLNTW")))
    labels = ["fear", "disgust", "happiness", "boredom", "neutral", "sadness", "anger"]
    assert [u.label for u in corpus.utterances] == labels


def test_other_speakers_are_another_corpus(tmp_path):
    findings = emodb.load(make(tmp_path, "01a01Wa.wav", "03a01Na.wav")).findings
    assert findings[0].startswith("Found 2 utterances in Emo-DB's layout")
    assert findings[1] == "Emo-DB has no speakers 01, so this is taken for another corpus."
    assert not any("full corpus" in finding for finding in findings)


def test_votes_from_a_file_that_was_saved_as_utf_8(tmp_path):
    make(tmp_path, "03a01Fa.wav")
    (tmp_path / "erkennung.txt").write_text("3\xa0\xa0\t03a01Fa.wav\t90,00\xa0\t75,00\xa0\n", encoding="utf-8")
    (utterance,) = emodb.load(tmp_path).utterances
    assert utterance.votes == 0.9


@pytest.mark.parametrize(
    ("number", "share"), [("87,5", 0.875), ("87.5", 0.875), ("87", 0.87), ("0,00", 0), ("100.00\r", 1)]
)
def test_votes_with_comma_point_or_neither(tmp_path, number, share):
    make(tmp_path, "03a01Fa.wav", votes=f"Nr.\tSatz\terkannt\n1\t03a01Fa.wav\t{number}\n\n")
    (utterance,) = emodb.load(tmp_path).utterances
    assert utterance.votes == share


@pytest.mark.parametrize("number", ["650,00", "100,01", "-5,00", "1.000,00", "87,5,5", "viele", "", "\xa0\xa0"])
def test_refuses_votes_that_are_no_percentage(tmp_path, number):
    rows = f"Nr.\tSatz\terkannt\n1\t03a01Ab.wav\t80,00\n2\t03a01Fa.wav\t{number}\n3\t03a01Nc.wav\t90,00\n"
    make(tmp_path, "03a01Nc.wav", votes=rows)
    with pytest.raises(InputError, match=r": row 3 .* from 0 to 100 .* found '2 03a01Fa.wav.*'; correct") as refusal:
        emodb.load(tmp_path)
    assert str(refusal.value).startswith(f"{tmp_path / 'erkennung.txt'}: ")


def test_too_many_recordings_are_mentioned(tmp_path):
    names = [f"03{letter}{text:02}Ea.wav" for letter in "abcde" for text in range(10)]
    findings = emodb.load(make(tmp_path, *names)).findings
    assert "More than the full corpus has: disgust 4; version 2.0, of 816, is a different corpus." in findings


@pytest.mark.parametrize("name", ["3a01Fa", "03a01Xa", "03a01F", "03a01Faa", "hello", "03a01Fa (1)"])
def test_passes_over_a_name(tmp_path, name):
    make(tmp_path, "03a01Fa.wav", f"{name}.wav")
    corpus = emodb.load(tmp_path)
    assert [u.name for u in corpus.utterances] == ["03a01Fa"]
    assert corpus.findings[1] == f"Passed over 1 file: 1 not named as in Emo-DB ({Path('wav', name)}.wav)."


@pytest.mark.parametrize(
    ("folder", "name"),
    [("", "03a01Fa.wav"), ("deep/wav", "03a01Fa.flac"), ("WAV", "03A01FA.WAV"), ("x", "03a01fA.aiff")],
)
def test_copies_as_they_lie_on_disks(tmp_path, folder, name):
    """Side by side, one folder deeper, in capitals, in another format; with the votes beside them, or above."""
    path = tmp_path / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(1600), 16_000)
    (tmp_path / "Erkennung.TXT").write_text("3\t03a01Fa.wav\t90,00\n")
    (utterance,) = emodb.load(tmp_path).utterances
    assert (utterance.name, utterance.label, utterance.speaker, utterance.text) == (
        "03a01Fa",
        "happiness",
        "03",
        "a01",
    )
    assert (utterance.votes, utterance.path) == (0.9, path)


def test_votes_above_the_recordings(tmp_path):
    make(tmp_path, "03a01Fa.wav", votes="3\t03a01Fa.wav\t90,00\n")
    assert emodb.load(tmp_path / "wav").utterances[0].votes == 0.9


def test_of_two_recordings_of_one_name_one_is_taken_or_both_are_refused(tmp_path):
    make(tmp_path, "03a01Fa.wav", "08a01Wa.wav", "08a01Wa.flac")
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "wav" / "03a01Fa.wav", tmp_path / "again")
    corpus = emodb.load(tmp_path)
    assert [u.path for u in corpus.utterances] == [
        tmp_path / "again" / "03a01Fa.wav",
        tmp_path / "wav" / "08a01Wa.wav",
    ]
    assert corpus.findings[1] == (
        f"Passed over 2 files: 1 there twice ({Path('wav', '03a01Fa.wav')}); "
        f"1 there in another format ({Path('wav', '08a01Wa.flac')})."
    )
    soundfile.write(tmp_path / "again" / "03a01Fa.wav", np.ones(1600), 16_000)
    with pytest.raises(InputError, match=r"03a01Fa.wav: another recording of this name is .*03a01Fa.wav; take one"):
        emodb.load(tmp_path)


def test_refuses_what_is_no_sound(tmp_path):
    make(tmp_path, "03a01Fa.wav")
    (tmp_path / "wav" / "03a01Nc.wav").write_bytes(b"no header")
    with pytest.raises(InputError, match=r"03a01Nc.wav: cannot be read as sound"):
        emodb.load(tmp_path)


def test_refuses_a_folder_without_recordings(tmp_path):
    remedy = (
        "to use Emo-DB, unpack http://emodb.bilderbar.info/download/download.zip and give, as data, the folder that "
        "holds wav and erkennung.txt"
    )

    def refusal(folder):
        with pytest.raises(InputError) as refused:
            emodb.load(folder)
        return str(refused.value)

    nowhere, file = tmp_path / "nowhere", tmp_path / "download.zip"
    file.touch()
    assert refusal(nowhere) == f"{nowhere}: there is no such folder; {remedy}"
    assert refusal(file) == f"{file}: this is a file, not a folder; {remedy}"
    assert refusal(tmp_path) == f"{tmp_path}: there are no sound files in it; {remedy}"
    make(tmp_path, "hello.wav")
    assert refusal(tmp_path) == (
        f"{tmp_path}: none of its 1 sound files has a name as in Emo-DB, such as 03a01Fa.wav: speaker, text, emotion "
        f"and version; {remedy}"
    )


def test_looks_in_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMSER_DATA", str(tmp_path))
    make(tmp_path / "emodb", "03a01Fa.wav")
    assert load_corpus("emodb").source == tmp_path / "emodb"


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {"NUMSER_DATA": "/mnt/corpora", "XDG_CACHE_HOME": "/var/x"}, "/mnt/corpora"),
        ("linux", {"NUMSER_DATA": "", "XDG_CACHE_HOME": "/var/x"}, "/var/x/numser"),
        ("linux", {}, "/home/me/.cache/numser"),
        ("linux", {"NUMSER_DATA": "~/corpora"}, "/home/me/corpora"),
        ("darwin", {"XDG_CACHE_HOME": "/var/x"}, "/home/me/Library/Caches/numser"),
        ("win32", {"LOCALAPPDATA": "/users/me/local"}, "/users/me/local/numser"),
        ("win32", {}, "/home/me/AppData/Local/numser"),
    ],
)
def test_cache_folder(monkeypatch, platform, environment, folder):
    for name in ("NUMSER_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (environment | {"HOME": "/home/me", "USERPROFILE": "/home/me"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert cache_folder() == Path(folder)


def test_the_whole_corpus(shared_data):
    if not (shared_data / "emodb").is_dir():
        pytest.skip("emodb is not there")
    corpus = load_corpus("emodb", shared_data / "emodb")
    assert Counter(u.label for u in corpus.utterances) == COUNTS
    assert Counter(u.speaker for u in corpus.utterances) == SPEAKERS
    assert len({u.text for u in corpus.utterances}) == 10
    assert [u.name for u in corpus.utterances] == sorted(u.name for u in corpus.utterances)
    assert all(0.8 <= u.votes <= 1 for u in corpus.utterances)
    assert corpus.findings == [
        f"Found 535 of Emo-DB's 535 utterances in {shared_data / 'emodb'}: anger 127, boredom 81, disgust 46, "
        "fear 69, happiness 71, neutral 79, sadness 62; 10 speakers; 24.8 minutes."
    ]
    waveform = read_audio(corpus.utterances[0].path)
    assert len(waveform) == soundfile.info(corpus.utterances[0].path).frames  # it has 16 kHz already
    assert len(waveform) > 16_000 and 0.01 < np.abs(waveform).max() <= 1
