"""Log-mels that were computed before, in files.        python -m numser.feature_cache --help

Before a training's first step every recording is read, resampled and turned into log-mel frames, and that is the same
each time: it depends on the recording's bytes, the feature settings and the program. So frames are kept, in a file
named after a digest of all three, and a changed recording or program simply has another name.

    CACHE/log-mels/3f/3fa9…     SHA-256 of the rest, 32 bytes; the first frame's number, 8 bytes; the frames as .npy

An entry that is damaged is computed anew. Entries appear whole, so processes may share the folder. When the cache is
full, what has not been used for longest goes; but what this process used stays, since a corpus larger than the cache
would otherwise push itself out while it is read.
"""

import argparse
import hashlib
import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

import numser
from numser.cli import run
from numser.corpora import Utterance
from numser.errors import InputError
from numser.features import FeatureSettings
from numser.files import cache_folder

MIB = 2**20
DEFAULT_LIMIT = 2048  # MiB
_ENTRY = re.compile(r"[0-9a-f]{64}(\.\d+\.\d+\.part)?")  # .part: what a killed process was writing
_DIGEST = hashlib.sha256().digest_size


class FeatureCache:
    """The entries in a folder, which together take at most `limit` bytes, and a sixteenth more while several write.

    What cannot be read or written is as if it were not there: a cache only saves time.
    """

    def __init__(self, folder: Path, limit: int):
        self.folder, self.limit = folder, limit
        self._used: set[str] = set()
        self._lock = threading.Lock()
        self._size = self._unseen = 0  # bytes of all entries when they were last counted, and written since
        self._writing = limit > 0

    def get(self, key: str, settings: FeatureSettings) -> tuple[np.ndarray, int] | None:
        """The frames (T, bands) and the number of the first, or None if there is no sound entry."""
        path = self._path(key)
        try:
            entry = path.read_bytes()
            os.utime(path)
            if hashlib.sha256(entry[_DIGEST:]).digest() != entry[:_DIGEST]:
                return None
            frames = np.load(io.BytesIO(entry[_DIGEST + 8 :]), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if frames.dtype != np.float32 or frames.ndim != 2 or frames.shape[1] != settings.bands:
            return None
        with self._lock:
            self._used.add(key)
        return frames, int.from_bytes(entry[_DIGEST : _DIGEST + 8], "little")

    def put(self, key: str, frames: np.ndarray, start: int) -> None:
        """Keep frames, if there is room."""
        array = io.BytesIO()
        np.save(array, frames, allow_pickle=False)
        rest = start.to_bytes(8, "little") + array.getvalue()
        entry = hashlib.sha256(rest).digest() + rest
        with self._lock:
            if not (self._writing and self._has_room(len(entry))):
                return
            self._unseen += len(entry)
            self._used.add(key)
        path = self._path(key)
        aside = path.with_name(f"{key}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(entry)
            os.replace(aside, path)
        except OSError:  # the disk is full, or the folder may not be written to
            self._writing = False
            with suppress(OSError):
                aside.unlink(missing_ok=True)

    def _has_room(self, size: int) -> bool:
        """Counts now and then, since other processes write too, and makes room if it must."""
        if self._unseen == 0 or self._unseen > self.limit / 16:
            self._size, self._unseen = sum(size for _, size, _ in self.entries()), 0
        if self._size + self._unseen + size > self.limit:
            self._size, self._unseen = self._remove_oldest(self.limit * 7 / 8 - size), 0
        self._writing = self._size + self._unseen + size <= self.limit
        return self._writing

    def _remove_oldest(self, target: float) -> int:
        """Remove entries until at most `target` bytes are left, and return how many are."""
        entries = sorted(self.entries(), key=lambda entry: entry[2])
        left = sum(size for _, size, _ in entries)
        for path, size, _ in entries:
            if left <= target:
                break
            if path.name not in self._used:
                with suppress(OSError):
                    path.unlink()
                    left -= size
        return left

    def entries(self) -> Iterator[tuple[Path, int, float]]:
        """Each entry's path, size in bytes, and when it was last used. Other files in the folder are not ours."""
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            with suppress(OSError), os.scandir(folder) as files:
                for file in files:
                    if _ENTRY.fullmatch(file.name):
                        with suppress(OSError):  # another process has just removed it
                            status = file.stat()
                            yield Path(file.path), status.st_size, status.st_mtime

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key


def feature_cache() -> FeatureCache:
    """The cache of this user: `log-mels` in the cache folder, of $NUMSER_FEATURE_CACHE MiB; 0 turns it off.

    Raises      InputError: $NUMSER_FEATURE_CACHE is no number
    """
    text = os.environ.get("NUMSER_FEATURE_CACHE") or str(DEFAULT_LIMIT)
    if not text.isdecimal():
        raise InputError(
            f"NUMSER_FEATURE_CACHE={text}: should be the cache's largest size in MiB, such as {DEFAULT_LIMIT}, or 0 "
            "for none"
        )
    return FeatureCache(cache_folder() / "log-mels", int(text) * MIB)


def key_of(utterance: Utterance, settings: FeatureSettings) -> str | None:
    """A digest of the sound, the settings and the program; None for what is not a file that can be read."""
    digest = hashlib.sha256(f"{settings}\t{_program()}\t".encode())
    if utterance.waveform is not None:
        digest.update(f"{utterance.waveform.dtype}\t".encode())
        digest.update(np.ascontiguousarray(utterance.waveform).view(np.uint8))
        return digest.hexdigest()
    digest.update(utterance.path.suffix.lower().encode(errors="surrogateescape"))  # the reader looks at it too
    try:
        if not utterance.path.is_file():  # a pipe would be emptied
            return None
        with open(utterance.path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return None
    return digest.hexdigest()


@cache
def _program() -> str:
    """A digest of the code that makes the frames, and the versions of the libraries below it."""
    from numser import audio, dataset, features

    digest = hashlib.sha256()
    for module in (audio, features, dataset):
        try:
            digest.update(Path(module.__file__).read_bytes())
        except OSError:  # run from a zip file
            digest.update(numser.__version__.encode())
    versions = [f"{name} {version(name)}" for name in ("numpy", "scipy", "soundfile")]
    return " ".join([digest.hexdigest(), *versions])


def main(argv: list[str] | None = None) -> None:
    """Say where the cache is and how large, or clear it."""
    parser = argparse.ArgumentParser(
        prog="python -m numser.feature_cache",
        description="Log-mels that numser has computed before, so that it need not again.",
        epilog=f"$NUMSER_FEATURE_CACHE is its largest size in MiB (default {DEFAULT_LIMIT}; 0: no cache). It lies in "
        "$NUMSER_DATA, or where this platform keeps what can be made again.",
    )
    parser.add_argument("--clear", action="store_true", help="remove everything in it")
    args = parser.parse_args(argv)
    found, count, size = feature_cache(), 0, 0
    for path, bytes_of_entry, _ in found.entries():
        if args.clear:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise InputError(f"{path}: cannot be removed ({error.strerror}); check its rights") from None
        count, size = count + 1, size + bytes_of_entry
    what = "removed" if args.clear else f"of at most {found.limit / MIB:.0f} MiB:"
    print(f"{found.folder}: {what} {count} utterances, {size / MIB:.1f} MiB")


if __name__ == "__main__":
    run(main)
