"""Files that appear whole or not at all: arrays as .npz, without pickle, and JSON and CSV; folders; locks.

A file is first written under another name in the same folder, forced to disk, and then renamed. Whoever is killed
on the way leaves the old file as it was.
"""

import csv
import io
import json
import math
import os
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from numser.declared import T, from_json
from numser.errors import InputError, printable, quoted, reason

# What NumPy, zipfile and json raise when a file is not what it should be. RuntimeError: JSON nested too deeply, or a
# member that claims to be encrypted; TokenError: an array's header without its end.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, RuntimeError, MemoryError,
           NotImplementedError, TokenError, zipfile.BadZipFile, zlib.error)  # fmt: skip
_ABOUT = 2**22  # bytes that "about" may have


class Layout(NamedTuple):
    """What an array in a file should be."""

    dtype: str
    shape: tuple[int | None, ...]  # None: of any length
    finite: bool = True


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file, which then takes the place of `path` in one step.

    Raises      InputError: the file cannot be written
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(aside, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); what was there before is kept") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def remove_halves(folder: Path, names: Iterable[str]) -> None:
    """Remove what a process that was killed had written of these files. None may be writing them now."""
    for name in names:
        for half in folder.glob(f".{escape(name)}.*.part"):
            half.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and the rename is enough
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it.

    Raises      InputError: it cannot be made
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be made ({error.strerror}); choose another ‹out›") from error


def check_writable(folder: Path) -> None:
    """See whether files can be written to a folder, or it can be made, without making it.

    Raises      InputError: it is a file, or below one, or may not be written to
    """
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not existing.is_dir():
        which = "this" if existing == folder else existing
        raise InputError(f"{folder}: {which} is a file; choose another ‹out›")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: {existing} may not be written to; choose another ‹out›")


def check_place(path: Path, option: str = "") -> None:
    """See whether a file can be written, before the work that makes it; and remove what a process that was killed
    had written of it.

    Raises      InputError: there is no such folder, it may not be written to, or a folder has the file's name
    """
    folder, called = path.parent, f"‹{option}› {path}" if option else path
    if not folder.is_dir():
        found = f"{folder} is a file; " if folder.exists() else f"there is no folder {folder}; make it, or "
        raise InputError(f"{called}: {found}choose another one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{called}: {folder} may not be written to; choose another one")
    if path.is_dir():
        raise InputError(f"{called}: is a folder; name a file")
    remove_halves(folder, [path.name])


def write_arrays(path: Path, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Write arrays, and `about` as JSON text in an array called "about". The same content gives the same bytes."""
    text = np.array(json.dumps(about, sort_keys=True))
    ordered: dict[str, Any] = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    write_whole(path, lambda file: np.savez(file, about=text, **ordered))


def read_arrays(
    path: Path, kind: str, expected: Callable[[dict[str, Any]], Mapping[str, Layout]] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_arrays` wrote: the arrays and `about`, whose "kind" should be `kind`. Never reads a pickle.

    `expected` tells from `about` what the arrays should be, and raises a ValueError where that cannot be told. Before
    it is asked no array is read, and none that is otherwise. Without it arrays are what they are.

    Raises      InputError: the file is missing, damaged, or of another kind; the arrays are not as expected
    """
    with _opened(path, kind) as (archive, found, about):
        layouts = {} if expected is None else _understood(path, kind, lambda: expected(about))
        if expected is not None:
            _compare(path, found, layouts)
        arrays = {name: _array(archive, name) for name in found}
    for name, layout in layouts.items():
        if layout.finite and not np.isfinite(arrays[name]).all():
            raise InputError(f"{path}: is damaged: {name} has values that are not finite")
    return arrays, about


def read_about(path: Path, kind: str, cls: type[T]) -> T:
    """What such a file says of itself, as the dataclass that declares it; no array is read.

    Raises      InputError: as `read_arrays`; it does not say what it should
    """
    with _opened(path, kind) as (_, _, about):
        return _understood(path, kind, lambda: from_json(cls, about))


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[tuple[zipfile.ZipFile, dict[str, Layout], dict[str, Any]]]:
    """A file's archive, what its arrays claim to be, and what it says of itself."""
    problem = f"{path}: is not a numser {kind}"
    try:
        with open(path, "rb") as opened, zipfile.ZipFile(opened) as archive:
            found = _headers(archive, os.fstat(opened.fileno()).st_size)
            about = json.loads(str(_array(archive, "about")))
            if not isinstance(about, dict) or about.get("kind") != kind:
                raise InputError(f"{problem}; give a file that numser.train wrote")
            del found["about"]
            yield archive, found, about
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except _DAMAGE as error:
        raise InputError(f"{problem} (it cannot be read: {reason(error)})") from error


def _understood(path: Path, kind: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise InputError(f"{path}: is not a numser {kind} this version can read ({error})") from error


def _headers(archive: zipfile.ZipFile, size: int) -> dict[str, Layout]:
    """What a file's arrays claim to be, by their names; that they are as large, and the file as they are, is seen
    before memory is taken."""
    members, found = archive.infolist(), {}
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("it is compressed, and numser's files are not")
    if sum(member.file_size for member in members) > size:
        raise ValueError("it claims to hold more than its size")
    for member in members:
        with archive.open(member) as array:
            version = np.lib.format.read_magic(array)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"{member.filename} has a format of another time, {version}")
            read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, _, dtype = read_header(array)
            if array.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
                raise ValueError(f"{member.filename} claims shape {shape} of {dtype}, and is not as large as that")
        name = member.filename.removesuffix(".npy")
        if name in found:
            raise ValueError(f"it has two arrays called {name}")
        plain = dtype.kind in ("biuf" if name != "about" else "U") and dtype.itemsize > 0
        if not plain or (name == "about" and (shape != () or dtype.itemsize > _ABOUT)):
            raise ValueError(f"{member.filename} is {dtype} of shape {shape}, which numser does not write")
        found[name] = Layout(str(dtype), shape)
    return found


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _compare(path: Path, found: Mapping[str, Layout], layouts: Mapping[str, Layout]) -> None:
    """Refuse a file whose arrays claim to be others than expected."""
    for name in sorted(layouts.keys() | found.keys()):
        if name not in found:
            fault = f"the array {name} is missing"
        elif name not in layouts:
            fault = f"there is an array {quoted(name)[1:-1]} too many"
        else:
            (dtype, shape, _), has = layouts[name], found[name]
            alike = len(shape) == len(has.shape) and all(
                n in (None, m) for n, m in zip(shape, has.shape, strict=True)
            )
            if alike and dtype == {"int32": "int64"}.get(has.dtype, has.dtype):  # NumPy's integers on Windows
                continue
            fault = f"{name} should be {dtype} of shape {shape}, found {has.dtype} of {has.shape}"
        raise InputError(f"{path}: is damaged, or of another version of numser: {fault}; make it anew")


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that a person can read."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode(errors="backslashreplace")))


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote.

    Raises      InputError: the file cannot be read or is damaged
    """
    try:
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
        return value
    except _DAMAGE as error:
        raise InputError(
            f"{path}: cannot be read or is damaged ({reason(error)}); take it away and start again"
        ) from error


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(map(csv_cells, (header, *rows)))
    write_whole(path, lambda file: file.write(text.getvalue().encode()))


def csv_cells(row: Iterable[Any]) -> list[Any]:
    """A row's cells, such that neither a terminal nor a spreadsheet does what a text in it says: control characters
    as Python writes them, and an apostrophe before what would begin a formula.

    Source      OWASP, "CSV Injection"
    """
    texts = (printable(cell) if isinstance(cell, str) else cell for cell in row)
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell for cell in texts]


def cache_folder() -> Path:
    """The folder that holds corpora, each in a folder of its own name; it need not exist.

    $NUMSER_DATA where it is set; else a folder `numser` where this platform keeps what can be fetched again:
    %LOCALAPPDATA% on Windows, ~/Library/Caches on macOS, elsewhere $XDG_CACHE_HOME or ~/.cache.
    """
    if chosen := os.environ.get("NUMSER_DATA"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "numser"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While something below the cache folder is written, what the system refuses becomes one sentence.

    Raises      InputError: the disk is full, rights are missing, …
    """
    try:
        yield
    except OSError as error:
        remedy = "make room or give rights, or name another folder in the environment variable NUMSER_DATA"
        raise InputError(f"{path}: cannot be written ({error.strerror}); {remedy}") from error


@contextmanager
def file_lock(
    path: Path, on_wait: Callable[[], None] = lambda: None, pause: float = 0.2, if_possible: bool = False
) -> Iterator[Callable[[], bool]]:
    """Run the block while no other thread or process is in such a block with the same `path`. Yields a function that
    tells whether what is locked is still there, and not another one in its place.

    The operating system holds the lock, so it ends with its process, however that ends; the file stays, and is empty.
    Where `path` is a folder, that is locked; not on Windows.

    `on_wait` is called once if another one is there, before it is waited for; it may raise, instead of waiting. The
    file is made, and never removed: whoever waits for it would hold a lock on a file that the next one does not find.
    With `if_possible`, the block runs unprotected on a file system that cannot lock, such as some networks'.

    Units       pause in seconds, between two looks
    Raises      InputError: the file cannot be made, or its file system cannot lock
    """
    with writing(path):
        how = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, how, 0o666)
    try:
        waits = False
        while not _locked(descriptor, path, if_possible):
            if not waits:
                waits = True
                on_wait()
            time.sleep(pause)  # waiting in the system would keep Ctrl-C waiting too, on Windows
        try:
            yield lambda: os.path.exists(path) and os.path.samestat(os.fstat(descriptor), os.stat(path))
        finally:
            with suppress(OSError):  # it could not be locked
                _unlock(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path, if_possible: bool) -> bool:
    """Try to get the lock."""
    with writing(path):
        try:
            _lock(descriptor)
            return True
        except (BlockingIOError, PermissionError):  # Windows says the latter
            return False
        except OSError:
            if not if_possible:
                raise
            return True


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
