"""Databases in audEERING's audformat, such as the folders in audb's cache: labels in tables, sound beside them.

    db.yaml                     which tables, columns and splits there are
    db.emotion.csv              a table: file, or file, start and end; columns. Or db.emotion.parquet
    wav/03a01Fa.wav

The package `audformat` reads them, which the extra "audformat" brings. It is given copies of header and tables alone,
without YAML's tags for Python objects and without the pickles that it prefers, since both can run a stranger's code.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from numser.corpora import Corpus
from numser.corpora.recordings import split_of
from numser.corpora.table import Row, columns_of, corpus_of
from numser.errors import InputError

_REMEDY = "give, as ‹data›, the folder that holds db.yaml and the sound"


def load(data: Path | None = None, table: str | None = None) -> Corpus:
    """Read one table of a database, or several with commas between, in the order of the rows.

    Speakers come from the table's column `speaker`, or from another table that has it; splits from the tables, if
    each is a part of one. Rows without a label are passed over.

    Raises      InputError: the package is not installed; no folder is given, or it cannot be read; there is no such
                table, or several could be meant; as `numser.corpora.table.load` of its rows
    """
    if data is None:
        raise InputError(f"‹corpus› audformat: {_REMEDY}")
    folder = Path(data)
    with TemporaryDirectory(prefix="numser-") as copy:
        database = _database(folder, Path(copy))
        names = _chosen(folder, database, table)
        speakers = dict(_speakers(database))
        rows = [row for name in names for row in _rows(f"{folder}: table {name}", database, name, speakers)]
    labelled = [row for row in rows if row.said["label"]]
    if not labelled:
        raise InputError(f"{folder}: no row of table {', '.join(names)} has a label; choose another by ‹table›")
    corpus = corpus_of("audformat", folder, folder, labelled, [])
    if without := len(rows) - len(labelled):
        corpus.findings.append(f"Passed over {without} rows without a label.")
    return corpus


def _database(folder: Path, copy: Path) -> Any:
    """The database, read from a copy of what is harmless."""
    try:
        import audformat
        import yaml  # audformat brings it
    except ImportError:
        raise InputError(
            '‹corpus› audformat: the package is not installed; pip install "numser[audformat]" brings it'
        ) from None
    try:
        header = yaml.safe_load((folder / "db.yaml").read_text(encoding="utf-8"))
        (copy / "db.yaml").write_text(yaml.safe_dump(header), encoding="utf-8")
        for path in (*folder.glob("db.*.csv"), *folder.glob("db.*.parquet")):
            shutil.copyfile(path, copy / path.name)
        return audformat.Database.load(str(copy), load_data=True)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); {_REMEDY}") from None
    except Exception as error:  # whatever YAML, Arrow and audformat find wrong
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{folder}: is no audformat database ({reason}); {_REMEDY}") from error


def _label_column(table: Any) -> str | None:
    """The column that has emotions: called so, or by a scheme that is."""
    columns = [c for c in table.columns if "label" in columns_of([c])]
    return next(iter(columns or [c for c in table.columns if table.columns[c].scheme_id == "emotion"]), None)


def _chosen(folder: Path, database: Any, wanted: str | None) -> list[str]:
    """The tables that are to be read."""
    known = [name for name in database.tables if _label_column(database[name])]
    names = known if wanted is None else wanted.split(",")
    if (wanted is None and len(known) != 1) or not set(names) <= set(known):
        raise InputError(
            f"‹table›{'' if wanted is None else f' {wanted}'}: name a table of {folder} that has a column emotion or "
            f"label, or several with commas between; these do: {', '.join(known) or 'none'}"
        )
    return names


def _speakers(database: Any) -> Iterator[tuple[Any, str]]:
    """Who speaks, by the index of each row that says so: of a file, or of a segment."""
    for table in (database[name] for name in database.tables):
        for column in table.columns:
            if column == "speaker" or table.columns[column].scheme_id == "speaker":
                yield from table.df[column].dropna().astype(str).items()


def _rows(title: str, database: Any, name: str, speakers: dict[Any, str]) -> Iterator[Row]:
    table = database[name]
    labels = table.df[_label_column(table)].astype(object)
    labels = labels.where(labels.notna(), "")  # also pandas' NA, which is neither equal nor unequal
    split = table.split_id and (split_of(table.split_id) or split_of(str(table.split.type)))
    for number, (index, label) in enumerate(labels.items(), start=1):
        file, start, end = index if isinstance(index, tuple) else (index, "", "")
        said = {"path": str(file), "start": str(start), "end": str(end), "speaker": _known(speakers, index, file)}
        said["label"] = str(label)
        yield Row(f"{title}, row {number}", said | ({"split": split} if split else {}))


def _known(speakers: dict[Any, str], *keys: Any) -> str:
    return next((speakers[key] for key in keys if key in speakers), "")
