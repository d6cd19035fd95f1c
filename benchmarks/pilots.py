"""How many steps are enough: the validation curves of pilot runs, as a table and a picture.

    python benchmarks/pilots.py "whole recordings" RUN RUN … -- "two seconds" RUN …

Each group is a name and folders that numser.train left. Only their history.csv is read, which knows nothing of the
test. Written are results/pilots.csv and results/pilots.png.
"""

import csv
import sys
from pathlib import Path

from measure import RESULTS

from numser.cli import run
from numser.files import write_csv
from numser.runs.folder import RunFolder

BUDGET = 300  # steps, what the curves led to


def main() -> None:
    """Collect, write, draw."""
    groups = [group.split("\t") for group in "\t".join(sys.argv[1:]).split("\t--\t")]
    rows = [
        (name, RunFolder(Path(folder)).read_config().fold, row["step"], row["loss"], row["validation_ua"])
        for name, *folders in groups
        for folder in folders
        for row in csv.DictReader(RunFolder(Path(folder)).history.read_text().splitlines())
    ]
    write_csv(RESULTS / "pilots.csv", ("recordings", "fold", "step", "loss", "validation_ua"), rows)
    draw(rows)


def draw(rows: list[tuple]) -> None:
    """A panel a group: each fold's best validation UA so far, over the steps, and the budget."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(row[0] for row in rows))
    figure, panels = pyplot.subplots(1, len(names), figsize=(8, 3), sharey=True, layout="constrained")
    for panel, name in zip(panels, names, strict=True):
        for fold, style in zip(sorted({row[1] for row in rows if row[0] == name}), ("-", "--", ":"), strict=False):
            steps, uas = zip(*((int(r[2]), float(r[4])) for r in rows if r[:2] == (name, fold)), strict=True)
            best = [max(uas[: n + 1]) for n in range(len(uas))]
            (line,) = panel.plot(steps, best, style, label=f"fold {fold}")
            panel.plot(steps, uas, style, color=line.get_color(), alpha=0.3, linewidth=1)
        panel.axvline(BUDGET, color="0.5", linewidth=1)
        panel.set(title=name, xlabel="training step", ylim=(0.2, 1.02))
    panels[0].set_ylabel("validation UA")
    panels[0].legend(frameon=False, loc="lower center")
    panels[-1].annotate(f"budget, {BUDGET} steps", (BUDGET, 0.22), (4, 0), textcoords="offset points", fontsize=8)
    figure.savefig(RESULTS / "pilots.png", dpi=110)


if __name__ == "__main__":
    run(main)
