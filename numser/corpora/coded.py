"""RAVDESS, SAVEE, TESS, CREMA-D: file names that say everything, one table entry each.

None of them is fetched; each entry says where its corpus is had from. However deep in folders the files lie, a corpus
is read in the order of the names.
"""

import filecmp
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from numser.corpora import Corpus, Utterance, against_the_full_corpus, listed
from numser.corpora.recordings import PassedOver, passed_over_sentences, sound_files
from numser.errors import InputError
from numser.files import cache_folder


@dataclass(frozen=True)
class Coded:
    """What a corpus's file names say, in groups `speaker`, `text` and `emotion`; capitals make no difference."""

    title: str
    file: str  # a regular expression for FILE or FOLDER/FILE, without the suffix
    emotions: dict[str, str]  # label by code
    full: dict[str, int]  # how many utterances of each label the full corpus has
    example: str
    remedy: str  # where the corpus is had from
    name: str  # an utterance's, made of the groups
    spell: Callable[[str], str] = str.lower  # how texts are written; speakers have capitals
    speakers: dict[str, str] = field(default_factory=dict)  # other codes of speakers
    left_out: dict[str, str] = field(default_factory=dict)  # why, by a regular expression for FILE


# RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song. Twenty-four actors speak two English
# sentences in eight ways, calm and neutral apart, twice each, at two intensities (neutral at one). Some of its
# archives hold the same sung, and films; numser takes the speech that is sound alone.
#
#     Actor_12/03-01-05-02-01-01-12.wav
#              │  │  │  │  │  │  └ actor, odd for men, even for women
#              │  │  │  │  │  └ repetition
#              │  │  │  │  └ statement: 01 "Kids are talking by the door", 02 "Dogs are sitting by the door"
#              │  │  │  └ intensity: 01 normal, 02 strong
#              │  │  └ emotion
#              │  └ channel: 01 speech, 02 song
#              └ modality: 01 sound and picture, 02 picture, 03 sound
#
# Source: Livingstone, Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)", PLoS ONE
# 13(5), 2018.
_RAVDESS = Coded(
    title="RAVDESS",
    file=r"(?P<all>0[1-3]-0[12]-(?P<emotion>0\d)-0[12]-(?P<text>0[12])-0[12]-(?P<speaker>\d\d))",
    emotions={
        "01": "neutral",
        "02": "calm",
        "03": "happiness",
        "04": "sadness",
        "05": "anger",
        "06": "fear",
        "07": "disgust",
        "08": "surprise",
    },
    full=dict(anger=192, calm=192, disgust=192, fear=192, happiness=192, neutral=96, sadness=192, surprise=192),
    example="such as 03-01-05-02-01-01-12.wav",
    remedy="unpack Audio_Speech_Actors_01-24.zip from https://zenodo.org/record/1188976 and give its folder as "
    "‹data›",
    name="{all}",
    left_out={"..-02-.*": "song", "0[12]-.*": "the sound of a film, which is there as sound alone too"},
)

# SAVEE, Surrey Audio-Visual Expressed Emotion. Four Englishmen, DC, JE, JK and KL, speak fifteen sentences in each of
# six emotions, and thirty neutrally.
#
#     DC/a01.wav or DC_a01.wav        speaker DC, emotion a, sentence 01
#
# Source: Haq, Jackson, "Speaker-dependent audio-visual emotion recognition", AVSP 2009.
_SAVEE = Coded(
    title="SAVEE",
    file=r"(?P<speaker>DC|JE|JK|KL)[/_](?P<text>(?P<emotion>[a-z]{1,2})\d\d)",
    emotions={
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    },
    full=dict(anger=60, disgust=60, fear=60, happiness=60, neutral=120, sadness=60, surprise=60),
    example="such as DC/a01.wav or DC_a01.wav",
    remedy="ask for it at http://kahlan.eps.surrey.ac.uk/savee and give the folder AudioData as ‹data›",
    name="{speaker}_{text}",
)

# TESS, the Toronto Emotional Speech Set. Two actresses, of 26 and 64 years, say "Say the word …" with 200 English
# words in each of seven ways.
#
#     OAF_back_angry.wav      the older actress (OAF; the younger is YAF), the word back, anger
#
# One file of the published set is called OA_bite_neutral.wav; it is the older actress's.
#
# Source: Pichora-Fuller, Dupuis, "Toronto emotional speech set (TESS)", University of Toronto, 2010.
_TESS = Coded(
    title="TESS",
    file=r"(?P<speaker>OAF?|YAF)_(?P<text>[a-z]+)_(?P<emotion>[a-z]+)",
    emotions={
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "ps": "pleasant surprise",
        "sad": "sadness",
    },
    full=dict(anger=400, disgust=400, fear=400, happiness=400, neutral=400, sadness=400) | {"pleasant surprise": 400},
    example="such as OAF_back_angry.wav",
    remedy="unpack it from https://doi.org/10.5683/SP2/E8H2MF and give its folder as ‹data›",
    name="{speaker}_{text}_{emotion}",
    speakers={"OA": "OAF"},
)

# CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset. Ninety-one actors of many origins, 20 to 74 years
# old, speak twelve English sentences in six ways.
#
#     1001_IEO_HAP_MD.wav     actor 1001, sentence IEO ("It's eleven o'clock"), happiness, medium level
#                             level LO, MD, HI, or XX where none was asked for; one file has a single X
#
# Two of the published recordings are passed over, and not counted in `full`.
#
# Source: Cao, Cooper, Keutmann, Gur, Nenkova, Verma, "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset",
# IEEE Transactions on Affective Computing 5(4), 2014.
_CREMA_D = Coded(
    title="CREMA-D",
    file=r"(?P<speaker>1\d\d\d)_(?P<text>[a-z]{3})_(?P<emotion>[a-z]{3})_(?P<level>LO|MD|HI|XX?)",
    emotions={
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happiness",
        "NEU": "neutral",
        "SAD": "sadness",
    },
    full=dict(anger=1271, disgust=1270, fear=1271, happiness=1271, neutral=1087, sadness=1270),
    example="such as 1001_IEO_HAP_MD.wav",
    remedy="get it, by git lfs, from https://github.com/CheyneyComputerScience/CREMA-D and give AudioWAV as ‹data›",
    name="{speaker}_{text}_{emotion}_{level}",
    spell=str.upper,
    left_out={"1076_MTI_SAD_XX": "without sound", "1064_IEO_DIS_MD": "with several emotions"},
)

CODED = {"crema-d": _CREMA_D, "ravdess": _RAVDESS, "savee": _SAVEE, "tess": _TESS}


def load(name: str, data: Path | None = None) -> Corpus:
    """Read one of these corpora, all of it or a part, from the folder `data`, or from `name` in the cache folder.

    Raises      InputError: as `recordings`; a file is not sound
    """
    corpus = CODED[name]
    folder = cache_folder() / name if data is None else Path(data)
    utterances, passed_over = recordings(corpus, folder)
    classes = Counter(u.label for u in utterances)
    findings = [
        f"Found {len(utterances)} of {corpus.title}'s {sum(corpus.full.values())} utterances in {folder}: "
        f"{contents(utterances)}",
        *passed_over_sentences(passed_over, folder),
        *against_the_full_corpus(classes, corpus.full),
    ]
    return Corpus(name, utterances, findings, folder)


def recordings(corpus: Coded, folder: Path) -> tuple[list[Utterance], PassedOver]:
    """The recordings in a folder, and the folders in it, that are named as in a corpus, in the order of the names;
    and what is passed over. Of a recording in several formats WAV is taken.

    Raises      InputError: there is no such folder; none of its files has such a name; two different recordings have
                the same
    """
    sounds, passed_over = sound_files(folder, corpus.remedy)
    by_name: dict[str, tuple[Path, Utterance]] = {}
    for path in sorted(sounds, key=lambda path: path.suffix.lower() != ".wav"):
        found = _utterance(corpus, path)
        if isinstance(found, str):
            passed_over[found].append(path)
            continue
        first, _ = by_name.setdefault(found.name, (path, found))
        if first is path:
            continue
        if first.suffix.lower() != path.suffix.lower():
            passed_over["there in another format"].append(path)
        elif filecmp.cmp(first, path, shallow=False):
            passed_over["there twice"].append(path)
        else:
            raise InputError(f"{path}: another recording of this name is {first}; take one of the two away")
    if not by_name:
        raise InputError(
            f"{folder}: none of its {len(sounds)} sound files has a name as in {corpus.title}, {corpus.example}; "
            f"{corpus.remedy}"
        )
    return [utterance for _, (_, utterance) in sorted(by_name.items())], passed_over


def contents(utterances: list[Utterance]) -> str:
    """What these recordings are, in words: how many of each label, of how many speakers, and how long."""
    speakers = len({u.speaker for u in utterances})
    minutes = sum(u.seconds for u in utterances) / 60
    return f"{listed(Counter(u.label for u in utterances))}; {speakers} speakers; {minutes:.1f} minutes."


def _utterance(corpus: Coded, path: Path) -> Utterance | str:
    """What a file's name says, or why the file is passed over."""
    place = f"{path.absolute().parent.name}/{path.stem}"
    parts = re.fullmatch(rf"(?:.*/)?{corpus.file}", place, re.IGNORECASE | re.DOTALL)
    said = {group: corpus.spell(code) for group, code in parts.groupdict().items()} if parts else {}
    codes = [code for code in corpus.emotions if code.casefold() == said.get("emotion", "").casefold()]
    if not codes:
        return f"not named as in {corpus.title}"
    for name, reason in corpus.left_out.items():
        if re.fullmatch(name, path.stem, re.IGNORECASE):
            return reason
    speaker = said["speaker"].upper()
    said |= {"emotion": codes[0], "speaker": corpus.speakers.get(speaker, speaker)}
    return Utterance(corpus.name.format(**said), corpus.emotions[codes[0]], said["speaker"], said["text"], path=path)
