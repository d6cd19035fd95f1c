"""What comes before the network, as ONNX nodes: numser/features.py once more.

The spectra are made by a convolution that moves on by a hop. Its filters are the cosines and sines of the discrete
Fourier transform, under the Hamming window. ONNX has an operator for this too, STFT. But ONNX Runtime's is not faster
and less exact (0.001 dB off on real speech, and not 0.0005), and other runtimes lack it.
"""

import numpy as np
from onnx import TensorProto

from numser.export.graph import Graph
from numser.features import TINY, FeatureSettings, Standardiser, hamming, mel_filterbank


def log_mel(graph: Graph, waveform: str, settings: FeatureSettings) -> str:
    """Log-mel frames (T, bands) in dB of a waveform (n,), as numser.features.log_mel makes them.

    As many frames are in memory at once as the waveform has: about 10 kB each.
    """
    power = spectra(graph, bordered(graph, waveform, settings), settings)
    bands = graph.node("MatMul", graph.constant("mel_filterbank", mel_filterbank(settings)), power)
    bands = graph.node("Transpose", bands, perm=[1, 0])
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
    """
    ranked = graph.largest_first(graph.node("ReduceSum", bands, [1], keepdims=0))
    loud = graph.node("Gather", ranked, graph.node("Div", graph.length(ranked), 20))
    loud = graph.node("Where", graph.node("Greater", loud, 0.0), loud, graph.node("Gather", ranked, 0))
    active = graph.node("Greater", ranked, graph.node("Div", loud, 100.0))
    count = graph.node("ReduceSum", graph.node("Cast", active, to=TensorProto.INT64), keepdims=0)
    level = graph.node("Gather", ranked, graph.node("Div", count, 2))
    return graph.node("Where", graph.node("Greater", level, 0.0), level, 1.0)


def bordered(graph: Graph, waveform: str, settings: FeatureSettings) -> str:
    """The waveform with as much around it as the first and the last window reach over its ends.

    The signal mirrored; or zeros, if it is too short to be mirrored by half an FFT frame. Both are always there, and
    one of them is of length 0.
    """
    half = settings.n_fft // 2
    before = half - (settings.n_fft - settings.win_length) // 2
    border = [before, settings.win_length - before]
    mirrored = graph.node("Where", graph.node("Greater", graph.length(waveform), half), border, [0, 0])
    x = graph.node("Pad", waveform, mirrored, mode="reflect")
    return graph.node("Pad", x, graph.node("Sub", border, mirrored))


def spectra(graph: Graph, x: str, settings: FeatureSettings) -> str:
    """Power spectra (fft/2 + 1, T) of windows of x, a hop apart."""
    bins = settings.n_fft // 2 + 1
    # turns are counted modulo fft, in whole numbers, so that late samples' angles are as exact as early ones'
    angle = 2 * np.pi / settings.n_fft * (np.outer(np.arange(bins), np.arange(settings.win_length)) % settings.n_fft)
    filters = np.concatenate([np.cos(angle), np.sin(angle)]) * hamming(settings.win_length)
    dft = graph.constant("dft", filters[:, np.newaxis])
    parts = graph.node("Conv", graph.node("Unsqueeze", x, [0, 1]), dft, strides=[settings.hop_length])
    squares = graph.node("Reshape", graph.node("Mul", parts, parts), [2, bins, -1])
    return graph.node("ReduceSum", squares, [0], keepdims=0)


def crop(graph: Graph, log_mel: str, longest: int) -> tuple[str, str]:
    """The middle of an utterance that is too long, and which frame of the whole its first one is, (1,)."""
    surplus = graph.node("Max", graph.node("Sub", graph.length(log_mel), [longest]), [0])
    start = graph.node("Div", surplus, [2])
    return graph.node("Slice", log_mel, start, graph.node("Add", start, [longest]), [0]), start


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
