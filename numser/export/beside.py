"""What is written beside model.onnx: what the file says about itself, for programs that cannot ask it.

ONNX Runtime's JavaScript cannot reach a model's metadata, and audonnx would call the labels probabilities-0,
probabilities-1 and so on.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numser.errors import InputError
from numser.files import write_json, write_whole

if TYPE_CHECKING:
    from onnx import ModelProto

OUTPUTS = {
    "probabilities": "one a label, in the order of the labels; they sum to 1",
    "attention": "how much each moment counted; they sum to 1",
    "seconds": "where each of the attention's weights is centred, from the beginning of the input",
}
_MARKS = {".json": '"outputs": [', ".yaml": "$audonnx"}  # by these an export's files are known


def about(model: "ModelProto") -> dict[str, Any]:
    """The model's metadata, and `input` and `outputs`: names, axes, and what they are."""
    said = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    (given,) = model.graph.input
    unit = "one channel from −1 to 1, at sample_rate" if given.name == "waveform" else "dB, a frame each hop_length"
    return said | {
        "input": {"name": given.name, "axes": axes(given), "what": unit},
        "outputs": [{"name": y.name, "axes": axes(y), "what": OUTPUTS[y.name]} for y in model.graph.output],
    }


def axes(value: Any) -> list[str | int]:
    """The axes of a graph's input or output: a number, or a word where any length will do."""
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def check_beside(path: Path, suffix: str) -> None:
    """See that what is to be written beside `path` takes no other file's place, such as a run's result.json.

    Raises      InputError: it would
    """
    other = path.with_suffix(suffix)
    if other.is_file() and _MARKS[suffix] not in other.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            f"{path}: beside it {other.name} would be overwritten, which no export wrote; choose another name"
        )


def write_about(model: "ModelProto", path: Path) -> None:
    """model.json beside model.onnx."""
    write_json(path.with_suffix(".json"), about(model))


def write_audonnx(model: "ModelProto", path: Path) -> None:
    """model.yaml beside model.onnx, by which audonnx.load(folder) knows the labels' names."""
    labels = json.dumps({"probabilities": about(model)["labels"]}, ensure_ascii=False)
    name = json.dumps(path.name, ensure_ascii=False)
    text = f"$audonnx.core.model.Model==1.0.1:\n  path: {name}\n  labels: {labels}\n  transform: null\n"
    write_whole(path.with_suffix(".yaml"), lambda file: file.write(text.encode()))
