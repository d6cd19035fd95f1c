"""What folders stand for: seen by their names, or told."""

from itertools import product

import numpy as np
import pytest
import soundfile
from conftest import command_refuses

from numser.corpora import load_corpus
from numser.corpora.layout import given_layout, seen_layout


@pytest.mark.parametrize(
    ("levels", "layout"),
    [
        (["anger joy"], "label"),
        (["wut freude"], "label"),
        (["0 1"], "label"),
        (["train test val", "Angry Happy"], "split/label"),
        (["Training Validation Evaluation", "wut freude"], "split/label"),
        (["0011 0012", "Angry Happy"], "speaker/label"),
        (["0011 0012", "wut freude"], "speaker/label"),
        (["0011 0012", "Angry Happy", "train test evaluation"], "speaker/label/split"),
        (["train test", "s1 s2", "ang hap"], "split/speaker/label"),
        (["audio", "train test", "actor_1 actor_2", "wut freude"], "*/split/speaker/label"),
        (["Anna Bert", "angry happy"], "*/label"),  # perhaps speakers, perhaps corpora
        (["wav", "anger joy"], "*/label"),
        (["angry happy", "Anna Bert"], "label"),
        (["anger", "monday tuesday"], "label"),
        (["angry content serene happy"], "label"),
        (["wut freude", "train test"], "label/split"),
        (["train_set test_set", "0 1"], "split/label"),
        (["Angry Happy", "0011 0012"], "label/speaker"),
        (["Angry Happy", "actor_1 actor_2", "train test"], "label/speaker/split"),
        (["audio_wav audio_mp3", "wut freude"], "*/label"),
    ],
)
def test_what_is_seen(levels, layout):
    assert seen_layout(list(product(*(level.split() for level in levels)))) == layout.split("/")


def test_a_minority_of_files_that_lie_elsewhere_changes_nothing():
    assert seen_layout([("joy",), ("joy", "deep"), ("anger",)]) == ["label"]
    assert seen_layout([*5 * [("train", "joy"), ("test", "anger")], ("train",)]) == ["split", "label"]
    assert seen_layout([*5 * [("train", "joy"), ("test", "anger")], ("more",)]) == ["split", "label"]


@pytest.mark.parametrize(
    "levels",
    [
        ["train test"],
        ["train test more", "Angry Happy"],
        ["Actor_01 Actor_02"],
        ["wut freude", "montag dienstag"],
        ["mine", "wut freude"],
        ["AudioWAV AudioMP3"],
    ],
)
def test_what_could_be_several_things_is_refused(levels):
    with command_refuses(
        "its folders, {.*}, can stand for several things, .*; say it by --layout, such as label, spea"
    ):
        seen_layout(list(product(*(level.split() for level in levels))))


def test_speakers_with_emotions_of_their_own_are_not_taken_for_labels():
    with command_refuses("its folders, {0011, 0012}/{ekel, freude, trauer, …}, can stand for several things"):
        seen_layout([("0011", "wut"), ("0011", "freude"), ("0012", "trauer"), ("0012", "ekel")])


def test_what_is_told():
    assert given_layout("Speaker/*/label/") == ["speaker", "*", "label"]
    for text in ("speaker", "label/label", "emotion", "", "label/speaker/speaker"):
        with command_refuses(f"^--layout {text}: should be label, with speaker, split"):
            given_layout(text)


def make(root, *paths):
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / path, np.full(1600, number / 100), 16_000)
    return root


def test_a_corpus_with_speakers_and_splits(tmp_path):
    make(tmp_path, "train/01/joy/a.wav", "train/02/anger/b.wav", "dev/01/anger/c.wav", "train/stray.wav")
    corpus = load_corpus("folder", tmp_path)
    assert [(u.label, u.speaker, u.split) for u in corpus.utterances] == [
        ("anger", "01", "validation"),
        ("joy", "01", "train"),
        ("anger", "02", "train"),
    ]
    assert corpus.findings == [
        f"Found 3 utterances in {tmp_path}: anger 2, joy 1; its folders taken for split/speaker/label; 2 speakers.",
        "Passed over 1 file: 1 in no label's folder (train/stray.wav).",
    ]


def test_the_layout_that_is_told_decides(tmp_path):
    make(tmp_path, "wut/anna/a.wav", "freude/anna/b.wav", "freude/bert/c.wav", "wut/bert/d.wav")
    with command_refuses(f"^{tmp_path}: its folders, {{freude, wut}}/{{anna, bert}}, can stand"):
        load_corpus("folder", tmp_path)
    told = load_corpus("folder", tmp_path, layout="label/speaker").utterances
    assert [(u.label, u.speaker) for u in told] == list(product(["freude", "wut"], ["anna", "bert"]))
    assert {u.label for u in load_corpus("folder", tmp_path, layout="*/label").utterances} == {"anna", "bert"}
    with command_refuses("anna should be train, test or val, by --layout label/split; write"):
        load_corpus("folder", tmp_path, layout="label/split")
    with command_refuses("none of its 4 sound files lies as deep as --layout label/speaker/split says"):
        load_corpus("folder", tmp_path, layout="label/speaker/split")
