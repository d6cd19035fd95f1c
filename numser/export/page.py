"""A page that recognises by itself: one HTML file, with the model and ONNX Runtime in it.

Opened from a disk, a page may fetch nothing; so all of it is in the file, 25 MB. It may not send anything either: its
policy forbids every connection.
"""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

from numser.errors import InputError
from numser.export.beside import about
from numser.files import write_whole

if TYPE_CHECKING:
    from onnx import ModelProto

TEMPLATE = Path(__file__).parent / "page.html"
# Of the npm package onnxruntime-web: its script, and the two halves of its WebAssembly.
PARTS = {"ort": "ort.wasm.min.js", "glue": "ort-wasm-simd-threaded.mjs", "wasm": "ort-wasm-simd-threaded.wasm"}


def onnxruntime_web(folder: Path) -> dict[str, bytes]:
    """The parts of the reader's own copy of onnxruntime-web: the package's folder, or dist in it.

    Raises      InputError: one of them is not there
    """
    place = folder / "dist" if (folder / "dist").is_dir() else folder
    parts = {}
    for part, name in PARTS.items():
        try:
            parts[part] = (place / name).read_bytes()
        except OSError as error:
            raise InputError(
                f"--page {folder}: {place / name} cannot be read ({error.strerror}); "
                'give the folder that "npm install onnxruntime-web" makes, node_modules/onnxruntime-web'
            ) from None
    return parts


def write_page(model: "ModelProto", parts: dict[str, bytes], path: Path) -> None:
    """The page of a model that takes a waveform."""
    binary = parts | {"model": model.SerializeToString(deterministic=True)}
    data = {name: base64.b64encode(value).decode() for name, value in binary.items()}
    text = json.dumps({"about": about(model), **data}, ensure_ascii=False)
    text = text.replace("<", "\\u003c")  # nothing in it can end the script
    page = TEMPLATE.read_text(encoding="utf-8").replace('"DATA"', text, 1)
    write_whole(path, lambda file: file.write(page.encode()))
