"""Pictures of what goes into the network, what comes out, and how it learns.

    axes = plots.log_mel(features.log_mel(waveform))
    axes.figure.savefig("log-mel.png")

Each function draws on the `ax` it is given, or on a new figure, and returns the axes, so that titles and the like can
be added. They need matplotlib, which the extra "tutorials" brings and which is imported only when something is drawn.
The colour maps are even in brightness, and can be told apart by people who see few colours.
"""

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from numser.errors import InputError
from numser.features import PAPER, FeatureSettings, band_edges, frame_seconds
from numser.files import check_place, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#777777"  # Okabe and Ito's; their dark ones
_LOOK = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "image.cmap": "magma",
}
_PICTURES = (".png", ".svg", ".pdf")  # what a picture's file is known by
_SMALLEST_ERROR = 1e-12  # of a gradient; what is less is rounding


def pyplot() -> ModuleType:
    """matplotlib.pyplot, from now on with the look of these pictures.

    Raises      InputError: matplotlib is not installed
    """
    plt = _pyplot()
    from cycler import cycler

    plt.rcParams.update(_LOOK | {"axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, GREY])})
    return plt


def log_mel(
    frames: np.ndarray, ax: "Axes | None" = None, settings: FeatureSettings = PAPER, colorbar: bool = True
) -> "Axes":
    """Log-mel frames over time. The frequencies are spaced as the bands are, in mel.

    Shapes      frames (T, bands)
    Units       dB; the axes are in seconds and kHz
    Raises      InputError: matplotlib is not installed
    """
    ax = ax or _new((8, 3))
    left, right = frame_seconds(-0.5, settings), frame_seconds(len(frames) - 0.5, settings)
    image = ax.imshow(
        frames.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        interpolation="nearest",
        extent=(float(left), float(right), -0.5, settings.n_mels - 0.5),
    )
    edges = band_edges(settings)
    hertz = [f for f in (250, 500, 1000, 2000, 4000, 8000, 16000) if edges[0] <= f < edges[-1] + 1]
    bands = np.interp(hertz, edges, np.arange(-1, settings.n_mels + 1)).clip(-0.5, settings.n_mels - 0.5)
    ax.set_yticks(bands, [f"{f / 1000:g}" for f in hertz])
    ax.set(xlabel="time (s)", ylabel="frequency (kHz)")
    if colorbar:
        ax.figure.colorbar(image, ax=ax, label="power (dB)", pad=0.01)
    return ax


def attention(
    frames: np.ndarray,
    seconds: np.ndarray,
    weights: np.ndarray,
    span: tuple[float, float] | None = None,
    axes: "Sequence[Axes] | None" = None,
    settings: FeatureSettings = PAPER,
) -> "tuple[Axes, Axes]":
    """Log-mel frames, and below them the attention over the same time; the dotted line is equal attention.

    `seconds` and `weights` are what a `Prediction` holds. `span` marks where the emotion was put, if that is known.

    Shapes      frames (T, bands)   seconds (N',)   weights (N',), summing to 1
    Units       frames in dB; seconds and span in seconds from the utterance's beginning
    Raises      InputError: matplotlib is not installed
    """
    if axes is None:
        axes = _pyplot().subplots(2, 1, sharex=True, figsize=(8, 4), height_ratios=(3, 1), layout="constrained")[1]
    above, below = axes
    log_mel(frames, above, settings, colorbar=False)
    above.set_xlabel("")
    below.fill_between(seconds, weights, color=BLUE, linewidth=0)
    below.axhline(1 / len(weights), color=GREY, linewidth=0.8, linestyle=":")
    top = 1.15 * np.max(weights)
    if span:
        below.plot(span, [top, top], color=ORANGE, linewidth=4, solid_capstyle="butt")
        below.annotate("where the emotion was put", (np.mean(span), top), (0, -5), textcoords="offset points",
                       ha="center", va="top", color=ORANGE)  # fmt: skip
    below.set(xlabel="time (s)", ylabel="attention", ylim=(0, 1.25 * top), xlim=above.get_xlim())
    below.spines[["top", "right"]].set_visible(False)
    return above, below


def confusion(counts: np.ndarray, labels: Sequence[str], ax: "Axes | None" = None) -> "Axes":
    """What was recognised as what: a row is an emotion, its numbers say what its utterances were taken for.

    Colour is the share of the row, so that rare emotions can be compared with frequent ones.

    Shapes      counts (K, K): true label, recognised label   labels: K
    Units       utterances
    Raises      InputError: matplotlib is not installed
    """
    ax = ax or _new((1.5 + 0.7 * len(labels), 1.2 + 0.6 * len(labels)))
    counts = np.asarray(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        ax.text(
            column, row, str(counts[row, column]), ha="center", va="center", color="white" if share > 0.5 else "black"
        )
    ax.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(labels)), labels)
    ax.set(xlabel="recognised", ylabel="true")
    ax.figure.colorbar(image, ax=ax, label="share of the true emotion's utterances")
    return ax


def learning_curves(history: Mapping[str, np.ndarray], axes: "Sequence[Axes] | None" = None) -> "tuple[Axes, Axes]":
    """Losses, and UA on the validation set, over the steps of a training.

    A run's history.csv is read by `np.genfromtxt(path, delimiter=",", names=True)`.

    Shapes      history: step, loss, validation_loss, validation_ua and best_ua, each (validations,)
    Raises      InputError: matplotlib is not installed
    """
    if axes is None:
        axes = _pyplot().subplots(1, 2, figsize=(9, 3.2), layout="constrained")[1]
    losses, accuracy = axes
    losses.plot(history["step"], history["loss"], color=BLUE, label="training")
    losses.plot(history["step"], history["validation_loss"], color=ORANGE, linestyle="--", label="validation")
    losses.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
    accuracy.plot(history["step"], history["validation_ua"], color=ORANGE, linestyle="--", label="validation")
    accuracy.step(history["step"], history["best_ua"], color=GREY, where="post", label="best so far")
    accuracy.set(xlabel="step", ylabel="UA", ylim=(0, 1))
    for ax in axes:
        ax.legend(frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
    return losses, accuracy


def gradient_errors(
    analytic: np.ndarray,
    numeric: np.ndarray,
    ax: "Axes | None" = None,
    names: Sequence[str] = (),
    colorbar: bool = True,
) -> "Axes":
    """Where a gradient is wrong: each entry's |analytic − numeric|, as a share of the largest numeric one.

    `numser.gradcheck.every_entry` brings both. A tensor of three or four axes is cut into tiles, one for each index
    of its last axes: (N, F, C) into C tiles of N × F side by side, (3, 3, C, O) into C rows of O kernels.

    Shapes      analytic, numeric: the same, one to four axes   names: of the axes, for the labels
    Units       none; the line on the colour bar is the gradient check's tolerance
    Raises      ValueError: the shapes differ, or have no or more than four axes
                InputError: matplotlib is not installed
    """
    if analytic.shape != numeric.shape or not 1 <= analytic.ndim <= 4:
        raise ValueError(
            f"analytic, numeric: should be alike, of one to four axes, found {analytic.shape} and {numeric.shape}"
        )
    ax = ax or _new((8, 3))
    from matplotlib.colors import LogNorm

    from numser.gradcheck import TOLERANCE

    largest = np.abs(numeric).max()
    errors = np.abs(analytic - numeric) / (largest if largest > 0 else 1)
    names = (*names, *[""] * errors.ndim)[: errors.ndim]
    if errors.ndim == 1:
        errors, names = errors[np.newaxis], ("", *names)
    high, wide = errors.shape[:2]  # of a tile
    down, across = (1, 1, *errors.shape[2:])[-2:]  # tiles
    mosaic = errors.reshape(high, wide, down, across).transpose(2, 0, 3, 1).reshape(down * high, across * wide)
    norm = LogNorm(_SMALLEST_ERROR, 1)
    image = ax.imshow(
        np.clip(mosaic, _SMALLEST_ERROR, 1), norm=norm, cmap="magma", aspect="auto", extent=(0, across, down, 0)
    )
    for line in range(1, down):
        ax.axhline(line, color="white", linewidth=2)
    for line in range(1, across):
        ax.axvline(line, color="white", linewidth=2)
    tile_names = ("", "", *names[2:])[-2:]
    for axis, inside, tiles, name, tile_name in zip(
        (ax.yaxis, ax.xaxis), (high, wide), (down, across), names[:2], tile_names, strict=True
    ):
        axis.set_label_text(f"{tile_name} (in each tile: {name})" if tile_name else name)
        shown = tiles if tiles > 1 else inside
        ticks = np.arange(0, shown, 1 + shown // 20)
        axis.set_ticks((ticks + 0.5) * tiles / shown, ticks)
        axis.set_tick_params(length=0)
    if colorbar:
        bar = ax.figure.colorbar(image, ax=ax, label="error (share of largest)", pad=0.01)
        bar.ax.axhline(TOLERANCE, color="white", linewidth=1.5)
    return ax


def histograms(arrays: Mapping[str, np.ndarray], ax: "Axes | None" = None) -> "Axes":
    """How large the numbers of each array are, activations or gradients: a row an array, the first at the top.

    A row is a histogram of log₁₀ |value|, as high as its own largest bar. Zeros have no logarithm: their share stands
    beside the name. Where a row lies far to the left of the one before, the signal vanishes there.

    Shapes      any
    Raises      ValueError: there is no array
                InputError: matplotlib is not installed
    """
    if not arrays:
        raise ValueError("arrays: should be one or more, found none")
    ax = ax or _new((8, 1 + 0.35 * len(arrays)))
    sizes = {name: np.log10(np.abs(a[a != 0], dtype=np.float64)) for name, a in arrays.items()}
    found = np.concatenate(list(sizes.values()))
    least, most = (found.min(), found.max()) if found.size else (-1, 0)
    bins = np.linspace(least, most, 80)
    for row, size in enumerate(sizes.values()):
        bars = np.histogram(size, bins)[0]
        ax.stairs(0.9 * bars / max(bars.max(), 1) - row, bins, baseline=-row, fill=True, color=BLUE)
    names = [f"{name} ({np.mean(a == 0):.0%} zero)" if not a.all() else name for name, a in arrays.items()]
    ax.set_yticks(-np.arange(len(names)), names, va="bottom")
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="log₁₀ of the absolute value")
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def update_ratios(weights: Sequence[Mapping[str, np.ndarray]], ax: "Axes | None" = None) -> "Axes":
    """How far each tensor moves in a step, as a share of its size: ‖Δw‖ / ‖w‖, a line a tensor.

    The dotted line is 1/1000, near which it often lies in a training that goes well. Much less, and the tensor hardly
    learns; much more, and each step throws away what the one before has found.

    Shapes      weights: the parameters before the first step, and after each step
    Raises      ValueError: there are less than two
                InputError: matplotlib is not installed
    """
    if len(weights) < 2:
        raise ValueError(f"weights: should be of two moments or more, found {len(weights)}")
    ax = ax or _new((8, 3))
    for name in weights[0]:
        pairs = ((before[name], after[name]) for before, after in pairwise(weights))
        with np.errstate(divide="ignore", invalid="ignore"):  # a bias begins at 0
            ratios = [np.linalg.norm(after - before) / np.linalg.norm(before) for before, after in pairs]
        ax.semilogy(range(1, len(weights)), ratios, linewidth=1, label=name)
    ax.axhline(1e-3, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xlabel="step", ylabel="‖Δw‖ / ‖w‖")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def vote_shares(counts: dict[str, int], levels: dict[str, int], picture: Path) -> None:
    """Draw the paper's Figure 3: utterances by share of votes, and by level of difficulty, into a file.

    Raises      InputError: matplotlib is not installed; the file cannot be written
    """
    figure = _figure(picture, (9, 3.5))
    for axes, (title, table) in zip(figure.subplots(1, 2), (("(a)", counts), ("(b)", levels)), strict=True):
        bars = axes.barh(list(table), list(table.values()), color="#33658a")
        axes.bar_label(bars, padding=3)
        axes.invert_yaxis()
        axes.set(xlabel="utterances", title=title)
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    _save(figure, picture)


def intervals(
    title: str, rows: Sequence[str], series: Mapping[str, Sequence[tuple[float, float, float] | None]], picture: Path
) -> None:
    """Draw a table of UA into a file: a row's figure in each series, with its interval, or a gap where there is none.

    Units       percent: (figure, low, high)
    Raises      InputError: matplotlib is not installed; the file cannot be written
    """
    figure = _figure(picture, (8, 1.4 + 0.55 * len(rows)))
    axes = figure.subplots()
    for k, ((name, found), colour, marker) in enumerate(
        zip(series.items(), (GREY, BLUE, ORANGE), "Dos", strict=False)
    ):
        there = [(row + 0.2 * (k - 1), *x) for row, x in enumerate(found) if x is not None]
        at, ua, low, high = np.array(there).reshape(-1, 4).T
        axes.errorbar(ua, at, xerr=(ua - low, high - ua), fmt=marker, color=colour, capsize=3, label=name)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set(xlabel="UA (%)", title=title)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, picture)


def of_run(
    labels: Sequence[str], counts: np.ndarray, histories: Sequence[Sequence[Sequence[float | None]]], picture: Path
) -> None:
    """Draw a run's confusion matrix, and each fold's learning curves, into a file for a paper.

    Shapes      counts (K, K)   a row of a history: step, loss, validation loss and validation UA, None if unknown
    Raises      InputError: matplotlib is not installed; the file cannot be written
    """
    side = 0.7 * len(labels)
    figure = _figure(picture, (3.5 + side + 2 * 4, 1.5 + side))
    matrix, losses, accuracy = figure.subplots(1, 3, width_ratios=(3.5 + side, 4, 4))
    confusion(counts, labels, matrix)
    width = 1.5 if len(histories) == 1 else 0.7
    for history in filter(None, histories):
        step, loss, validation_loss, ua = np.array(history, float).T
        losses.plot(step, loss, color=BLUE, linewidth=width, label="training")
        losses.plot(step, validation_loss, color=ORANGE, linewidth=width, linestyle="--", label="validation")
        accuracy.plot(step, ua, color=ORANGE, linewidth=width, linestyle="--")
    losses.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
    accuracy.set(xlabel="step", ylabel="validation UA", ylim=(0, 1))
    if losses.lines:
        losses.legend(handles=losses.lines[:2], frameon=False)
    for ax in (losses, accuracy):
        ax.spines[["top", "right"]].set_visible(False)
    _save(figure, picture)


def check_picture(picture: Path) -> None:
    """See whether a picture can be drawn into a file, before the work whose outcome it shows.

    Raises      InputError: the name does not end as it should; matplotlib is not installed; the place is not there
    """
    _figure(picture, (1, 1))


def _figure(picture: Path, size: tuple[float, float]) -> "Figure":
    """A figure that is to become a file."""
    if picture.suffix.lower() not in _PICTURES:
        raise InputError(f"‹picture› {picture}: should end in {', '.join(_PICTURES)}")
    check_place(picture, "picture")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            f'‹picture› {picture}: matplotlib is not installed; pip install "numser[tutorials]" brings it'
        ) from None
    return Figure(figsize=size, layout="constrained")


def _save(figure: "Figure", picture: Path) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, format=picture.suffix[1:].lower(), dpi=200)
    write_whole(picture, lambda file: file.write(drawn.getvalue()))


def _new(size: tuple[float, float]) -> "Axes":
    return _pyplot().subplots(figsize=size, layout="constrained")[1]


def _pyplot() -> ModuleType:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise InputError('pictures need matplotlib; pip install "numser[tutorials]" brings it') from None
    return plt
