"""A trained model as an ONNX file, to be run without numser.        python -m numser.export MODEL.npz model.onnx

The file holds all that lies between a waveform and the probabilities: features, standardiser, network. It takes one
utterance at a time, and gives what numser.predict gives, to 1e-4. To write it needs the extra "onnx".

The network is shown at most a window, 7 s. Of a longer input the file recognises the middle, where numser.predict
takes the mean of all windows' probabilities: windows that touch, the last of which ends with the recording. A file
written with `--windows` takes one whole window, and refuses what is longer or shorter.

With `--int8` the network is in numbers of 8 bits: half the file, and quicker, for slightly other probabilities.

Input       waveform (samples,) float32, one channel at 16 kHz, full scale −1 to 1. With `--input log-mel` instead
            log_mel (frames, 128) float32 in dB: what numser.features.log_mel makes of the whole utterance, by the
            model's settings
Outputs     probabilities (K,) float32, which sum to 1. A model with attention has two more:
            attention (weights,) float32, which sum to 1;
            seconds (weights,) float32: where each weight is centred, from the beginning of the input
Metadata    texts by name, each of them JSON. labels: the K labels, in the order of the probabilities. shortest: how
            many samples, or frames, the input needs; window: how many the network is shown at most. trained_on:
            corpus and split, in words. And the features' settings, such as sample_rate, hop_length and level, by
            their names in numser.features.FeatureSettings. The same stands in model.json beside model.onnx, for
            programs that cannot read metadata, with what the input and the outputs are

An input too short is an error. Nothing else is checked, as numser would: silence, noise and NaN get probabilities
too. A waveform takes about 1 MB of memory a second.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from numser import __version__
from numser.cli import command_line, say
from numser.errors import InputError

if TYPE_CHECKING:
    from onnx import ModelProto

    from numser.recogniser import Recogniser

INPUTS = ("waveform", "log-mel")


def main(argv: list[str] | None = None) -> None:
    """Write the file, and print what it takes and gives."""
    about = "Write a trained model as an ONNX file, with all that lies between sound and probabilities."
    parser = command_line("export", about)
    parser.add_argument("model", metavar="MODEL.npz", help="what numser.train left in its run's folder")
    parser.add_argument("out", metavar="model.onnx", type=Path, help="the file to write")
    parser.add_argument(
        "--input", choices=INPUTS, default=INPUTS[0], help="what the file is given: sound, or log-mel frames in dB"
    )
    parser.add_argument(
        "--windows",
        action="store_true",
        help="a file that takes one whole window of 7 s, and nothing else; without it, the middle of what is longer "
        "is recognised, where numser.predict takes the mean of all windows",
    )
    parser.add_argument(
        "--int8", action="store_true", help="half the size, and quicker, for slightly other probabilities"
    )
    parser.add_argument(
        "--audonnx", action="store_true", help="write model.yaml too, from which audonnx has the labels"
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--page",
        metavar="FOLDER",
        type=Path,
        help="write a page instead, model.html, that runs the model in a browser without a server; FOLDER is your "
        "copy of the npm package onnxruntime-web",
    )
    other.add_argument(
        "--half", action="store_true", help="write a model for numser instead, model.npz, in float16: half the size"
    )
    args = parser.parse_args(argv)
    others = args.windows or args.audonnx or args.input != INPUTS[0]
    if (args.half and (others or args.int8)) or (args.page and others):
        parser.error("--half goes with no other option, and --page with --int8 alone")
    if args.half:
        return _write_half(args.model, args.out)
    if args.page:
        return _write_page(args.model, args.out, args.page, args.int8)
    check_export(args.out, args.int8)
    from numser.export.beside import check_beside, write_audonnx
    from numser.recogniser import load

    if args.audonnx:
        check_beside(args.out, ".yaml")
    model = export(load(args.model), args.out, args.input, windows=args.windows, int8=args.int8)
    if args.audonnx:
        write_audonnx(model, args.out)
    (given,), gives = (list(map(_shape, values)) for values in (model.graph.input, model.graph.output))
    name = model.graph.input[0].name
    say(
        f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, from {given} to {', '.join(gives)}; "
        f'run it by onnxruntime.InferenceSession("{args.out.as_posix()}").run(None, {{"{name}": {name}}})'
    )


def _write_half(source: str, path: Path) -> None:
    from numser.recogniser import load

    _check_place(path, ".npz")
    load(source).save(path, half=True)
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB, for numser; python -m numser.predict {path} FILE")


def _write_page(source: str, path: Path, folder: Path, int8: bool) -> None:
    check_export(path, int8, ".html")
    from numser.export.page import onnxruntime_web, write_page
    from numser.recogniser import load

    parts = onnxruntime_web(folder)
    write_page(onnx_model(load(source), int8=int8), parts, path)
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB; open it in a browser")


def export(
    recogniser: "Recogniser", path: str | Path, takes: str = INPUTS[0], *, windows: bool = False, int8: bool = False
) -> "ModelProto":
    """Write a recogniser as an ONNX file, with a JSON file beside it that says what it is, and return what was
    written. The same recogniser gives the same bytes.

    Raises      InputError: onnx, or for int8 ONNX Runtime, is not installed; a file cannot be written, or would take
                    another one's place
                ValueError: `takes` is not one of INPUTS
    """
    from numser.export.beside import check_beside, write_about
    from numser.files import write_whole

    path = Path(path)
    check_export(path, int8)
    check_beside(path, ".json")
    model = onnx_model(recogniser, takes, windows=windows, int8=int8)
    write_whole(path, lambda file: file.write(model.SerializeToString(deterministic=True)))
    write_about(model, path)
    return model


def check_export(path: Path, int8: bool = False, suffix: str = ".onnx") -> None:
    """See whether an ONNX file, or a page with one, can be made and its place is there, before any work.

    Raises      InputError: it cannot, or is not
    """
    _check_place(path, suffix)
    for module in ("onnx", "onnxruntime") if int8 else ("onnx",):
        if find_spec(module) is None:
            raise InputError(f'{path}: {module} is not installed; pip install "numser[onnx]" brings it')


def _check_place(path: Path, suffix: str) -> None:
    if path.suffix != suffix:
        raise InputError(f"{path}: should end in {suffix}, so that no other file is overwritten by mistake")
    from numser.files import check_place, remove_halves

    check_place(path)
    remove_halves(path.parent, [path.with_suffix(end).name for end in (suffix, ".json", ".yaml")])


def onnx_model(
    recogniser: "Recogniser", takes: str = INPUTS[0], *, windows: bool = False, int8: bool = False
) -> "ModelProto":
    """The recogniser as an ONNX model. The docstring of this file describes it.

    Raises      ValueError: `takes` is not one of INPUTS
                InputError: the model is not the paper's network, or the recogniser is for a person who is known
    """
    from numser.model import BANDS, SHORTEST, SeparableSER

    if takes not in INPUTS:
        raise ValueError(f"takes: should be one of {', '.join(INPUTS)}, found {takes!r}")
    if not isinstance(recogniser.model, SeparableSER):
        raise InputError(f"model: only the paper's network can be exported, found {recogniser.model.name}")
    if recogniser.speaker_known:
        raise InputError(
            "recogniser: is for one person, which an ONNX file cannot be; give the one that it was made of"
        )
    from onnx import helper

    from numser.export.features import crop, log_mel, seconds, standardise
    from numser.export.graph import Graph, floats
    from numser.export.network import network

    graph, settings = Graph(), recogniser.features
    if takes == "waveform":
        hop, unit = settings.hop_length, "samples"
        window, shortest = settings.max_frames * hop, (SHORTEST - 1) * hop
        given, whole = floats("waveform", unit), log_mel(graph, "waveform", settings)
    else:
        window, shortest, unit = settings.max_frames, SHORTEST, "frames"
        given, whole = floats("log_mel", unit, BANDS), "log_mel"
    frames, start = crop(graph, whole, settings.max_frames)
    x = graph.node("Unsqueeze", standardise(graph, frames, recogniser.standardiser), [0, 1])
    logits, alpha = network(graph, recogniser.model, recogniser.params, x)
    graph.node("Squeeze", graph.node("Softmax", logits, axis=1), [0], output="probabilities")
    gives = [floats("probabilities", recogniser.model.n_classes)]
    if alpha is not None:
        graph.node("Squeeze", alpha, [1], output="attention")
        seconds(graph, start, frames, "attention", settings, output="seconds")
        gives += [floats("attention", "weights"), floats("seconds", "weights")]
    does = "it takes one window" if windows else "of more, the middle is recognised"
    says = (
        f"The network is shown at most a window, {window} {unit}; {does}. numser.predict takes the mean of all "
        "windows' probabilities, and refuses where nobody speaks; here silence and noise get probabilities too."
    )
    by = {"producer_name": "numser", "producer_version": __version__, "doc_string": says}
    model = graph.model("SeparableSER", [given], gives, **by)
    if int8:
        from numser.export.int8 import in_int8

        model = in_int8(model, x, settings)
    if windows:  # said last, since any utterances show int8 how large its numbers are
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = window
    about = {"labels": recogniser.labels, "shortest": window if windows else shortest, "window": window}
    about |= {"trained_on": recogniser.trained_on, **settings.as_dict()}
    helper.set_model_props(model, {name: json.dumps(value, ensure_ascii=False) for name, value in about.items()})
    return model


def _shape(value) -> str:
    """A graph's input or output with its axes, such as "waveform (samples,)"."""
    from numser.export.beside import axes

    names = list(map(str, axes(value)))
    return f"{value.name} ({', '.join(names)}{',' * (len(names) == 1)})"
