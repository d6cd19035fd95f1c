"""One training step: numser against PyTorch, and against the arithmetic alone.

    python benchmarks/train_step.py --data path/to/emodb

A step is forward, loss, backward, clipping and Adam on 64 utterances. PyTorch runs as most people write it (channels
first, one batch padded with zeros), with channels last in memory, and with what a careful user does besides: sorted
by length, micro-batches of 8, gradients accumulated; and this compiled, but for the GRU, whose loop torch.compile
would unroll frame by frame. The arithmetic limit is the time of the same multiplications at the rate of large matrix
products. Memory is the peak of a process that does nothing but two steps of one contestant.
"""

import json
from statistics import median

import numpy as np
from measure import agree, alternate, arguments, dataset, memory_of, peak_memory, record, sgemm_rate, show

from numser import losses
from numser.dataset import Dataset
from numser.model import SeparableSER, stages
from numser.optim import clip_global_norm
from numser.ragged import pack
from numser.recipe import Recipe
from numser.splits import Split
from numser.training import initial_state, train

TORCH = {
    "torch-nchw": (False,),
    "torch-channels-last": (True,),
    "torch-micro-batches": (True, 8),
    "torch-compiled": (True, 8, True),
}
LABELS = {
    "numser": "numser",
    "torch-nchw": "PyTorch, channels first, padded",
    "torch-channels-last": "PyTorch, channels last, padded",
    "torch-micro-batches": "PyTorch, channels last, sorted, micro-batches of 8",
    "torch-compiled": "PyTorch, the same, torch.compile up to the GRU",
}
TOLERANCE = 1e-9  # of a gradient's norm, in float64


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


def make_step(name: str, data: Dataset, blocks: int, threads: int):
    """A contestant's step. PyTorch is imported only for its own: memory is measured in separate processes."""
    if name == "numser":
        return numser_step(data, blocks, threads)
    import torch
    from contestants import TorchTraining

    torch.set_num_threads(threads)
    params = initial_state(Recipe(blocks=blocks), len(data.classes), len(data.labels)).params
    return TorchTraining(params, data, *TORCH[name]).step


def check(data: Dataset, blocks: int, names: list[str]) -> dict[str, float]:
    """Compare loss and gradients on 16 utterances of 99 frames, where nothing is padded. Returns the worst errors.

    In float64: where one number of millions lies within rounding of a ReLU's corner, the two may decide otherwise,
    and in float32 that alone makes a gradient differ by 0.1 %. The frames are random numbers: in speech, silence
    makes neighbours equal, and of equal values in a pool's window rounding picks the winner.
    """
    from contestants import TorchTraining, from_torch

    log_mels = list(np.random.default_rng(0).standard_normal((16, 99, 128)))
    small = Dataset([], data.classes, np.arange(16) % len(data.classes), ("A",) * 16, log_mels, [0] * 16)
    model = SeparableSER(len(data.classes), blocks)
    params = model.init(np.random.default_rng(0), np.float64)
    weights = losses.class_weights(small.labels, model.n_classes)[small.labels]
    logits, cache = model.forward(params, pack(log_mels))
    loss, dlogits = losses.cross_entropy(logits, small.labels, weights)
    grads, _ = clip_global_norm(model.backward(params, cache, dlogits)[1], 5.0)
    worst = {}
    for name in names:
        training = TorchTraining(params, small, *TORCH[name])
        try:
            errors = [agree(f"{name}: loss", loss, training.step(), TOLERANCE)]
        except Exception as error:  # whatever torch.compile may lack on this machine
            if name != "torch-compiled":
                raise
            print(f"{LABELS[name]}: does not work here: {str(error).splitlines()[0]}")
            continue
        for key, g in grads.items():
            errors.append(agree(f"{name}: {key}", g, from_torch(key, training.params[key].grad), TOLERANCE))
        worst[name] = max(errors)
        print(f"{LABELS[name]}: loss and gradients agree, to {worst[name]:.1e} of their norms")
    return worst


def main() -> None:
    """Check, measure, print, record."""
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--only", default=",".join(LABELS), help=f"some of {','.join(LABELS)}")
    parser.add_argument("--memory-of", choices=LABELS, help="run one contestant for two steps and print its memory")
    args = parser.parse_args()
    if args.memory_of:
        data = dataset(args.data)
        before = peak_memory()
        step = make_step(args.memory_of, data, args.blocks, args.threads)
        step(), step()
        print(json.dumps({"before": before, "peak": peak_memory()}))
        return

    names = [name for name in LABELS if name in args.only.split(",")]
    common = ["--threads", str(args.threads), "--blocks", str(args.blocks)]
    common += ["--data", str(args.data)] if args.data else []
    memory = {name: memory_of(*common, "--memory-of", name) for name in names if name != "torch-compiled"}
    data = dataset(args.data)
    frames = sum(map(len, data.log_mels))
    print(f"{len(data.labels)} utterances, {frames} frames, the longest {max(map(len, data.log_mels))}")
    print(f"{args.blocks} blocks, float32, {args.threads} threads, medians of {args.rounds} rounds")
    worst = check(data, args.blocks, [name for name in names if name in TORCH])
    names = [name for name in names if name in worst or name not in TORCH]
    steps = {LABELS[name]: make_step(name, data, args.blocks, args.threads) for name in names}
    times = alternate(steps, args.rounds, pause=0.3)

    # forward, and twice that for backward: the gradients of the input and of the weights
    model = SeparableSER(len(data.classes), args.blocks)
    flop = 6 * sum(s.multiply_accumulates for x in data.log_mels for s in stages(model, len(x)))
    rate = sgemm_rate(args.threads)
    limit = flop / rate
    peak = {LABELS[name]: m["peak"] for name, m in memory.items()}
    show(times | {"arithmetic alone": [limit]}, unit="s", note=lambda n: f"{peak[n]:6.0f} MiB" if n in peak else n)
    print(f"{flop / frames / 1e6:.2f} MFLOP a frame at {rate / 1e9:.0f} GFLOP/s in matrix products")
    if "numser" in times:
        print(f"numser works at {limit / median(times['numser']):.0%} of the arithmetic limit")
    record(
        args,
        {"utterances": len(data.labels), "frames": frames, "blocks": args.blocks, "threads": args.threads},
        {"seconds": times, "memory_MiB": memory, "limit_seconds": limit, "sgemm_flops": rate, "flop": flop}
        | {"check": {"tolerance": TOLERANCE, "worst": worst}},
    )


if __name__ == "__main__":
    main()
