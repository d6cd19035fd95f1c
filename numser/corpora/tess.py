"""TESS, the Toronto Emotional Speech Set.

Two actresses, of 26 and 64 years, say "Say the word …" with 200 English words in each of seven ways.

    OAF_back_angry.wav      the older actress (OAF; the younger is YAF), the word back, anger
                            angry, disgust, fear, happy, neutral, ps (pleasant surprise), sad

One file of the published set is called OA_bite_neutral.wav; it is the older actress's.

Source: Pichora-Fuller, Dupuis, "Toronto emotional speech set (TESS)", University of Toronto, 2010.
"""

import re
from pathlib import Path

from numser.corpora import Corpus, Utterance
from numser.corpora.recordings import load_coded

_EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "pleasant surprise",
    "sad": "sadness",
}
_NAME = re.compile(rf"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(_EMOTIONS)})", re.IGNORECASE)
_CLASSES = dict.fromkeys(_EMOTIONS.values(), 400)  # the full corpus


def load(data: Path | None = None) -> Corpus:
    """Read TESS, all of it or a part, from the folder that holds its files or folders of them.

    Without `data`, from `tess` in the cache folder.

    Raises      InputError: see `load_coded`
    """
    return load_coded(
        "tess",
        "TESS",
        data,
        _utterance,
        _CLASSES,
        "such as OAF_back_angry.wav",
        "unpack it from https://doi.org/10.5683/SP2/E8H2MF and give its folder as --data",
    )


def _utterance(path: Path) -> Utterance | str:
    parts = _NAME.fullmatch(path.stem)
    if parts is None:
        return "not named as in TESS"
    speaker, word, emotion = parts["speaker"][:2].upper() + "F", parts["word"].lower(), parts["emotion"].lower()
    return Utterance(
        name=f"{speaker}_{word}_{emotion}", label=_EMOTIONS[emotion], speaker=speaker, text=word, path=path
    )
