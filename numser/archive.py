"""Unpack a zip archive that somebody else made: nothing leaves the folder, and nothing grows without end."""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from numser.errors import InputError
from numser.files import open_unbuffered, write_all, writing

_CHUNK = 2**16
_SMALL = 2**20  # bytes; below, a good ratio is no sign of a bomb

# What zipfile raises when an archive is not what it should be; RuntimeError when a password is needed.
_DAMAGE = (OSError, ValueError, KeyError, EOFError, RuntimeError, OverflowError, MemoryError,
           zipfile.BadZipFile, zlib.error, struct.error)  # fmt: skip

# What Windows takes for a device, whatever the suffix; and what it cannot write, or drops at a name's end.
_NOT_ON_WINDOWS = re.compile(r'(?i:(con|prn|aux|nul|com\d|lpt\d)(\..*)?)|.*[<>:"|?*].*|.*[. ]')


class BadArchive(Exception):
    """An archive that is damaged, or that nobody should unpack; the message says how, in a few words."""


def unpack(
    archive: Path,
    folder: Path,
    wanted: re.Pattern,
    *,
    limit: int,
    members: int = 10_000,
    ratio: int = 100,
    on_member: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Unpack the members whose names match `wanted`, below an empty folder, each forced to disk.

    One folder may stand above them all in the archive; it is left out. What is not wanted is not unpacked, but the
    archive is refused for it too where it would leave the folder, or is a link or a device.

    Units       limit in bytes, of all that is unpacked; ratio of a large member's size to its size in the archive;
                members is the number of those in the archive
    Raises      BadArchive: it is damaged or dangerous, or nothing is wanted
                InputError: what is unpacked cannot be written
    """
    try:
        # zipfile reads the directory into memory, whatever it holds; so its entries are counted beforehand.
        if archive.read_bytes().count(b"PK\1\2") > members:
            raise BadArchive(f"it has more than {members} members")
        with zipfile.ZipFile(archive) as source:
            chosen = _chosen(source, wanted)
            for name, info in chosen.items():
                _check(name, info, ratio)
            room = limit
            for done, (name, info) in enumerate(chosen.items(), start=1):
                room = _extract(source, info, folder / name, room)
                on_member(done, len(chosen))
    except InputError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadArchive(f"it is no zip archive, or damaged: {reason}") from error


def _chosen(source: zipfile.ZipFile, wanted: re.Pattern) -> dict[str, zipfile.ZipInfo]:
    """The members that are wanted, by their names below the one folder that they are in."""
    found: dict[tuple[str, ...], dict[str, zipfile.ZipInfo]] = {}
    seen = set()
    for info in source.infolist():
        parts = _parts(info)
        for above, below in (((), parts), (parts[:1], parts[1:])):
            name = "/".join(below)
            if wanted.fullmatch(name) and not info.is_dir():
                if (above, name.casefold()) in seen:  # some systems do not tell capitals
                    raise BadArchive(f"{name} is in it twice")
                seen.add((above, name.casefold()))
                found.setdefault(above, {})[name] = info
    if () in found:
        return found[()]
    if len(found) != 1:
        raise BadArchive(f"what is looked for is {'in several folders of it' if found else 'not in it'}")
    return next(iter(found.values()))


def _parts(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """A member's name, folder by folder. Some programs write it with Windows' backslashes."""
    name = info.orig_filename.replace("\\", "/")  # zipfile's own `filename` ends before a NUL
    parts = tuple(name.removesuffix("/").split("/"))
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in parts or re.search(r"[\0-\x1f]", name):
        raise BadArchive(f"its member {info.orig_filename!r} would leave the folder")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadArchive(f"its member {info.orig_filename!r} is a link or a device")
    return parts


def _check(name: str, info: zipfile.ZipInfo, ratio: int) -> None:
    if any(part in ("", ".") or _NOT_ON_WINDOWS.fullmatch(part) for part in name.split("/")):
        raise BadArchive(f"its member {info.orig_filename!r} has a name that some systems cannot write")
    if info.flag_bits & 1:
        raise BadArchive(f"its member {info.orig_filename!r} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may fill the memory
        raise BadArchive(f"its member {info.orig_filename!r} is compressed in an unusual way")
    if info.file_size > max(_SMALL, ratio * info.compress_size):
        raise BadArchive(f"its member {info.orig_filename!r} would grow to {info.file_size / 1e6:.0f} MB")


def _extract(source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, room: int) -> int:
    """Write one member. Returns how many bytes may still come: they are counted, whatever the archive declares."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with open_unbuffered(path, "xb") as file, source.open(info) as packed:
        while chunk := packed.read(_CHUNK):
            size += len(chunk)
            if size > room:
                raise BadArchive("it holds more than is expected")
            write_all(file, chunk)
        with writing(path):
            os.fsync(file.fileno())
    if size != info.file_size:
        raise BadArchive(f"its member {info.orig_filename!r} has {size} bytes instead of {info.file_size}")
    return room - size
