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
from dataclasses import replace
from pathlib import Path

from numser.cli import Progress
from numser.corpora import Corpus, Utterance, against_the_full_corpus, listed
from numser.corpora.coded import Coded, contents, recordings
from numser.corpora.recordings import PassedOver, passed_over_sentences
from numser.errors import InputError, quoted
from numser.files import cache_folder

ADDRESS = "http://emodb.bilderbar.info/download/download.zip"  # 40.5 MB
_DOWNLOAD_LIMIT, _LIMIT = 100_000_000, 200_000_000  # bytes, of the archive and of what is unpacked
_WANTED = re.compile(r"wav/[0-9a-zA-Z]+\.(?i:wav)|erkennung\.txt|erklaerung\.txt")

# What the full corpus holds.
_CLASSES = dict(anger=127, boredom=81, disgust=46, fear=69, happiness=71, neutral=79, sadness=62)
_SPEAKERS = {"03", "08", "09", "10", "11", "12", "13", "14", "15", "16"}

_EMODB = Coded(
    title="Emo-DB",
    file=r"(?P<speaker>\d\d)(?P<text>[a-z]\d\d)(?P<emotion>[a-z])(?P<version>[a-z])",
    # The letters are the German words': Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
    emotions=dict(W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral"),
    full=_CLASSES,
    example="such as 03a01Fa.wav: speaker, text, emotion and version",
    remedy=f"to use Emo-DB, unpack {ADDRESS} and give, as ‹data›, the folder that holds wav and erkennung.txt",
    name="{speaker}{text}{emotion}{version}",
)
_VOTES = re.compile(r"\b(?P<name>\w++)\.wav\s++(?P<percent>\d+(?:[.,]\d+)?)(?![\d.,])", re.IGNORECASE)


def load(data: Path | None = None, *, offline: bool = False) -> Corpus:
    """Read Emo-DB, all of it or a part, in the order of the names.

    `data` is the folder that holds `wav/` and `erkennung.txt`, or one that holds them somewhere in it. Without it, it
    is `emodb` in the cache folder, and fetched there first where there is none; but not if `offline`, or the
    environment variable NUMSER_OFFLINE is set. Of the sound only each file's header is read. Votes are None where
    `erkennung.txt` has none.

    Raises      InputError: there is no such folder, or it cannot be fetched; it holds no recordings; two different
                recordings have one name; a file is not sound; a row of `erkennung.txt` has no percentage
    """
    folder = cache_folder() / "emodb" if data is None else Path(data)
    if data is None and not folder.exists():
        _fetch(folder, offline or os.environ.get("NUMSER_OFFLINE", "0") not in ("", "0"))
    utterances, passed_over = _utterances(folder)
    return Corpus("emodb", utterances, _findings(folder, utterances, passed_over), folder)


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
    utterances, _ = _utterances(folder)
    classes = Counter(u.label for u in utterances)
    if classes != _CLASSES or {u.speaker for u in utterances} != _SPEAKERS:
        full = listed(Counter(_CLASSES))
        raise InputError(f"it holds {len(utterances)} recordings, {listed(classes)}, where Emo-DB has 535, {full}")
    if not any(u.votes for u in utterances):
        raise InputError("erkennung.txt is missing, or has no votes")
    for done, u in enumerate(utterances, start=1):
        u.read()
        progress.live(f"checking {done}/{len(utterances)}")


def _utterances(folder: Path) -> tuple[list[Utterance], PassedOver]:
    """The recordings, with their votes, and what is passed over but for the corpus's own texts on phones."""
    utterances, passed_over = recordings(_EMODB, folder)
    inside = [path for path in passed_over.pop("not sound", []) if path.name.lower() == "erkennung.txt"]
    votes = _votes((inside or [folder.absolute().parent / "erkennung.txt"])[0])
    return [replace(u, votes=votes.get(u.name.lower())) for u in utterances], passed_over


def _votes(path: Path) -> dict[str, float]:
    """Share of listeners who recognised each recording's emotion, by its name in small letters; empty where there is
    no such file.

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
            votes[found["name"].lower()] = percent / 100
        elif ".wav" in row.lower():
            raise InputError(
                f"{path}: row {number} should have a percentage from 0 to 100 after the name, as in "
                f"03a01Fa.wav 90,00, found {quoted(' '.join(row.split()))}; correct it"
            )
    return votes


def _findings(folder: Path, utterances: list[Utterance], passed_over: PassedOver) -> list[str]:
    """What was found, and what is missing against the full corpus."""
    speakers = {u.speaker for u in utterances if u.speaker is not None}
    if speakers <= _SPEAKERS:
        of = f"of Emo-DB's {sum(_CLASSES.values())} utterances"
        remark = "; version 2.0, of 816, is a different corpus"
        against = against_the_full_corpus(Counter(u.label for u in utterances), _CLASSES, remark)
        if absent := _SPEAKERS - speakers:
            against.append(f"No recordings of speakers {', '.join(sorted(absent))}.")
    else:
        of, strangers = "utterances in Emo-DB's layout", ", ".join(sorted(speakers - _SPEAKERS))
        against = [f"Emo-DB has no speakers {strangers}, so this is taken for another corpus."]
    if unknown := sum(u.votes is None for u in utterances):
        against.append(f"No votes for {unknown} utterances: erkennung.txt is missing, or does not name them.")
    found = f"Found {len(utterances)} {of} in {folder}: {contents(utterances)}"
    return [found, *passed_over_sentences(passed_over, folder), *against]
