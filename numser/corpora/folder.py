"""Your own recordings, sorted into one folder per label.

    recordings/anger/a.wav
    recordings/anger/monday/b.flac      folders in a label's folder change nothing
    recordings/joy/c.mp3

Nothing says who speaks, so no speaker can be left out for a test; for that, write a table (see table.py).
"""

from collections import Counter
from pathlib import Path

from numser.corpora import Corpus, Utterance, listed
from numser.corpora.recordings import passed_over_sentences, sound_files
from numser.errors import InputError


def load(data: Path | None = None) -> Corpus:
    """Read a folder of labels' folders, in the order of the paths. An utterance's name is its path in the folder.

    Raises      InputError: no folder is given or there is none; no label's folder holds sound files; two labels
                differ in capitals only
    """
    remedy = "give, as ‹data›, a folder with one subfolder of sound files per label"
    if data is None:
        raise InputError(f"‹corpus› folder: {remedy}")
    folder = Path(data)
    sounds, passed_over = sound_files(folder, remedy)
    utterances = []
    for path in sounds:
        inside = path.relative_to(folder)
        if len(inside.parts) == 1:
            passed_over["in no label's folder"].append(path)
        else:
            utterances.append(Utterance(name=inside.as_posix(), label=inside.parts[0], path=path))
    if not utterances:
        raise InputError(f"{folder}: all its {len(sounds)} sound files lie side by side; {remedy}")
    classes = Counter(u.label for u in utterances)
    for label in classes:
        for other in classes:
            if label < other and label.casefold() == other.casefold():
                raise InputError(f"{folder}: {label} and {other} differ in capitals only; rename one of the folders")
    found = f"Found {len(utterances)} utterances in {folder}: {listed(classes)}."
    return Corpus("folder", utterances, [found, *passed_over_sentences(passed_over, folder)], folder)
