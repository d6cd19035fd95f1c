"""What corpora of sound files share: finding the files, reading codes in their names, saying what was passed over."""

import filecmp
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from numser.audio import duration
from numser.corpora import Corpus, Utterance, against_the_full_corpus, listed
from numser.errors import InputError
from numser.files import cache_folder

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})

PassedOver = dict[str, list[Path]]  # by the reason


def load_coded(
    name: str,
    title: str,
    data: Path | None,
    read: Callable[[Path], Utterance | str],
    full: dict[str, int],
    code: str,
    remedy: str,
) -> Corpus:
    """A corpus whose file names say everything, however deep in folders the files lie, in the order of the names.

    `data` is the folder; without it, the one called `name` in the cache folder. `read` makes an utterance of a path,
    or gives the reason why it is passed over. `full` is how many utterances of each class the full corpus has; `code`
    explains a name, and `remedy` says where the corpus is had from.

    Raises      InputError: there is no such folder; none of its files has such a name; two different recordings have
                the same; a file is not sound
    """
    folder = cache_folder() / name if data is None else Path(data)
    sounds, passed_over = sound_files(folder, remedy)
    by_name: dict[str, Utterance] = {}
    for path in sounds:
        found = read(path)
        if isinstance(found, str):
            passed_over[found].append(path)
        elif found.name not in by_name:
            by_name[found.name] = found
        elif filecmp.cmp(by_name[found.name].path, path, shallow=False):
            passed_over["there twice"].append(path)
        else:
            raise InputError(
                f"{path}: another recording of this name is {by_name[found.name].path}; take one of the two away"
            )
    if not by_name:
        raise InputError(
            f"{folder}: none of its {len(sounds)} sound files has a name as in {title}, {code}; {remedy}"
        )
    utterances = sorted(by_name.values(), key=lambda u: u.name)
    classes = Counter(u.label for u in utterances)
    speakers = len({u.speaker for u in utterances})
    minutes = sum(duration(u.path) for u in utterances) / 60
    findings = [
        f"Found {len(utterances)} of {title}'s {sum(full.values())} utterances in {folder}: {listed(classes)}; "
        f"{speakers} speakers; {minutes:.1f} minutes.",
        *said(passed_over, folder),
        *against_the_full_corpus(classes, full),
    ]
    return Corpus(name, utterances, findings, folder)


def sound_files(folder: Path, remedy: str) -> tuple[list[Path], PassedOver]:
    """All sound files in a folder and the folders in it, known by their suffixes, in the order of their paths; and
    the other files, by the reason why they are passed over. Hidden folders are not entered.

    Raises      InputError: there is no such folder, it cannot be read, or it holds no sound files; ends in `remedy`
    """
    if not folder.is_dir():
        what = "this is a file, not a folder" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {what}; {remedy}")
    sounds, passed_over, entered = [], defaultdict(list), set()
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
            elif path.suffix.lower() not in SUFFIXES:
                passed_over["not sound"].append(path)
            else:
                sounds.append(path)
    if not sounds:
        raise InputError(f"{folder}: there are no sound files in it; {remedy}")
    return sounds, passed_over


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror}); check its rights") from None


def said(passed_over: PassedOver, folder: Path) -> list[str]:
    """A sentence on what was passed over: how many of each kind, and the first of them; none where nothing was."""
    kinds = [
        f"{len(paths)} {reason} ({paths[0].relative_to(folder)}{', …' if len(paths) > 1 else ''})"
        for reason, paths in passed_over.items()
        if paths
    ]
    total = sum(map(len, passed_over.values()))
    return [f"Passed over {total} file{'s' if total > 1 else ''}: {'; '.join(kinds)}."] if kinds else []
