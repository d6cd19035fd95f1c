"""One training step: numser against PyTorch, and against the arithmetic alone.

    python benchmarks/train_step.py --data path/to/emodb

A step is forward, loss, backward, clipping and Adam on 64 utterances. PyTorch runs as most people write it (channels
first, one batch padded with zeros), with channels last in memory, and with what a careful user does besides: sorted
by length, micro-batches of 8, gradients accumulated; and this compiled, but for the GRU, whose loop torch.compile
would unroll frame by frame. The last two run once more with numser's trick of keeping freed memory, which is not
PyTorch's own. The arithmetic limit is the time of the same multiplications at the rate of large matrix products.

Each contestant is a process of its own, with memory and threads of its own. They take turns, and wait meanwhile.
"""

import json
import subprocess
import sys
from statistics import median
from typing import NamedTuple

import numpy as np
from measure import agree, alternate, arguments, dataset, keep_memory, peak_memory, record, sgemm_rate, show

from numser import losses
from numser.dataset import Dataset, LogMels
from numser.model import SeparableSER, stages
from numser.optim import clip_global_norm
from numser.ragged import pack
from numser.recipe import Recipe
from numser.splits import Split
from numser.training import initial_state, train

TOLERANCE = 1e-9  # of a gradient's norm, in float64


class Contestant(NamedTuple):
    """One way to do a training step."""

    label: str
    torch: dict | None = None  # how TorchTraining is made; None: numser
    keeps_memory: bool = False


CAREFUL = {"channels_last": True, "micro_batch": 8}
CONTESTANTS = {
    "numser": Contestant("numser", keeps_memory=True),
    "torch-nchw": Contestant("PyTorch, channels first, padded", {"channels_last": False}),
    "torch-channels-last": Contestant("PyTorch, channels last, padded", {"channels_last": True}),
    "torch-micro-batches": Contestant("PyTorch, channels last, sorted, micro-batches of 8", CAREFUL),
    "torch-compiled": Contestant("… and torch.compile up to the GRU", CAREFUL | {"compiled": True}),
    "torch-micro-batches-kept": Contestant("micro-batches of 8, freed memory kept", CAREFUL, True),
    "torch-compiled-kept": Contestant("… and torch.compile", CAREFUL | {"compiled": True}, True),
}


def numser_step(data: Dataset, blocks: int, threads: int):
    """A function that does one step of numser's own training on all utterances, and returns the loss."""
    size = len(data.labels)
    recipe = Recipe(blocks=blocks, steps=10**9, validate_every=10**9, batch_size=size)
    split = Split(train=np.arange(size), validation=np.arange(1), test=np.arange(0))
    state = initial_state(recipe, len(data.classes), size)

    def step() -> float:
        seen = []

        def stop(_, loss: float) -> bool:
            seen.append(loss)
            return True

        train(recipe, data, split, state, threads=threads, on_step=stop)
        return seen[0]

    return step


def torch_training(contestant: Contestant, data: Dataset, blocks: int, params: dict | None = None):
    """A contestant's training. PyTorch is imported only by those that need it, since its memory is measured."""
    from contestants import TorchTraining

    params = params or initial_state(Recipe(blocks=blocks), len(data.classes), len(data.labels)).params
    return TorchTraining(params, data, **contestant.torch)


def serve(contestant: Contestant, data: Dataset, blocks: int, threads: int) -> None:
    """Be this contestant: do a step for each line of standard input, and answer with a line of JSON."""
    before = peak_memory()
    if contestant.torch is None:
        step = numser_step(data, blocks, threads)
    else:
        import torch

        torch.set_num_threads(threads)
        step = torch_training(contestant, data, blocks).step
    for _ in sys.stdin:
        loss = step()
        print(json.dumps({"loss": float(loss), "before": before, "peak": peak_memory()}), flush=True)


class Process:
    """A contestant in a process of its own. Calling it does one step."""

    def __init__(self, name: str, options: list[str]):
        command = [sys.executable, sys.argv[0], *options, "--be", name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer: dict[str, float] = {}

    def __call__(self) -> None:
        """One step; its answer replaces the last."""
        print("step", file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{' '.join(self.process.args)} ended with code {self.process.wait()}")
        self.answer = json.loads(line)

    def end(self) -> None:
        """No more steps."""
        self.process.stdin.close()
        self.process.wait()


def check(data: Dataset, blocks: int, names: list[str]) -> dict[str, float]:
    """Compare loss and gradients on 16 utterances of 99 frames, where nothing is padded. Returns the worst errors.

    In float64: where one number of millions lies within rounding of a ReLU's corner, the two may decide otherwise,
    and in float32 that alone makes a gradient differ by 0.1 %. The frames are random numbers: in speech, silence
    makes neighbours equal, and of equal values in a pool's window rounding picks the winner.
    """
    import torch
    from contestants import from_torch

    onednn = "with" if torch.backends.mkldnn.is_available() else "without"
    print(f"PyTorch {torch.__version__}, {onednn} oneDNN, Adam fused")
    log_mels = LogMels(list(np.random.default_rng(0).standard_normal((16, 99, 128))))
    small = Dataset([], data.classes, np.arange(16) % len(data.classes), ("A",) * 16, log_mels, [0] * 16)
    model = SeparableSER(len(data.classes), blocks)
    params = model.init(np.random.default_rng(0), np.float64)
    weights = losses.class_weights(small.labels, model.n_classes)[small.labels]
    logits, cache = model.forward(params, pack(log_mels))
    loss, dlogits = losses.cross_entropy(logits, small.labels, weights)
    _, grads = model.backward(params, cache, dlogits, input_gradient=False)
    grads, _ = clip_global_norm(grads, 5.0)
    worst = {}
    for name in names:
        label, how, _ = CONTESTANTS[name]
        training = torch_training(CONTESTANTS[name], small, blocks, params)
        try:
            errors = [agree(f"{name}: loss", loss, training.step(), TOLERANCE)]
        except Exception as error:  # whatever torch.compile may lack on this machine
            if "compiled" not in how:
                raise
            print(f"{label}: does not work here: {str(error).splitlines()[0]}")
            continue
        for key, g in grads.items():
            errors.append(agree(f"{name}: {key}", g, from_torch(key, training.params[key].grad), TOLERANCE))
        worst[name] = max(errors)
        print(f"{label}: loss and gradients agree, to {worst[name]:.1e} of their norms")
    return worst


def main() -> None:
    """Check, measure, print, record."""
    parser = arguments(__doc__, rounds=5, keep=False)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--only", default=",".join(CONTESTANTS), help=f"some of {','.join(CONTESTANTS)}")
    parser.add_argument(
        "--be", choices=CONTESTANTS, help="be this contestant: a step for each line on standard input"
    )
    args = parser.parse_args()
    if args.be:
        if CONTESTANTS[args.be].keeps_memory:
            keep_memory()
        serve(CONTESTANTS[args.be], dataset(args.data), args.blocks, args.threads)
        return

    options = ["--threads", str(args.threads), "--blocks", str(args.blocks)]
    options += ["--data", str(args.data)] if args.data else []
    names = [name for name in CONTESTANTS if name in args.only.split(",")]
    # before this process grows: on Linux a process begins with the peak memory of its parent
    processes = {name: Process(name, options) for name in names}
    data = dataset(args.data)
    frames = sum(map(len, data.log_mels))
    print(f"{len(data.labels)} utterances, {frames} frames, the longest {max(map(len, data.log_mels))}")
    print(f"{args.blocks} blocks, float32, {args.threads} threads, medians of {args.rounds} rounds")
    peers = [name for name in names if CONTESTANTS[name].torch]
    worst = check(data, args.blocks, peers) if peers else {}
    names = [name for name in names if name in worst or not CONTESTANTS[name].torch]
    times = alternate({CONTESTANTS[name].label: processes[name] for name in names}, args.rounds, pause=0.3)
    for process in processes.values():
        process.end()

    # forward, and twice that for backward: the gradients of the input and of the weights
    model = SeparableSER(len(data.classes), args.blocks)
    flop = 6 * sum(s.multiply_accumulates for x in data.log_mels for s in stages(model, len(x)))
    rate = sgemm_rate(args.threads)
    limit = flop / rate
    memory = {name: processes[name].answer for name in names}
    peak = {CONTESTANTS[name].label: m["peak"] for name, m in memory.items()}
    show(times | {"arithmetic alone": [limit]}, unit="s", note=lambda n: f"{peak[n]:6.0f} MiB" if n in peak else n)
    print(f"{flop / frames / 1e6:.2f} MFLOP a frame at {rate / 1e9:.0f} GFLOP/s in matrix products")
    if "numser" in times:
        print(f"numser works at {limit / median(times['numser']):.0%} of the arithmetic limit")
    record(
        args,
        {"utterances": len(data.labels), "frames": frames, "blocks": args.blocks, "threads": args.threads}
        | {"contestants": {name: CONTESTANTS[name]._asdict() for name in names}},
        {"seconds": times, "memory_MiB": memory, "limit_seconds": limit, "sgemm_flops": rate, "flop": flop}
        | {"check": {"tolerance": TOLERANCE, "worst": worst}},
    )


if __name__ == "__main__":
    main()
