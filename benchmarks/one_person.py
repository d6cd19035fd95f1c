"""How many recordings of a person are needed, so that knowing them helps?

    python -m numser.crossval --corpus emodb --data path/to/emodb --speakers --out RUNS
    python benchmarks/one_person.py RUNS --data path/to/emodb

Each of the runs has left out a speaker. That speaker's utterances are recognised by the run's model, one at a time,
when 0, 1, 3, 5 or 10 of the speaker's other recordings are known too, without their labels, or all that there are
(`Recogniser.for_speaker`). Which ones is drawn at random, anew for each utterance, in so many draws. Written is
results/one_person.json.
"""

import argparse
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from numser.corpora import load_corpus
from numser.dataset import prepare
from numser.files import write_json
from numser.metrics import confusion_matrix, unweighted_accuracy
from numser.recogniser import Recogniser, load
from numser.runs.folder import RunFolder
from numser.threads import available_cores, one_blas_thread

KNOWN = (0, 1, 3, 5, 10, None)  # None: all, with the one that is recognised
RESULTS = Path(__file__).parent / "results"


def score(
    recogniser: Recogniser, frames: list[np.ndarray], labels: np.ndarray, known: int | None, seed: int
) -> float:
    """UA over one speaker's utterances, of which `known` others are known at each."""
    rng, answers = np.random.default_rng(seed), []
    with ThreadPoolExecutor(available_cores()) as pool:
        person = recogniser if known == 0 else recogniser.for_speaker_of(frames, pool)
        for i, x in enumerate(frames):
            if known:
                others = rng.permutation([j for j in range(len(frames)) if j != i])[:known]
                person = recogniser.for_speaker_of([frames[j] for j in others], pool)
            logits, _ = person.logits([person.standardiser.apply(x)], pool)
            answers.append(logits[0].argmax())
    return unweighted_accuracy(confusion_matrix(labels, np.array(answers), len(recogniser.labels)))


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="a folder of numser.crossval --speakers")
    parser.add_argument("--corpus", default="emodb")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--draws", type=int, default=1)
    args = parser.parse_args()
    corpus, uas, dataset = load_corpus(args.corpus, args.data), {}, None
    with one_blas_thread():
        for folder in sorted(args.runs.glob("speaker*")):
            recogniser, speaker = load(RunFolder(folder).model), folder.name.removeprefix("speaker")
            dataset = dataset or prepare(corpus, recogniser.features, classes=recogniser.labels)
            members = [i for i, u in enumerate(corpus.utterances) if u.speaker == speaker]
            frames, labels = [dataset.log_mels[i] for i in members], dataset.labels[members]
            for known in KNOWN:
                draws = args.draws if known else 1
                ua = np.mean([score(recogniser, frames, labels, known, seed) for seed in range(draws)])
                uas.setdefault("all" if known is None else str(known), {})[speaker] = round(float(ua), 4)
            print(speaker, {known: of[speaker] for known, of in uas.items()}, file=sys.stderr)
    means = {known: round(float(np.mean(list(of.values()))), 4) for known, of in uas.items()}
    print("\n".join(f"{known:>4} known: UA {ua:.3f}" for known, ua in means.items()))
    about = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
    write_json(RESULTS / "one_person.json", {"ua": means, "speakers": uas, "draws": args.draws, "versions": about})


if __name__ == "__main__":
    main()
