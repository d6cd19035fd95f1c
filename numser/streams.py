"""Files and pipes as libsndfile is to see them, and what it is not to say."""

import atexit
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import BinaryIO, cast

from numser.errors import InputError

_TAGS = 2048  # bytes at a file's end that are no sound
_NOTE = re.compile(rb"\[src/libmpg123/|Note: |Warning: ")


class View:
    """A file as libsndfile is to see it: from its first byte on that is not zero, since it knows an MP3 that begins
    with zeros only by its name; and with a size that a recorder left open.

    No exception passes through C: it would be printed, and the sound would end there. So where a damaged file leads
    libsndfile to an impossible place, it stays where it is; and what the system says of a file that cannot be read on
    is kept for `check`.
    """

    def __init__(self, file: BinaryIO):
        self._file, self._begin = file, 0
        self._open: int | None = None
        self._failed: OSError | None = None
        self.size = file.seek(0, os.SEEK_END)
        self.seek(0)
        self.head = self._read(2**10)
        if self.head.startswith(bytes(4)):
            head = self.head + self._read(2**16)
            self._begin = len(head) - len(head.lstrip(b"\0"))
            self.size -= self._begin
            self.head = head[self._begin :]
        self._open = self._open_size()
        self.seek(0)

    @property
    def unfinished(self) -> bool:
        """Whether it is a WAV or AU that has samples behind those of its header, which often has none."""
        return self._open is not None

    @property
    def number(self) -> int | None:
        """The system's number of the file, if it is not in memory."""
        with suppress(OSError):
            return self._file.fileno()
        return None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, if there is one."""
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.size}[whence]
        if 0 <= place < 2**62:
            self._file.seek(self._begin + place)
        return self.tell()

    def tell(self) -> int:
        """The place of what is read next."""
        return self._file.tell() - self._begin

    def read(self, count: int) -> bytes:
        """So many bytes, or fewer at the end, or where the file cannot be read."""
        try:
            return self._read(count)
        except OSError as error:
            self._failed = error
            return b""

    def check(self) -> None:
        """Raise what went wrong while libsndfile read: an OSError."""
        if self._failed:
            raise self._failed

    def _read(self, count: int) -> bytes:
        at, data = self.tell(), self._file.read(count)
        if self._open is not None and at - 4 < self._open < at + len(data):
            first, last = max(self._open - at, 0), min(self._open + 4 - at, len(data))
            data = data[:first] + (last - first) * b"\xff" + data[last:]  # as in a stream, whose length is unknown
        return data

    @property
    def goes_on(self) -> bool:
        """Whether there is more behind the place that libsndfile has come to."""
        return self.size - self.tell() > _TAGS

    def has_length(self) -> bool:
        """Whether an MP3's first frame has a tag that says how long it is; without, libsndfile guesses it from that
        frame's bit rate.
        """
        at, skip = self.tell(), 0
        if self.head[:3] == b"ID3":
            skip = 10 + sum(byte << shift for byte, shift in zip(self.head[6:10], (21, 14, 7, 0), strict=True))
        self.seek(skip)
        found = re.search(rb"Xing|Info|VBRI", self._read(200))
        self.seek(at)
        return found is not None

    def counted(self) -> int | None:
        """How many samples an Ogg's last page counts from the beginning, of which some are missing where there is a
        hole; None if that page is not all there, or not marked as the last.
        """
        at = self.tell()
        self.seek(max(self.size - 2**16, 0))
        page = self._read(2**16).rpartition(b"OggS")[2]
        self.seek(at)
        sizes = page[23 : 23 + page[22]] if len(page) > 22 else b""
        whole = len(page) >= 23 + len(sizes) + sum(sizes) and page[1:2] > b"\3"
        return int.from_bytes(page[2:10], "little", signed=True) if whole else None

    def _open_size(self) -> int | None:
        """Where a header says how many bytes the samples take, if it says none, or what follows is no part of it."""
        place, found, some = 12, None, False
        if self.size > _TAGS and self.head[:4] == b".snd" and self.head[8:12] == bytes(4):
            return 8
        if self.size > _TAGS and self.head[:4] + self.head[12:16] == b"RF64ds64" and self.head[28:36] == bytes(8):
            return 28
        while self.head[:4] == b"RIFF" and place < self.size:
            self.seek(place)
            part = self._read(8)
            name, size = part[:4], int.from_bytes(part[4:], "little")
            if len(part) < 8 or not re.fullmatch(rb"[ -~]{4}", name):
                return found if not some or (self.goes_on and not re.match(b"\0+$|ID3", name)) else None
            if name == b"data":
                found, some = place + 4, size > 0
            place += 8 + size + size % 2
        return found if place > self.size and not some else None


@cache
def reader() -> type:
    """A SoundFile that reads forwards only."""
    import soundfile

    class ForwardsOnly(soundfile.SoundFile):
        """soundfile seeks after each read, to where it is already; in an MP3 that spoils the next 300 samples."""

        def seekable(self) -> bool:
            return False

    return ForwardsOnly


def kept(source: BinaryIO, called: str, head: bytes = b"") -> BinaryIO:
    """What comes through a pipe, in a file without a name, which is gone when it is closed, however that comes about.

    Raises      InputError: there is no room for it
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        file.write(head)
        while part := os.read(source.fileno(), 2**16):
            file.write(part)
        file.seek(0)
    except OSError as error:
        file.close()
        raise InputError(
            f"{called}: cannot be kept in {tempfile.gettempdir()} ({error.strerror}); make room there"
        ) from None
    return cast(BinaryIO, file)


@contextmanager
def pumped(head: bytes, source: BinaryIO) -> Iterator[int]:
    """A pipe from which libsndfile reads what comes from another one, from its first bytes on, as it comes."""
    out, into = os.pipe()
    own = os.dup(source.fileno())  # whoever gave it may close it meanwhile

    def pump() -> None:
        part = head
        with suppress(OSError), open(own, "rb", buffering=0) as come, open(into, "wb", buffering=0) as file:
            while part:  # OSError: nobody reads any more
                file.write(part)
                part = come.read(2**16)

    threading.Thread(target=pump, daemon=True).start()
    try:
        yield out
    finally:
        os.close(out)


_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from standard error what libmpg123 says about damaged files; what others say meanwhile comes after."""
    with _ONE_AT_A_TIME, ExitStack() as stack:
        with suppress(OSError):  # it is closed
            ours = os.dup(2)
            stack.callback(_restore, ours)
            os.dup2(_said().fileno(), 2)
        yield


@cache
def _said() -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    atexit.register(file.close)
    return cast(BinaryIO, file)


def _restore(ours: int) -> None:
    os.dup2(ours, 2)
    os.close(ours)
    said = _said()
    if said.seek(0, os.SEEK_END):
        said.seek(0)
        lines = [line for line in said if not _NOTE.match(line)]
        said.truncate(0)
        said.seek(0)
        with suppress(OSError):
            os.write(2, b"".join(lines))
