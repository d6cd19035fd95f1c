"""A folder of data from an archive on the web: whole and checked, or not there.

    DATA                    the folder, which appears by one rename
    .DATA.lock              held while it is made, so that several processes make it once
    .DATA.fetching/         the archive, or what has come of it, and what is being unpacked; goes when DATA appears

Whoever is killed on the way leaves what has come to the next one.
"""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from numser.archive import BadArchive, unpack
from numser.cli import Progress
from numser.download import fetch
from numser.errors import InputError
from numser.files import file_lock, writing


def obtain(
    folder: Path,
    address: str,
    wanted: re.Pattern,
    check: Callable[[Path, Progress], None],
    *,
    download_limit: int,
    limit: int,
    remedy: str,
    progress: Progress | None = None,
) -> None:
    """Make `folder` from the zip archive at an address, unless it is there by then.

    Of the archive only members whose names match `wanted` are unpacked. `check(unpacked, progress)` raises
    InputError if they are not all that should be there.

    Units       download_limit and limit in bytes, of the archive and of what is unpacked
    Raises      InputError: the archive cannot be fetched, is damaged or dangerous, or does not hold what it should
                (the message ends with `remedy`); the folder cannot be written
    """
    progress = progress or Progress()
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"another process is fetching {folder}; waiting for it"
    with file_lock(folder.with_name(f".{folder.name}.lock"), lambda: progress.line(waiting)):
        if folder.exists():  # the other one has made it
            return
        work = folder.with_name(f".{folder.name}.fetching")
        with writing(work):
            work.mkdir(exist_ok=True)
        archive, unpacked = work / "archive.zip", work / "unpacked"
        try:
            if not archive.exists():
                fetch(address, archive, limit=download_limit, remedy=remedy, progress=progress)
            shutil.rmtree(unpacked, ignore_errors=True)  # by a process that was killed
            unpack(
                archive, unpacked, wanted, limit=limit, on_member=lambda n, of: progress.live(f"unpacking {n}/{of}")
            )
            _check(check, unpacked, progress)
            if not folder.exists():  # or somebody has unpacked it by hand meanwhile
                with writing(folder):
                    os.rename(unpacked, folder)
            shutil.rmtree(work, ignore_errors=True)
        except BadArchive as error:
            shutil.rmtree(work, ignore_errors=True)
            raise InputError(f"{address}: what came from there cannot be used ({error}); {remedy}") from error
        finally:
            progress.clear()
            shutil.rmtree(unpacked, ignore_errors=True)
            with suppress(OSError):  # what has come stays in it
                work.rmdir()


def _check(check: Callable[[Path, Progress], None], unpacked: Path, progress: Progress) -> None:
    try:
        check(unpacked, progress)
    except InputError as error:
        found = str(error).partition("; ")[0]  # what to do with one's own file is no help here
        raise BadArchive(found.replace(f"{unpacked}{os.sep}", "")) from error
