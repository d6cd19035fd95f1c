"""SAVEE, Surrey Audio-Visual Expressed Emotion.

Four Englishmen, DC, JE, JK and KL, speak fifteen sentences in each of six emotions, and thirty neutrally.

    DC/a01.wav or DC_a01.wav        speaker DC, emotion a (anger), sentence 01
                                    a anger, d disgust, f fear, h happiness, n neutral, sa sadness, su surprise

Source: Haq, Jackson, "Speaker-dependent audio-visual emotion recognition", AVSP 2009.
"""

import re
from pathlib import Path

from numser.corpora import Corpus, Utterance
from numser.corpora.recordings import load_coded

_EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_NAME = re.compile(r"((?P<speaker>DC|JE|JK|KL)_)?(?P<text>(?P<emotion>sa|su|[adfhn])\d\d)", re.IGNORECASE)
_SPEAKERS = ("DC", "JE", "JK", "KL")
_CLASSES = {label: 120 if label == "neutral" else 60 for label in _EMOTIONS.values()}  # the full corpus


def load(data: Path | None = None) -> Corpus:
    """Read SAVEE, all of it or a part, from the folder that holds `DC`, `JE`, `JK` and `KL`, or all files.

    Without `data`, from `savee` in the cache folder.

    Raises      InputError: see `load_coded`
    """
    return load_coded(
        "savee",
        "SAVEE",
        data,
        _utterance,
        _CLASSES,
        "such as DC/a01.wav or DC_a01.wav",
        "ask for it at http://kahlan.eps.surrey.ac.uk/savee and give the folder AudioData as --data",
    )


def _utterance(path: Path) -> Utterance | str:
    parts = _NAME.fullmatch(path.stem)
    speaker = parts and (parts["speaker"] or path.absolute().parent.name).upper()
    if speaker not in _SPEAKERS:
        return "not named as in SAVEE"
    text = parts["text"].lower()
    return Utterance(
        name=f"{speaker}_{text}", label=_EMOTIONS[parts["emotion"].lower()], speaker=speaker, text=text, path=path
    )
