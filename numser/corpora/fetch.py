"""One zip from the web, unpacked into a folder: whole and checked, or not there.

    DATA                            the folder, which appears by one rename
    .DATA.lock                      held while it is made, so that several processes make it once
    .DATA.fetching/archive.zip      what has come of the archive; what is below .DATA.fetching goes when DATA appears
    .DATA.fetching/archive.json     of which version of it, so that two versions are never spliced
    .DATA.fetching/unpacked/        what is being unpacked

Whoever is killed on the way leaves what has come to the next one, who asks for the rest of that version (Range,
If-Range; RFC 9110 §13.1.5, §14); from a server that has another one by now, or cannot go on, the archive comes anew.

Neither the server nor whoever made the archive is trusted: waits, sizes, and where a member goes all have bounds.
"""

import os
import re
import shutil
import stat
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import numser
from numser.cli import Progress, in_words
from numser.errors import InputError
from numser.files import file_lock, read_json, write_json, writing

TIMEOUT = 30.0  # seconds: to connect, for each read, and to bring SLOWEST · TIMEOUT bytes
SLOWEST = 1024  # bytes a second, on average over the time-out
WAITS = (1, 3, 10)  # seconds, before each further try
HEADWAY = 2**20  # bytes; with so many more than there ever were, the waits begin anew
MEMBERS = 10_000  # of an archive, whose directory zipfile reads into memory
_CHUNK = 2**16
# Members' names that lead elsewhere (from the root, from a drive, upwards), or that nobody would give.
_OUTSIDE = re.compile(r"/|[A-Za-z]:|(.*/)?\.\.(/|$)|.*[\0-\x1f]", re.DOTALL)


class BadArchive(Exception):
    """An archive that is damaged, or that nobody should unpack; the message says how, in a few words."""


class _Failed(Exception):
    """A try to download failed; the message says why, in a few words."""


class _Final(_Failed):
    """… and so will the next."""


def fetch_zip(
    folder: Path,
    address: str,
    wanted: re.Pattern,
    check: Callable[[Path, Progress], None],
    *,
    download_limit: int,
    limit: int,
    remedy: str,
) -> None:
    """Make `folder` from the zip archive at an address, unless it is there by then.

    Of the archive only members whose names match `wanted` are unpacked. `check(unpacked, progress)` raises
    InputError if they are not all that should be there.

    Units       download_limit and limit in bytes, of the archive and of what is unpacked
    Raises      InputError: the archive cannot be fetched, is damaged or dangerous, or does not hold what it should
                (the message ends with `remedy`); the folder cannot be written
    """
    progress = Progress()
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"another process is fetching {folder}; waiting for it"
    with file_lock(folder.with_name(f".{folder.name}.lock"), lambda: progress.line(waiting)):
        if folder.exists():  # the other one has made it
            return
        work = folder.with_name(f".{folder.name}.fetching")
        archive, unpacked = work / "archive.zip", work / "unpacked"
        with writing(work):
            work.mkdir(exist_ok=True)
        try:
            _download(address, archive, download_limit, progress)
            shutil.rmtree(unpacked, ignore_errors=True)  # by a process that was killed
            unpack(archive, unpacked, wanted, limit, progress)
            try:
                check(unpacked, progress)
            except InputError as error:
                found = str(error).partition("; ")[0]  # what to do with one's own file is no help here
                raise BadArchive(found.replace(f"{unpacked}{os.sep}", "")) from error
            with writing(folder):
                os.rename(unpacked, folder)
            shutil.rmtree(work, ignore_errors=True)
        except _Failed as error:
            raise InputError(f"{address}: cannot be fetched ({error}); {remedy}") from error
        except BadArchive as error:
            shutil.rmtree(work, ignore_errors=True)
            raise InputError(f"{address}: what came from there cannot be used ({error}); {remedy}") from error
        finally:
            progress.clear()
            useful, _ = _begun(address, archive)
            shutil.rmtree(unpacked if useful else work, ignore_errors=True)


# The download.


def _download(address: str, archive: Path, limit: int, progress: Progress) -> None:
    """Fetch the archive, or what is missing of it; errors that may pass are met by further tries."""
    start, waits = time.monotonic(), list(WAITS)
    most, _ = _begun(address, archive)
    progress.line(f"fetching {address}" + (f", of which {_mb(most)} MB have come before" if most else ""))
    while True:
        try:
            _attempt(address, archive, limit, progress)
            break
        except (_Failed, KeyboardInterrupt) as error:
            progress.clear()
            size, _ = _begun(address, archive)
            kept = f"; {_mb(size)} MB have come and are kept for the next time" if size else ""
            if isinstance(error, KeyboardInterrupt):
                progress.line(f"stopped{kept}")
                raise
            if size >= most + HEADWAY:
                most, waits = size, list(WAITS)
            if not waits or isinstance(error, _Final):
                raise _Final(f"{error}{kept}") from error
            progress.line(f"{error}; trying again in {waits[0]:g} s")
        time.sleep(waits.pop(0))
    progress.line(f"fetched {_mb(archive.stat().st_size)} MB in {in_words(time.monotonic() - start)}")


def _begun(address: str, archive: Path) -> tuple[int, dict[str, Any]]:
    """How many bytes have come, and of which version; none where nothing says of which, or how long that is."""
    try:
        note, size = read_json(archive.with_suffix(".json")), archive.stat().st_size
    except (InputError, OSError):
        return 0, {}
    match note:
        case {"address": str(source), "validator": str(), "total": int(total)}:
            if source == address and size <= total:
                return size, note
    return 0, {}


def _attempt(address: str, archive: Path, limit: int, progress: Progress) -> None:
    """Ask for what is missing, if anything is, and append what comes."""
    size, note = _begun(address, archive)
    if size and size == note["total"]:  # all had come when the last process was killed
        return
    headers = {"User-Agent": f"numser/{numser.__version__}"}
    if size:
        headers |= {"Range": f"bytes={size}-", "If-Range": note["validator"]}
    with _talking():
        try:
            answer = build_opener(_Patience, _Redirects).open(Request(address, headers=headers), timeout=TIMEOUT)
        except HTTPError as error:
            if error.code == 416:  # "range not satisfiable": there is no rest, so another version is there
                archive.unlink(missing_ok=True)
            raise
    with answer:
        tag = answer.headers.get("ETag", "")
        validator = tag if tag.startswith('"') else answer.headers.get("Last-Modified")  # weak tags are W/"…"
        total = answer.length  # None where the server does not say
        if size and answer.status == 206:
            place = answer.headers.get("Content-Range") == f"bytes {size}-{note['total'] - 1}/{note['total']}"
            if not place or validator not in (None, note["validator"]) or total not in (None, note["total"] - size):
                archive.unlink()
                raise _Failed("the server goes on with another file, or from another place")
            total = note["total"]
        elif answer.status == 200:
            size = 0
            with writing(archive):
                archive.unlink(missing_ok=True)  # before one version's note stands beside another's bytes
            note = {"address": address, "validator": validator, "total": total}
            write_json(archive.with_suffix(".json"), note)
        else:
            raise _Final(f"{answer.status} {answer.reason}")
        if total is not None and total > limit:
            raise _Final(f"it has {_mb(total)} MB, and at most {_mb(limit)} MB are expected")
        start, before = time.monotonic(), size
        with writing(archive), open(archive, "ab") as file:
            while True:
                with _talking():
                    chunk = answer.read1(_CHUNK)
                if not chunk:
                    break
                size += len(chunk)
                if size > limit:
                    raise _Final(f"more than {_mb(limit)} MB came, which is more than is expected")
                file.write(chunk)
                file.flush()  # so that it stays if this process is killed
                progress.live(_state(size, total, (size - before) / max(time.monotonic() - start, 1e-3)))
    if total is not None and size != total:
        raise _Failed(f"the connection ended after {_mb(size)} of {_mb(total)} MB")


@contextmanager
def _talking() -> Iterator[None]:
    """While we talk to the server, whatever goes wrong becomes a few words."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
        words = str(getattr(cause, "strerror", None) or cause) or type(cause).__name__
        final = isinstance(cause, ValueError)  # an address that is none, or a certificate that does not hold
        if isinstance(cause, HTTPError):
            cause.close()
            words = f"{cause.code} {cause.msg}"
            final = cause.code < 500 and cause.code not in (408, 416, 425, 429)  # which may pass
        elif isinstance(cause, TimeoutError):
            words = f"no answer for {TIMEOUT:g} s"
        raise (_Final if final else _Failed)(" ".join(words.split())) from error


class _Redirects(HTTPRedirectHandler):
    def http_error_302(self, req, fp, code, msg, headers):
        fp.close()  # else its body is read, however long it is
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if newurl.lower().startswith("ftp:"):  # which Python would go to
            raise HTTPError(req.full_url, code, f"{msg} - Redirection to {newurl!r} is not allowed", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Patience(HTTPHandler, HTTPSHandler):
    def do_open(self, http_class, req, **http_conn_args):
        connection = type("Connection", (http_class,), {"response_class": _Answer})
        return super().do_open(connection, req, **http_conn_args)


class _Answer(HTTPResponse):
    """Comes fast enough, from its first line on, or fails.

    Python's own time-out is for a single read: a server that drips a byte now and then would keep us for days.
    """

    def __init__(self, sock, *args, **kwargs):
        super().__init__(sock, *args, **kwargs)
        read, due, came = self.fp.raw.readinto, time.monotonic() + TIMEOUT, 0

        def readinto(buffer):
            nonlocal due, came
            count = read(buffer)
            came += count or 0
            if time.monotonic() > due:
                if came < SLOWEST * TIMEOUT:
                    raise ConnectionError(f"only {came} bytes came in {TIMEOUT:g} s")
                due, came = time.monotonic() + TIMEOUT, 0
            return count

        self.fp.raw.readinto = readinto


def _state(size: int, total: int | None, rate: float) -> str:
    """How far a download is: "12.3 of 40.5 MB (30 %), 1.2 MB/s, 24 s left"."""
    if not total:
        return f"{_mb(size)} MB, {_mb(rate)} MB/s"
    left = in_words((total - size) / rate)
    return f"{_mb(size)} of {_mb(total)} MB ({100 * size / total:.0f} %), {_mb(rate)} MB/s, {left} left"


def _mb(size: float) -> str:
    return f"{size / 1e6:.1f}"


# The archive.


def unpack(archive: Path, folder: Path, wanted: re.Pattern, limit: int, progress: Progress) -> None:
    """Unpack the members whose names match `wanted` below an empty folder, each forced to disk.

    One folder may stand above them all in the archive; it is left out. What is not wanted is not unpacked, but the
    archive is refused for it too where it would leave the folder, or is a link or a device.

    Units       limit in bytes, of all that is unpacked
    Raises      BadArchive: it is damaged or dangerous, or nothing is wanted
                InputError: what is unpacked cannot be written
    """
    with _reading():
        entries = archive.read_bytes().count(b"PK\1\2")  # before zipfile takes memory for them
    if entries > MEMBERS:
        raise BadArchive(f"it has more than {MEMBERS} members")
    with _reading():
        source = zipfile.ZipFile(archive)
    with source:
        chosen = _chosen(source, wanted)
        if sum(info.file_size for info in chosen.values()) > limit:
            raise BadArchive("it holds more than is expected")
        for done, (name, info) in enumerate(chosen.items(), start=1):
            path = folder / name
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "xb") as file:
                    file.writelines(_content(source, info))
                    file.flush()
                    os.fsync(file.fileno())
            progress.live(f"unpacking {done}/{len(chosen)}")


def _chosen(source: zipfile.ZipFile, wanted: re.Pattern) -> dict[str, zipfile.ZipInfo]:
    """The members that are wanted, by their names below the one folder that they are in."""
    found = defaultdict(list)
    for info in source.infolist():
        name = info.orig_filename.replace("\\", "/")  # Windows' way; zipfile's own `filename` ends before a NUL
        if _OUTSIDE.match(name):
            raise BadArchive(f"its member {info.orig_filename!r} would leave the folder")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadArchive(f"its member {info.orig_filename!r} is a link or a device")
        first, _, below = name.partition("/")
        for above, inside in (("", name), (first, below)):
            if wanted.fullmatch(inside):
                found[above].append((inside, info))
    places = [""] if "" in found else list(found)
    if len(places) != 1:
        raise BadArchive(f"what is looked for is {'in several folders of it' if places else 'not in it'}")
    members = found[places[0]]
    if len({name.casefold() for name, _ in members}) < len(members):  # some systems do not tell capitals
        raise BadArchive("one of its members is in it twice")
    return dict(members)


def _content(source: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """What is in a member, never more than it declares; at its end zipfile compares the checksum."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may fill the memory
        raise BadArchive(f"its member {info.orig_filename!r} is compressed in an unusual way")
    with _reading(), source.open(info) as packed:
        while chunk := packed.read(_CHUNK):
            yield chunk


@contextmanager
def _reading() -> Iterator[None]:
    """While an archive is read, whatever zipfile makes of damage becomes a few words."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadArchive(f"it is no zip archive, or damaged: {reason}") from error
