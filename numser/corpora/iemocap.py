"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture Database.        Paper §4.1

Ten actors in five sessions, always a woman and a man, play scripts and improvise; twelve hours in English. Three or
four annotators judged each utterance, each in one word or several; an utterance's label is what most of them said.
The paper, like most, takes four emotions: anger, sadness, neutral, and happiness together with excitement.

    Session1/sentences/wav/Ses01F_impro05/Ses01F_impro05_M019.wav       session 1, dialogue Ses01F_impro05, the man
    Session1/dialog/EmoEvaluation/Ses01F_impro05.txt                    the dialogue's labels and votes

The F in the dialogue's name says who wore the markers of the motion capture. Who speaks is in the last field.

    % [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

    [140.2250 - 145.6000]→Ses01F_impro05_F019→ang→[1.5000, 4.0000, 4.5000]
    C-E1:→Anger;→()                                                     an annotator's vote; A- lines are other scales
    C-E4:→Anger; Frustration;→()                                        two votes

Source: Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee, Narayanan, "IEMOCAP: Interactive emotional dyadic
motion capture database", Language Resources and Evaluation 42, 2008. It is licensed: ask its authors for it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from numser.corpora import Corpus, Utterance, against_the_full_corpus, listed
from numser.corpora.recordings import PassedOver, in_one_format, passed_over_sentences, sound_files
from numser.errors import InputError, quoted
from numser.files import cache_folder

# The corpus's label, the annotators' word for it, and the class that it goes into.
_EMOTIONS = {
    "ang": ("anger", "anger"),
    "exc": ("excited", "happiness"),
    "hap": ("happiness", "happiness"),
    "neu": ("neutral", "neutral"),
    "sad": ("sadness", "sadness"),
}
_CLASSES = dict(anger=1103, happiness=1636, neutral=1708, sadness=1084)  # what the full corpus holds

_HEAD = re.compile(r"\[\d+(?:\.\d+)? - \d+(?:\.\d+)?\]\t(?P<name>Ses\d\d[FM]_\w+_[^\W_]+)\t(?P<label>\w+)\t.*")
_SPEAKER = re.compile(r"Ses(?P<session>\d\d).*_(?P<letter>[FM])[^_]*")
_VOTES = re.compile(r"C-\w+:(?P<words>[^(]*)")


_REMEDY = "give, as ‹data›, the folder that holds Session1 to Session5"


class _Block(NamedTuple):
    """What an evaluation file says of one utterance."""

    name: str
    label: str
    words: list[str]  # one a vote


def load(data: Path | None = None) -> Corpus:
    """Read IEMOCAP, all of it or a part, in the order of the names.

    `data` is the folder that holds `Session1` to `Session5`, or one above it; without it, `iemocap` in the cache
    folder. Labels are in the folders EmoEvaluation, recordings known by their names, whatever the folders above are
    called, and whatever the format. Of the sound only each file's header is read.

    Votes are the share that went to the utterance's own label, before happiness and excitement become one: of two
    annotators who say "Happiness" and two who say "Happiness; Excited", four votes of six.

    Raises      InputError: there is no such folder; it has no sessions, or no recordings of the four emotions; an
                evaluation file cannot be read, or a line in it is not the head of a block
    """
    folder = cache_folder() / "iemocap" if data is None else Path(data)
    utterances: list[Utterance] = []
    others: Counter[str] = Counter()
    silent: list[str] = []
    evaluations = _evaluations(folder)
    sounds, _ = sound_files(folder, _REMEDY)
    by_name: dict[str, Path] = {}
    again: PassedOver = {"there in another format": [], "called as another recording": []}
    for path in in_one_format(sounds, again):
        if by_name.setdefault(path.stem, path) is not path:
            again["called as another recording"].append(path)
    for block in (block for evaluation in evaluations for block in _blocks(evaluation)):
        if block.label not in _EMOTIONS:
            others[block.label] += 1
        elif block.name not in by_name:
            silent.append(block.name)
        else:
            utterances.append(_utterance(block, by_name[block.name]))
    utterances.sort(key=lambda u: u.name)
    for one, other in pairwise(utterances):
        if one.name == other.name:
            raise InputError(f"{one.path}: {one.name} is evaluated twice; take one of the two blocks away")
    if not utterances:
        raise InputError(
            f"{folder}: no recording of anger, happiness, excitement, sadness or neutral speech is there; looked for "
            f"files named {silent[0] + ' ' if silent else ''}as in EmoEvaluation, such as "
            f"Session1/sentences/wav/Ses01F_impro05/Ses01F_impro05_M019.wav; {_REMEDY}"
        )
    findings = _findings(folder, utterances, others, silent) + passed_over_sentences(again, folder)
    return Corpus("iemocap", utterances, findings, folder)


def _evaluations(folder: Path) -> list[Path]:
    """The evaluation files of all sessions. Folders beside them, with single annotators' files, are not entered."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; to use IEMOCAP, ask its authors for it, and {_REMEDY}")
    texts = sorted(folder.glob("**/EmoEvaluation/*.txt"))
    texts = [text for text in texts if text.is_file() and not text.name.startswith(".")]
    if not texts:
        raise InputError(
            f"{folder}: there is no EmoEvaluation/*.txt in it, as IEMOCAP has in SessionN/dialog; {_REMEDY}"
        )
    return texts


def _blocks(path: Path) -> Iterator[_Block]:
    """A block begins with its head and ends with a blank line, or with the file."""
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    block = None
    for number, line in enumerate(lines, start=1):
        if line.startswith("["):
            head = _HEAD.fullmatch(line)
            if head is None:
                raise InputError(
                    f"{path}: line {number} should be times, name, emotion and scales with tabs between, as in "
                    f"[140.2250 - 145.6000] Ses01F_impro05_F019 ang [1.5000, 4.0000, 4.5000], found {quoted(line)}"
                )
            if block:
                yield block
            block = _Block(head["name"], head["label"], [])
        elif block and (votes := _VOTES.match(line)):
            block.words.extend(word.strip().lower() for word in votes["words"].split(";")[:-1] if word.strip())
        elif block and not line.strip():
            yield block
            block = None
    if block:
        yield block


def _utterance(block: _Block, path: Path) -> Utterance:
    word, label = _EMOTIONS[block.label]
    votes = [heard == word or heard.startswith(word + " ") for heard in block.words]  # "Neutral state" is neutral
    who = _SPEAKER.fullmatch(block.name)
    return Utterance(
        name=block.name,
        label=label,
        speaker=who and who["session"] + who["letter"],
        votes=sum(votes) / len(votes) if votes else None,
        path=path,
    )


def _findings(folder: Path, utterances: list[Utterance], others: Counter, silent: list[str]) -> list[str]:
    """What was found, what was passed over, and what is missing against the full corpus."""
    classes = Counter(u.label for u in utterances)
    speakers = {u.speaker for u in utterances}
    minutes = sum(u.seconds for u in utterances) / 60
    findings = [
        f"Found {len(utterances)} of IEMOCAP's {sum(_CLASSES.values())} utterances of four emotions in {folder}: "
        f"{listed(classes)}; {len(speakers)} speakers; {minutes:.1f} minutes."
    ]
    if others:
        findings.append(f"Passed over {others.total()} utterances with other labels: {listed(others)}.")
    if silent:
        findings.append(f"Passed over {len(silent)} utterances without a recording, the first {silent[0]}.")
    findings += against_the_full_corpus(classes, _CLASSES)
    if unknown := sum(u.votes is None for u in utterances):
        findings.append(f"No votes for {unknown} utterances.")
    return findings
