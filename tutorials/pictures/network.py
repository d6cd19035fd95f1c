"""Write the page with the whole network, and its picture, from numser's own layers.

    python tutorials/pictures/network.py           writes tutorials/network.md, and network.svg beside this file

Shapes and parameters are what `numser.model.stages` finds, equations what stands at the top of each layer's file.
"""

import inspect
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from numser.layers import Sequential
from numser.model import SeparableSER, stages

HERE = Path(__file__).parent
PAGE, PICTURE = HERE.parent / "network.md", HERE / "network.svg"
MODEL, SECONDS = SeparableSER(n_classes=7), 3
LESSONS = {
    "conv": "02_convolution",
    "fused": "04_inverted_residuals",
    "pool": "04_inverted_residuals",
    "gru": "05_gru",
    "attention": "06_attention_pooling",
    "dense": "11_whole_way_back",
    "activation": "06_attention_pooling",
}
FLOWS = {"entry": "entry flow", "stem": "middle flow", "gru": "exit flow"}
IN_SHORT = {  # equations; the files have them in full
    "Conv": "ReLU(Σ w · x[2t+i, 2f+j] + b)",
    "FusedBlock": "ReLU(x We + be), depthwise, ReLU, Wp + bp",
    "MaxPool": "the largest of 3 × 3, stride 2",
    "Flatten": "y[t, f·C + c] = x[t, f, c]",
    "GRU": "h' = z∘h + (1−z)∘c, both directions",
    "Attention": "Σ α[t] h[t], α = softmax(h · w)",
    "Dense": "x W + b",
    "PReLU": "x or a·x",
}
WIDTH, ROW, BOX = 760, 62, 44  # of the picture, of a layer in it, of a layer's box


def files(layer: Any) -> list[str]:
    """The files in which a layer's equations stand, without folder and ending."""
    if isinstance(layer, Sequential):
        return [name for _, child in layer.children for name in files(child)]
    return [Path(inspect.getfile(type(layer))).stem]


def equations(file: str) -> str:
    """The first equations in a layer's file: its forward pass."""
    module = __import__(f"numser.layers.{file}", fromlist=["__doc__"])
    return re.search(r"\n\n((?:    .*\n)+)", module.__doc__)[1]


@cache
def rows() -> list[tuple[str, Any, tuple[int, ...], int, int]]:
    """Name, layer, output's shape, parameters and multiply-accumulates of each stage."""
    found = stages(MODEL, frames=1 + 100 * SECONDS)
    layers = dict(MODEL.network.children)
    return [(s.name, layers[s.name], s.output, s.parameters, s.multiply_accumulates) for s in found]


def kind(layer: Any) -> str:
    """What a layer is called."""
    if isinstance(layer, Sequential):
        return ", ".join(kind(child) for _, child in layer.children)
    return type(layer).__name__


def in_short(layer: Any) -> str:
    """What a layer does, in a line."""
    names = kind(layer).split(", ")
    return "; ".join(IN_SHORT[name] for name in names) + (", + x" if getattr(layer, "residual", False) else "")


def shape(output: tuple[int, ...]) -> str:
    """A shape in words' width."""
    return " × ".join(f"{n:,}" for n in output)


def page() -> str:
    """The page in Markdown."""
    table, seen = [], []
    for name, layer, output, parameters, products in rows():
        links = ", ".join(f"[{file}.py](../numser/layers/{file}.py)" for file in files(layer))
        lessons = dict.fromkeys(LESSONS[file] for file in files(layer) if file in LESSONS)
        lesson = ", ".join(f"[{lesson[:2]}]({lesson}.ipynb)" for lesson in lessons)
        cells = name, kind(layer), in_short(layer), shape(output), f"{parameters:,}", f"{products:,}", links, lesson
        table.append(f"| {' | '.join(cells)} |")
        seen += [file for file in files(layer) if file not in seen]
    total = [sum(row[k] for row in rows()) for k in (3, 4)]
    parts = "\n".join(f"**[{file}.py](../numser/layers/{file}.py)**\n\n{equations(file)}" for file in seen)
    return f"""# The whole network

What becomes of {SECONDS} seconds of speech, {1 + 100 * SECONDS} frames of 128 log-mel bands, with seven emotions to
choose from. [network.py](pictures/network.py) wrote this page from numser's layers; `python -m numser.model` prints
the table for other networks.

![The network from top to bottom: log-mel, entry convolution, stem, pooling, four blocks with ways around, GRU,
attention, hidden and output layer, each with its output's shape and its parameters](pictures/network.svg)

| stage | layer | equation, in short | output | parameters | multiplications | file | lesson |
|---|---|---|---|---|---|---|---|
{chr(10).join(table)}
| all | | | | {total[0]:,} | {total[1]:,} | [model.py](../numser/model.py) | [08](08_training.ipynb) |

Outputs are time × frequency × channels, then time × features, then features. `FusedBlock` is the separable block in
one piece: [inverted_residual.py](../numser/layers/inverted_residual.py) composes the same of plain layers, and adds
its input where there is a way around.

## Equations

The backward passes stand in the same files, under these.

{parts}"""


def picture() -> str:
    """The picture as SVG."""
    found = rows()
    height = ROW * (len(found) + 1) + 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="14" role="img">',
        "<title>The whole network</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]

    def text(x, y, words, more=""):
        out.append(f'<text x="{x}" y="{y}" {more}>{escape(words)}</text>')

    def box(y, name, of, what, shown, parameters, fill):
        out.append(f'<rect x="150" y="{y}" width="330" height="{BOX}" rx="6" fill="{fill}" stroke="#0072b2"/>')
        text(165, y + 19, name, 'font-weight="bold"')
        text(470, y + 19, of, 'text-anchor="end"')
        text(165, y + 36, what, 'font-size="12"')
        text(500, y + 19, shown)
        text(500, y + 36, parameters, 'font-size="12" fill="#555"')

    frames = 1 + 100 * SECONDS
    box(10, "log-mel", "", f"{SECONDS} s of speech", shape((frames, 128, 1)), "time × frequency × channels", "white")
    for k, (name, layer, output, parameters, _) in enumerate(found, start=1):
        y = 10 + ROW * k
        out.append(f'<path d="M315 {y - ROW + BOX} V{y - 1}" stroke="black" marker-end="url(#tip)"/>')
        where = " + ".join(f"{file}.py" for file in files(layer))
        size = f"{parameters:,} parameters · {where}" if parameters else where
        box(y, name, kind(layer), in_short(layer), shape(output), size, "#e6f1f8")
        if getattr(layer, "residual", False):
            top, bottom = y - (ROW - BOX) // 2, y + BOX + 5
            out.append(
                f'<path d="M315 {top} H135 V{bottom} H307" fill="none" stroke="#d55e00" stroke-width="2" '
                'marker-end="url(#tip)"/>'
            )
            text(118, y + 27, "+", 'fill="#d55e00" font-size="18"')
        if name in FLOWS:
            text(12, y + 27, FLOWS[name], 'fill="#555"')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
