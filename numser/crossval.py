"""Cross-validation: many runs, their mean, and how far it can be trusted.        python -m numser.crossval --help

    RUN/fold0 … fold8       a run's folder each, or speaker03 … with --speakers; with several seeds, fold0-seed1 …
    RUN/folds.csv           a row a fold, as soon as it has ended
    RUN/summary.json        mean, standard deviation, intervals, the sum of all confusion matrices

Source      paper §4.2: nine runs, whose test subset is the same and whose validation subset takes turns
Deviation   the paper gives the mean alone. Its nine runs share one test subset, so that their spread does not show
            how much depends on which utterances are in it; numser's interval holds both (summary.py). And beside its
            random subsets, speakers can be left out
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from numser.cli import (
    Progress,
    command_line,
    confusion_table,
    offline_option,
    option,
    python_command,
    run,
    say,
    shell_line,
)
from numser.corpora import NAMES, reading_options
from numser.errors import InputError
from numser.recipe import recipe, recipe_options, split_options
from numser.summary import summarise


def parser() -> argparse.ArgumentParser:
    """The command line."""
    about = "Train and test the network once for each fold of a corpus. The same command goes on with a "
    about += "cross-validation that was stopped."
    p = command_line("crossval", about, argument_default=argparse.SUPPRESS)
    what = p.add_argument_group("what to learn from")
    what.add_argument("--corpus", metavar="NAME", required=True, help=", ".join(NAMES))
    what.add_argument("--data", metavar="DIR", help="the corpus's folder")
    offline_option(what)
    reading_options(what)
    what.add_argument(
        "--speakers", action="store_true", help="leave out one speaker after the other, instead of random subsets"
    )
    option(what, "--seeds", "0", "seeds with commas between; each fold runs once with each", metavar="S,…")
    split_options(what)
    recipe_options(p)
    where = p.add_argument_group("where it runs, and where it goes")
    option(where, "--jobs", "one a core", "folds at once, each a process with one thread", type=int, metavar="N")
    where.add_argument("--dask", metavar="ADDRESS", help="run on this Dask scheduler's workers, who all see --out")
    where.add_argument("--out", type=Path, metavar="DIR", help="(default runs/crossval-CORPUS, or …-speakers)")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run all folds that have not ended, and print what they say together."""
    given = vars(parser().parse_args(argv))
    corpus, data, speakers = given.pop("corpus"), given.pop("data", None), given.pop("speakers", False)
    jobs, address, offline = given.pop("jobs", None), given.pop("dask", None), given.pop("offline", False)
    out = given.pop("out", Path("runs") / f"crossval-{corpus}{'-speakers' if speakers else ''}")
    seeds = _seeds(given.pop("seeds", "0"))
    from numser.calibration import calibration
    from numser.corpora import READING, load_corpus
    from numser.runs.config import HOW
    from numser.runs.folder import CrossvalidationFolder  # imports Numba, which takes longer than --help should
    from numser.runs.folds import check_workers, folds_of, run_folds, visible_to_workers, workers
    from numser.splits import remarks

    how = {name: given.pop(name) for name in HOW if name in given}
    recipes = [recipe(**given, seed=seed) for seed in seeds]
    check_workers(jobs, address)
    if address:
        out, data = visible_to_workers(out, data)
    folder = CrossvalidationFolder(out)
    told = {name: how.get(name) for name in READING}
    loaded = load_corpus(corpus, None if data is None else Path(data), offline=offline, **told)
    folds = folds_of(corpus, data, speakers, recipes, loaded, **how)
    if how.get("train_on_validation") and not speakers and len(folds) > len(seeds):
        raise InputError(
            "--train-on-validation: the folds share their test subset and differ in what validates, so that all "
            "would be one training; leave it out, add --speakers, or train once by numser.train --fold 0"
        )
    first, *_ = [config.split(loaded) for config in folds.values()]  # what cannot be is seen before the first runs
    for sentence in (*loaded.findings, *remarks(loaded.utterances, first)):
        Progress().line(sentence)
    try:
        make, at_once = workers(jobs, address)
        results = run_folds(folds, out, make, loaded.identity, jobs=at_once, on_result=folder.write_table)
    except KeyboardInterrupt:
        line = shell_line(python_command(), "-m", "numser.crossval", *(argv or sys.argv[1:]))
        Progress().line(f"stopped; to go on: {line}")
        return 130
    summary = summarise(list(results.values())) | {"calibration": calibration(list(results.values()))}
    folder.write_summary(summary, results)
    say(_report(summary, out))
    return 0


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(seed) for seed in text.split(",")]
    except ValueError:
        seeds = [-1]
    if min(seeds) < 0:
        raise InputError(f"--seeds {text}: should be whole numbers from 0 on with commas between, such as 0,1,2")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds {text}: the same seed twice is the same run; name each once")
    return seeds


def _report(summary: dict[str, Any], out: Path) -> str:
    low, high = summary["ua_interval"]
    scores = "  ".join(
        f"{key.upper()} {summary[key]['mean']:.3f}" + (f" ± {summary[key]['sd']:.3f}" if summary["runs"] > 1 else "")
        for key in ("ua", "wa", "f1")
    )
    return "\n".join(
        [
            f"{summary['runs']} runs:  {scores}  (± standard deviation over runs)",
            f"95 % interval of the mean UA, over {summary['test_utterances']} test utterances"
            f"{' and how the runs differ' if summary['ua_interval_holds_runs'] else ''}: "
            f"{low:.3f} … {high:.3f}  (UA by chance {summary['chance']:.3f})",
            *_of_speakers(summary),
            _of_calibration(summary["calibration"]),
            *summary["remarks"],
            "",
            confusion_table(summary["labels"], summary["confusion"]),
            "",
            f"everything is in {out}",
        ]
    )


def _of_speakers(summary: dict[str, Any]) -> list[str]:
    if summary["ua_interval_speakers"] is None:
        return []
    low, high = summary["ua_interval_speakers"]
    return [f"95 % interval, over speakers, for what it promises to other people: {low:.3f} … {high:.3f}"]


def _of_calibration(found: dict[str, float]) -> str:
    return (
        f"answers said {found['said']:.2f} on average, and {found['right']:.2f} were right (calibration error "
        f"{found['error']:.3f}); --temperature {found['temperature']:.2f} would have fitted best"
    )


if __name__ == "__main__":
    run(main)
