"""Your own recordings, sorted into one folder per label.

    recordings/anger/a.wav
    recordings/anger/monday/b.flac      folders in a label's folder change nothing
    recordings/joy/c.mp3

Folders above the labels' may stand for speakers, or for parts of a split: layout.py sees it, or is told. Else nothing
says who speaks, so no speaker can be left out for a test; for that, write a table (see table.py).
"""

from collections import Counter
from pathlib import Path

from numser.corpora import Corpus, Utterance, listed
from numser.corpora.layout import LABEL, SPEAKER, SPLIT, given_layout, seen_layout
from numser.corpora.recordings import in_one_format, passed_over_sentences, sound_files, spelled_alike, splits_of
from numser.errors import InputError


def load(data: Path | None = None, layout: str | None = None) -> Corpus:
    """Read a folder of labels' folders, in the order of the paths. An utterance's name is its path in the folder.

    Raises      InputError: no folder is given or there is none; no label's folder holds sound files; what the folders
                stand for cannot be seen, or is not as `layout` has it
    """
    remedy = "give, as ‹data›, a folder with one subfolder of sound files per label"
    if data is None:
        raise InputError(f"‹corpus› folder: {remedy}")
    told = given_layout(layout) if layout is not None else None
    folder = Path(data)
    sounds, passed_over = sound_files(folder, remedy)
    sounds = in_one_format(sounds, passed_over)
    places = {path: path.relative_to(folder).parts[:-1] for path in sounds}
    if not any(places.values()):
        raise InputError(f"{folder}: all its {len(sounds)} sound files lie side by side; {remedy}")
    try:
        levels = told or seen_layout([place for place in places.values() if place])
    except InputError as mistake:
        raise InputError(f"{folder}: {mistake.args[0]}") from None
    at = levels.index(SPLIT) if SPLIT in levels else 0
    splits = splits_of({place[at] for place in places.values() if len(place) >= len(levels)})
    utterances = []
    for path, place in places.items():
        if len(place) < len(levels):
            passed_over["in no label's folder"].append(path)
            continue
        said = dict(zip(levels, place, strict=False))
        split = splits[said[SPLIT]] if SPLIT in said else None
        if SPLIT in said and split is None:
            raise InputError(
                f"{path}: {said[SPLIT]} should be train, test or val, by ‹layout› {layout}; write * there"
            )
        name = path.relative_to(folder).as_posix()
        utterances.append(Utterance(name, said[LABEL], said.get(SPEAKER), path=path, split=split))
    if not utterances:
        raise InputError(f"{folder}: none of its {len(sounds)} sound files lies as deep as ‹layout› {layout} says")
    utterances, respelled = spelled_alike(utterances)
    found = f"Found {len(utterances)} utterances in {folder}: {listed(Counter(u.label for u in utterances))}"
    if levels != [LABEL]:
        found += f"; its folders taken for {'/'.join(levels)}"
    if SPEAKER in levels:
        found += f"; {len({u.speaker for u in utterances})} speakers"
    return Corpus(
        "folder", utterances, [f"{found}.", *respelled, *passed_over_sentences(passed_over, folder)], folder
    )
