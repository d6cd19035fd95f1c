"""Many utterances, and many trainings at once: does time grow in proportion, and memory not?

    python benchmarks/load.py --counts 1000,10000,100000

Half-second pieces of the built-in corpus, each made a little different, are written as WAV files and listed in a
table. For each number of files a process of its own loads the table, computes the log-mels, trains a few steps, and
recognises all files. Then eight trainings run side by side, in threads and in processes; all must end with the same
bits as one alone.

More than a gibibyte of frames is in a mapped file. What of it happens to be in memory is counted as the process's,
though the system takes it back when something else needs the room.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from measure import peak_memory, record

from numser.audio import SAMPLE_RATE
from numser.cli import run
from numser.corpora import load_corpus
from numser.corpora.synthetic import load as load_synthetic
from numser.dataset import prepare
from numser.features import PAPER, Standardiser
from numser.recipe import Recipe
from numser.recogniser import Recogniser, predict_windows
from numser.splits import Split
from numser.training import initial_state, network, train

STEPS, BATCH = 10, 64
SIDE_BY_SIDE = 8


def main() -> None:
    """Measure all numbers of files, then trainings side by side, and keep the figures."""
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--counts", default="1000,10000,100000", metavar="N,…", help="numbers of files")
    p.add_argument("--out", type=Path, metavar="FILE", help="the JSON file (default: one in benchmarks/results)")
    p.add_argument("--child", help=argparse.SUPPRESS)
    args = p.parse_args()
    args.data = None
    if args.child:
        print(json.dumps(stages(Path(args.child)) if not args.child.startswith("train ") else one_training()))
        return
    counts = [int(n) for n in args.counts.split(",")]
    found = {}
    with tempfile.TemporaryDirectory(prefix="numser-load-") as folder:
        for count in counts:
            table = write_files(Path(folder) / str(count), count)
            found[count] = child(str(table))
            show(count, found[count])
    alone = one_training()["digest"]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        in_threads = {r["digest"] for r in pool.map(lambda _: one_training(), range(SIDE_BY_SIDE))}
        in_processes = {r["digest"] for r in pool.map(lambda _: child("train one"), range(SIDE_BY_SIDE))}
    same = in_threads == in_processes == {alone}
    print(f"{SIDE_BY_SIDE} trainings in threads and {SIDE_BY_SIDE} in processes: the same bits: {same}")
    record(args, {"steps": STEPS, "batch": BATCH}, {"files": found, "side_by_side_same_bits": same})


def write_files(folder: Path, count: int) -> Path:
    """So many WAV files of half a second, a thousand a folder, and the table that lists them."""
    corpus = load_synthetic(texts=("a03",))
    rows = ["path,label,speaker"]
    for n in range(count):
        u = corpus.utterances[n % len(corpus.utterances)]
        begin = (len(u.waveform) - SAMPLE_RATE // 2) // 2
        samples = u.waveform[begin : begin + SAMPLE_RATE // 2].copy()
        samples[:4] = np.frombuffer(n.to_bytes(4, "little"), np.uint8) / 256  # no file is another's copy
        path = folder / f"{n // 1000}" / f"{n}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, SAMPLE_RATE)
        rows.append(f"{path.relative_to(folder)},{u.label},{u.speaker}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    return folder / "table.csv"


def stages(table: Path) -> dict[str, dict[str, float]]:
    """Seconds that each stage takes, and the most memory that the process has had by its end, in MiB."""
    found = {}

    def timed(name: str, work: Callable):
        start = time.perf_counter()
        result = work()
        found[name] = {"seconds": time.perf_counter() - start, "MiB": peak_memory()}
        return result

    corpus = timed("load the table", lambda: load_corpus("table", table))
    dataset = timed("log-mels", lambda: prepare(corpus))
    everyone = np.arange(len(dataset.labels))
    standardiser = timed("standardiser", lambda: Standardiser.fit(dataset.log_mels))
    dataset = dataset.standardised(standardiser)
    recipe = Recipe(steps=STEPS, batch_size=BATCH, validate_every=STEPS)
    state = initial_state(recipe, len(dataset.classes), len(everyone))
    split = Split(everyone, everyone[: 10 * BATCH], everyone[:BATCH])
    timed(f"{STEPS} steps", lambda: train(recipe, dataset, split, state))
    recogniser = Recogniser(network(recipe, len(dataset.classes)), state.params, dataset.classes, PAPER, standardiser)
    files = [(u.name, u.path) for u in corpus.utterances]
    timed("recognise all files", lambda: sum(1 for _ in predict_windows(recogniser, files)))
    return found


def one_training() -> dict[str, str]:
    """A small training on the built-in corpus, and a digest of where it ends."""
    corpus = load_synthetic(texts=("a03",))
    dataset = prepare(corpus, threads=1)
    dataset = dataset.standardised(Standardiser.fit(dataset.log_mels))
    recipe = Recipe(blocks=1, steps=3, batch_size=16, validate_every=3)
    everyone = np.arange(len(dataset.labels))
    state = initial_state(recipe, len(dataset.classes), len(everyone))
    train(recipe, dataset, Split(everyone, everyone[:16], everyone[:1]), state, threads=2)
    digest = hashlib.sha256(b"".join(w.tobytes() for w in state.params.values())).hexdigest()
    return {"digest": digest, "MiB": peak_memory()}


def child(what: str) -> dict:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--child", what]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def show(count: int, found: dict[str, dict[str, float]]) -> None:
    """A line a stage."""
    print(f"{count} files")
    for stage, figures in found.items():
        each = figures["seconds"] / count * 1e3
        print(f"  {stage:<26}{figures['seconds']:9.2f} s{each:9.3f} ms a file{figures['MiB']:9.0f} MiB", flush=True)


if __name__ == "__main__":
    run(main)
