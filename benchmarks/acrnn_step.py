"""One training step of 3D-ACRNN with five convolutions: numser against PyTorch.

    python benchmarks/acrnn_step.py

A step is forward, loss, backward, clipping and Adam on 40 pieces of 3 s, made of random numbers, all of one length:
nothing is padded. Both pool before the leaky ReLU, which changes no number and saves memory. PyTorch runs channels
first and channels last in memory. Each contestant is a process of its own, and they take turns; what a process takes
at most is counted above what it had before it made its network.
"""

import json
import sys
from itertools import pairwise
from statistics import median

import numpy as np
from measure import alternate, arguments, keep_memory, peak_memory, record, show
from train_step import Process

CLASSES, PIECES, FRAMES, COLUMNS = 7, 40, 300, 120
CONTESTANTS = {
    "numser": "numser",
    "torch-nchw": "PyTorch, channels first",
    "torch-channels-last": "PyTorch, channels last",
}


def frames() -> list[np.ndarray]:
    """The batch."""
    return list(np.random.default_rng(0).standard_normal((PIECES, FRAMES, COLUMNS), np.float32))


def numser_step(threads: int):
    """A function that does one step of numser's own training."""
    from numser.dataset import Dataset, LogMels
    from numser.recipe import recipe
    from numser.splits import Split
    from numser.training import initial_state, train

    data = Dataset(
        [], list(range(CLASSES)), np.arange(PIECES) % CLASSES, ("A",) * PIECES, LogMels(frames()), [0] * PIECES
    )
    how = recipe(system="acrnn", blocks=5, steps=10**9, validate_every=10**9, batch_size=PIECES)
    split = Split(train=np.arange(PIECES), validation=np.arange(1), test=np.arange(0))
    state = initial_state(how, CLASSES, PIECES)

    def step() -> None:
        train(how, data, split, state, threads=threads, on_step=lambda *_: True)

    return step


def torch_step(threads: int, channels_last: bool):
    """The same network of PyTorch's layers."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    F = nn.functional

    class ACRNN(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = (3, 128, 256, 256, 256, 256)
            self.convolutions = nn.ModuleList(nn.Conv2d(a, b, (5, 3), padding=(2, 1)) for a, b in pairwise(sizes))
            self.linear, self.norm = nn.Linear(2560, 768), nn.BatchNorm1d(768)
            self.lstm = nn.LSTM(768, 128, bidirectional=True, batch_first=True)
            self.score, self.weight = nn.Linear(256, 1), nn.Linear(1, 1, bias=False)
            self.hidden, self.output = nn.Linear(256, 64), nn.Linear(64, CLASSES)

        def forward(self, x):
            for n, convolution in enumerate(self.convolutions):
                x = convolution(x)
                x = F.leaky_relu(x if n else F.max_pool2d(x, (2, 4)), 0.01, inplace=True)
            x = self.linear(x.permute(0, 2, 3, 1).flatten(2))
            x = F.leaky_relu(self.norm(x.flatten(0, 1)), 0.01).unflatten(0, x.shape[:2])
            h, _ = self.lstm(x)
            alpha = torch.softmax(self.weight(torch.sigmoid(self.score(h))), 1)
            return self.output(F.leaky_relu(self.hidden((alpha * h).sum(1)), 0.01))

    torch.manual_seed(0)
    x = torch.tensor(np.array(frames())).unflatten(2, (3, 40)).permute(0, 2, 1, 3).contiguous()
    labels, model = torch.arange(PIECES) % CLASSES, ACRNN()
    if channels_last:
        x, model = x.contiguous(memory_format=torch.channels_last), model.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(model.parameters(), 1e-4, fused=True)

    def step() -> None:
        adam.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        adam.step()

    return step


def serve(name: str, threads: int) -> None:
    """Be this contestant: do a step for each line of standard input, and answer with a line of JSON."""
    if name == "numser":
        keep_memory()
        import numser.training  # noqa: F401
    else:
        import torch  # noqa: F401
    before = peak_memory()
    step = numser_step(threads) if name == "numser" else torch_step(threads, name.endswith("last"))
    for _ in sys.stdin:
        step()
        print(json.dumps({"before": before, "peak": peak_memory()}), flush=True)


def main() -> None:
    """Measure, print, record."""
    parser = arguments(__doc__, rounds=5, keep=False)
    parser.add_argument("--be", choices=CONTESTANTS, help="be this contestant")
    args = parser.parse_args()
    if args.be:
        serve(args.be, args.threads)
        return
    processes = {name: Process(name, ["--threads", str(args.threads)]) for name in CONTESTANTS}
    times = alternate({CONTESTANTS[name]: p for name, p in processes.items()}, args.rounds, pause=0.3)
    for process in processes.values():
        process.end()
    memory = {CONTESTANTS[name]: p.answer for name, p in processes.items()}
    show(times, unit="s", note=lambda n: f"{memory[n]['peak'] - memory[n]['before']:6.0f} MiB")
    best = min(median(t) for name, t in times.items() if name != "numser")
    print(f"numser takes {median(times['numser']) / best:.2f} times as long as PyTorch's best")
    record(
        args, {"pieces": PIECES, "frames": FRAMES, "threads": args.threads}, {"seconds": times, "memory_MiB": memory}
    )


if __name__ == "__main__":
    main()
