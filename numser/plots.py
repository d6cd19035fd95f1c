"""Pictures. They need matplotlib, which the extra "tutorials" brings."""

from pathlib import Path

from numser.errors import InputError


def vote_shares(counts: dict[str, int], levels: dict[str, int], picture: Path) -> None:
    """Draw the paper's Figure 3: utterances by share of votes, and by level of difficulty, into a file.

    Raises      InputError: matplotlib is not installed; the file cannot be written
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            f'--picture {picture}: matplotlib is not installed; pip install "numser[tutorials]" brings it'
        ) from None
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, (title, table) in zip(figure.subplots(1, 2), (("(a)", counts), ("(b)", levels)), strict=True):
        bars = axes.barh(list(table), list(table.values()), color="#33658a")
        axes.bar_label(bars, padding=3)
        axes.invert_yaxis()
        axes.set(xlabel="utterances", title=title)
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(picture)
    except (OSError, ValueError) as error:
        raise InputError(f"--picture {picture}: cannot be written ({error})") from error
