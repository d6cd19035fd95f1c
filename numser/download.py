"""A file from the web, whole or not at all; a download that broke off goes on where it stopped.

The server is asked for the rest of the version that has begun to come (Range, If-Range; RFC 9110 §13.1.5, §14). If
it has another version by now, or does not know how to go on, the file comes anew.
"""

import os
import re
import time
from collections.abc import Callable, Iterable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError

from numser.cli import Progress, duration
from numser.errors import InputError
from numser.files import open_unbuffered, write_all
from numser.partial import Begun, Partial
from numser.web import open_web

HEADWAY = 2**20  # bytes; with so many more than there ever were, the waits begin anew
_CHUNK = 2**16
_PASSING = {408, 425, 429}  # "request timeout", "too early", "too many requests"; other 4xx will be said again


def fetch(
    address: str,
    path: Path,
    *,
    limit: int,
    remedy: str = "try again later",
    progress: Progress | None = None,
    timeout: float = 30,
    waits: Iterable[float] = (1, 3, 10),
) -> None:
    """Fetch the file at an address into `path`, which is there only when all of it has come.

    Errors of the connection or the server that may pass are met by further tries. What has come stays for the next
    time, also when this process is killed. For one process at a time (see `lock.py`).

    Units       limit in bytes; timeout in seconds, to connect, for each read, and to bring 1024 · timeout bytes;
                waits in seconds, before each further try
    Raises      InputError: the file cannot be fetched or is larger than `limit` (the message ends with `remedy`);
                it cannot be written
    """
    progress, part, began = progress or Progress(), Partial(address, path), time.monotonic()
    begun = part.begun()
    progress.line(f"fetching {address}" + (f", of which {_mb(begun.size)} MB have come before" if begun else ""))
    most, left = begun.size if begun else 0, list(waits)
    try:
        while not part.complete():
            try:
                _attempt(part, limit, timeout, progress.live)
                break
            except InputError:
                raise
            except (OSError, HTTPException, ValueError) as error:  # ValueError: by an address that is none
                if part.size() >= most + HEADWAY:
                    most, left = part.size(), list(waits)
                reason = _reason(error, timeout)
                if not left or not _may_pass(error):
                    raise InputError(f"{address}: cannot be fetched ({reason}{_kept(part)}); {remedy}") from error
            except _TooLarge as error:
                part.discard()
                raise InputError(f"{address}: cannot be fetched ({error}); {remedy}") from None
            progress.line(f"{reason}; trying again in {left[0]:g} s")
            time.sleep(left.pop(0))
    except KeyboardInterrupt:
        progress.line(f"stopped{_kept(part)}")
        raise
    finally:
        progress.clear()
    size = part.size()
    part.finish()
    progress.line(f"fetched {_mb(size)} MB in {duration(time.monotonic() - began)}")


class _TooLarge(Exception):
    """There is more than there may be."""


def _attempt(part: Partial, limit: int, timeout: float, say: Callable[[str], Any]) -> None:
    """Ask for what is missing, and take what comes."""
    begun = part.begun()
    with _answer(part, begun, timeout) as answer:
        if answer.status == 206 and begun:
            total = _total(answer, begun, part)
        elif answer.status == 200:
            total = answer.length  # None where the server does not say
            part.begin(_validator(answer), total)
        else:
            raise HTTPError(part.address, answer.status, answer.reason, answer.headers, None)
        if total is not None and total > limit:
            raise _TooLarge(f"it has {_mb(total)} MB, and at most {_mb(limit)} MB are expected")
        with open_unbuffered(part.data, "ab") as file:
            size = _take(answer, file, limit, total, say)
    if total is not None and size < total:
        raise ConnectionError(f"the connection ended after {_mb(size)} of {_mb(total)} MB")


def _answer(part: Partial, begun: Begun | None, timeout: float) -> HTTPResponse:
    headers = {"Range": f"bytes={begun.size}-", "If-Range": begun.validator} if begun else {}
    try:
        return open_web(part.address, headers, timeout)
    except HTTPError as error:
        error.close()
        if begun and error.code == 416:  # "range not satisfiable": there is no rest, so this is another version
            part.discard()
            raise ConnectionError("the server has no more than what has come") from None
        raise


def _validator(answer: HTTPResponse) -> str | None:
    """What the server calls this version of the file: a strong entity tag, else the time when it was changed."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified")  # weak tags are W/"…"


def _total(answer: HTTPResponse, begun: Begun, part: Partial) -> int | None:
    """How long the whole file is, by an answer that should be the rest of what has begun."""
    content_range = answer.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", content_range.strip())
    start, last = (int(found[1]), int(found[2])) if found else (None, None)
    total = int(found[3]) if found and found[3] != "*" else None
    if (
        start != begun.size
        or answer.length not in (None, last + 1 - start)
        or (None not in (total, begun.total) and total != begun.total)
        or _validator(answer) not in (None, begun.validator)
    ):
        part.discard()
        raise ConnectionError("the server goes on with another file, or from another place")
    return begun.total if total is None else total


def _take(answer: HTTPResponse, file: BinaryIO, limit: int, total: int | None, say: Callable[[str], Any]) -> int:
    """Append what comes to the file. Returns the file's size."""
    size = before = file.seek(0, os.SEEK_END)
    began = time.monotonic()
    while chunk := answer.read1(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise _TooLarge(f"more than {_mb(limit)} MB came, which is more than is expected")
        write_all(file, chunk)
        say(_state(size, total, (size - before) / max(time.monotonic() - began, 1e-3)))
    return size


def _may_pass(error: Exception) -> bool:
    if isinstance(error, HTTPError):
        return error.code in _PASSING or error.code >= 500
    cause = error.reason if isinstance(error, URLError) else error
    return not isinstance(cause, ValueError)  # an address that is none, or a certificate that does not hold


def _reason(error: Exception, timeout: float) -> str:
    """Why a try failed, in a few words."""
    if isinstance(error, HTTPError):
        words = f"{error.code} {error.msg}"
    elif isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _reason(error.reason, timeout)
    elif isinstance(error, TimeoutError) and str(error) in ("timed out", "The read operation timed out"):
        words = f"no answer for {timeout:g} s"
    else:
        words = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return " ".join(words.split())


def _kept(part: Partial) -> str:
    """Words on what is there for the next time."""
    if begun := part.begun():
        return f"; {_mb(begun.size)} MB have come and are kept for the next time"
    part.discard()
    return ""


def _state(size: int, total: int | None, rate: float) -> str:
    """How far a download is: "12.3 of 40.5 MB (30 %), 1.2 MB/s, 24 s left"."""
    speed = f"{_mb(rate)} MB/s"
    if not total:
        return f"{_mb(size)} MB, {speed}"
    left = duration((total - size) / rate)
    return f"{_mb(size)} of {_mb(total)} MB ({100 * size / total:.0f} %), {speed}, {left} left"


def _mb(size: float) -> str:
    return f"{size / 1e6:.1f}"
