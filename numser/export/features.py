"""What comes before the network, as ONNX nodes: numser/features.py once more.

ONNX has an operator for spectra, STFT. But ONNX Runtime's is less exact (0.001 dB off on real speech, and not
0.0005), and other engines lack it. Its MelWeightMatrix and HammingWindow are not the bands and the window that others
call so (findings/onnx_*.sh), so both are written as numbers.

Nodes are such as the engines of README.md have in common, and get right: so a waveform is mirrored by Gather and not
by Pad, and no slice ends beyond its input.
"""

import numpy as np
from onnx import TensorProto

from numser.export.graph import Graph
from numser.features import TINY, FeatureSettings, Standardiser, hamming, mel_filterbank


def log_mel(graph: Graph, waveform: str, settings: FeatureSettings) -> str:
    """Log-mel frames (T, bands) in dB of a waveform (n,), as numser.features.log_mel makes them.

    As many frames are in memory at once as the waveform has: about 10 kB each.
    """
    bands = mel_power(graph, bordered(graph, waveform, settings), settings)
    if settings.level == "speech":
        level = speech_level(graph, bands)
        floor = graph.node("Max", graph.node("Mul", level, settings.floor), TINY)
        logarithms = graph.node("Sub", graph.node("Log", graph.node("Max", bands, floor)), graph.node("Log", level))
    else:
        logarithms = graph.node("Log", graph.node("Max", bands, settings.floor))
    decibels = graph.node("Mul", logarithms, 10 / np.log(10))
    loudest = graph.node("ReduceMax", decibels, keepdims=0)
    return graph.node("Max", decibels, graph.node("Sub", loudest, settings.dynamic_range))


def speech_level(graph: Graph, bands: str) -> str:
    """The median power of the frames within 20 dB of the loud ones, a scalar: numser.features.speech_level; 1 for
    digital silence.

    Frames are counted by a sum of ones, since tract wants to know a length before it runs; and half of a count is
    taken in floats, since OpenVINO may round half of an odd whole number up.
    """
    power = graph.node("ReduceSum", bands, [1], keepdims=0)
    ones = graph.node("Where", graph.node("Greater", power, 0.0), 1, 1)
    ranked = graph.node("TopK", power, graph.node("ReduceSum", ones), outputs=2)  # the largest first
    loud = graph.node("Gather", ranked, graph.node("Div", graph.length(power), 20))
    loud = graph.node("Where", graph.node("Greater", loud, 0.0), loud, graph.node("Gather", ranked, 0))
    active = graph.node("Greater", ranked, graph.node("Div", loud, 100.0))
    half = graph.node("Mul", graph.node("ReduceSum", graph.node("Where", active, 1.0, 0.0), keepdims=0), 0.5)
    level = graph.node("Gather", ranked, graph.node("Cast", graph.node("Floor", half), to=TensorProto.INT64))
    return graph.node("Where", graph.node("Greater", level, 0.0), level, 1.0)


def bordered(graph: Graph, waveform: str, settings: FeatureSettings) -> str:
    """The waveform with as much around it as the first and the last window reach over its ends, and one sample more.

    The signal mirrored; or zeros, if it is too short to be mirrored by half an FFT frame.
    """
    half = settings.n_fft // 2
    before = half - (settings.n_fft - settings.win_length) // 2
    count = graph.length(waveform)
    long_enough = graph.node("Greater", count, half)
    last = graph.node("Sub", count, 1)

    def mirrored(places: str) -> str:
        return graph.node("Where", long_enough, graph.node("Gather", waveform, places), 0.0)

    first_ones = graph.node("Min", np.arange(before, 0, -1), last)
    last_ones = graph.node("Max", graph.node("Sub", last, np.arange(1, settings.win_length - before + 2)), 0)
    return graph.node("Concat", mirrored(first_ones), waveform, mirrored(last_ones), axis=0)


def mel_power(graph: Graph, x: str, settings: FeatureSettings) -> str:
    """Mel power (T, bands) of windows of x, a hop apart.

    Power forgets the phase, so a window's samples may be counted from its middle, m before and after it. Then what
    lies after the middle goes with what lies before it, and bin k with bin n/2 − k, n the FFT's length:

        cos(2π(n/2 − k)m/n) = (−1)^m cos(2πkm/n)      sin(2π(n/2 − k)m/n) = −(−1)^m sin(2πkm/n)

    With even m and odd m apart, a quarter is left of a Fourier matrix: 0.7 MB in the file, and as much less to do.
    """
    n, length, hop = settings.n_fft, settings.win_length, settings.hop_length
    k = np.arange(n // 4 + 1)
    middle, window = length // 2, np.append(hamming(length), 0)
    hops = graph.node("Div", graph.node("Sub", graph.length(x), length + 1), hop)
    starts = graph.node("Mul", graph.node("Range", 0, graph.node("Add", hops, 1), 1), hop)
    starts = graph.node("Unsqueeze", starts, [1])

    def samples(places: np.ndarray) -> str:
        once = np.where(places == middle, 0.5, 1)  # the middle is taken from both sides
        return graph.node("Mul", graph.node("Gather", x, graph.node("Add", starts, places)), window[places] * once)

    def parts(m: np.ndarray) -> tuple[str, str]:
        after, before = samples(middle + m), samples(middle - m)
        # turns are counted modulo n, in whole numbers, so that far samples' angles are as exact as near ones'
        angle = 2 * np.pi / n * (np.outer(m, k) % n)
        cosines = graph.node("MatMul", graph.node("Add", after, before), np.cos(angle))
        return cosines, graph.node("MatMul", graph.node("Sub", after, before), np.sin(angle))

    even, odd = (parts(np.arange(first, middle + 1, 2)) for first in (0, 1))
    filters = mel_filterbank(settings).T
    mirrored = np.where(n // 2 - k > k, 1, 0)[:, np.newaxis] * filters[n // 2 - k]
    bands = []
    for kind, bank in ("Add", filters[k]), ("Sub", mirrored):
        re, im = (graph.node(kind, *both) for both in zip(even, odd, strict=True))
        power = graph.node("Add", graph.node("Mul", re, re), graph.node("Mul", im, im))
        bands.append(graph.node("MatMul", power, bank))
    return graph.node("Add", *bands)


def crop(graph: Graph, log_mel: str, longest: int) -> tuple[str, str]:
    """The middle of an utterance that is too long, and which frame of the whole its first one is, (1,)."""
    surplus = graph.node("Max", graph.node("Sub", graph.length(log_mel), [longest]), [0])
    start = graph.node("Div", surplus, [2])
    frames = graph.node("Shape", log_mel, start=0, end=1)
    end = graph.node("Min", graph.node("Add", start, [longest]), frames)
    return graph.node("Slice", log_mel, start, end, [0]), start


def standardise(graph: Graph, log_mel: str, standardiser: Standardiser) -> str:
    """Each band with mean 0 and standard deviation 1 over the training frames."""
    mean = graph.constant("standardiser.mean", standardiser.mean)
    sd = graph.constant("standardiser.sd", standardiser.sd)
    return graph.node("Div", graph.node("Sub", log_mel, mean), sd)


def seconds(graph: Graph, start: str, frames: str, alpha: str, settings: FeatureSettings, output: str) -> str:
    """When the centre of each attention weight is, (N',): numser.model.attended_frames, in seconds.

    The pool's first window reaches over the edge by one if the entry convolution left an odd number of frames.
    """
    entered = graph.node("Div", graph.node("Sub", graph.length(frames), [1]), [2])
    first = graph.node("Sub", 3, graph.node("Mul", 2, graph.node("Mod", entered, [2])))
    steps = graph.node("Mul", 4, graph.node("Range", 0, graph.length(alpha), 1))
    centres = graph.node("Add", steps, graph.node("Add", start, first))
    return graph.node(
        "Mul",
        graph.node("Cast", centres, to=TensorProto.FLOAT),
        settings.hop_length / settings.sample_rate,
        output=output,
    )
