"""How long one waits: importing, the first training step, recognising one file; with compiled kernels and without.

    python benchmarks/startup.py

Each number is a process of its own. Cold means that Numba's cache is an empty folder, so that every kernel is
compiled; warm means that a process before has left it full. The files of Python and of its packages are in the
system's cache in both cases.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from measure import arguments, corpus, record, show

from numser.audio import SAMPLE_RATE, read_audio
from numser.features import PAPER, Standardiser
from numser.model import SeparableSER
from numser.recogniser import Recogniser

FIRST_STEP = """
import numpy as np
from numser.dataset import Dataset, LogMels
from numser.recipe import Recipe
from numser.splits import Split
from numser.training import initial_state, train
rng = np.random.default_rng(0)
log_mels = LogMels([rng.standard_normal((300, 128), np.float32) for _ in range(8)])
data = Dataset([], ("a", "b"), np.arange(8) % 2, ("A",) * 8, log_mels, [0] * 8)
split = Split(train=np.arange(8), validation=np.arange(8), test=np.arange(0))
recipe = Recipe(batch_size=8, steps=9)
train(recipe, data, split, initial_state(recipe, 2, 8), threads={threads}, on_step=lambda state, loss: True)
"""


def seconds(command: list[str], cache: Path) -> float:
    """How long a process takes that has its compiled kernels in `cache`."""
    start = time.perf_counter()
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    result = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{command[:2]} failed:\n{result.stderr}")
    return time.perf_counter() - start


def an_untrained_model(folder: Path) -> Path:
    """A model file as numser.train leaves it; how well it recognises does not matter for the time."""
    model = SeparableSER(7)
    standardiser = Standardiser(np.full(128, -40, np.float32), np.full(128, 15, np.float32))
    labels = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")
    recogniser = Recogniser(model, model.init(np.random.default_rng(0)), labels, PAPER, standardiser)
    recogniser.save(folder / "model.npz")
    return folder / "model.npz"


def main() -> None:
    """Measure, print, record."""
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--cold-rounds", type=int, default=2, help="rounds with an empty cache (default 2)")
    args = parser.parse_args()
    utterance = corpus(args.data).utterances[0]
    waveform = read_audio(utterance.path) if utterance.path else utterance.waveform
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        soundfile.write(folder / "utterance.wav", waveform, SAMPLE_RATE, subtype="PCM_16")
        model = an_untrained_model(folder)
        step = ["-c", FIRST_STEP.format(threads=args.threads)]
        predict = ["-m", "numser.predict", str(model), str(folder / "utterance.wav")]
        imports = {"python alone": "pass", "import numser": "import numser", "its network": "import numser.model"}
        peers = [peer for peer in ("torch", "onnxruntime") if importlib.util.find_spec(peer)]
        imports |= {f"import {peer}": f"import {peer}" for peer in peers}

        times = {}
        for what, command in (("first step", step), ("predict", predict)):
            caches = [folder / f"{what} {n}" for n in range(args.cold_rounds)]
            times[f"{what}, cold"] = [seconds(command, cache) for cache in caches]
            times[f"{what}, warm"] = [seconds(command, caches[0]) for _ in range(args.rounds)]
        codes = {what: ["-c", code] for what, code in imports.items()}
        for code in codes.values():
            seconds(code, folder)  # once unrecorded
        for what in codes:
            times[what] = []
        for _ in range(args.rounds):
            for what, code in codes.items():
                times[what].append(seconds(code, folder))
    print(f"whole processes, from start to end; predict: {len(waveform) / SAMPLE_RATE:.1f} s of speech")
    show(times, reference="", unit="s")
    settings = {"threads": args.threads, "speech_seconds": len(waveform) / SAMPLE_RATE, "step": "8 × 300 frames"}
    record(args, settings, {"seconds": times})


if __name__ == "__main__":
    main()
