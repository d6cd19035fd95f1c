"""What corpora of sound files share: finding the files, saying what was passed over, and how people write names."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from numser.corpora import Utterance
from numser.decode import suffixes
from numser.errors import InputError

_SPLITS = {
    "train": re.compile(r"trn|train(ing)?"),
    "validation": re.compile(r"val(id|idation)?|dev(el|elopment)?"),
    "test": re.compile(r"test(ing)?|eval(uation)?"),
}

PassedOver = dict[str, list[Path]]  # by the reason


def sound_files(folder: Path, remedy: str) -> tuple[list[Path], PassedOver]:
    """All sound files in a folder and the folders in it, known by their suffixes, in the order of their paths; and
    the other files, by the reason why they are passed over. Hidden folders are not entered.

    Raises      InputError: there is no such folder, it cannot be read, or it holds no sound files; ends in `remedy`
    """
    if not folder.is_dir():
        what = "this is a file, not a folder" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {what}; {remedy}")
    sounds: list[Path] = []
    passed_over: PassedOver = defaultdict(list)
    entered = set()
    for inside, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(inside)
        if real in entered:  # a link that leads back
            folders.clear()
            continue
        entered.add(real)
        hidden = [d for d in folders if d.startswith(".")]
        passed_over["hidden"] += [Path(inside, d) for d in hidden]
        folders[:] = sorted(set(folders) - set(hidden))
        for file in sorted(files):
            path = Path(inside, file)
            if file.startswith("."):
                passed_over["hidden"].append(path)
            elif path.suffix.lower() not in suffixes():
                passed_over["not sound"].append(path)
            else:
                sounds.append(path)
    if not sounds:
        raise InputError(f"{folder}: there are no sound files in it; {remedy}")
    return sounds, passed_over


def in_one_format(sounds: list[Path], passed_over: PassedOver) -> list[Path]:
    """The same, but of files in one folder called alike but for the suffix only the WAV, or else the first."""
    taken: dict[Path, Path] = {}
    for path in sorted(sounds, key=lambda path: path.suffix.lower() != ".wav"):
        if taken.setdefault(path.with_suffix(""), path) is not path:
            passed_over["there in another format"].append(path)
    return [path for path in sounds if taken[path.with_suffix("")] is path]


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror}); check its rights") from None


def passed_over_sentences(passed_over: PassedOver, folder: Path) -> list[str]:
    """A sentence on what was passed over: how many of each kind, and the first of them; none where nothing was."""
    kinds = [
        f"{len(paths)} {reason} ({paths[0].relative_to(folder)}{', …' if len(paths) > 1 else ''})"
        for reason, paths in passed_over.items()
        if paths
    ]
    total = sum(map(len, passed_over.values()))
    return [f"Passed over {total} file{'s' if total > 1 else ''}: {'; '.join(kinds)}."] if kinds else []


def plain(word: str) -> str:
    """A word as far as its letters and digits tell: without capitals, spaces and signs."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFC", word).casefold())


def split_of(word: str) -> str | None:
    """The part of a split that a word stands for: "train", "validation", "test"; None: it is no such word."""
    word = re.sub("(set|data)$", "", plain(word))
    return next((split for split, words in _SPLITS.items() if words.fullmatch(word)), None)


def splits_of(words: Iterable[str]) -> dict[str, str | None]:
    """The same of all words that stand side by side: an evaluation set beside a test set is for validation."""
    found = {word: split_of(word) for word in words}
    tests = {word for word, split in found.items() if split == "test"}
    evaluations = {word for word in tests if plain(word).startswith("eval")}
    return found | dict.fromkeys(evaluations if evaluations < tests else (), "validation")


def spelled_alike(utterances: list[Utterance]) -> tuple[list[Utterance], list[str]]:
    """The same, with one spelling, the commonest, for labels and for speakers that differ in capitals, spaces or
    Unicode's form only; and sentences on those that do.
    """
    labels, speakers = Counter(u.label for u in utterances), Counter(u.speaker for u in utterances if u.speaker)
    findings, spelling = [], {}
    for what, names in (("label", labels), ("speaker", speakers)):
        alike = defaultdict(list)
        for name, _ in names.most_common():
            alike[_tidy(name).casefold()].append(name)
        spelling[what] = {name: _tidy(some[0]) for some in alike.values() for name in some}
        if several := ["; ".join(map(repr, sorted(some))) for some in alike.values() if len(some) > 1]:
            findings.append(f"Taken for one {what}: {' and '.join(several)}.")
    same = [
        replace(u, label=spelling["label"][u.label], speaker=u.speaker and spelling["speaker"][u.speaker])
        for u in utterances
    ]
    return same, findings


def _tidy(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())
