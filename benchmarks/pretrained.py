"""Which training makes the more useful model to come with numser: on Emo-DB's seven emotions, or on made-up speech?

    python benchmarks/pretrained.py --speakers RUNS --data DATA --synthetic MODEL.npz

Asked is how well a model recognises people it has never heard, in whole recordings of four emotions (--data). Of the
first kind there is one model a speaker (RUNS, which numser.crossval --speakers left), each tested on the speaker that
was kept from it; the second kind has heard nobody. Answers are free among the models' seven emotions, or among the
four.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from measure import RESULTS, record

from numser.cli import run
from numser.corpora import Corpus, load_corpus
from numser.dataset import prepare
from numser.evaluate import of_speakers
from numser.evaluation import Result, test
from numser.files import read_json
from numser.recogniser import Recogniser, load
from numser.runs.folder import CrossvalidationFolder, RunFolder
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
    for answers, number in ((None, "seven"), (four, "four")):
        kept_out = [
            _test(load(RunFolder(args.speakers / f"speaker{s}").model), of_speakers(corpus, [s]), answers)
            for s in speakers
        ]
        found[f"Emo-DB, the speaker kept out, {number} answers"] = _together(kept_out)
        found[f"built-in corpus, {number} answers"] = _together([_test(load(args.synthetic), corpus, answers)])
    recipe = read_json(CrossvalidationFolder(args.speakers).summary)["config"]["recipe"]
    print("| trained on | UA | 95 % interval | WA | F1 |\n|---|---|---|---|---|")
    for name, s in found.items():
        low, high = s["ua_interval"]
        print(f"| {name} | {s['ua']:.3f} | {low:.3f} … {high:.3f} | {s['wa']:.3f} | {s['f1']:.3f} |")
    args.out = args.out or RESULTS / "pretrained.json"
    record(args, {"recipe": recipe, "utterances": len(corpus.utterances)}, {"scores": found})


def _test(recogniser: Recogniser, corpus: Corpus, answers: list[str] | None) -> Result:
    dataset = prepare(corpus, recogniser.features, classes=recogniser.labels).standardised(recogniser.standardiser)
    return test(recogniser, dataset, np.arange(len(dataset.labels)), available_cores(), answers)


def _together(results: list[Result]) -> dict[str, Any]:
    """One figure over all utterances, each tested once."""
    all_of_them = Result.of(results[0].labels, [u for result in results for u in result.utterances])
    scores = {key: getattr(all_of_them, key) for key in ("ua", "wa", "f1")}
    interval = summarise([all_of_them])["ua_interval"]
    return {**scores, "ua_interval": interval, "confusion": all_of_them.confusion}


if __name__ == "__main__":
    run(main)
