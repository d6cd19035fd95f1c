"""Does the attention find the emotion? In the built-in corpus it lies on a known part of each utterance, its span.

    python -m numser.train --corpus synthetic --test-speaker 09,10 --steps 300 --seed 0 --out runs/attention-seed0
    python benchmarks/attention_spans.py runs/attention-seed0 runs/attention-seed1 …

For each test utterance that has a span, and each run:

    share      the span's share of the network's time steps: what equal attention would give to it
    mass       the attention inside the span
    elsewhere  the mass inside the span if the attention of the other test utterances, stretched to this one's length,
               lay over it; their mean. A network that looks at the middle, whatever is said, has this mass too

The JSON file keeps them as the lines of a CSV table. Two more tables have the mean attention in each twentieth of an
utterance, beside how much of it is inside the span; and the attention over time of the first speaker's first text in
every emotion: the utterances for pictures, which were fixed before the first run.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import record

from numser.cli import run
from numser.corpora.synthetic import load
from numser.errors import InputError
from numser.evaluation import TestedUtterance
from numser.runs.folder import RunFolder

PARTS = 20  # of an utterance, in the mean over all


class Stretched(NamedTuple):
    """A test utterance on a time that goes from 0 to 1."""

    tested: TestedUtterance
    attention: np.ndarray  # (steps + 1,) from the beginning to the edge of each step
    span: np.ndarray | None  # (2,) the edges of the first and last step that are centred inside it

    def between(self, edges: np.ndarray) -> np.ndarray:
        """The attention between neighbours of `edges`."""
        at = np.linspace(0, 1, len(self.attention))
        return np.diff(np.interp(edges, at, self.attention))


def main(argv: list[str] | None = None) -> None:
    """Measure all test utterances of the runs, print each run's means, and leave the tables in results/."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a folder that numser.train left")
    p.add_argument("--out", type=Path, metavar="FILE", help="the JSON file (default: one in benchmarks/results)")
    p.set_defaults(data=None)
    args = p.parse_args(argv)
    results = [RunFolder(folder).read_result() for folder in args.runs]
    for folder, result in zip(args.runs, results, strict=True):
        if result.corpus != "synthetic" or result.utterances[0].attention is None:
            raise InputError(f"{folder}: should be a run on the synthetic corpus, with attention")
    speakers = {u.speaker for result in results for u in result.utterances}
    spans = {u.name: u.span for u in load(speakers=speakers).utterances}
    rows, parts = ["seed,name,emotion,recognised,share,mass,elsewhere"], ["seed,begin,attention,inside"]
    curves = ["seed,name,weights"]
    print("| seed | UA | share | mass | elsewhere |\n|---|---|---|---|---|")
    for result in results:
        seed, utterances = result.seed, [stretch(u, spans[u.name]) for u in result.utterances]
        measured = {u.tested.name: measure(u, utterances) for u in utterances if u.span is not None}
        rows += [
            f"{seed},{u.name},{u.truth},{u.predicted},{_digits(measured[u.name])}"
            for u in result.utterances
            if u.name in measured
        ]
        parts += [f"{seed},{_digits(part)}" for part in in_parts(utterances)]
        first = result.utterances[0].name[:5]  # speaker and text
        drawn = [u for u in result.utterances if u.name.startswith(first)]
        curves += [f"{seed},{u.name},{_digits(u.attention, ' ')}" for u in drawn]
        means = np.mean(list(measured.values()), axis=0)
        print(f"| {seed} | {result.ua:.3f} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    kept = ("seed", "ua", "best_step", "versions", "machine")
    runs = [{key: getattr(result, key) for key in kept} for result in results]
    settings = {"config": asdict(results[0].config), "runs": runs}
    record(args, settings, {"utterances": rows, "parts": parts, "curves": curves})


def stretch(tested: TestedUtterance, span: tuple[float, float] | None) -> Stretched:
    """An utterance and its span in seconds."""
    attention = np.append(0.0, np.cumsum(tested.attention))
    edges = None if span is None else np.searchsorted(tested.attention_seconds, span) / len(tested.attention)
    return Stretched(tested, attention / attention[-1], edges)


def measure(utterance: Stretched, all_utterances: list[Stretched]) -> tuple[float, float, float]:
    """Share, mass, elsewhere."""
    (mass,) = utterance.between(utterance.span)
    others = [u.between(utterance.span)[0] for u in all_utterances if u is not utterance]
    return float(np.diff(utterance.span)[0]), float(mass), float(np.mean(others))


def in_parts(utterances: list[Stretched]) -> list[tuple[float, float, float]]:
    """Of each part of an utterance: where it begins, its attention, and how much of it is inside the span; means."""
    edges, spoken = np.linspace(0, 1, PARTS + 1), [u for u in utterances if u.span is not None]
    attention = np.mean([u.between(edges) for u in spoken], axis=0)
    inside = np.mean([PARTS * np.diff(edges.clip(*u.span)) for u in spoken], axis=0)
    return list(zip(edges[:-1], attention, inside, strict=True))


def _digits(numbers: Any, between: str = ",") -> str:
    return between.join(f"{number:.4f}" for number in numbers)


if __name__ == "__main__":
    run(main)
