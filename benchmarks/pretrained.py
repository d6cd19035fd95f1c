"""Which training makes the more useful model to come with numser: on Emo-DB's seven emotions, or on made-up speech?

    python benchmarks/pretrained.py --speakers RUNS --data DATA --synthetic MODEL.npz

Asked is how well a model recognises people it has never heard, in whole recordings of four emotions (--data). Of the
first kind there is one model a speaker (RUNS, which numser.crossval --speakers left), each tested on the speaker that
was kept from it; the second kind has heard nobody. Answers are free among the models' seven emotions, or among the
four.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from measure import RESULTS, record

from numser.cli import run
from numser.corpora import Corpus, load_corpus
from numser.dataset import prepare
from numser.evaluate import of_speakers
from numser.evaluation import test
from numser.metrics import macro_f1, unweighted_accuracy, weighted_accuracy
from numser.recogniser import Recogniser, load
from numser.summary import summarise
from numser.threads import available_cores


def main(argv: list[str] | None = None) -> None:
    """Test both, print a table, and leave the figures in results/."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--speakers", type=Path, required=True, metavar="RUNS", help="a cross-validation over speakers")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="whole recordings of the same speakers")
    p.add_argument(
        "--synthetic", type=Path, required=True, metavar="MODEL.npz", help="trained on the built-in corpus"
    )
    p.add_argument("--out", type=Path, metavar="FILE", help="the JSON file (default: one in benchmarks/results)")
    args = p.parse_args(argv)
    corpus = load_corpus("emodb", args.data)
    speakers = sorted({u.speaker for u in corpus.utterances})
    four = sorted({u.label for u in corpus.utterances})
    found: dict[str, Any] = {}
    for among, answers in ((None, "seven"), (four, "four")):
        kept_out = [
            _test(load(args.speakers / f"speaker{s}" / "model.npz"), of_speakers(corpus, [s]), among)
            for s in speakers
        ]
        found[f"Emo-DB, the speaker kept out, {answers} answers"] = _together(kept_out)
        found[f"built-in corpus, {answers} answers"] = _together([_test(load(args.synthetic), corpus, among)])
    recipe = json.loads((args.speakers / "summary.json").read_text())["config"]["recipe"]
    print("| trained on | UA | 95 % interval | WA | F1 |\n|---|---|---|---|---|")
    for name, s in found.items():
        low, high = s["ua_interval"]
        print(f"| {name} | {s['ua']:.3f} | {low:.3f} … {high:.3f} | {s['wa']:.3f} | {s['f1']:.3f} |")
    args.out = args.out or RESULTS / "pretrained.json"
    record(args, {"recipe": recipe, "utterances": len(corpus.utterances)}, {"scores": found})


def _test(recogniser: Recogniser, corpus: Corpus, among: list[str] | None) -> dict[str, Any]:
    dataset = prepare(corpus, recogniser.features, classes=recogniser.labels).standardised(recogniser.standardiser)
    return test(recogniser, dataset, range(len(dataset.labels)), available_cores(), among)


def _together(results: list[dict[str, Any]]) -> dict[str, Any]:
    """One figure over all utterances, each tested once."""
    confusion = np.sum([result["confusion"] for result in results], axis=0)
    rows = [row for result in results for row in result["utterances"]]
    scores = {"ua": unweighted_accuracy(confusion), "wa": weighted_accuracy(confusion), "f1": macro_f1(confusion)}
    together = {**scores, "labels": results[0]["labels"], "confusion": confusion.tolist(), "utterances": rows}
    return {**scores, "ua_interval": summarise([together])["ua_interval"], "confusion": confusion.tolist()}


if __name__ == "__main__":
    run(main)
