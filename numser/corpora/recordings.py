"""What corpora of sound files share: finding the files, and saying what was passed over."""

import os
from collections import defaultdict
from pathlib import Path

from numser.errors import InputError

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
SUFFIXES |= {".m4a", ".aac", ".amr", ".wma"}  # which ffmpeg reads

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
            elif path.suffix.lower() not in SUFFIXES:
                passed_over["not sound"].append(path)
            else:
                sounds.append(path)
    if not sounds:
        raise InputError(f"{folder}: there are no sound files in it; {remedy}")
    return sounds, passed_over


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
