"""What all benchmarks share: utterances, a fair clock, and a record of what was measured.

Contestants take turns in one process, so that a machine that grows slower for a while does so for all of them, and
the median of several rounds counts. Everything that decides a result goes into the JSON file beside it.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from numser.corpora import Corpus, load_corpus
from numser.corpora.synthetic import load as load_synthetic
from numser.dataset import Dataset, prepare
from numser.features import Standardiser
from numser.threads import available_cores, keep_freed_memory

RESULTS = Path(__file__).parent / "results"
PEERS = ("torch", "torchaudio", "onnx", "onnxruntime", "librosa")
COUNT = 64  # utterances: the paper's batch
KEPT = False  # whether freed memory is kept, as numser's command lines do; it serves all contestants in this process
LOAD = os.getloadavg()[0] if hasattr(os, "getloadavg") else None  # near 0, or the figures are worth little


def arguments(description: str, rounds: int, keep: bool = True) -> argparse.ArgumentParser:
    """The options that every benchmark has. With `keep` this process keeps freed memory from now on."""
    if keep:
        keep_memory()
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="recordings, kept as Emo-DB is; else built-in speech"
    )
    parser.add_argument("--threads", type=int, default=available_cores(), help="default: all cores")
    parser.add_argument(
        "--rounds", type=int, default=rounds, help=f"how often each contestant runs (default {rounds})"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="the JSON file (default: one in benchmarks/results)")
    return parser


def keep_memory() -> None:
    """Keep freed memory for the next array, and remember it for the record."""
    global KEPT
    KEPT = keep_freed_memory()


def corpus(data: Path | None) -> Corpus:
    """64 utterances, evenly spread over the sorted list of what there is."""
    whole = load_corpus("emodb", data) if data else load_synthetic(texts=("a03", "b03"))
    chosen = np.arange(COUNT) * len(whole.utterances) // COUNT if len(whole.utterances) > COUNT else slice(None)
    return Corpus(whole.name, list(np.array(whole.utterances, object)[chosen]), [], whole.source)


def dataset(data: Path | None) -> Dataset:
    """Their frames, standardised."""
    prepared = prepare(corpus(data))
    return prepared.standardised(Standardiser.fit(prepared.log_mels))


def alternate(
    contestants: dict[str, Callable], rounds: int, repeat: int = 1, warm: int = 0, pause: float = 0.05
) -> dict[str, list[float]]:
    """Seconds a call of each contestant, one number a round: the mean of `repeat` calls after `warm` unrecorded ones.

    A first round, which compiles and fills caches, is not recorded. Each round begins with another contestant. Before
    each there is a pause, because the threads of some libraries spin for a while after their work is done. Short work
    needs a warm call after it: caches have been another's meanwhile.
    """
    names, times = list(contestants), {name: [] for name in contestants}
    for n in range(rounds + 1):
        for name in names[n % len(names) :] + names[: n % len(names)]:
            time.sleep(pause)
            for _ in range(warm):
                contestants[name]()
            start = time.perf_counter()
            for _ in range(repeat):
                contestants[name]()
            if n:
                times[name].append((time.perf_counter() - start) / repeat)
    return times


def agree(what: str, ours, theirs, tolerance: float) -> float:
    """Stop the benchmark where two results differ: ‖ours − theirs‖ over ‖ours‖ is more than the tolerance.

    A norm, and not the largest difference: where a number lies within rounding of a ReLU's corner, float32 may decide
    either way, and one entry of a gradient is then another.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        sys.exit(f"{what}: numser's shape is {ours.shape}, the other's {theirs.shape}")
    error = float(np.linalg.norm(ours - theirs) / max(np.linalg.norm(ours), 1e-30))
    if not error <= tolerance:
        sys.exit(f"{what}: differs from numser's by {error:.2g} of its norm, allowed is {tolerance:g}")
    return error


def sgemm_rate(threads: int, size: int = 1536, rounds: int = 7) -> float:
    """Floating-point operations a second in float32 matrix products: one product a thread, BLAS on one thread."""
    rng = np.random.default_rng(0)
    jobs = [rng.standard_normal((3, size, size), np.float32) for _ in range(threads)]
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:

        def products():
            list(pool.map(lambda m: np.matmul(m[0], m[1], out=m[2]), jobs))

        return threads * 2 * size**3 / min(alternate({"sgemm": products}, rounds)["sgemm"])


def memory_of(*options: str) -> dict[str, float]:
    """Run this script again with these options, and take the JSON on its last line.

    Linux lets a process begin with the peak memory of its parent: ask for it while this process is still small.
    """
    output = subprocess.run([sys.executable, sys.argv[0], *options], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(output.stdout.splitlines()[-1])


def peak_memory() -> float:
    """The most memory that this process has had so far, in MiB."""
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def show(times: dict[str, list[float]], reference: str = "numser", unit: str = "ms", note: Callable = str) -> None:
    """Print median, least and most of each, and how many times the reference's median it is.

    `note(name)` is put behind, if it is not the name itself.
    """
    scale = {"s": 1, "ms": 1e3}[unit]
    for name, seconds in times.items():
        ratio = f"{median(seconds) / median(times[reference]):8.2f} ×" if reference in times else ""
        spread = f"{min(seconds) * scale:9.3f} … {max(seconds) * scale:<9.3f}"
        extra = "" if note(name) == name else note(name)
        print(f"{name:<52}{median(seconds) * scale:10.3f} {unit:<3}{spread}{ratio}  {extra}".rstrip())


def record(args: argparse.Namespace, settings: dict, results: dict) -> None:
    """Write everything into a JSON file. Of a folder only its last name is kept: where it is, is nobody's concern."""
    name = f"{Path(sys.argv[0]).stem}-{'recordings' if args.data else 'built-in'}.json"
    path = args.out or RESULTS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "command": " ".join([Path(sys.argv[0]).name, *(Path(a).name if os.sep in a else a for a in sys.argv[1:])]),
        "machine": {
            "processor": _processor(),
            "cores": available_cores(),
            "system": f"{platform.system()} {platform.machine()}",
            "load_at_start": LOAD,
            "freed_memory_kept": KEPT,
        },
        "versions": _versions(),
        "blas": sorted({f"{b['internal_api']} {b['version']} {b.get('architecture', '')}" for b in _blas()}),
        "settings": settings,
        **results,
    }
    path.write_text(json.dumps(content, indent=1, default=float) + "\n", encoding="utf-8")
    print(f"written to {path}")


def _blas() -> list[dict]:
    return [library for library in threadpool_info() if library["user_api"] == "blas"]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("numser", "numpy", "numba", "scipy", *PEERS):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
