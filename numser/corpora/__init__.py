"""Corpora: files on disk, or sound made on the spot, as a list of utterances.

A corpus is a list of `Utterance` in a stable order. Corpora know nothing of layers.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import numpy as np

from numser.audio import SAMPLE_RATE, duration, fingerprint, read_audio
from numser.decode import LOSSY
from numser.errors import CONTROL, InputError, collected_notes, quoted


@dataclass(frozen=True, eq=False)
class Utterance:
    """One recording of one speaker, with the emotion it is labelled with.

    Exactly one of `path` and `waveform` is given.
    """

    name: str  # unique in its corpus, for example "03a01Fa"
    label: str  # the emotion's English name, for example "happiness"
    speaker: str | None = None
    text: str | None = None  # which sentence was spoken
    votes: float | None = None  # share of the annotators' votes that went to the label, 0 to 1
    path: Path | None = None
    waveform: np.ndarray | None = None  # (samples,) float32, 16 kHz, mono
    span: tuple[float, float] | None = None  # seconds: where the emotion was put, if that is known
    segment: tuple[float, float] | None = None  # seconds: from where to where in `path`; None: all of it
    split: str | None = None  # "train", "validation" or "test", where the corpus says so

    def read(self) -> np.ndarray:
        """Its sound, (samples,) float32, 16 kHz, mono.

        Raises      InputError: its file cannot be read
        """
        if self.waveform is not None:
            return self.waveform
        assert self.path is not None
        return read_audio(self.path, *(self.segment or ()))

    @property
    def facts(self) -> str:
        """All that the corpus says of it, in one line."""
        return f"{self.name}\t{self.label}\t{self.speaker}\t{self.votes}" + (f"\t{self.split}" if self.split else "")

    @property
    def seconds(self) -> float:
        """How long it is. Of a file its head is read alone.

        Raises      InputError: its file cannot be read
        """
        if self.waveform is not None:
            return len(self.waveform) / SAMPLE_RATE
        assert self.path is not None
        return self.segment[1] - self.segment[0] if self.segment else duration(self.path)


@dataclass(frozen=True)
class Corpus:
    """What a corpus's `load` brings: its utterances, and sentences on what was found and what is missing.

    Raises      InputError: a label or a speaker's name is not UTF-8, has control characters or more than 255
    """

    name: str
    utterances: list[Utterance]
    findings: list[str]
    source: Path | None = None  # the folder they were read from; None for sound made on the spot

    def __post_init__(self) -> None:
        for u in self.utterances:
            for kind, name in (("label", u.label), ("speaker", u.speaker)):
                if name and (CONTROL.search(name) or len(name) > 255):
                    raise InputError(
                        f"{u.path or u.name}: its {kind}, {quoted(name)}, has a character that is not UTF-8 or "
                        "cannot be shown, or more than 255; call it otherwise"
                    )

    @cached_property
    def identity(self) -> str:
        """Tells whether two corpora hold the same utterances, by names, labels, votes, sizes; no file is opened."""
        digest = sha256()
        for u in self.utterances:
            size = u.path.stat().st_size if u.waveform is None and u.path else len(u.read())
            digest.update(f"{u.facts}\t{size}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


NAMES = ("audformat", "crema-d", "emodb", "folder", "iemocap", "ravdess", "savee", "synthetic", "table", "tess")
_CODED = ("crema-d", "ravdess", "savee", "tess")
_FETCHED = ("emodb",)  # can be had from the web, so that `load` asks whether it may

# What some corpora can be told about how to read them: which corpus, and the option's help.
READING = {
    "layout": (
        "folder",
        "what the folders stand for, from the top: label, speaker, split (train, test, val), or * for nothing of "
        "these, such as speaker/label",
    ),
    "table": ("audformat", "the database's table, or several with commas between"),
    "encoding": ("table", "of a table that is no Unicode text, such as cp1252"),
}


def load_corpus(name: str, data: Path | None = None, *, offline: bool = False, **reading: str | None) -> Corpus:
    """Load the corpus called `name`, from the folder `data` or from where it is usually kept.

    Without `data`, a corpus that is missing there is fetched from the web if it can be had, unless `offline`.
    `reading` has values for names in READING, each of which is for one corpus. Copies of recordings are passed over,
    so that none is on two sides of a split.

    Raises      InputError: no such corpus; `reading` is not for it; every recording is there with two labels; what
                the corpus itself raises about its files
    """
    if name not in NAMES:
        raise InputError(f"‹corpus› {name}: there is no such corpus; choose one of {', '.join(NAMES)}")
    told = {option: value for option, value in reading.items() if value is not None}
    for option, value in told.items():
        if READING[option][0] != name:
            raise InputError(f"‹{option}› {value}: is for ‹corpus› {READING[option][0]}, not {name}; leave it out")
    load: Callable[..., Corpus] = import_module(f"numser.corpora.{'coded' if name in _CODED else name}").load
    try:
        if name in _CODED:
            corpus = load(name, data)
        else:
            corpus = load(data, **told, **({"offline": offline} if name in _FETCHED else {}))
        return _without_copies(corpus)
    except OSError as error:  # a name too long, a loop of links, …
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); check its name and rights") from None


def reading_options(group) -> None:
    """Add the options of READING to a command line."""
    for name, (corpus, help) in READING.items():
        group.add_argument(f"--{name}", metavar=name.upper(), help=f"with --corpus {corpus}: {help}")


def _without_copies(corpus: Corpus) -> Corpus:
    """The corpus with one of those utterances that are the same sound, sample by sample, in whatever file or format;
    with none of them, where their labels differ.
    """
    same = [[u for u in corpus.utterances if u.path is not None]]
    for heard in map(cache, (_length, _beginning, fingerprint)):  # each asks more, of fewer
        parts: dict[tuple, list[Utterance]] = defaultdict(list)
        for number, some in enumerate(same):
            for u in some if len(some) > 1 else ():
                parts[number, u.segment, heard(u.path)].append(u)
        same = list(parts.values())
    copies = [u for some in same if len({u.label for u in some}) == 1 for u in some[1:]]
    torn = [u for some in same if len({u.label for u in some}) > 1 for u in some]
    findings = [
        f"Passed over {len(some)} {what} (such as {some[0].name})."
        for some, what in (
            (copies, "copies of recordings that are there under another name"),
            (torn, "recordings that are there with another label too"),
        )
        if some
    ]
    left_out = {id(u) for u in copies + torn}
    kept = [u for u in corpus.utterances if id(u) not in left_out]
    if not kept:
        raise InputError(
            f"‹corpus› {corpus.name}: each of its recordings is there with another label too; correct them"
        )
    return replace(corpus, utterances=kept, findings=[*corpus.findings, *findings])


def _length(path: Path) -> float:
    """In seconds, by the header; of what loses sound, so that only the same bytes are the same sound, in bytes."""
    if path.suffix.lower() in LOSSY:
        return path.stat().st_size
    with collected_notes():
        return duration(path, 0)


def _beginning(path: Path) -> bytes:
    return fingerprint(path, 1)


def against_the_full_corpus(classes: Counter, full: dict[str, int], remark: str = "") -> list[str]:
    """Sentences on which classes have fewer utterances than in the full corpus, and which more, with a remark."""
    findings = []
    # Subtracting Counters keeps what is more than none.
    if missing := Counter(full) - classes:
        findings.append(f"Missing against the full corpus: {listed(missing)}.")
    if surplus := classes - Counter(full):
        findings.append(f"More than the full corpus has: {listed(surplus)}{remark}.")
    return findings


def listed(counts: Counter) -> str:
    """Counts in words: "anger 127, boredom 81"."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
