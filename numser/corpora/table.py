"""Your own recordings, or segments of them, listed in a CSV file.

    path,label,speaker,votes                file;start;end;emotion
    monday/a.wav,anger,Anna,0.9             debate.wav;0:12.5;0:14.9;anger
    monday/b.wav,joy,Bert,                  debate.wav;0:14.9;;joy

What columns may be called, and what else they may say, stands below. Between them stand commas, semicolons or tabs.
"""

import csv
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from numser.audio import duration
from numser.corpora import Corpus, Utterance, listed
from numser.corpora.recordings import plain, spelled_alike, splits_of
from numser.errors import InputError, quoted

# What columns are called, but for capitals, spaces and signs; the first that is there counts.
COLUMNS = {
    "path": ("path", "file", "filename", "filepath"),  # from the table's folder, or from the root
    "label": ("label", "emotion"),
    "speaker": ("speaker", "speakerid"),
    "votes": ("votes",),  # the share of annotators who agreed with the label
    "split": ("split",),  # train, test or val
    "start": ("start", "starttime", "begin", "onset"),  # of the segment; to the file's end, if that is all
    "end": ("end", "endtime", "stop", "offset"),
    "duration": ("duration",),
}
_REMEDY = "give, as ‹data›, a CSV file whose first row is path,label or path,label,speaker,votes"
_TIME = re.compile(
    r"(?:(\d+) days?[.]?(?: |$))?(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+|(?<=s))", re.IGNORECASE
)
_EMPTY = ("", "nat", "nan", "<na>")  # as tables have it
_NOBODY = (*_EMPTY, "none", "null")  # but a label may be called so
_ROUNDED = 0.1  # seconds by which a table may miss the end of a file


class Row(NamedTuple):
    """What a row says, by keys of COLUMNS, and where that stands, for messages."""

    place: str
    said: dict[str, str]


def load(data: Path | None = None, encoding: str | None = None) -> Corpus:
    """Read a table of recordings, in the order of its rows. An utterance's name is its path as the table has it; that
    of a segment has "#t=START,END" behind it.

    Each file is looked up, and its header read where a segment of it is named.

    Raises      InputError: no file is given or it cannot be read; it has no columns path and label; a row has no
                label, votes that are no share, a path that does not exist or has another label in another row, or a
                segment that is not inside its file
    """
    if data is None:
        raise InputError(f"‹corpus› table: {_REMEDY}")
    file = Path(data)
    with _table(file, encoding) as (rows, unused):
        return corpus_of("table", file, file.parent, rows, unused)


def columns_of(names: list[str]) -> dict[str, str]:
    """By keys of COLUMNS, the column that says it, for those that are there. Where no segment starts none ends."""
    by_plain = {plain(name): name for name in reversed(names)}
    found = {key: [by_plain[alias] for alias in aliases if alias in by_plain] for key, aliases in COLUMNS.items()}
    return {
        key: some[0] for key, some in found.items() if some and (found["start"] or key not in ("end", "duration"))
    }


def corpus_of(name: str, source: Path, folder: Path, rows: Iterable[Row], unused: list[str]) -> Corpus:
    """The corpus that rows make, whose paths start from `folder`. `unused` are columns that say nothing to us.

    Raises      InputError: as `load`
    """
    seconds, count = cache(duration), 0
    by_name: dict[str, Utterance] = {}
    splits: set[str] = set()  # as they are written
    for row in rows:
        count += 1
        path = _path(folder, row)
        segment = _segment(row, path, seconds)
        place = row.said["path"] + ("#t=" + ",".join(f"{round(t, 3):.12g}" for t in segment) if segment else "")
        speaker, votes, split = row.said.get("speaker") or None, _votes(row), plain(row.said.get("split", ""))
        splits.add(split)
        utterance = Utterance(
            place, row.said["label"], speaker, votes=votes, path=path, segment=segment, split=split or None
        )
        if by_name.setdefault(place, utterance).facts != utterance.facts:
            remedy = f", or call start and end of segments so, unlike {quoted(unused)}" if unused else ""
            raise InputError(f"{row.place} has {place} again, and otherwise; keep one of the rows{remedy}")
    if not count:
        raise InputError(f"{source}: has no rows below its first; {_REMEDY}")
    if splits != {""}:
        known = splits_of(splits)
        if None in known.values():  # also where some are left empty: nobody knows what is meant then
            known, unused = {}, [*unused, "split"]
        by_name = {place: replace(u, split=known.get(u.split or "")) for place, u in by_name.items()}
    utterances, respelled = spelled_alike(list(by_name.values()))
    speakers = {u.speaker for u in utterances if u.speaker is not None}
    found = f"Found {len(utterances)} utterances in {source}: {listed(Counter(u.label for u in utterances))}; "
    found += f"{len(speakers) or 'no'} speakers named"
    if segments := [u.path for u in utterances if u.segment]:
        found += f"; {len(segments)} are segments of {len(set(segments))} files"
    if unused:
        found += f"; nothing is made of the column{'s' * (len(unused) > 1)} {', '.join(unused)}"
    findings = [f"{found}.", *respelled]
    if repeated := count - len(by_name):
        findings.append(f"Passed over {repeated} rows that say again what another says.")
    if overlapping := _overlapping(utterances):
        findings.append(
            f"{overlapping} segments overlap the one before them, so that random subsets may have the same sound in "
            "training and test; leave speakers out, or name a split."
        )
    return Corpus(name, utterances, findings, source)


@contextmanager
def _table(file: Path, encoding: str | None) -> Iterator[tuple[Iterator[Row], list[str]]]:
    """The rows that are not empty, one after the other, since there may be millions; and the columns that say nothing
    to us.
    """
    try:
        with _opened(file, encoding) as text:
            head, above = text.readline(), 0
            told = re.fullmatch("sep=(.)[;,]*\\s*", head, re.IGNORECASE)  # for Excel
            if told:
                head, above = text.readline(), 1
            if "\0" in head:
                raise UnicodeError("it has NUL characters, as UTF-16 and spreadsheets' own files have")
            delimiter = told[1] if told else max(",;\t", key=head.count)
            reader = csv.reader(chain([head], text), delimiter=delimiter, strict=True, skipinitialspace=True)
            names = [" ".join(name.split()) for name in next(reader, [])]
            columns = columns_of(names)
            if not {"path", "label"} <= set(columns):
                raise InputError(
                    f"{file}: its first row should name columns path and label, found {quoted(names)}; {_REMEDY}"
                )
            places = {key: names.index(column) for key, column in columns.items()}
            yield (
                _rows(file, reader, above, places),
                [name for name in names if name and name not in columns.values()],
            )
    except IsADirectoryError:
        raise InputError(f"{file}: this is a folder; {_REMEDY}") from None
    except OSError as error:
        raise InputError(f"{error.filename or file}: cannot be read ({error.strerror}); {_REMEDY}") from None
    except UnicodeError as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{file}: is not {encoding or 'UTF-8'} text ({reason}); save it as CSV in UTF-8, or name its ‹encoding›, "
            "such as cp1252"
        ) from None
    except csv.Error as error:
        raise InputError(f"{file}: is not CSV ({error}); {_REMEDY}") from None


def _opened(file: Path, encoding: str | None) -> TextIO:
    try:
        return open(file, encoding=encoding or _unicode(file), newline="")
    except LookupError:
        raise InputError(
            f"‹encoding› {encoding}: Python knows no such encoding; try cp1252, latin-1 or utf-16"
        ) from None


def _rows(file: Path, reader: Any, above: int, places: dict[str, int]) -> Iterator[Row]:
    """`reader` is a csv.reader, which begins below so many lines; `places` is where in a row each key stands."""
    for values in reader:
        if any(map(str.strip, values)):
            said = {key: values[k].strip() if k < len(values) else "" for key, k in places.items()}
            for key, value in said.items():
                if value.lower() in (_EMPTY if key in ("path", "label") else _NOBODY):
                    said[key] = ""
            yield Row(f"{file}: row {reader.line_num + above}", said)


def _unicode(file: Path) -> str:
    """Which form of Unicode a file is in, by the mark that it begins with."""
    with open(file, "rb") as start:
        return "utf-16" if start.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _path(folder: Path, row: Row) -> Path:
    """The file that a row names: written so, or with Windows' separators, or in another of Unicode's forms."""
    for column in ("path", "label"):
        if not row.said.get(column):
            raise InputError(f"{row.place} has no {column}; fill it in or take the row away")
    written = row.said["path"]
    for text in (written, written.replace("\\", "/")):
        for path in (folder / text, *(folder / unicodedata.normalize(form, text) for form in ("NFC", "NFD"))):
            try:
                if path.is_file():
                    return path
            except ValueError:  # a name that no file can have
                break
    raise InputError(
        f"{row.place} names {quoted(written)}, and there is no such file; correct the path, which starts from "
        f"{folder}"
    )


def _segment(row: Row, path: Path, seconds: Callable[[Path], float]) -> tuple[float, float] | None:
    """From where to where a row's utterance lies in its file, None for all of it. `seconds` is how long a file is."""
    start, end, length = (_time(row, column) for column in ("start", "end", "duration"))
    if start is None and end is None and length is None:
        return None
    start, total = start or 0.0, seconds(path)
    if end is None:
        end = total if length is None else start + length
    if not start < end <= total + _ROUNDED:
        raise InputError(
            f"{row.place}: the segment from {start:g} to {end:g} s is not inside {path}, which has {total:.3f} s; "
            "correct the times"
        )
    return None if start == 0 and abs(end - total) < _ROUNDED else (start, min(end, total))


def _time(row: Row, column: str) -> float | None:
    """Seconds, from "1.5", "1,5", "0:01.5", "00:00:01.5" or "0 days 00:00:01.5"."""
    text = row.said.get(column, "")
    if text.lower() in _NOBODY:
        return None
    found = _TIME.fullmatch(text.replace(",", "."))
    if found is None:
        raise InputError(
            f"{row.place}: {column} should be seconds, or a time such as 00:00:01.5, found {quoted(text)}; correct it"
        )
    days, hours, minutes, seconds = (float(number or 0) for number in found.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + seconds


def _overlapping(utterances: list[Utterance]) -> int:
    by_file = defaultdict(list)
    for u in utterances:
        by_file[u.path].append(u.segment or (0.0, math.inf))
    return sum(b[0] < a[1] - _ROUNDED for parts in by_file.values() for a, b in pairwise(sorted(set(parts))))


def _votes(row: Row) -> float | None:
    text = row.said.get("votes") or None
    if text is None:
        return None
    try:
        votes = float(text.replace(",", "."))
    except ValueError:
        votes = -1.0
    if not 0 <= votes <= 1:  # NaN is refused too
        raise InputError(
            f"{row.place}: votes should be a share from 0 to 1, such as 0.9, found {quoted(text)}; correct it or "
            "leave it empty"
        )
    return votes
