"""A sound file's samples, from its first to its last, whatever it takes.

libsndfile reads most files, but not all, and not all of each: phones and browsers write formats that it does not
know; of files that were joined it reads the first, and of a damaged MP3 or FLAC what comes before the damage. The
program ffmpeg reads the rest, where it is installed.
"""

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from numser.errors import InputError, note
from numser.streams import View, kept, pumped, quiet, reader

if TYPE_CHECKING:
    import soundfile

# What libsndfile may not know: how such a file begins, what it is, what ffmpeg calls it, and its names' suffixes.
_FORMATS = (
    (rb"....(ftyp|moov|mdat|wide)", "MP4", "mov", "3gp m4a m4b m4v mov mp4"),
    (rb"\x1aE\xdf\xa3", "WebM", "matroska", "mka mkv webm"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "AAC", "aac", "aac"),
    (rb"#!AMR", "AMR", "amr", "amr"),
    (rb"caff", "CAF", "caf", ""),  # most is in LPCM, which libsndfile reads
    (rb"0&\xb2u\x8ef\xcf\x11", "WMA", "asf", "asf wma wmv"),
    (rb"OggS", "Ogg", "ogg", "oga ogg opus"),
)
LOSSY = frozenset(f".{suffix}" for *_, suffixes in _FORMATS for suffix in suffixes.split()) | {".mp2", ".mp3"}
_OTHER = {".aif", ".aifc", ".snd", ".sph", ".wave"}  # suffixes of libsndfile's formats, if not the format's own name
_GOES_ON = {"FLAC": "flac", "MP3": "mp3", "OGG": "ogg"}  # what may go on where libsndfile ends, for ffmpeg
_STREAM = rb"RIFF....WAVEfmt .{4}([\1\3\6\7]\0|\xfe\xff)"  # WAV that libsndfile reads as it comes
_WHOLE = (b"RIFF", b"FORM")  # how files begin that are read whole, or refused
# What libsndfile logs of a file with fewer bytes of sound than its header says: how many it says, how many there are.
_CUT = re.compile(r"^ *(?:data|SSND|BODY|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
# And of a WAV's bytes of sound. A block of GSM has 65; where RIFF adds a byte to make them even, libsndfile takes it
# for a block more.
_BYTES = re.compile(r"^data : (\d+)", re.MULTILINE)
_STREAMED = 2**31 - 2**16  # bytes, and more: what stands in a header that was written before the sound had its end
_BLOCK, _SMALL_BLOCK = 2**20, 2**12  # frames that are read at once; the rest of a block is lost where damage begins
_UNKNOWN = 2**63 - 1  # libsndfile's length of a file whose header has none: a FLAC that was written to a pipe


@cache
def suffixes() -> frozenset[str]:
    """Those that sound files are known by: what the installed libsndfile opens, but for files without a header; and
    what ffmpeg does.
    """
    import soundfile

    return LOSSY | _OTHER | {f".{format.lower()}" for format in soundfile.available_formats() if format != "RAW"}


class Unreadable(InputError):
    """A file that is no sound to numser, or not all of it; another program may read it."""


class Sound:
    """A sound file that is read forwards. It may be a path, a file in memory, or a pipe such as standard input.

    `samplerate` in Hz; `channels`; `frames`, how many samples a channel the header says there are, or None. What is
    not read as it stands becomes a note that begins with `called`.

    Raises      InputError: ffmpeg is needed, and is not installed or finds no sound; a pipe's sound cannot be kept
                OSError, TypeError, soundfile.LibsndfileError: it cannot be opened, or is no sound
    """

    def __init__(self, file: str | os.PathLike | BinaryIO, called: str):
        self.called = called
        self._path = os.fsdecode(file) if isinstance(file, str | os.PathLike) else None
        self._got, self._counted, self._broken, self._said = 0, 0, False, False
        self._lacks_its_end: Callable[[], bool] = lambda: False
        self._check: Callable[[], None] = lambda: None
        self._goes_on_as: str | None = None  # what ffmpeg calls a format that may go on where libsndfile ends
        with ExitStack() as self._closing:
            source = self._closing.enter_context(open(self._path, "rb")) if self._path else cast(BinaryIO, file)
            self._sound = self._piped(source) or self._opened(source)
            self._closing = self._closing.pop_all()
        self.samplerate, self.channels = self._sound.samplerate, self._sound.channels
        self._guess: int | None = None  # of an MP3's length, where libsndfile may end too soon
        seen = isinstance(self._sound.name, View | bytes | str) and self._sound.frames < _UNKNOWN
        self.frames = self._sound.frames if seen else None
        if self._goes_on_as == "mp3" and not self._view.has_length():
            self.frames, self._guess = None, self.frames
        if self.frames and (self._sound.format, self._sound.subtype) == ("WAV", "GSM610"):
            blocks = [int(said) // 65 for said in _BYTES.findall(self._sound.extra_info)]
            self.frames = min([self.frames, *(320 * n for n in blocks if n)])
        if self._sound.subtype == "OPUS":  # which counts 48,000 a second
            self._counted = self._counted * self.samplerate // 48_000
        self._promised = max(self.frames or 0, self._counted)
        for said, found in _CUT.findall(self._sound.extra_info):
            if 0 < int(found) < int(said) < _STREAMED:
                self._promised = self._promised * int(said) // int(found)

    def __enter__(self) -> "Sound":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def read(self, frames: int) -> np.ndarray:
        """The next frames, (n, channels) float32: fewer where the file ends."""
        parts = [np.zeros((0, self.channels), np.float32)]
        while frames > 0:
            asked = min(frames, _SMALL_BLOCK if self._goes_on_as else _BLOCK)
            if self.frames and (self._goes_on_as == "flac" or self._sound.subtype == "GSM610"):
                # beyond them libsndfile takes a tag for damage, and a byte for a block
                asked = min(asked, self.frames - self._got)
            parts.append(self._part(asked))
            frames -= len(parts[-1])
            if not 0 < asked == len(parts[-1]) and not self._goes_on():
                break
        if frames > 0:
            self._say_what_is_missing()
        return np.concatenate(parts)

    def _say_what_is_missing(self) -> None:
        found, promised = (f"{n / self.samplerate:.1f}" for n in (self._got, self._promised))
        by_header = f"and {promised} by its header" if self._got < self._promised - self.samplerate / 10 else ""
        if not self._said and self._got and (by_header or self._lacks_its_end()):
            what = f"has {found} s of sound, {by_header}" if by_header else f"only {found} s of it can be read"
            note(f"{self.called}: {what}: it is damaged, or was cut off")
        self._said = True

    def skip(self, frames: float) -> int:
        """Pass over the next frames. Returns how many there were."""
        passed, most = 0, max(_BLOCK // self.channels, 1)
        while passed < frames and (got := len(self.read(min(math.ceil(frames - passed), most)))):
            passed += got
        return passed

    def _part(self, frames: int) -> np.ndarray:
        import soundfile

        try:
            with quiet() if self._sound.format == "MP3" else nullcontext():
                part = self._sound.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            self._check()
            if not self._goes_on_as or not (self._got or self._ffmpeg()):
                raise
            self._broken, part = True, np.zeros((0, self.channels), np.float32)
        self._check()
        self._got += len(part)
        return part

    def _goes_on(self) -> bool:
        """Whether there is more in the file than libsndfile reads, and ffmpeg reads it from now on."""
        format, self._goes_on_as = self._goes_on_as, None
        if not format or not (self._broken or self._view.goes_on or self._got == self._guess):
            return False
        seconds = self._got / self.samplerate
        if not self._ffmpeg():
            what = f"only its first {seconds:.1f} s can be read: it is damaged, cut off or joined"
            if not self._path:
                raise Unreadable(f"{self.called}: {what}; convert it to WAV")
            note(f"{self.called}: {what}; install the program ffmpeg, which may read more")
            self._said = True
            return False
        if format == "flac" and not self._broken:  # ffmpeg loses what is where they meet
            note(f"{self.called}: goes on behind the {seconds:.1f} s of its header, and not all of it may be heard")
        self._sound = self._by_ffmpeg(format, "-ar", str(self.samplerate), "-ac", str(self.channels))
        passed = self._got
        most = max(_BLOCK // self.channels, 1)
        while passed > 0 and len(part := self._sound.read(min(passed, most), dtype="float32")):
            passed -= len(part)
        return True

    def _piped(self, source: BinaryIO) -> "soundfile.SoundFile | None":
        """A pipe's WAV as it comes; another pipe's sound becomes a file without a name, gone when it is closed."""
        if source.seekable():
            return None
        head = os.read(source.fileno(), 40)
        if re.match(_STREAM, head, re.DOTALL):
            number = self._closing.enter_context(pumped(head, source))
            return self._closing.enter_context(reader()(number, closefd=False))
        return self._opened(self._closing.enter_context(kept(source, self.called, head)))

    def _opened(self, source: BinaryIO) -> "soundfile.SoundFile":
        """The file by whoever can read it: libsndfile by what is in it, ffmpeg, libsndfile by its name."""
        import soundfile

        self._view = View(source)
        self._check = self._view.check
        if self._view.unfinished:
            note(
                f"{self.called}: its header is unfinished, as a recorder that was cut off leaves it; read to the end"
            )
        by_name = self._path if sys.platform == "win32" or not self._path else os.fsencode(self._path)  # not text
        if by_name and not self._view.unfinished and self._view.head[:4] in _WHOLE:
            return self._closing.enter_context(reader()(by_name))  # without Python between, which is quicker
        try:
            with quiet():
                sound = self._closing.enter_context(reader()(self._view))
            self._check()
            self._goes_on_as = _GOES_ON.get(sound.format)
            if sound.format == "OGG":
                counted = self._view.counted()
                self._counted, self._lacks_its_end = counted or 0, lambda: counted is None
            return sound
        except soundfile.LibsndfileError:
            self._check()
            for begins, name, format, _ in _FORMATS:
                if re.match(begins, self._view.head, re.DOTALL):
                    return self._by_ffmpeg(format, name=name)
            if not by_name:
                raise
        with quiet():
            return self._closing.enter_context(reader()(by_name))

    def _ffmpeg(self) -> str | None:
        """The program, if it is installed and the file is one for other programs too."""
        return shutil.which("ffmpeg") if self._path or self._view.number is not None else None

    def _by_ffmpeg(self, format: str, *options: str, name: str = "") -> "soundfile.SoundFile":
        """All of the file as ffmpeg decodes it; nothing but a file of this format is opened, whatever is in it."""
        import soundfile

        program = self._ffmpeg()
        if not program:
            file = Path(self._path or "FILE")
            wav = file.with_suffix(".converted.wav" if file.suffix.lower() == ".wav" else ".wav")
            raise Unreadable(
                f"{self.called}: {name} is read through the program ffmpeg, which is not there; install it, or "
                f"convert the file elsewhere: ffmpeg -i {shlex.quote(str(file))} {shlex.quote(str(wav))}"
            )
        source = f"file:{self._path}" if self._path else "pipe:0"
        command = [program, "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-f", format, "-i", source]
        command += ["-map", "0:a:0", *options, "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
        given = subprocess.DEVNULL if self._path else self._view.number
        if not self._path:
            os.lseek(cast(int, given), 0, os.SEEK_SET)
        complaints = self._closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        process = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=complaints)
        self._closing.enter_context(process)
        self._closing.callback(process.kill)
        assert process.stdout is not None
        try:
            sound = self._closing.enter_context(reader()(process.stdout.fileno(), closefd=False))
        except soundfile.LibsndfileError:
            raise Unreadable(f"{self.called}: ffmpeg finds no sound in this {name or format}; give WAV") from None
        if name:
            self._lacks_its_end = lambda: os.fstat(complaints.fileno()).st_size > 0
        return sound
