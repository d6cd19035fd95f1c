"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset.

Ninety-one actors of many origins, 20 to 74 years old, speak twelve English sentences in six ways.

    1001_IEO_HAP_MD.wav     actor 1001, sentence IEO ("It's eleven o'clock"), happiness, medium level
                            ANG anger, DIS disgust, FEA fear, HAP happiness, NEU neutral, SAD sadness
                            level LO, MD, HI, or XX where none was asked for; one file has a single X

Two of the published recordings are passed over: one has no sound, and one holds all emotions in a row.

Source: Cao, Cooper, Keutmann, Gur, Nenkova, Verma, "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset",
IEEE Transactions on Affective Computing 5(4), 2014.
"""

import re
from pathlib import Path

from numser.corpora import Corpus, Utterance
from numser.corpora.recordings import load_coded

_EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
_NAME = re.compile(
    rf"(?P<actor>1\d\d\d)_(?P<sentence>[A-Z]{{3}})_(?P<emotion>{'|'.join(_EMOTIONS)})_(LO|MD|HI|XX?)", re.IGNORECASE
)
_UNUSABLE = {"1076_MTI_SAD_XX": "without sound", "1064_IEO_DIS_MD": "with several emotions"}
_CLASSES = dict(anger=1271, disgust=1270, fear=1271, happiness=1271, neutral=1087, sadness=1270)  # without these two


def load(data: Path | None = None) -> Corpus:
    """Read CREMA-D, all of it or a part, from the folder that holds its sound files, `AudioWAV`.

    Without `data`, from `crema-d` in the cache folder.

    Raises      InputError: see `load_coded`
    """
    return load_coded(
        "crema-d",
        "CREMA-D",
        data,
        _utterance,
        _CLASSES,
        "such as 1001_IEO_HAP_MD.wav",
        "get it, by git lfs, from https://github.com/CheyneyComputerScience/CREMA-D and give AudioWAV as --data",
    )


def _utterance(path: Path) -> Utterance | str:
    parts = _NAME.fullmatch(path.stem)
    if parts is None:
        return "not named as in CREMA-D"
    if path.stem.upper() in _UNUSABLE:
        return _UNUSABLE[path.stem.upper()]
    return Utterance(
        name=path.stem.upper(),
        label=_EMOTIONS[parts["emotion"].upper()],
        speaker=parts["actor"],
        text=parts["sentence"].upper(),
        path=path,
    )
