"""A trained network with all that it needs to recognise sound: labels, feature settings, standardiser.

The network has learned from utterances of at most 7 s, so that is as much as it is shown at once. A longer recording
is cut into windows, and each is recognised as if it were a recording of its own.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import groupby, islice, repeat
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, overload

import numpy as np

from numser.audio import SAMPLE_RATE, to_mono_16k, windows, windows_of
from numser.declared import from_json
from numser.deltas import with_deltas
from numser.errors import InputError, quoted
from numser.features import (
    FeatureSettings,
    Standardiser,
    crop,
    frame_seconds,
    frames_of_waveform,
    in_decibels,
    mel_power,
    too_short,
)
from numser.files import Layout, read_arrays, write_arrays
from numser.inference import Network, recognise, recognise_in_halves
from numser.layers.batch_norm import is_learned
from numser.losses import softmax
from numser.model import UNITS, SeparableSER, attended_frames
from numser.ragged import Params
from numser.readout import SpeakerHead
from numser.speech import NoSpeech, no_speech, speech_heard
from numser.systems import NETWORKS as OF_SYSTEMS
from numser.threads import available_cores, one_blas_thread

KIND = "model"
NETWORKS: dict[str, type[Network]] = {"SeparableSER": SeparableSER} | {n.__name__: n for n in OF_SYSTEMS}
_AT_ONCE = 8  # windows a thread, unless they are awaited
_LONGEST = 600 * SAMPLE_RATE  # samples that a network is shown at once
# How older files call what has the field's own name now.
_OLDER = {"n_blocks": "blocks", "fft": "n_fft", "bands": "n_mels", "lowest": "fmin", "highest": "fmax"}
_OLDER |= {"longest": "max_frames", "hop": "hop_length", "window": "win_length"}
PRETRAINED = Path(__file__).parent / "pretrained" / "emodb.npz"  # its card, README.md, is beside it


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network makes of one utterance."""

    label: str
    probabilities: dict[str, float]  # by label
    attention: np.ndarray | None  # (N',) weights that sum to 1; None for a model without attention
    seconds: np.ndarray | None  # (N',) where in the utterance each weight is centred

    def weights(self) -> list[tuple[float, float]]:
        """Each moment's second and weight; empty for a model without attention."""
        if self.attention is None or self.seconds is None:
            return []
        return list(zip(self.seconds.tolist(), self.attention.tolist(), strict=True))

    def __repr__(self) -> str:
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        return f"Prediction({', '.join(f'{repr(label)[1:-1]} {share:.3f}' for label, share in ranked)})"

    def _repr_html_(self) -> str:
        from numser.notebook import picture

        return picture(self)


class FilePrediction(NamedTuple):
    """What became of one of many files: a prediction, or what is wrong with it."""

    name: str  # the file, as it was given
    label: str | None
    probabilities: dict[str, float] | None  # by label
    mistake: str | None  # a sentence; None where there is a prediction


@dataclass(frozen=True, eq=False)
class Recogniser:
    """A trained network, ready for sound."""

    model: Network
    params: Params
    labels: tuple[str, ...]
    features: FeatureSettings
    standardiser: Standardiser
    trained_on: str = ""  # corpus and split, in words
    speaker_head: SpeakerHead | None = None  # for people of whom recordings are known
    speaker_known: bool = False  # whether standardiser and speaker_head are those of one person

    @overload
    def predict(self, path: str | os.PathLike, /) -> Prediction: ...

    @overload
    def predict(self, waveform: np.ndarray, sample_rate: float, name: str = "waveform") -> Prediction: ...

    def predict(self, waveform, sample_rate=None, name="waveform"):
        """Recognise one recording: a sound file by its path, or a waveform and its sampling rate.

        Of more than 7 s all windows are recognised, and the prediction is the mean of theirs, without attention
        (`predict_windows` gives each).

        Shapes      waveform (samples,) or (samples, channels)
        Units       sample_rate in Hz
        Raises      InputError: the sound is empty, too short, or has NaN; the file cannot be read; nobody speaks. The
                    message begins with the path, or with `name`
        """
        if isinstance(waveform, str | os.PathLike):
            if sample_rate is not None:
                raise InputError(f"sample_rate: the file {waveform} has its own; leave it out")
            (prediction,) = _of_files(self, [waveform])
        else:
            longest = window_seconds(self)
            pieces = [Piece(0, name, *w) for w in windows_of(waveform, sample_rate, longest, longest, name)]
            found = predict_pieces(self, pieces)
            prediction = _whole([window for _, _, window in found], name)
        if isinstance(prediction, InputError):
            raise prediction
        return prediction

    def predict_files(self, paths: Iterable[str | os.PathLike]) -> list[FilePrediction]:
        """Recognise many sound files, each as `predict` does: a row a file, in their order. What is wrong with one
        stands in its row, and stops no other.

            for name, label, probabilities, mistake in recogniser.predict_files(Path("calls").glob("*.wav")):

        Raises      InputError: one path was given instead of several, or what is no path
        """
        if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
            raise InputError(f"paths: should be several files, found only {paths}; give a list, or use predict")
        paths = list(paths)
        for path in paths:
            if not isinstance(path, str | os.PathLike):
                raise InputError(
                    f"paths: should be paths of files, found a {type(path).__name__}; use predict for it"
                )
        rows = []
        for path, found in zip(paths, _of_files(self, paths), strict=True):
            if isinstance(found, InputError):
                rows.append(FilePrediction(str(path), None, None, str(found)))
            else:
                rows.append(FilePrediction(str(path), found.label, found.probabilities, None))
        return rows

    def for_speaker(
        self, waveforms: Iterable[np.ndarray], sample_rate: float, names: Iterable[str] | None = None
    ) -> "Recogniser":
        """The same for recordings of one person, of whom some are at hand; what they express need not be known.

        Recordings with the same microphone are best, of different moods; the one to be recognised may be among them.
        The card in pretrained/ says from how many on it helps.

        Shapes      waveforms: each (samples,) or (samples, channels)
        Units       sample_rate in Hz
        Raises      InputError: there is none, or one cannot be recognised; its name begins the message; there are
                    more names, or fewer
        """
        one = isinstance(waveforms, np.ndarray) and waveforms.ndim < 2 and waveforms.dtype != object
        if one or not isinstance(waveforms, Iterable):
            raise InputError(
                f"waveforms: should be several recordings, found one {type(waveforms).__name__}; give a list"
            )
        waveforms = list(waveforms)
        if not waveforms:
            raise InputError("waveforms: holds no recording of the person; give at least one")
        names = [f"waveforms[{i}]" for i in range(len(waveforms))] if names is None else list(names)
        if len(names) != len(waveforms):
            raise InputError(f"names: should be {len(waveforms)}, one for each waveform, found {len(names)}")
        sounds = [to_mono_16k(w, sample_rate, name) for w, name in zip(waveforms, names, strict=True)]
        frames = [frames_of_waveform(w, self.features, name)[0] for w, name in zip(sounds, names, strict=True)]
        with one_blas_thread(), ThreadPoolExecutor(available_cores()) as pool:
            return self.for_speaker_of(frames, pool)

    def for_speaker_of(self, frames: Sequence[np.ndarray], pool: Executor) -> "Recogniser":
        """As `for_speaker`, from log-mel frames, each (T, bands) in dB."""
        own, head = self.standardiser.for_speaker(frames), self.speaker_head
        if head is not None:
            statistics = recognise(self.model, self.params, list(map(own.apply, frames)), pool).statistics
            head = head.for_speaker(statistics)
        return replace(self, standardiser=own, speaker_head=head, speaker_known=True)

    def predict_each(
        self, waveforms: Sequence[np.ndarray], names: Sequence[str], threads: int
    ) -> list[Prediction | InputError]:
        """Recognise utterances at once, on so many threads. What is wrong with one takes the place of its prediction:
        a NoSpeech where nobody speaks.

        Shapes      waveforms: each (samples,) float32
        Units       16 kHz
        """
        with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
            return self._predictions(list(pool.map(self._power, waveforms, names)), names, pool, threads)

    def _power(self, waveform: np.ndarray, name: str) -> np.ndarray | InputError:
        """An utterance's mel power, or what is wrong with it."""
        if not waveform.any():
            return no_speech(name)
        return too_short(waveform, self.features, name) or mel_power(waveform, self.features)

    def _predictions(
        self, powers: Sequence[np.ndarray | InputError], names: Sequence[str], pool: Executor, threads: int
    ) -> list[Prediction | InputError]:
        """What comes after `_power`. What is wrong with an utterance stays in its place."""
        shown = list(pool.map(self._shown, powers, names))
        rows: Iterator[tuple[np.ndarray, np.ndarray | None]] = iter(())
        if log_mels := [x[0] for x in shown if not isinstance(x, InputError)]:
            logits, attention = self.logits(log_mels, pool, threads)
            rows = zip(logits, attention or repeat(None), strict=False)
        return [
            x if isinstance(x, InputError) else self._prediction(*next(rows), *x, name)
            for x, name in zip(shown, names, strict=True)
        ]

    def logits(
        self, log_mels: Sequence[np.ndarray], pool: Executor, threads: int = 1
    ) -> tuple[np.ndarray, list[np.ndarray] | None]:
        """Logits (B, K) of standardised log-mels, of a person who is known by their head; and attention. Several
        `threads` of the pool share the work on a single one.
        """
        if threads > 1 and len(log_mels) == 1:
            found = recognise_in_halves(self.model, self.params, log_mels[0], pool)
        else:
            found = recognise(self.model, self.params, log_mels, pool)
        logits, attention, statistics = found
        if self.speaker_known and self.speaker_head is not None:
            logits = self.speaker_head.logits(statistics)
        return logits, attention

    def _shown(self, power: np.ndarray | InputError, name: str) -> tuple[np.ndarray, int] | InputError:
        """Standardised frames, and which frame of the utterance the first one is."""
        if isinstance(power, InputError):
            return power
        frames, start = crop(in_decibels(power, self.features), self.features.max_frames)
        if not speech_heard(frames, self.features):
            return no_speech(name)
        return self.standardiser.apply(with_deltas(frames, self.features.deltas)), start

    def _prediction(
        self, logits: np.ndarray, attention: np.ndarray | None, frames: np.ndarray, start: int, name: str
    ) -> Prediction | InputError:
        if not np.isfinite(logits).all():
            return InputError(f"{name}: the model's numbers grow beyond all bounds on it; train the model anew")
        probabilities = softmax(logits[np.newaxis])[0]
        best = self.labels[int(probabilities.argmax())]
        shares = dict(zip(self.labels, map(float, probabilities), strict=True))
        if attention is None:
            return Prediction(best, shares, None, None)
        seconds = frame_seconds(start + attended_frames(len(frames)), self.features)
        return Prediction(best, shares, attention, np.asarray(seconds))

    def __repr__(self) -> str:
        parameters = sum(w.size for name, w in self.params.items() if is_learned(name))
        return "\n".join(
            [
                "Recogniser",
                f"  network     {self.model.name}, {parameters:,} parameters",
                f"  labels      {', '.join(self.labels)}",
                f"  trained on  {self.trained_on or 'unknown'}",
                f"  level       {self.features.level}",
            ]
        )

    def save(self, path: str | Path, half: bool = False) -> None:
        """Write everything into one .npz file; with `half`, the parameters in float16, half the size.

        Raises      InputError: the file cannot be written; a parameter is beyond float16
        """
        about = {
            "kind": KIND,
            "network": type(self.model).__name__,
            "model": asdict(self.model),
            "labels": list(self.labels),
            "features": self.features.as_dict(),
            "trained_on": self.trained_on,
            "speaker_head": self.speaker_head is not None,
            "speaker_known": self.speaker_known,
            "half": half,
        }
        params = {f"params.{name}": w for name, w in self.params.items()}
        if half:
            largest = max(float(np.abs(w).max()) for w in params.values())
            if largest > float(np.finfo(np.float16).max):
                raise InputError(f"{path}: float16 ends at 65504, and a parameter is {largest:.3g}; keep float32")
            params = {name: w.astype(np.float16) for name, w in params.items()}
        statistics = {"standardiser.mean": self.standardiser.mean, "standardiser.sd": self.standardiser.sd}
        head = {} if self.speaker_head is None else self.speaker_head.arrays()
        write_arrays(Path(path), params | statistics | head, about)


def load(path: str | Path | None = None) -> Recogniser:
    """Read a model that numser.train wrote, or the one in a run's folder; without a path, the one that comes with
    numser.

    Raises      InputError: there is no such file, or no model in the folder; it is not such a model, or it is damaged
    """
    path = PRETRAINED if path is None else Path(path)
    if os.path.isdir(path):  # a name that no file can have is none, too
        path /= "model.npz"
        if not path.exists():
            raise InputError(f"{path.parent}: this folder has no model.npz; name a run's whose training has ended")
    arrays, about = read_arrays(path, KIND, _layouts)
    model, stored = _stored(about)
    arrays = {name: w.astype(np.float32) for name, w in arrays.items()}
    for name in [name for name in arrays if name.endswith((".sd", ".running_variance"))]:
        if arrays[name].min() < 0 or (arrays[name].min() == 0 and name.endswith(".sd")):
            raise InputError(f"{path}: is damaged: a standard deviation in {name} is not positive")
    standardiser = Standardiser(arrays.pop("standardiser.mean"), arrays.pop("standardiser.sd"))
    head = None
    if stored.speaker_head:
        head = SpeakerHead.of({name: arrays.pop(name) for name in _head_shapes(model.n_classes)})
    params = {name.removeprefix("params."): w for name, w in arrays.items()}
    return Recogniser(
        model,
        params,
        tuple(stored.labels),
        stored.features,
        standardiser,
        stored.trained_on,
        head,
        stored.speaker_known,
    )


@dataclass(frozen=True)
class _Stored:
    """What a model's file says beside its network's hyper-parameters and its arrays."""

    labels: list[str]
    features: FeatureSettings
    network: str = "SeparableSER"  # older models name none
    trained_on: str = ""
    speaker_head: bool = False  # whether there is one; older models have none
    speaker_known: bool = False
    half: bool = False


def _stored(about: dict[str, Any]) -> tuple[Network, _Stored]:
    newer = {
        part: {_OLDER.get(name, name): value for name, value in about[part].items()}
        for part in ("model", "features")
        if isinstance(about.get(part), dict)
    }
    stored = from_json(_Stored, about | newer)
    if stored.network not in NETWORKS:
        raise ValueError(f"network should be one of {', '.join(NETWORKS)}, found {quoted(stored.network)}")
    model = from_json(NETWORKS[stored.network], newer.get("model"), "model")
    for part, found in (("model", model), ("features", stored.features)):
        if strange := sorted(newer[part].keys() - vars(found)):
            raise ValueError(f"{part} has {quoted(strange[0])}, which this version does not know")
    if len(stored.labels) != model.n_classes or len(set(stored.labels)) < len(stored.labels):
        raise ValueError(f"{len(set(stored.labels))} labels for {model.n_classes} classes")
    f = stored.features
    if f.columns != model.inputs or f.sample_rate != SAMPLE_RATE or f.max_frames * f.hop_length > _LONGEST:
        raise ValueError(f"features: {f.max_frames} frames of {f.columns} columns, of sound at {f.sample_rate} Hz")
    if stored.speaker_head and not isinstance(model, SeparableSER):
        raise ValueError(f"speaker_head: {stored.network} has none")
    return model, stored


def _layouts(about: dict[str, Any]) -> dict[str, Layout]:
    """What a model's arrays are."""
    model, stored = _stored(about)
    params, dtype = model.init(np.random.default_rng(0)), "float16" if stored.half else "float32"
    layouts = {f"params.{name}": Layout(dtype, w.shape) for name, w in params.items()}
    layouts |= dict.fromkeys(("standardiser.mean", "standardiser.sd"), Layout("float32", (model.inputs,)))
    head = _head_shapes(model.n_classes) if stored.speaker_head else {}
    return layouts | {name: Layout("float32", shape) for name, shape in head.items()}


def _head_shapes(n_classes: int) -> dict[str, tuple[int, ...]]:
    return SpeakerHead.shapes(4 * UNITS, n_classes)


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a recording, and what the network makes of it."""

    start: float  # seconds from the beginning of the recording
    end: float
    prediction: Prediction | None  # None: nobody speaks. Its `seconds` count from the recording's beginning


@dataclass(frozen=True, eq=False)
class Piece:
    """A window that has been read but not recognised; or, without sound, what is wrong with the file."""

    file: int
    name: str
    start: float  # seconds from the beginning of the recording
    sound: np.ndarray  # (n,) float32, 16 kHz
    mistake: InputError | None = None


def window_seconds(recogniser: Recogniser) -> float:
    """How long the windows are: what the model is shown of an utterance at most."""
    return recogniser.features.max_frames * recogniser.features.hop_length / recogniser.features.sample_rate


def predict_windows(
    recogniser: Recogniser,
    files: Iterable[tuple[str, Path | BinaryIO]],
    step: float | None = None,
    threads: int | None = None,
    channel: str | None = None,
    live: bool = False,
) -> Iterator[tuple[int, Window | InputError]]:
    """Recognise files, each with the name it is called by, window by window, in bounded memory and in their order.
    A file may be in memory: an io.BytesIO; or a pipe, of which with `live` each window comes when its sound is there.

    Yields which file it is, from 0, and its next window. What is wrong with a file comes in the place of a window.

    `channel` is "left", "right" or a number from 1 on; by default the mean is taken.

    Units       step in seconds (default: windows that touch)
    Raises      InputError: a step that is no part of a window
    """
    longest = window_seconds(recogniser)
    step = longest if step is None else step
    if not 0.1 <= step <= longest:
        raise InputError(f"‹step› {step:g}: should be from 0.1 to {longest:g} seconds, the length of a window")
    pieces = (p for i, (name, path) in enumerate(files) for p in _pieces(i, name, path, longest, step, channel))
    for piece, _, window in predict_pieces(recogniser, pieces, 1 if live else threads, 1 if live else _AT_ONCE):
        yield piece.file, window


def _pieces(
    file: int, name: str, path: Path | BinaryIO, longest: float, step: float, channel: str | None
) -> Iterator[Piece]:
    try:
        for start, waveform in windows(path, longest, step, name, channel):
            yield Piece(file, name, start, waveform)
    except InputError as mistake:
        yield Piece(file, name, 0.0, np.zeros(0, np.float32), mistake)


def predict_pieces(
    recogniser: Recogniser, pieces: Iterable[Piece], threads: int | None = None, at_once: int = _AT_ONCE
) -> Iterator[tuple[Piece, np.ndarray | InputError, Window | InputError]]:
    """Recognise windows that are read elsewhere, in bounded memory and in their order. Each is given back, with the
    mel power (T, bands) that it was recognised by, and what was found; or twice with what is wrong.
    """
    pieces, threads = iter(pieces), threads or available_cores()
    while group := list(islice(pieces, at_once * threads)):
        with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
            powers = list(pool.map(lambda piece: piece.mistake or recogniser._power(piece.sound, piece.name), group))
            predictions = recogniser._predictions(powers, [piece.name for piece in group], pool, threads)
        full = window_seconds(recogniser) * SAMPLE_RATE
        for piece, power, found in zip(group, powers, predictions, strict=True):
            if isinstance(found, NoSpeech) and len(piece.sound) >= full - 1:  # others of the file may have some
                yield piece, power, _window(piece, None)
            else:
                yield piece, power, found if isinstance(found, InputError) else _window(piece, found)


def _window(piece: Piece, prediction: Prediction | None) -> Window:
    if prediction is not None and prediction.seconds is not None:
        prediction = replace(prediction, seconds=piece.start + prediction.seconds)
    return Window(piece.start, piece.start + len(piece.sound) / SAMPLE_RATE, prediction)


def overall(found: list[Window]) -> Prediction | None:
    """One answer for a whole recording: the mean of its windows' probabilities. None if nobody speaks in any."""
    predictions = [window.prediction for window in found if window.prediction is not None]
    if not predictions:
        return None
    shares = {
        label: float(np.mean([p.probabilities[label] for p in predictions])) for label in predictions[0].probabilities
    }
    return Prediction(max(shares, key=shares.__getitem__), shares, None, None)


def _of_files(recogniser: Recogniser, paths: Sequence[str | os.PathLike]) -> Iterator[Prediction | InputError]:
    """One answer for each file, or what is wrong with it."""
    found = predict_windows(recogniser, [(str(path), Path(path)) for path in paths])
    for i, pairs in groupby(found, key=lambda pair: pair[0]):
        yield _whole([window for _, window in pairs], str(paths[i]))


def _whole(found: Sequence[Window | InputError], name: str) -> Prediction | InputError:
    """One answer for all windows of a recording, or what is wrong with it."""
    windows = [window for window in found if isinstance(window, Window)]
    if len(windows) < len(found):
        return next(window for window in found if isinstance(window, InputError))
    if len(windows) == 1 and windows[0].prediction is not None:
        return windows[0].prediction
    return overall(windows) or no_speech(name)
