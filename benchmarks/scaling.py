"""How a training step grows: with the length of utterances, the batch, the number of blocks, and threads.

    python benchmarks/scaling.py --data path/to/emodb

Only numser runs here. What counts is the time a frame: it should stay the same whatever the length and the batch.
Utterances are cut, at the length wanted, from the frames of the corpus. Memory is the peak of a process of its own.
"""

import json
from functools import partial
from statistics import median

import numpy as np
from measure import alternate, arguments, dataset, memory_of, peak_memory, record
from train_step import numser_step

from numser.dataset import Dataset, LogMels

LENGTHS = (64, 128, 256, 400, 700)
BATCHES = (8, 16, 32, 64)
BLOCKS = (1, 2, 3, 4, 5, 6)
LENGTH, BATCH, BLOCK = 300, 32, 4  # where another number varies


def cut(data: Dataset, batch: int, length: int) -> Dataset:
    """A batch of utterances of one length, from the corpus's frames one after the other."""
    frames = np.concatenate(data.log_mels)
    places = np.arange(batch * length).reshape(batch, length)
    log_mels = LogMels(list(frames.take(places, 0, mode="wrap")))
    labels = np.arange(batch) % len(data.classes)
    return Dataset([], data.classes, labels, ("A",) * batch, log_mels, [0] * batch)


def measure(title: str, variants: dict[int, dict], data: Dataset, threads: int, rounds: int, per_frame: bool) -> dict:
    """Time steps that differ in one number. Print the time a step and the time a frame.

    Beside that, how many times the middle one it is, where it should stay the same; else, how many times the first.
    """
    steps, frames = {}, {}
    for value, changed in variants.items():
        setting = {"batch": BATCH, "length": LENGTH, "blocks": BLOCK, "threads": threads} | changed
        frames[value] = setting["batch"] * setting["length"]
        batch = cut(data, setting["batch"], setting["length"])
        steps[value] = numser_step(batch, setting["blocks"], setting["threads"])
    times = alternate(steps, rounds)
    each = {value: median(seconds) / frames[value] for value, seconds in times.items()}
    reference = median(each.values()) if per_frame else next(iter(each.values()))
    print(f"\n{title:<24}{'s a step':>10}{'µs a frame':>12}{'of the middle' if per_frame else 'of the first':>16}")
    for value, seconds in times.items():
        print(f"{value:<24}{median(seconds):10.3f}{each[value] * 1e6:12.1f}{each[value] / reference:16.2f}")
    return {"seconds": times, "frames": frames}


def main() -> None:
    """Measure, print, record."""
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--memory-of", type=int, metavar="B", help="two steps of a batch of B; print the memory")
    args = parser.parse_args()
    if args.memory_of:
        batch = cut(dataset(args.data), args.memory_of, LENGTH)
        before = peak_memory()
        step = numser_step(batch, BLOCK, args.threads)
        step(), step()
        print(json.dumps({"before": before, "peak": peak_memory()}))
        return

    common = ["--threads", str(args.threads), *(["--data", str(args.data)] if args.data else [])]
    memory = {batch: memory_of(*common, "--memory-of", str(batch)) for batch in BATCHES}
    data = dataset(args.data)
    print(f"{args.threads} threads; else {BATCH} utterances of {LENGTH} frames, {BLOCK} blocks; {args.rounds} rounds")
    run = partial(measure, data=data, threads=args.threads, rounds=args.rounds)
    results = {
        "length": run("frames an utterance", {n: {"length": n} for n in LENGTHS}, per_frame=True),
        "batch": run("utterances a batch", {n: {"batch": n} for n in BATCHES}, per_frame=True),
        "blocks": run("blocks", {n: {"blocks": n} for n in BLOCKS}, per_frame=False),
        "threads": run("threads", {n: {"threads": n} for n in range(1, args.threads + 1)}, per_frame=False),
    }
    print(f"\n{'utterances a batch':<24}{'MiB at the peak':>16}{'before the first step':>24}")
    for batch, m in memory.items():
        print(f"{batch:<24}{m['peak']:16.0f}{m['before']:24.0f}")
    settings = {"threads": args.threads, "batch": BATCH, "length": LENGTH, "blocks": BLOCK}
    record(args, settings, results | {"memory_MiB": memory})


if __name__ == "__main__":
    main()
