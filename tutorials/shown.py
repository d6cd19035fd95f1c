"""What a notebook shows beside pictures: sound, a cursor that follows it, and a picture for each value of a number.

All of it works without network, is kept in the notebook, and has a text for those who do not see it. A script has no
page to show it on: there the text is printed, and a picture stands still.
"""

import itertools
import json
import wave
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from typing import Any

import numpy as np

from numser.audio import SAMPLE_RATE

_numbers = itertools.count()  # of what is shown: each has its own name on the page
_COLOURS = 32  # of pictures of which there are many


def listen(waveform: np.ndarray, text: str) -> None:
    """Print the text, and show a player."""
    print(text)
    if _in_notebook():
        _show(_player(waveform, text))


def listen_along(figure: Any, waveform: np.ndarray, text: str) -> None:
    """A picture whose axes are over seconds, and a player below it that moves a cursor through them."""
    if not _in_notebook():
        return _stand_still(text)
    figure.canvas.draw()  # which lays it out
    left, right = figure.axes[0].get_xlim()
    places = [ax.get_position() for ax in figure.axes]  # as shares of the figure
    second = places[0].width / (right - left)
    low, high = min(p.y0 for p in places), max(p.y1 for p in places)
    cursor = (
        f"position:absolute;width:2px;background:#009e73;top:{1 - high:.3%};height:{high - low:.3%};"
        f"left:{places[0].x0 - left * second:.3%}"
    )
    _show(
        f'<div style="position:relative;width:fit-content">{_image(_png(figure), text)}<i style="{cursor}"></i></div>'
        f"{_player(waveform, text)}",
        f"""
const cursor = $('i'), sound = $('audio'), left = parseFloat(cursor.style.left)
function follow() {{
  cursor.style.left = left + {100 * second:.4f} * sound.currentTime + '%'
  if (sound.isConnected) requestAnimationFrame(follow)
}}
follow()""",
    )


def turn(
    draw: Callable[[Any], Any], values: Sequence[Any], label: str, text: str, every: float | None = None
) -> None:
    """The figure that `draw` makes of each value, and a slider; with `every` (seconds) a button that plays them."""
    middle = len(values) // 2
    if not _in_notebook():
        draw(values[middle])
        return _stand_still(text)
    pictures = [_png(draw(value), _COLOURS) for value in values]
    _show(
        f"<label>{'<button>play</button> ' if every else ''}{escape(label)} <output>{values[middle]}</output> "
        f'<input type="range" max="{len(values) - 1}" value="{middle}" style="width:20em;vertical-align:middle">'
        f"</label>{_image(pictures[middle], text)}",
        f"""
const values = {json.dumps([str(value) for value in values])}, pictures = {json.dumps(pictures)}
const slider = $('input'), button = $('button')
let playing = 0
slider.oninput = () => {{
  $('img').src = pictures[slider.value]
  $('output').textContent = values[slider.value]
}}
function next() {{
  slider.value = (+slider.value + 1) % values.length
  slider.oninput()
}}
if (button) button.onclick = () => {{
  clearInterval(playing)
  playing = playing ? 0 : setInterval(next, {1000 * (every or 0):.0f})
  button.textContent = playing ? 'stop' : 'play'
}}""",
    )


def small(png: bytes, colours: int = 256) -> bytes:
    """A picture with few colours: as good to the eye, and a third of the size."""
    from PIL import Image

    picture = Image.open(BytesIO(png)).convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    few = opaque.quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    file = BytesIO()
    few.save(file, "PNG", optimize=True)
    return file.getvalue()


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def _show(page: str, script: str = "") -> None:
    from IPython.display import HTML, display

    name = f"shown-{next(_numbers)}"
    if script:
        script = f"<script>(() => {{ const $ = s => document.querySelector('#{name} ' + s); {script}\n}})()</script>"
    display(HTML(f'<div id="{name}">{page}</div>{script}'))


def _stand_still(text: str) -> None:
    import matplotlib.pyplot as plt

    print(text)
    plt.show()


def _image(address: str, text: str) -> str:
    return f'<img alt="{escape(text)}" src="{address}" style="display:block;max-width:100%">'


def _player(waveform: np.ndarray, text: str) -> str:
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        sound.writeframes((np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes())
    data = b64encode(file.getvalue()).decode()
    return f'<audio controls aria-label="{escape(text)}" src="data:audio/wav;base64,{data}"></audio>'


def _png(figure: Any, colours: int = 256) -> str:
    import matplotlib.pyplot as plt

    file = BytesIO()
    figure.savefig(file, format="png", dpi=100)  # the whole figure: the cursor's place is a share of it
    plt.close(figure)
    return f"data:image/png;base64,{b64encode(small(file.getvalue(), colours)).decode()}"
