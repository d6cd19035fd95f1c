"""Each layer forward and backward: time, GFLOP/s, share of the whole, and PyTorch's layer for comparison.

    python benchmarks/layers.py

Each thread has a shard of its own, 4 utterances of 300 frames, as in training; PyTorch gets all of them as one batch,
channels last, on as many threads. Lengths are equal, so that nothing is padded and the numbers can be compared.
The plain layers, which a block is made of for reading, follow the blocks; the network itself runs the fused block.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from statistics import median
from typing import NamedTuple

import contestants
import numpy as np
import torch
from measure import agree, alternate, arguments, dataset, record, sgemm_rate

from numser.layers import DepthwiseConv, Layer, PointwiseConv
from numser.model import SeparableSER, stages
from numser.ragged import Ragged, frames_of, pack, with_frames
from numser.recipe import Recipe
from numser.threads import one_blas_thread
from numser.training import initial_state

UTTERANCES, FRAMES = 4, 300
REPEAT = 5
FIRST = "entry"  # the first layer: training needs the gradients of its weights, not of its input
TOLERANCE = 1e-9  # of the norm of a result or a gradient, in float64


class Row(NamedTuple):
    """One layer with what it gets."""

    name: str
    layer: Layer
    params: dict[str, np.ndarray]
    torch_layer: Callable
    shards: list
    flop: int  # forward
    times: int  # how often the network has it; 0: only to be compared


def rows(model: SeparableSER, params: dict, shards: list) -> Iterator[Row]:
    """All layers in turn, each with the results of those before."""
    flop = {s.name: 2 * s.multiply_accumulates * UTTERANCES * len(shards) for s in stages(model, FRAMES)}
    for name, layer in model.network.children:
        own = {key[len(name) + 1 :]: w for key, w in params.items() if key.startswith(name + ".")}
        if name == "stem" or name == "blocks.0":
            times = 1 if name == "stem" else model.blocks
            yield Row(
                name, layer, own, lambda p, x, name=name: contestants.block(p, x, name), shards, flop[name], times
            )
        elif name != "flatten" and not name.startswith("blocks."):  # one block speaks for all, and flatten is a view
            yield Row(name, layer, own, getattr(contestants, name), shards, flop[name], 1)
        if name == "blocks.0":
            yield from plain_layers(own, shards)
        shards = [layer.forward(own, x)[0] for x in shards]


def plain_layers(block: dict, shards: list) -> Iterator[Row]:
    """What a block is composed of in `inverted_residual.py`."""
    conv2d = torch.nn.functional.conv2d
    positions = sum(x.data[..., 0].size for x in shards)
    narrow, wide = block["expand.w"].shape
    layers = {
        "expand": (PointwiseConv(narrow, wide), lambda p, x: conv2d(x, p["expand.w"], p["expand.b"])),
        "depthwise": (DepthwiseConv(wide), lambda p, x: conv2d(x, p["depthwise.w"], padding=1, groups=wide)),
        "project": (PointwiseConv(wide, narrow), lambda p, x: conv2d(x, p["project.w"], p["project.b"])),
    }
    for name, (layer, torch_layer) in layers.items():
        own = {key[len(name) + 1 :]: w for key, w in block.items() if key.startswith(name + ".")}
        yield Row(name, layer, own, torch_layer, shards, 2 * positions * own["w"].size, 0)
        shards = [layer.forward(own, x)[0] for x in shards]
        shards = [with_frames(x, np.maximum(x.data, 0)) for x in shards]


def to_image(values: list) -> torch.Tensor:
    """Shards as PyTorch's batch: (B, C, T, F), channels last in memory, or (B, T, C); vectors stay (B, C)."""
    image = torch.from_numpy(np.concatenate([frames_of(v) for v in values]))
    if isinstance(values[0], Ragged):
        image = image.reshape(UTTERANCES * len(values), -1, *image.shape[1:])
    return image.permute(0, 3, 1, 2) if image.ndim == 4 else image


def from_image(image: torch.Tensor, like: np.ndarray) -> np.ndarray:
    """The reverse, for one shard."""
    image = image.detach()
    return (image.permute(0, 2, 3, 1) if image.ndim == 4 else image).reshape(like.shape).numpy()


def torch_functions(row: Row, own: dict, shards: list, dys: list) -> tuple[Callable, Callable, Callable]:
    """PyTorch's layer forward, backward, and all its results in numser's shapes."""
    p = contestants.torch_params({f"{row.name}.{key}": w for key, w in own.items()}, channels_last=True)
    x, dy = to_image(shards).requires_grad_(), to_image(dys)
    y = row.torch_layer(p, x)

    def backward():
        return torch.autograd.grad(y, [*p.values()] if row.name == FIRST else [x, *p.values()], dy, retain_graph=True)

    def results():
        dx, *grads = torch.autograd.grad(y, [x, *p.values()], dy, retain_graph=True)
        images = [from_image(y, frames_of(dys[0])), from_image(dx, frames_of(shards[0]))]
        return images + [contestants.from_torch(name, g) for name, g in zip(p, grads, strict=True)]

    return lambda: row.torch_layer(p, x), backward, results


def check(row: Row) -> None:
    """Compare one layer's result and gradients with PyTorch's on one shard, in float64."""
    own = {key: w.astype(np.float64) for key, w in row.params.items()}
    x = with_frames(row.shards[0], frames_of(row.shards[0]).astype(np.float64))
    y, cache = row.layer.forward(own, x)
    dy = np.random.default_rng(0).standard_normal(frames_of(y).shape)
    dx, grads = row.layer.backward(own, cache, dy)
    theirs = torch_functions(row, own, [x], [with_frames(y, dy)])[2]()
    for what, a, b in zip(("y", "x", *own), (frames_of(y), dx, *(grads[k] for k in own)), theirs, strict=True):
        agree(f"{row.name}: {what}", a, b, TOLERANCE)


def measure(row: Row, pool: Executor, rounds: int) -> tuple[dict, dict]:
    """Seconds forward and seconds backward of one layer, numser's and PyTorch's."""
    _, layer, own, _, shards, *_ = row

    def forward(x):
        return layer.forward(own, x, training=True)

    def backward(cache, dy):
        return layer.backward(own, cache, dy, input_gradient=row.name != FIRST)

    ys, caches = zip(*pool.map(forward, shards), strict=True)
    rng = np.random.default_rng(0)
    dys = [rng.standard_normal(frames_of(y).shape, np.float32) for y in ys]

    values = [with_frames(y, dy) for y, dy in zip(ys, dys, strict=True)]
    torch_forward, torch_backward, _ = torch_functions(row, own, shards, values)
    ways = (
        {"numser": lambda: list(pool.map(again(forward), shards)), "PyTorch": again(torch_forward)},
        {"numser": lambda: list(pool.map(again(backward), caches, dys)), "PyTorch": again(torch_backward)},
    )
    times = [alternate(way, rounds, warm=1) for way in ways]
    return tuple({name: [s / REPEAT for s in seconds] for name, seconds in way.items()} for way in times)


def again(function: Callable) -> Callable:
    """The function, REPEAT times: as in training, a thread goes on from work to work without waiting for others."""

    def repeated(*args) -> None:
        for _ in range(REPEAT):
            function(*args)

    return repeated


def show_layers(measured: dict[str, dict], rate: float) -> None:
    """Print the table: per layer, milliseconds of one shard a thread, and how many times as long PyTorch takes."""
    total = sum(m["times"] * median(m[way]["numser"]) for m in measured.values() for way in ("forward", "backward"))
    columns = f"{'ms':>9}{'GFLOP/s':>9}{'PyTorch':>9}{'ratio':>7}"
    print(f"{'':<18}{'forward':^34}{'backward':^34}\n{'layer':<18}{columns}{columns}{'share':>7}")
    for name, m in measured.items():
        label = f"{name} × {m['times']}" if m["times"] > 1 else name if m["times"] else f"  plain {name}"
        line, share = f"{label:<18}", 0.0
        for way, work in (("forward", 1), ("backward", 2)):
            ours, theirs = median(m[way]["numser"]), median(m[way]["PyTorch"])
            line += f"{ours * 1e3:9.2f}{work * m['flop'] / ours / 1e9:9.1f}{theirs * 1e3:9.2f}{theirs / ours:6.1f}×"
            share += m["times"] * ours / total
        print(line + (f"{share:7.1%}" if m["times"] else ""))
    print(f"all {total * 1e3:.0f} ms; matrix products run at {rate / 1e9:.0f} GFLOP/s; backward counts double")


def main() -> None:
    """Check, measure, print, record."""
    parser = arguments(__doc__, rounds=7)
    parser.add_argument("--blocks", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = dataset(args.data)
    frames = np.concatenate(data.log_mels)
    model = SeparableSER(len(data.classes), args.blocks)
    params = initial_state(Recipe(blocks=args.blocks), model.n_classes, len(data.labels)).params
    cut = np.arange(args.threads * UTTERANCES * FRAMES).reshape(args.threads, UTTERANCES, FRAMES)
    shards = [pack(list(frames.take(c, 0, mode="wrap")[..., None])) for c in cut]

    measured = {}
    with one_blas_thread(), ThreadPoolExecutor(args.threads) as pool:
        for row in rows(model, params, shards):
            check(row)
            forward, backward = measure(row, pool, args.rounds)
            measured[row.name] = {"forward": forward, "backward": backward, "flop": row.flop, "times": row.times}
    rate = sgemm_rate(args.threads)
    print(f"{args.threads} threads, {UTTERANCES} utterances of {FRAMES} frames each; medians of {args.rounds} rounds")
    show_layers(measured, rate)
    settings = {"threads": args.threads, "utterances": UTTERANCES, "frames": FRAMES, "blocks": args.blocks}
    record(args, settings | {"tolerance": TOLERANCE}, {"layers": measured, "sgemm_flops": rate})


if __name__ == "__main__":
    main()
