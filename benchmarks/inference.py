"""One utterance, from log-mels to logits: numser, ONNX Runtime, OpenVINO and PyTorch, on one thread and on all.

    python benchmarks/inference.py --data path/to/emodb

The real-time factor is the time taken over the time spoken: 0.01 means that a second of speech takes 10 ms.
torch.compile gets the network up to the GRU, whose loop it would unroll frame by frame. torch.nn.GRU runs besides,
because PyTorch users would take it, though it is another GRU and gives other numbers. numser works on an utterance in
one thread, or in two that take half each (`numser.inference.recognise_in_halves`).
"""

import warnings
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import contestants
import numpy as np
import torch
from measure import agree, alternate, arguments, dataset, record, sgemm_rate, show
from threadpoolctl import ThreadpoolController

from numser.inference import recognise_in_halves
from numser.model import SeparableSER, stages
from numser.ragged import pack
from numser.recipe import Recipe
from numser.training import initial_state

TOLERANCE = 1e-4  # of the logits' norm
OURS = ThreadpoolController().select(internal_api="openblas")  # NumPy's and SciPy's


def make_contestants(model, params, log_mel: np.ndarray, threads: int) -> dict:
    """Functions that return the logits (1, K). Whatever can be made ready beforehand is."""
    torch.set_num_threads(threads)
    batch, leaves = pack([log_mel]), contestants.torch_params(params, channels_last=True)
    x = contestants.padded([log_mel], channels_last=True)
    session = contestants.onnx_session(model, params, threads)
    openvino = contestants.openvino_network(model, params, threads)
    image = log_mel[None, None]
    compiled, own_gru = compile_convolutions(leaves, x), contestants.own_gru(leaves)

    def head(y):
        return contestants.output(leaves, contestants.hidden(leaves, contestants.attention(leaves, y)))

    pool = ThreadPoolExecutor(threads)
    found = {
        "numser": lambda: (
            recognise_in_halves(model, params, log_mel, pool).logits
            if threads > 1
            else model.forward(params, batch)[0]
        ),
        "ONNX Runtime": lambda: session.run(None, {"x": image})[0],
        "OpenVINO": lambda: openvino(image),
        "PyTorch, channels last": lambda: contestants.logits(leaves, x),
        "PyTorch, channels last, torch.nn.GRU": lambda: head(own_gru(contestants.convolutions(leaves, x))[0]),
    }
    if compiled:
        found["PyTorch, torch.compile"] = lambda: contestants.recognise(leaves, compiled(leaves, x))
        found["PyTorch, torch.compile, torch.nn.GRU"] = lambda: head(own_gru(compiled(leaves, x))[0])
    return found


def compile_convolutions(leaves, x):
    """The compiled network up to the GRU, or None, with a line that says why."""
    torch.compiler.reset()
    compiled = torch.compile(contestants.convolutions)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled(leaves, x)
    except Exception as error:  # whatever a compiler may lack on this machine
        print(f"torch.compile does not work here: {str(error).splitlines()[0]}")
        return None
    return compiled


def main() -> None:
    """Check, measure, print, record."""
    parser = arguments(__doc__, rounds=15)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--frames", type=int, default=391, help="length of the utterance (default 391)")
    args = parser.parse_args()
    data = dataset(args.data)
    log_mel = min(data.log_mels, key=lambda x: abs(len(x) - args.frames))[: args.frames]
    model = SeparableSER(len(data.classes), args.blocks)
    params = initial_state(Recipe(blocks=args.blocks), model.n_classes, len(data.labels)).params
    spoken = len(log_mel) / 100
    flop = 2 * sum(s.multiply_accumulates for s in stages(model, len(log_mel)))
    print(f"{len(log_mel)} frames, {args.blocks} blocks, float32, medians of {args.rounds} rounds of 10")
    print(f"PyTorch {torch.__version__}, {'with' if torch.backends.mkldnn.is_available() else 'without'} oneDNN")

    results = {}
    for threads in sorted({1, args.threads}):
        rate = sgemm_rate(threads)
        with torch.inference_mode(), OURS.limit(limits=1):  # the others have products of their own
            functions = make_contestants(model, params, log_mel, threads)
            reference, errors = functions["numser"](), {}
            for name, function in functions.items():
                if "torch.nn.GRU" not in name:
                    errors[name] = agree(name, reference, function(), TOLERANCE)
            times = alternate(functions, args.rounds, repeat=10, warm=2)
        print(f"\n{threads} thread{'s' * (threads > 1)}; all but torch.nn.GRU agree, to {max(errors.values()):.1e}")
        times["arithmetic alone"] = [flop / rate]
        factors = {name: median(seconds) / spoken for name, seconds in times.items()}
        show(times, note=lambda name, factors=factors: f"real-time factor {factors[name]:.4f}")
        results[threads] = {"seconds": times, "real_time_factor": factors, "errors": errors, "sgemm_flops": rate}
    settings = {"frames": len(log_mel), "blocks": args.blocks, "repeat": 10, "tolerance": TOLERANCE}
    settings["oneDNN"] = torch.backends.mkldnn.is_available()
    record(args, settings, {"threads": results})


if __name__ == "__main__":
    main()
