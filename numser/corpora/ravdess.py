"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song.

Twenty-four actors speak two English sentences in eight ways, calm and neutral apart, twice each, at two intensities
(neutral at one). Some of its archives hold the same sung, and films; numser takes the speech that is sound alone.

    Actor_12/03-01-05-02-01-01-12.wav
             │  │  │  │  │  │  └ actor, odd for men, even for women
             │  │  │  │  │  └ repetition
             │  │  │  │  └ statement: 01 "Kids are talking by the door", 02 "Dogs are sitting by the door"
             │  │  │  └ intensity: 01 normal, 02 strong
             │  │  └ emotion: 01 neutral 02 calm 03 happy 04 sad 05 angry 06 fearful 07 disgust 08 surprised
             │  └ channel: 01 speech, 02 song
             └ modality: 01 sound and picture, 02 picture, 03 sound

Source: Livingstone, Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)", PLoS ONE
13(5), 2018.
"""

import re
from pathlib import Path

from numser.corpora import Corpus, Utterance
from numser.corpora.recordings import load_coded

_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-0[12]-(?P<statement>0[12])-0[12]-(?P<actor>\d\d)"
)
_CLASSES = {label: 96 if label == "neutral" else 192 for label in _EMOTIONS.values()}  # the full corpus


def load(data: Path | None = None) -> Corpus:
    """Read RAVDESS's speech, all of it or a part, from the folder that holds `Actor_01` and so on.

    Without `data`, from `ravdess` in the cache folder.

    Raises      InputError: see `load_coded`
    """
    return load_coded(
        "ravdess",
        "RAVDESS",
        data,
        _utterance,
        _CLASSES,
        "such as 03-01-05-02-01-01-12.wav",
        "unpack Audio_Speech_Actors_01-24.zip from https://zenodo.org/record/1188976 and give its folder as --data",
    )


def _utterance(path: Path) -> Utterance | str:
    parts = _NAME.fullmatch(path.stem)
    if parts is None:
        return "not named as in RAVDESS"
    if parts["channel"] == "02":
        return "song"
    if parts["modality"] != "03":
        return "the sound of a film, which is there as sound alone too"
    return Utterance(
        name=path.stem, label=_EMOTIONS[parts["emotion"]], speaker=parts["actor"], text=parts["statement"], path=path
    )
