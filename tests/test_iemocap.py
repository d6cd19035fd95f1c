from pathlib import Path

import numpy as np
import pytest
import soundfile

from numser.corpora import iemocap, load_corpus
from numser.difficulty import level
from numser.errors import InputError
from numser.splits import leave_speakers_out

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
TABLE_1 = ("Happiness;", "Happiness;", "Happiness; Excited;", "Happiness; Excited;")


def block(name, label, votes=(), newline="\n") -> str:
    """An utterance as the evaluation files have it: head, annotators' words, then what is no vote."""
    lines = [f"[140.2250 - 145.6000]\t{name}\t{label}\t[1.5000, 4.0000, 4.5000]"]
    lines += [f"C-E{n}:\t{words}\t()" for n, words in enumerate(votes, start=1)]
    lines += ["A-E3:\tval 2; act 4; dom  4;\t()", "A-F1:\tval 1; act 5; dom  5;\t()"]
    return newline.join(lines) + newline + newline


def make(folder: Path, dialogues: dict[str, str], silent=()) -> Path:
    """IEMOCAP's folders, with these evaluation files and 0.1 s of sound for each utterance in them."""
    for dialogue, text in dialogues.items():
        session = folder / f"Session{int(dialogue[3:5])}"
        (session / "dialog" / "EmoEvaluation").mkdir(parents=True, exist_ok=True)
        (session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt").write_bytes((HEADER + text).encode("latin-1"))
        wav = session / "sentences" / "wav" / dialogue
        wav.mkdir(parents=True)
        for name in [line.split("\t")[1] for line in text.splitlines() if line.startswith("[")]:
            if name not in silent:
                soundfile.write(wav / f"{name}.wav", np.zeros(1600), 16_000)
    return folder


def test_table_1_of_the_paper(tmp_path):
    """Four annotators, six votes, four for the label: 4/6, which is of medium difficulty."""
    text = block("Ses01F_impro03_F025", "hap", TABLE_1)
    (utterance,) = iemocap.load(make(tmp_path, {"Ses01F_impro03": text})).utterances
    assert (utterance.name, utterance.label) == ("Ses01F_impro03_F025", "happiness")
    assert utterance.votes == pytest.approx(4 / 6)
    assert level(utterance.votes) == "B"


@pytest.mark.parametrize(
    ("label", "votes", "emotion", "share"),
    [
        ("ang", ["Anger;", "Anger; Frustration;", "Anger;"], "anger", 3 / 4),
        ("exc", ["Excited;", "Happiness;", "Excited; Excited;"], "happiness", 3 / 4),  # counted before they merge
        ("neu", ["Neutral;", "Neutral state;", "neutral ;"], "neutral", 1),
        ("sad", ["Sadness;", "Sadness;", "Other;"], "sadness", 2 / 3),
        ("sad", [], "sadness", None),
        ("hap", ["Happiness", ";"], "happiness", None),  # a word that no semicolon ends is no vote
    ],
)
def test_labels_and_votes(tmp_path, label, votes, emotion, share):
    text = block("Ses02M_script01_1_M003", label, votes)
    (utterance,) = iemocap.load(make(tmp_path, {"Ses02M_script01_1": text})).utterances
    assert (utterance.label, utterance.votes) == (emotion, pytest.approx(share))


def test_comments_are_no_votes(tmp_path):
    text = block("Ses01F_impro01_F000", "ang", ["Anger;"]).replace("()", "(Neutral; or tired;)")
    (utterance,) = iemocap.load(make(tmp_path, {"Ses01F_impro01": text})).utterances
    assert utterance.votes == 1


def test_the_speaker_is_who_speaks_not_who_wore_the_markers(tmp_path):
    names = ["Ses01F_impro05_F019", "Ses01F_impro05_M020", "Ses01M_impro05_F000", "Ses03M_script02_2_M041"]
    dialogues = {}
    for name in names:
        dialogue = name.rpartition("_")[0]
        dialogues[dialogue] = dialogues.get(dialogue, "") + block(name, "ang", ["Anger;"])
    utterances = iemocap.load(make(tmp_path, dialogues)).utterances
    assert {u.name: u.speaker for u in utterances} == dict(zip(names, ["01F", "01M", "01F", "03M"], strict=True))
    split = leave_speakers_out(utterances, ["01F"])
    assert [utterances[i].name for i in split.test] == ["Ses01F_impro05_F019", "Ses01M_impro05_F000"]


def test_what_is_found_passed_over_and_missing(tmp_path):
    first = (
        block("Ses01F_impro01_F000", "neu", ["Neutral;"], newline="\r\n")
        + block("Ses01F_impro01_F001", "xxx", ["Other;"])
        + block("Ses01F_impro01_F002", "fru", ["Frustration;"])
        + block("Ses01F_impro01_F003", "fru", ["Frustration;"])
        + block("Ses01F_impro01_M000", "exc").rstrip("\n")  # the file ends without a blank line
    )
    second = block("Ses05M_impro02_M007", "sad", ["Sadness;"]) + block("Ses05M_impro02_M008", "sad", ["Sadness;"])
    data = make(tmp_path, {"Ses01F_impro01": first, "Ses05M_impro02": second}, silent=["Ses05M_impro02_M008"])
    evaluations = data / "Session1" / "dialog" / "EmoEvaluation"
    for folder in ("Categorical", "Attribute", "Self-evaluation"):  # single annotators' files are of another form
        (evaluations / folder).mkdir()
        (evaluations / folder / "Ses01F_impro01_e1.txt").write_text("[no head]\n")
    (evaluations / "._Ses01F_impro01.txt").write_bytes(b"[\x00\x05\x16\x07")
    (evaluations / "folder.txt").mkdir()
    (data / "Documentation").mkdir()
    corpus = iemocap.load(data)
    assert (corpus.name, corpus.source) == ("iemocap", data)
    assert [u.name for u in corpus.utterances] == [
        "Ses01F_impro01_F000",
        "Ses01F_impro01_M000",
        "Ses05M_impro02_M007",
    ]
    assert corpus.findings == [
        f"Found 3 of IEMOCAP's 5531 utterances of four emotions in {data}: happiness 1, neutral 1, sadness 1; "
        "3 speakers; 0.0 minutes.",
        "Passed over 3 utterances with other labels: fru 2, xxx 1.",
        "Passed over 1 utterances without a recording, the first Ses05M_impro02_M008.",
        "Missing against the full corpus: anger 1103, happiness 1635, neutral 1707, sadness 1083.",
        "No votes for 1 utterances.",
    ]


def test_the_folder_above_is_fine_too(tmp_path):
    make(tmp_path / "IEMOCAP_full_release", {"Ses01F_impro01": block("Ses01F_impro01_F000", "ang", ["Anger;"])})
    assert [u.speaker for u in load_corpus("iemocap", tmp_path).utterances] == ["01F"]


@pytest.mark.parametrize("suffix", ["flac", "wav"])
def test_renamed_folders_and_another_format(tmp_path, suffix):
    """The dialogue's own recording, which is there too, is none of an utterance."""
    make(tmp_path / "made", {"Ses01F_impro01": block("Ses01F_impro01_F000", "ang", ["Anger;"])})
    (tmp_path / "corpus" / "s1" / "sounds").mkdir(parents=True)
    for name in ("Ses01F_impro01_F000", "Ses01F_impro01", "._Ses01F_impro01_F000"):
        soundfile.write(tmp_path / "corpus" / "s1" / "sounds" / f"{name}.{suffix}", np.zeros(1600), 16_000)
    (tmp_path / "made" / "Session1" / "dialog").rename(tmp_path / "corpus" / "s1" / "texts")
    (utterance,) = iemocap.load(tmp_path / "corpus").utterances
    assert utterance.path == tmp_path / "corpus" / "s1" / "sounds" / f"Ses01F_impro01_F000.{suffix}"


def test_of_recordings_called_alike_one_is_taken_and_the_others_are_counted(tmp_path):
    folder = make(tmp_path, {"Ses01F_impro01": block("Ses01F_impro01_F000", "ang", ["Anger;"])})
    wav = folder / "Session1" / "sentences" / "wav" / "Ses01F_impro01" / "Ses01F_impro01_F000.wav"
    (folder / "unpacked again").mkdir()
    for copy in (wav.with_suffix(".flac"), folder / "unpacked again" / wav.name):
        soundfile.write(copy, np.zeros(1600), 16_000)
    corpus = iemocap.load(folder)
    assert [u.path for u in corpus.utterances] == [wav]
    assert corpus.findings[-1] == (
        "Passed over 2 files: 1 there in another format (Session1/sentences/wav/Ses01F_impro01/"
        "Ses01F_impro01_F000.flac); 1 called as another recording (unpacked again/Ses01F_impro01_F000.wav)."
    )


@pytest.mark.parametrize(
    "line",
    [
        "[140.2250 - 145.6000] Ses01F_impro01_F000 ang [1, 2, 3]",
        "[?]\tSes01F_impro01_F000\tang\t[]",
        "[1 - 2]\tx\tang\t",
    ],
)
def test_a_damaged_head_is_refused_with_file_and_line(tmp_path, line):
    data = make(tmp_path, {"Ses01F_impro01": block("Ses01F_impro01_F000", "ang", ["Anger;"])})
    path = data / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=r"Ses01F_impro01.txt: line 8 should be times, name"):
        iemocap.load(data)


def test_an_utterance_evaluated_twice_is_refused(tmp_path):
    data = make(tmp_path, {"Ses01F_impro01": 2 * block("Ses01F_impro01_F000", "ang", ["Anger;"])})
    with pytest.raises(InputError, match="Ses01F_impro01_F000 is evaluated twice"):
        iemocap.load(data)


def test_folders_that_are_no_iemocap_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such folder; to use IEMOCAP, ask its authors"):
        iemocap.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no EmoEvaluation/\*.txt in it, as IEMOCAP has in SessionN/dialog"):
        iemocap.load(tmp_path)
    make(tmp_path, {"Ses01F_impro01": block("Ses01F_impro01_F000", "fru")})
    with pytest.raises(InputError, match="no recording of anger"):
        iemocap.load(tmp_path)
    make(tmp_path / "x", {"Ses01F_impro01": block("Ses01F_impro01_F000", "ang")}, silent=["Ses01F_impro01_F000"])
    soundfile.write(tmp_path / "x" / "other.wav", np.zeros(1600), 16_000)
    with pytest.raises(
        InputError, match="looked for files named Ses01F_impro01_F000 as in EmoEvaluation, such as Sess"
    ):
        iemocap.load(tmp_path / "x")
