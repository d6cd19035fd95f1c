"""The paper's tables, computed anew, beside the paper's figures.        python -m numser.reproduce --help

What a table lacks is run first, fold by fold, each in a folder of its own; the same command goes on where it was
stopped. Tables share runs: the attention row of Table 2 is the four blocks of Table 4.

    OUT/blocks4-ce/folds/fold0 …            the paper's nine runs
    OUT/blocks4-ce/speakers/speaker03 …     one speaker left out after the other
    OUT/table2.md                           the table

Deviation   beside each figure on the paper's random subsets, whose speakers stand on both sides, stands the one of
            speakers left out; and figures have intervals (see crossval.py)
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from numser.cli import Progress, command_line, in_words, offline_option, option, say
from numser.corpora import NAMES
from numser.errors import InputError
from numser.recipe import RECIPES, Recipe
from numser.reproduce.paper import SYSTEM_ROWS, Row, proposed
from numser.reproduce.tables import TABLES, Setting, draw, figure3, show

WHAT = (*TABLES, "table5", "figure3", "all")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = command_line("reproduce", "Compute the paper's tables anew, beside the paper's figures.")
    p.add_argument("what", choices=WHAT, help="a table, figure 3, or all of them")
    p.add_argument("--corpus", metavar="NAME", required=True, help=", ".join(NAMES))
    p.add_argument("--data", metavar="DIR", help="the corpus's folder")
    offline_option(p)
    option(p, "--recipe", "numser", "how all rows are trained, but for what they compare", choices=RECIPES)
    option(p, "--steps", "the recipe's", "training steps, for all rows", type=int, metavar="N")
    option(p, "--batch-size", "the recipe's", "utterances a step", type=int, metavar="N")
    option(p, "--lr", "the recipe's", "learning rate of Adam", type=float)
    option(p, "--validate-every", "the recipe's", "steps between validations", type=int, metavar="N")
    p.add_argument("--no-speakers", action="store_true", help="do not run the folds that leave speakers out")
    only = p.add_mutually_exclusive_group()
    only.add_argument("--plan", action="store_true", help="only say what would be run, and how long that takes")
    only.add_argument("--show", action="store_true", help="run nothing; show what is there")
    option(p, "--jobs", "one a core", "folds at once, each a process with one thread", type=int, metavar="N")
    p.add_argument("--dask", metavar="ADDRESS", help="run on this Dask scheduler's workers, who all see --out")
    p.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="draw it, as PNG, PDF or SVG: tables 2 to 4, figure 3; of all, figure 3",
    )
    p.add_argument("--out", type=Path, metavar="DIR", help="(default runs/reproduce-CORPUS)")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run what is missing, print the tables, and leave them in the folder as Markdown."""
    args = parser().parse_args(argv)
    drawn = "figure3" if args.what == "all" else args.what
    if args.picture and (args.plan or drawn == "table5"):
        raise InputError("--picture: draws what has run, of tables 2, 3, 4 and figure 3; leave it out")
    from numser.files import make_folder
    from numser.plots import check_picture
    from numser.runs.folds import check_workers, visible_to_workers  # imports Numba, which --help should not wait for

    check_workers(args.jobs, args.dask)
    out = args.out or Path("runs") / f"reproduce-{args.corpus}"
    given = {name: getattr(args, name) for name in ("steps", "batch_size", "lr", "validate_every")}
    common = {name: value for name, value in given.items() if value is not None} | {"recipe": args.recipe or "numser"}
    data = args.data
    if args.dask:
        out, data = visible_to_workers(out, data)
    protocols = ("folds",) if args.no_speakers else ("folds", "speakers")
    setting = Setting(args.corpus, data, out, common, protocols, args.offline)
    names = [name for name in WHAT[:-1] if args.what in (name, "all")]
    if args.picture:
        make_folder(out)  # where it may go
        check_picture(args.picture)
    if args.what == "all" and not args.picture and not setting.votes:
        Progress().line("figure 3 is left out: no utterance has votes")
        names.remove("figure3")
    if "figure3" in names:
        figure3(setting)  # what cannot be is seen before the first runs
    if args.plan:
        say(plan(setting, names, args.jobs))
        return 0
    if not args.show:
        _run_what_is_missing(setting, names, args.jobs, args.dask)
    for name in names:
        picture = args.picture if name == drawn else None
        text = figure3(setting, picture) if name == "figure3" else show(setting, name)
        say(text)
        _keep(text, out / f"{name}.md")
        if picture and name in TABLES:
            draw(setting, name, picture)
    return 0


def _needed(names: list[str], corpus: str) -> Iterator[dict[str, Any]]:
    """What the rows of these tables change, each once."""
    seen = []
    for name in names:
        rows = (
            TABLES[name].rows_for(corpus)
            if name in TABLES
            else (Row("", proposed(corpus), {}), *SYSTEM_ROWS)
            if name == "table5"
            else ()
        )
        for row in rows:
            if row.changes not in seen:
                seen.append(row.changes)
                yield row.changes


def _run_what_is_missing(setting: Setting, names: list[str], jobs: int | None, address: str | None) -> None:
    from numser.runs.folder import CrossvalidationFolder
    from numser.runs.folds import run_folds, workers

    missing = {}
    for changes in _needed(names, setting.corpus):
        for protocol in setting.protocols_of(changes):
            folds, folder = setting.folds(changes, protocol)
            if len(setting.ended(changes, protocol)[0]) < len(folds):
                missing[folder] = folds
    for folds in missing.values():
        for config in folds.values():
            config.split(setting.loaded)  # what cannot be is seen before the first runs
    make_executor, at_once = workers(jobs, address)
    for folder, folds in missing.items():
        Progress().line(f"{folder}: {len(folds)} folds")
        write_table = CrossvalidationFolder(folder).write_table
        run_folds(folds, folder, make_executor, setting.loaded.identity, jobs=at_once, on_result=write_table)


def plan(setting: Setting, names: list[str], jobs: int | None) -> str:
    """What would be run, and how long it takes by a step that is timed now, on one thread."""
    from numser.threads import available_cores

    jobs, lines, total, seconds_a_step, seen = jobs or available_cores(), [], 0.0, {}, set()
    for changes in _needed(names, setting.corpus):
        recipe = setting.recipe(changes)
        for protocol in setting.protocols_of(changes):
            folds, folder = setting.folds(changes, protocol)
            missing = len(folds) - len(setting.ended(changes, protocol)[0])
            if folder in seen or not missing:
                continue
            seen.add(folder)
            network = recipe.system, recipe.blocks
            if network not in seconds_a_step:
                seconds_a_step[network] = _time_a_step(setting, recipe)
            seconds = missing * recipe.steps * seconds_a_step[network] / jobs
            total += seconds
            lines.append(f"{folder}: {missing} of {len(folds)} folds of {recipe.steps} steps, {in_words(seconds)}")
    how = f"by a timed step on one thread, {jobs} folds at once; validations come on top"
    return "\n".join([*lines, f"{in_words(total)} in all, {how}" if lines else "nothing is missing"])


def _time_a_step(setting: Setting, recipe: Recipe) -> float:
    """Seconds a training step takes on one thread, the second of two: the first compiles."""
    import time

    from numser.augment import Augmentation
    from numser.dataset import prepare
    from numser.features import Standardiser
    from numser.splits import fold
    from numser.training import feature_settings, initial_state, train, training_pieces

    features = feature_settings(recipe)
    dataset, split, times = prepare(setting.loaded, features), fold(setting.loaded.utterances, 0), []
    each = [Standardiser.fit(dataset.log_mels)] * len(dataset.labels)
    augmentation = Augmentation(recipe, features, dataset.log_mels, each) if recipe.augments else None
    dataset = dataset.standardised(each)
    pieces = len(training_pieces(recipe, dataset.log_mels.lengths, split.train))

    def on_step(state, loss) -> bool:
        times.append(time.perf_counter())
        return len(times) == 2

    recipe = replace(recipe, steps=3, validate_every=9)
    train(
        recipe,
        dataset,
        split,
        initial_state(recipe, len(dataset.classes), pieces),
        augmentation=augmentation,
        threads=1,
        on_step=on_step,
    )
    return times[1] - times[0]


def _keep(text: str, path: Path) -> None:
    from numser.files import make_folder, remove_halves, write_whole

    make_folder(path.parent)
    remove_halves(path.parent, [path.name])
    write_whole(path, lambda file: file.write(text.encode()))
