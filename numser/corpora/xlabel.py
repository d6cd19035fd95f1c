"""What is said when in a recording: labels that people set by hand with the program xlabel, as Emo-DB has them.

    FOLDER/wav/03a01Fa.wav              the recording
    FOLDER/silb/03a01Fa.silb            its syllables
    FOLDER/labsilb/03a01Fa.labsilb      its syllables, and how much each is stressed, 0 to 3
    FOLDER/lablaut/03a01Faxx.lablaut    its phones

A file may have a heading, which ends with a line of # alone. Then it has a line a label: the second where it begins;
a colour, but not in a .silb; the text; and fields after tabs. A label lasts until the next one; the last, a full
stop, is where the speech has ended.
"""

import itertools
import re
from pathlib import Path
from typing import NamedTuple

_LONGEST = 2**20  # bytes of such a file: more was never meant
_LABEL = re.compile(r"\s*(?P<second>\d{1,6}\.\d{1,9})\s+(-?\d+ )?(?P<what>.*)")


class Label(NamedTuple):
    """What is said from one second to another, and the fields behind it."""

    start: float
    end: float
    text: str
    fields: tuple[str, ...]


def read_labels(path: Path) -> list[Label]:
    """The labels of a file, rising; none where there is no such file, or where it is something else."""
    try:
        if path.stat().st_size > _LONGEST:
            return []
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError:
        return []
    heading = next((n + 1 for n, line in enumerate(lines) if line.strip() == "#"), 0)
    begun: list[tuple[float, str, tuple[str, ...]]] = []
    for found in filter(None, map(_LABEL.fullmatch, lines[heading:])):
        text, *fields = found["what"].split("\t")
        begun.append((float(found["second"]), text.strip(), tuple(field.strip() for field in fields)))
    begun.sort(key=lambda label: label[0])
    return [Label(start, end, text, fields) for (start, text, fields), (end, *_) in itertools.pairwise(begun)]


def syllables(recording: Path) -> list[Label]:
    """The syllables of a recording of Emo-DB; none where they are not beside it."""
    return read_labels(recording.parent.parent / "silb" / f"{recording.stem}.silb")
