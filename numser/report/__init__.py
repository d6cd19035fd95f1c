"""A run to look at and listen to, as one HTML file that needs no network.        python -m numser.report --help"""

import argparse
from pathlib import Path
from typing import Any

from numser.cli import Progress, command_line, say
from numser.errors import InputError

STYLES = ("base.css", "sound.css", "report.css")
SCRIPTS = (
    "base.js",
    "chart.js",
    "bars.js",
    "scores.js",
    "learning.js",
    "tables.js",
    "calibration.js",
    "logmel.js",
    "player.js",
    "card.js",
    "filter.js",
    "utterances.js",
    "report.js",
)
MEGABYTES = 25.0
NAMED = 3  # recordings that are not there and are named one by one
_EPILOG = """\
The file holds the recordings themselves: share it only as their licence allows, or use --no-sound.

examples:
  python -m numser.report runs/emodb-fold0
  python -m numser.report runs/crossval-emodb-speakers --out report.html --picture confusion.svg
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    about = "Write one HTML file that shows how a run went: scores, learning curves, mistakes, and every "
    about += "test utterance to see and hear. It opens in any browser, without network."
    p = command_line("report", about, _EPILOG)
    p.add_argument("run", metavar="RUN", type=Path, help="folder that numser.train or numser.crossval wrote")
    p.add_argument("--out", metavar="FILE.html", type=Path, help="the file to write (default RUN/report.html)")
    p.add_argument(
        "--picture",
        metavar="FILE",
        type=Path,
        help="draw the confusion matrix and the learning curves too, for a paper: PNG, SVG or PDF, by the name's end",
    )
    p.add_argument("--data", metavar="DIR", type=Path, help="where the corpus is now, if it has moved")
    p.add_argument("--no-sound", action="store_false", dest="sound", help="leave the sound out, keep the log-mels")
    p.add_argument(
        "--megabytes",
        metavar="N",
        type=float,
        default=MEGABYTES,
        help="how large the file may be; where sound does not fit, mistakes come first (default %(default)g)",
    )
    return p


def main(argv: list[str] | None = None) -> None:
    """Write the report, and say where it is."""
    args = parser().parse_args(argv)
    out = args.out or args.run / "report.html"
    if args.picture is not None:
        _draw(args.run, args.picture)
    written = report(args.run, out, data=args.data, sound=args.sound, megabytes=args.megabytes, progress=Progress())
    absent = sum(u["absent"] is not None for u in written["utterances"])
    say(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(written['utterances'])} test utterances"
        f"{f', {absent} of them without their recording' if absent else ''}; open it in a browser"
    )


def _draw(folder: Path, picture: Path) -> None:
    from numser import plots
    from numser.report.folder import read_runs
    from numser.summary import summarise

    plots.check_picture(picture)
    runs = read_runs(folder)
    summary = summarise(runs.results)
    histories = [fold.history for fold in runs.folds]
    plots.of_run(summary["labels"], summary["confusion"], histories, picture)
    say(f"{picture}: confusion matrix and learning curves")


def report(
    folder: Path,
    out: Path,
    *,
    data: Path | None = None,
    sound: bool = True,
    megabytes: float = MEGABYTES,
    progress: "Progress | None" = None,
) -> dict[str, Any]:
    """Write a report on the run or cross-validation in `folder` into the file `out`, and return the page's data.

    `data` is where the corpus is, if it has moved. Without `sound` the page has log-mels alone.

    Raises      InputError: `folder` is no run; no run in it has ended; a file in it is damaged; `out` does not end
                in .html or cannot be written
    """
    if out.suffix != ".html":
        raise InputError(f"--out {out}: should end in .html, so that no other file is overwritten by mistake")
    if not megabytes >= 0:
        raise InputError(f"--megabytes {megabytes:g}: should be 0 or more")
    from numser.files import check_place, write_whole
    from numser.page import page
    from numser.report.data import report_data
    from numser.report.folder import read_runs

    runs = read_runs(folder)
    check_place(out, "out")
    content = report_data(runs)
    content["audible"] = sound

    def text(sounds: dict[str, Any]) -> bytes:
        return page(f"numser: {content['title']}", STYLES, SCRIPTS, {"data": content, **sounds})

    room = megabytes * 1e6 - len(text({})) - 100 * len(content["utterances"])
    whole = text(_with_sound(content, runs, data, room, progress))
    write_whole(out, lambda file: file.write(whole))
    return content


def _with_sound(
    content: dict[str, Any], runs: Any, data: Path | None, limit: float, progress: "Progress | None"
) -> dict[str, dict[str, Any]]:
    """Say of each utterance how long it is and why it has no sound, if so; return sounds by their elements' ids."""
    from numser.report.sound import Sound, sounds, sources, spoken

    progress = progress or Progress()
    utterances, elements = content["utterances"], {}
    order = sorted(range(len(utterances)), key=lambda i: not _mistaken(utterances[i]))
    load, said = sources(runs, data), spoken(runs, data)
    made = sounds([load[utterances[i]["name"]] for i in order], limit, audible=content["audible"])
    missing, left_out = 0, 0
    for done, (i, found) in enumerate(zip(order, made, strict=True), start=1):
        utterances[i] |= {"seconds": None, "absent": None, "syllables": said[utterances[i]["name"]]}
        if isinstance(found, Sound):
            utterances[i]["seconds"] = round(found.seconds, 3)
            elements[f"sound-{i}"] = vars(found)
        elif found is None:
            utterances[i]["absent"] = "left out to keep this file small"
            left_out += 1
        else:
            missing += 1
            if missing <= NAMED:
                progress.line(f"without sound: {found}")
            utterances[i]["absent"] = "its recording was not found or cannot be read"
        progress.live(f"sound and log-mels {done}/{len(order)}")
    progress.clear()
    if missing > NAMED:
        progress.line(
            f"{missing - NAMED} more are without sound; if the corpus has moved, --data says where it is now"
        )
    if left_out:
        progress.line(f"{left_out} utterances are without sound, to keep the file small; --megabytes gives more room")
    return elements


def _mistaken(utterance: dict[str, Any]) -> bool:
    return any(prediction["predicted"] != utterance["truth"] for prediction in utterance["predictions"])
