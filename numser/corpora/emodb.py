"""Emo-DB, the Berlin Database of Emotional Speech.

Ten actors speak ten sentences of everyday German, each as if angry, bored, disgusted, afraid, happy or sad,
and without emotion. Then 20 listeners (21 for some recordings) judged every recording: those whose emotion at
least 80 % recognised, and which at least 60 % found natural, were published.

    wav/03a01Fa.wav         speaker 03, sentence a01, emotion F (happiness), version a
    erkennung.txt           per recording, the percentage of listeners who recognised the emotion

Source: Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss, "A Database of German Emotional Speech", Interspeech
2005.
"""

import os
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from numser.cli import Progress
from numser.corpora import Corpus, Utterance, against_the_full_corpus, listed
from numser.errors import InputError, quoted
from numser.files import cache_folder

ADDRESS = "http://emodb.bilderbar.info/download/download.zip"  # 40.5 MB
_DOWNLOAD_LIMIT, _LIMIT = 100_000_000, 200_000_000  # bytes, of the archive and of what is unpacked
_WANTED = re.compile(r"wav/[0-9a-zA-Z]+\.(?i:wav)|erkennung\.txt|erklaerung\.txt")

# The letters are the German words': Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
_EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[a-z]\d\d)(?P<emotion>[WLEAFTN])[a-z]")
_VOTES = re.compile(r"\b(?P<name>\w++)\.wav\s++(?P<percent>\d+(?:[.,]\d+)?)(?![\d.,])")

# What the full corpus holds.
_CLASSES = dict(anger=127, boredom=81, disgust=46, fear=69, happiness=71, neutral=79, sadness=62)
_SPEAKERS = {"03", "08", "09", "10", "11", "12", "13", "14", "15", "16"}


def load(data: Path | None = None, *, offline: bool = False) -> Corpus:
    """Read Emo-DB, all of it or a part, in the order of the names.

    `data` is the folder that holds `wav/` and `erkennung.txt`. Without it, it is `emodb` in the cache folder, and
    fetched there first where there is none; but not if `offline`, or the environment variable NUMSER_OFFLINE is set.
    Of the sound only each file's header is read. Votes are None where `erkennung.txt` has none.

    Raises      InputError: there is no such folder, or it cannot be fetched; it holds no recordings; a name is not
                Emo-DB's; a file is not sound; a row of `erkennung.txt` has no percentage
    """
    folder = cache_folder() / "emodb" if data is None else Path(data)
    if data is None and not folder.exists():
        _fetch(folder, offline or os.environ.get("NUMSER_OFFLINE", "0") not in ("", "0"))
    utterances = _utterances(folder)
    return Corpus("emodb", utterances, _findings(folder, utterances), folder)


def _fetch(folder: Path, offline: bool) -> None:
    by_hand = f"unpack {ADDRESS} into it, or give, as ‹data›, the folder that holds wav and erkennung.txt"
    if offline:
        raise InputError(f"{folder}: there is no such folder, and nothing is fetched offline; {by_hand}")
    from numser.corpora.fetch import fetch_zip  # here, since most runs need no network

    remedy = f"try again later, or make {folder} and {by_hand}"
    fetch_zip(folder, ADDRESS, _WANTED, _check, download_limit=_DOWNLOAD_LIMIT, limit=_LIMIT, remedy=remedy)


def _check(folder: Path, progress: Progress) -> None:
    """See that all of Emo-DB is there. No checksum of the archive is known, so its content has to speak for it.

    Raises      InputError: recordings are missing, or cannot be decoded; there are no votes
    """
    utterances = _utterances(folder)
    classes = Counter(u.label for u in utterances)
    if classes != _CLASSES or {u.speaker for u in utterances} != _SPEAKERS:
        full = listed(Counter(_CLASSES))
        raise InputError(f"it holds {len(utterances)} recordings, {listed(classes)}, where Emo-DB has 535, {full}")
    if not any(u.votes for u in utterances):
        raise InputError("erkennung.txt is missing, or has no votes")
    for done, u in enumerate(utterances, start=1):
        u.read()
        progress.live(f"checking {done}/{len(utterances)}")


def _utterances(folder: Path) -> list[Utterance]:
    recordings = _recordings(folder)
    votes = _votes(folder / "erkennung.txt")
    return [_utterance(path, votes) for path in recordings]


def _recordings(folder: Path) -> list[Path]:
    """Sound files in `folder/wav`, by name; hidden ones, such as macOS's ._03a01Fa.wav, are no recordings."""
    remedy = f"unpack {ADDRESS} and give, as ‹data›, the folder that holds wav and erkennung.txt"
    wav = folder / "wav"
    if folder.is_file():
        raise InputError(f"{folder}: this is a file, not a folder; to use Emo-DB, {remedy}")
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; to use Emo-DB, {remedy}")
    if not wav.is_dir():
        raise InputError(f"{folder}: there is no folder wav in it, as Emo-DB has; {remedy}")
    sounds = [p for p in wav.iterdir() if p.suffix.lower() == ".wav" and not p.name.startswith(".")]
    if not sounds:
        raise InputError(f"{wav}: there are no .wav files in it; {remedy}")
    sounds.sort(key=lambda p: p.name)
    for one, other in pairwise(sounds):
        if one.stem == other.stem:
            raise InputError(f"{one}: {other.name} is there too; take one of the two away")
    return sounds


def _utterance(path: Path, votes: dict[str, float]) -> Utterance:
    parts = _NAME.fullmatch(path.stem)
    if parts is None:
        raise InputError(
            f"{path}: an Emo-DB name is speaker, text, emotion (one of {''.join(_EMOTIONS)}) and version, "
            "as in 03a01Fa.wav; rename this file or take it away"
        )
    return Utterance(
        name=path.stem,
        label=_EMOTIONS[parts["emotion"]],
        speaker=parts["speaker"],
        text=parts["text"],
        votes=votes.get(path.stem),
        path=path,
    )


def _votes(path: Path) -> dict[str, float]:
    """Share of listeners who recognised each recording's emotion; empty where there is no such file.

    A row is "1␣␣→03a01Ab.wav→65,00␣␣␣␣␣→35,00␣␣␣␣␣": tabs, decimal commas, stray non-breaking spaces. A program
    that the table went through may have made the commas points. Rows without a .wav, such as the first, are headings.
    """
    try:
        rows = path.read_text(encoding="latin-1").split("\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    votes = {}
    for number, row in enumerate(rows, start=1):
        found = _VOTES.search(row)
        if found and (percent := float(found["percent"].replace(",", "."))) <= 100:
            votes[found["name"]] = percent / 100
        elif ".wav" in row:
            raise InputError(
                f"{path}: row {number} should have a percentage from 0 to 100 after the name, as in "
                f"03a01Fa.wav 90,00, found {quoted(row)}; correct it"
            )
    return votes


def _findings(folder: Path, utterances: list[Utterance]) -> list[str]:
    """What was found, and what is missing against the full corpus."""
    classes = Counter(u.label for u in utterances)
    speakers = {u.speaker for u in utterances if u.speaker is not None}
    minutes = sum(u.seconds for u in utterances) / 60
    what = f"{listed(classes)}; {len(speakers)} speakers; {minutes:.1f} minutes."
    if speakers <= _SPEAKERS:
        findings = [f"Found {len(utterances)} of Emo-DB's {sum(_CLASSES.values())} utterances in {folder}: {what}"]
        remark = "; version 2.0, of 816, is a different corpus"
        findings += against_the_full_corpus(classes, _CLASSES, remark)
        if absent := _SPEAKERS - speakers:
            findings.append(f"No recordings of speakers {', '.join(sorted(absent))}.")
    else:
        strangers = ", ".join(sorted(speakers - _SPEAKERS))
        findings = [
            f"Found {len(utterances)} utterances in Emo-DB's layout in {folder}: {what}",
            f"Emo-DB has no speakers {strangers}, so this is taken for another corpus.",
        ]
    if unknown := sum(u.votes is None for u in utterances):
        findings.append(f"No votes for {unknown} utterances in {folder / 'erkennung.txt'}.")
    return findings
