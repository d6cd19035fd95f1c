"""Sound and pictures of a report's utterances, small enough to be put into a page.

Sound is MP3, 40 kbit/s, of one channel at 16 kHz: of all constant rates the lowest whose frames have room for the
tag that tells a player how much silence the encoder put before, so that sound and picture stay together. Log-mels
are 64 bands every 20 ms: of four neighbours in time and frequency the mean, in 255 steps of the 80 dB they span.
"""

import base64
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from numser.audio import SAMPLE_RATE, read_audio
from numser.corpora.xlabel import syllables
from numser.errors import InputError
from numser.page.utterance import small_log_mel
from numser.report.folder import Runs
from numser.runs.result import RunResult
from numser.threads import available_cores, one_blas_thread

_COMPRESSION = 0.8  # libsndfile's measure; 40 kbit/s at 16 kHz
_AT_ONCE = 8  # utterances a thread


@dataclass(frozen=True)
class Sound:
    """What the page gets of one utterance. Texts are base64."""

    seconds: float
    kind: str  # a MIME type
    sound: str  # empty: it was not wanted
    log_mel: str  # a byte a value, 64 an instant, from low to high

    @property
    def size(self) -> int:
        """Bytes in the page, about."""
        return len(self.sound) + len(self.log_mel) + 200


def sources(runs: Runs, data: Path | None = None) -> dict[str, Callable[[], np.ndarray]]:
    """For each test utterance by its name, how to get its waveform: from its file, or as the corpus makes it.

    `data` is where the corpus is now, if it has moved. Calling raises InputError if there is no sound.
    """
    tested = {u.name: (u, result) for result in runs.results for u in result.utterances}
    speakers = {u.speaker for u, _ in tested.values() if u.path is None and u.speaker is not None}
    made = _made(runs.folds[0].config.corpus, speakers) if speakers else {}

    def load(name: str) -> np.ndarray:
        u, result = tested[name]
        if u.path is not None:
            return read_audio(_present(u.path, result, data), *(u.segment or ()))
        if name not in made:
            raise InputError(f"{name}: its result names no file")
        return made[name]

    return {name: partial(load, name) for name in tested}


def spoken(runs: Runs, data: Path | None = None) -> dict[str, list[tuple[float, float, str]]]:
    """For each test utterance by its name, the second where each syllable begins, where it ends, and its text; none
    where the corpus does not say. Of an utterance that is a part of a recording, none."""
    said = {}
    for result in runs.results:
        for u in result.utterances:
            whole = u.path is not None and u.segment is None
            labels = syllables(_present(u.path, result, data)) if whole and u.path else []
            said[u.name] = [(round(label.start, 3), round(label.end, 3), label.text) for label in labels]
    return said


def _present(path: str, result: RunResult, data: Path | None) -> Path:
    """Where a recording is: where it was, or at the same place below `data` or below the corpus's whole path."""
    roots = [Path(root) for root in (result.config.data, result.corpus_path) if root is not None]
    below = next((Path(path).relative_to(root) for root in roots if Path(path).is_relative_to(root)), None)
    if below is None or (data is None and os.path.exists(path)):
        return Path(path)
    return (data or roots[-1]) / below


def _made(corpus: str, speakers: set[str]) -> dict[str, np.ndarray]:
    """Waveforms of a corpus that has no files, by the utterances' names."""
    from numser.corpora import synthetic

    known = sorted(speakers & set(synthetic.SPEAKERS))
    if corpus != "synthetic" or not known:
        return {}
    return {u.name: u.waveform for u in synthetic.load(speakers=known).utterances if u.waveform is not None}


def sounds(
    wanted: list[Callable[[], np.ndarray]], limit: float, *, audible: bool = True
) -> Iterator[Sound | InputError | None]:
    """Each utterance's sound and log-mel, in order; what is wrong with it; or None once `limit` bytes are full."""
    used, waiting, threads = 0, iter(wanted), available_cores()
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        while group := list(islice(waiting, _AT_ONCE * threads)):
            for made in _made_together(pool, group, audible) if used < limit else [None] * len(group):
                if isinstance(made, Sound):
                    used += made.size
                yield None if used > limit else made


def _made_together(pool: Executor, group: list[Callable], audible: bool) -> Iterator[Sound | InputError]:
    def make(load: Callable[[], np.ndarray]) -> Sound | InputError:
        try:
            waveform = load()
            return sound_of(waveform, audible)
        except InputError as mistake:
            return mistake

    return pool.map(make, group)


def sound_of(waveform: np.ndarray, audible: bool = True) -> Sound:
    """A 16 kHz waveform as the page gets it."""
    kind, encoded = _encoded(waveform) if audible else ("", b"")
    picture = small_log_mel(waveform)
    return Sound(len(waveform) / SAMPLE_RATE, kind, _base64(encoded), _base64(picture.tobytes()))


def _encoded(waveform: np.ndarray) -> tuple[str, bytes]:
    """MP3, or WAV where the installed libsndfile cannot write MP3."""
    import soundfile

    file = io.BytesIO()
    if "MP3" not in soundfile.available_formats():
        soundfile.write(file, waveform, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        return "audio/wav", file.getvalue()
    soundfile.write(
        file, waveform, SAMPLE_RATE, format="MP3", compression_level=_COMPRESSION, bitrate_mode="CONSTANT"
    )
    return "audio/mpeg", file.getvalue()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
