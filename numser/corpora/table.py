"""Your own recordings, listed in a CSV file.

    path,label,speaker,votes
    monday/a.wav,anger,Anna,0.9
    monday/b.wav,joy,Bert,

`path` starts from the table's folder, or from the root. `speaker` and `votes`, the share of annotators who agreed
with the label, may be left empty, or their columns out; further columns change nothing. Between columns stand
commas, semicolons or tabs.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from numser.corpora import Corpus, Utterance, listed
from numser.errors import InputError

_REMEDY = "give, as ‹data›, a CSV file whose first row is path,label or path,label,speaker,votes"


def load(data: Path | None = None) -> Corpus:
    """Read a table of recordings, in the order of its rows. An utterance's name is its path as the table has it.

    No sound file is opened; whether each exists is looked up.

    Raises      InputError: no file is given or it cannot be read; it has no columns path and label; a row has no
                label, votes that are no share, or a path that does not exist or has another label in another row
    """
    if data is None:
        raise InputError(f"‹corpus› table: {_REMEDY}")
    file = Path(data)
    by_path: dict[str, Utterance] = {}
    repeated = 0
    for number, row in _rows(file):
        utterance = _utterance(file, number, row)
        known = by_path.setdefault(utterance.name, utterance)
        if known is not utterance:
            repeated += 1
            if (known.label, known.speaker, known.votes) != (utterance.label, utterance.speaker, utterance.votes):
                raise InputError(
                    f"{file}: row {number} has {utterance.name} again, and otherwise; keep one of the rows"
                )
    if not by_path:
        raise InputError(f"{file}: has no rows below its first; {_REMEDY}")
    utterances = list(by_path.values())
    classes = Counter(u.label for u in utterances)
    speakers = {u.speaker for u in utterances if u.speaker is not None}
    findings = [
        f"Found {len(utterances)} utterances in {file}: {listed(classes)}; {len(speakers) or 'no'} speakers named."
    ]
    if repeated:
        findings.append(f"Passed over {repeated} rows that say again what another says.")
    return Corpus("table", utterances, findings, file)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its number, by the names of the columns, in lower case; empty rows are passed over."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:  # Excel begins UTF-8 with a mark
            head = text.readline()
            delimiter = max(",;\t", key=head.count)
            columns = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
            if not {"path", "label"} <= set(columns):
                raise InputError(
                    f"{file}: its first row should name columns path and label, found {columns}; {_REMEDY}"
                )
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            for values in reader:
                if any(map(str.strip, values)):
                    yield reader.line_num + 1, dict(zip(columns, map(str.strip, values), strict=False))
    except IsADirectoryError:
        raise InputError(f"{file}: this is a folder; {_REMEDY}") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {_REMEDY}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not UTF-8 text ({error.reason}); save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{file}: is not CSV ({error}); {_REMEDY}") from None


def _utterance(file: Path, number: int, row: dict[str, str]) -> Utterance:
    for column in ("path", "label"):
        if not row.get(column):
            raise InputError(f"{file}: row {number} has no {column}; fill it in or take the row away")
    path = file.parent / row["path"]
    try:
        exists = path.is_file()
    except ValueError:  # a name that no file can have
        exists = False
    if not exists:
        raise InputError(f"{file}: row {number} names {row['path']}, and there is no file {path}; correct the path")
    return Utterance(
        name=row["path"],
        label=row["label"],
        speaker=row.get("speaker") or None,
        votes=_votes(file, number, row.get("votes") or None),
        path=path,
    )


def _votes(file: Path, number: int, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        votes = float(text.replace(",", "."))
    except ValueError:
        votes = -1.0
    if not 0 <= votes <= 1:  # NaN is refused too
        raise InputError(
            f"{file}: row {number}: votes should be a share from 0 to 1, such as 0.9, found {text}; correct it or "
            "leave it empty"
        )
    return votes
