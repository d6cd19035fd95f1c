"""The paper's tables with our figures beside the paper's, from runs that have ended, as Markdown.

Deviation   beside each figure on the paper's random subsets, whose speakers stand on both sides, stands the one of
            speakers left out; figures have intervals, and a difference whose interval holds zero is called no effect
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numser.errors import InputError
from numser.recipe import Recipe, recipe
from numser.reproduce.paper import (
    SYSTEM_ROWS,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    TABLE_5_NOTES,
    Row,
    Table,
    proposed,
)
from numser.summary import summarise, ua_difference

if TYPE_CHECKING:
    from numser.runs.config import Config
    from numser.runs.result import RunResult

TABLES = {"table2": TABLE_2, "table3": TABLE_3, "table4": TABLE_4}
BLOCKS = {"iemocap": 5}  # what the paper settles on; on every other corpus 4
_NAMES = {"emodb": "Emo-DB", "iemocap": "IEMOCAP"}


@dataclass(frozen=True)
class Setting:
    """What all runs of a command have in common."""

    corpus: str
    data: str | None
    out: Path
    common: dict[str, Any]  # of each recipe: which one, and what is otherwise than there
    protocols: tuple[str, ...]  # "folds", or "folds" and "speakers"
    offline: bool = False  # a corpus that is missing is not fetched

    @cached_property
    def loaded(self) -> Any:
        """The corpus."""
        from numser.corpora import load_corpus

        return load_corpus(self.corpus, None if self.data is None else Path(self.data), offline=self.offline)

    @property
    def votes(self) -> list[float]:
        """Of each utterance that has some, the share that went to its label."""
        return [u.votes for u in self.loaded.utterances if u.votes is not None]

    def recipe(self, changes: dict[str, Any]) -> Recipe:
        """A row's recipe. Another system has its own, and takes no other's name."""
        common = self.common
        if "system" in changes:
            common = {name: value for name, value in common.items() if name != "recipe"}
        return recipe(**{"blocks": BLOCKS.get(self.corpus, 4)} | common | changes)

    def protocols_of(self, changes: dict[str, Any]) -> list[str]:
        """The protocols that a row is run by: another system's leaves speakers out."""
        return [protocol for protocol in self.protocols if protocol == "speakers" or "system" not in changes]

    def folds(self, changes: dict[str, Any], protocol: str) -> tuple[dict[str, "Config"], Path]:
        """A row's folds by one protocol, and their folder."""
        from numser.runs.folds import folds_of

        recipe = self.recipe(changes)
        loss = recipe.loss + (f"-{recipe.lambda_b:g}-{recipe.lambda_c:g}" if recipe.loss == "focal" else "")
        system = f"{changes['system']}-" if "system" in changes else ""
        name = f"{system}blocks{recipe.blocks}-{loss}{'' if recipe.attention else '-noattention'}"
        speakers = protocol == "speakers"
        # a recipe that chooses nothing by validation learns from one more speaker
        how = {"train_on_validation": speakers and recipe.keep == "last"}
        folds = folds_of(self.corpus, self.data, speakers, [recipe], self.loaded, **how)
        return folds, self.out / name / protocol

    def ended(self, changes: dict[str, Any], protocol: str) -> tuple[list["RunResult"], int]:
        """The results that are there, and how many folds there are in all."""
        from numser.runs.folds import finished

        folds, folder = self.folds(changes, protocol)
        results = [finished(config, folder / name, self.loaded.identity) for name, config in folds.items()]
        return [result for result in results if result is not None], len(folds)


def show(setting: Setting, name: str) -> str:
    """A table as Markdown, which is readable as it is."""
    if name == "table5":
        return _table5(setting)
    table: Table = TABLES[name]
    corpus = _NAMES.get(setting.corpus, setting.corpus)
    lines = [f"### {table.title}, on {corpus}", "", *_about(setting)]
    parameters = any(row.parameters for row in table.rows)
    head = ["", *(["parameters", "numser's"] if parameters else []), "paper UA / WA / F1", "numser UA / WA / F1"]
    head += ["UA − paper's", "95 % interval of UA", "UA, speakers left out"]
    lines += [_row(head), _row(["---"] * len(head))]
    for row in table.rows_for(setting.corpus):
        counted = [row.parameters, _parameters(setting, row)] if parameters else []
        lines.append(_row([row.label, *counted, *_cells(setting, row)]))
    comparisons = list(_comparisons(setting, table))
    comparisons.append(
        "- Intervals are over test utterances and over the runs that share them; with speakers left out, over "
        "speakers. One of many comparisons may differ more."
    )
    lines += ["", *comparisons, *(f"- {note}" for note in table.notes)]
    return "\n".join([*lines, f"- ? is a figure that the text of the paper at hand has lost; {_UNFINISHED}", ""])


_UNFINISHED = "“3 of 9” that so many runs have ended, and a figure waits for all."


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _about(setting: Setting) -> list[str]:
    """What was found of the corpus, and the recipe's budget."""
    findings, source = setting.loaded.findings, setting.loaded.source
    if source and len(source.parts) > 1:  # where it is, is nobody's concern
        findings = [finding.replace(str(source), source.name) for finding in findings]
    recipe = setting.recipe({})
    return [" ".join(findings), f"{recipe.steps} steps of {recipe.batch_size}, learning rate {recipe.lr:g}.", ""]


def _parameters(setting: Setting, row: Row) -> str:
    """numser's count for four emotions, in the paper's unit: multiples of 2²⁰, cut after two digits."""
    return f"{str(_count(setting, row) / 2**20)[:4]}M"


def _count(setting: Setting, row: Row) -> int:
    from numser.layers.batch_norm import is_learned
    from numser.training import network

    params = network(setting.recipe(row.changes), 4).init(np.random.default_rng(0))
    return sum(w.size for name, w in params.items() if is_learned(name))


def _cells(setting: Setting, row: Row) -> list[str]:
    """Paper's figures, ours, their difference, our interval, and the figure of speakers left out."""
    reported = row.reported.get(setting.corpus)
    theirs = " / ".join("?" if x is None else f"{x:.2f}" for x in reported) if reported else "–"
    results, folds = setting.ended(row.changes, "folds")
    if len(results) < folds:
        ours = [f"{len(results)} of {folds}", "", ""]
    else:
        summary = summarise(results)
        low, high = (100 * x for x in summary["ua_interval"])
        difference = ""
        if reported and reported[0] is not None:
            difference = f"{100 * summary['ua']['mean'] - reported[0]:+.1f}"
            difference += " (inside)" if low <= reported[0] <= high else ""
        scores = " / ".join(f"{100 * summary[key]['mean']:.2f}" for key in ("ua", "wa", "f1"))
        ours = [scores, difference, f"{low:.1f} … {high:.1f}"]
    return [theirs, *ours, _left_out(setting, row.changes)]


def _left_out(setting: Setting, changes: dict[str, Any]) -> str:
    if "speakers" not in setting.protocols:
        return "–"
    results, folds = setting.ended(changes, "speakers")
    found = _interval(results, folds)
    return f"{found[0]:.2f} ({found[1]:.1f} … {found[2]:.1f})" if found else f"{len(results)} of {folds}"


def _comparisons(setting: Setting, table: Table) -> Iterator[str]:
    """Each row against the table's reference: a difference whose interval holds zero is not called an effect."""
    reference = next(row for row in table.rows if row.label == table.reference)
    for protocol in setting.protocols:
        subsets = {"folds": "random subsets", "speakers": "speakers left out"}[protocol]
        others, folds = setting.ended(reference.changes, protocol)
        for row in table.rows_for(setting.corpus):
            results, _ = setting.ended(row.changes, protocol)
            if row is reference or len(others) < folds or len(results) < folds:
                continue
            low, high = (100 * x for x in ua_difference(results, others))
            mean = 100 * (summarise(results)["ua"]["mean"] - summarise(others)["ua"]["mean"])
            chance = {
                "folds": "the choice of test utterances and the runs' spread explain",
                "speakers": "the speakers' spread explains",
            }[protocol]
            verdict = f"more than {chance}" if low > 0 or high < 0 else "no effect can be told"
            difference = f"UA {mean:+.1f} ({low:+.1f} … {high:+.1f})"
            claim = _against_the_paper(setting.corpus, row, reference, low, high)
            yield f"- {subsets}: {row.label} − {reference.label}: {difference}: {verdict}{claim}"


def _against_the_paper(corpus: str, row: Row, reference: Row, low: float, high: float) -> str:
    """What an interval of the difference says about the paper's own, if the paper has one, on whatever corpus."""
    for name in (corpus, *_NAMES):
        ours, others = (r.reported.get(name, (None,))[0] for r in (row, reference))
        if ours is not None and others is not None:
            break
    else:
        return ""
    claimed = ours - others
    inside = low <= claimed <= high
    if low <= 0 <= high:
        judgement = "it cannot be told" if inside else "this contradicts it"
    elif (low > 0) != (claimed > 0):
        judgement = "this contradicts it"
    else:
        judgement = "this agrees" if inside else "this agrees in sign, not in size"
    return f"; the paper has {claimed:+.1f}{'' if name == corpus else f' on {_NAMES[name]}'}: {judgement}"


def draw(setting: Setting, name: str, picture: Path) -> None:
    """A table as a picture: each row's UA, the paper's beside ours, with intervals.

    Raises      InputError: matplotlib is not installed; the file cannot be written
    """
    from numser.plots import intervals

    table = TABLES[name]
    rows = table.rows_for(setting.corpus)
    reported = [row.reported.get(setting.corpus, (None,))[0] for row in rows]
    series = {"the paper": [None if ua is None else (ua, ua, ua) for ua in reported]}
    for protocol in setting.protocols:
        of_all = [_interval(*setting.ended(row.changes, protocol)) for row in rows]
        series["random subsets" if protocol == "folds" else "speakers left out"] = of_all
    title = f"{table.title}, on {_NAMES.get(setting.corpus, setting.corpus)}"
    intervals(title, [row.label for row in rows], series, picture)


def _interval(results: list["RunResult"], folds: int) -> tuple[float, float, float] | None:
    """Mean UA of a row and its interval, in percent, once all of its runs have ended."""
    if len(results) < folds:
        return None
    summary = summarise(results)
    low, high = summary["ua_interval_speakers"] or summary["ua_interval"]
    return 100 * summary["ua"]["mean"], 100 * low, 100 * high


def _table5(setting: Setting) -> str:
    corpus = _NAMES.get(setting.corpus, setting.corpus)
    lines = ["### Table 5: parameters, and UA against other systems", "", *_about(setting)]
    columns = list(dict.fromkeys(["iemocap", "emodb", setting.corpus]))
    head = ["", "parameters", *(f"UA on {_NAMES.get(name, name)}" for name in columns)]
    lines += [_row(head), _row(["---"] * len(head))]
    for name, (parameters, *uas) in TABLE_5.items():
        figures = ["–" if ua is None else f"{ua:.2f}" for ua in uas] + ["–"] * (len(columns) - 2)
        lines.append(_row([f"{name}, as reported", parameters, *figures]))
    changes = proposed(setting.corpus)
    ours = [
        (f"numser, random subsets, on {corpus}", changes, _cells(setting, Row("", changes, {}))[1].split(" / ")[0])
    ]
    rows = (Row("numser", changes, {}), *SYSTEM_ROWS)
    ours += [(f"{r.label}, speakers left out, on {corpus}", r.changes, _left_out(setting, r.changes)) for r in rows]
    for label, changes, ua in ours:
        count = _count(setting, Row("", changes, {}))
        cells = [ua if name == setting.corpus else "–" for name in columns]
        lines.append(_row([label, f"{count:,}", *cells]))
    notes = (*TABLE_5_NOTES, "numser's counts are for four emotions.", f"{_UNFINISHED[0].upper()}{_UNFINISHED[1:]}")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


def figure3(setting: Setting, picture: Path | None = None) -> str:
    """How many listeners agreed with the label, and how many utterances are easy, medium and hard."""
    from numser.difficulty import THRESHOLD, THRESHOLDS, level

    votes = setting.votes
    if not votes:
        raise InputError(f"‹corpus› {setting.corpus}: no utterance has votes, so there is no figure 3 of it")
    threshold = THRESHOLDS.get(setting.loaded.name, THRESHOLD)
    edges = [k / 10 for k in range(10)]
    counts = {
        f"{low:.1f} ≤ votes < {low + 0.1:.1f}": sum(low <= v < low + 0.1 - 1e-9 for v in votes) for low in edges
    }
    counts["votes = 1"] = sum(v == 1 for v in votes)
    names = {"A": "easy, votes = 1", "B": f"medium, votes ≥ {threshold:g}", "C": f"hard, votes < {threshold:g}"}
    levels = {f"{k}: {name}": sum(level(v, threshold) == k for v in votes) for k, name in names.items()}
    lines = [f"### Figure 3: share of votes for the label, on {_NAMES.get(setting.corpus, setting.corpus)}", ""]
    for title, table in (("(a) share of the votes", counts), ("(b) level", levels)):
        lines += [_row([title, "utterances", "share"]), _row(["---"] * 3)]
        lines += [_row([name, str(n), f"{n / len(votes):.1%}"]) for name, n in table.items() if n or title[1] == "b"]
        lines.append("")
    if picture:
        from numser.plots import vote_shares

        vote_shares(counts, levels, picture)
    return "\n".join([*lines, "- On IEMOCAP, the paper says, medium ones are nearly 64 % of the training data.", ""])
