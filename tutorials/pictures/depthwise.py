"""Draw the depthwise window on its way over two channels, as an animation.

    python tutorials/pictures/depthwise.py          writes depthwise.gif beside this file

Each channel has a filter of its own, and no channel sees the other.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from numser import plots

T, F = 6, 5
rng = np.random.default_rng(3)
x = rng.integers(0, 5, (T, F, 2)).astype(float)
filters = np.stack([[[0, 0, 0], [1, 1, 1], [0, 0, 0]], [[0, -1, 0], [0, 0, 0], [0, 1, 0]]], axis=-1)
bordered = np.pad(x, ((1, 1), (1, 1), (0, 0)))
y = sum(filters[i, j] * bordered[i : i + T, j : j + F] for i in range(3) for j in range(3))

plt = plots.pyplot()
figure, rows = plt.subplots(2, 3, figsize=(7.2, 4.4), width_ratios=(1, 0.5, 1))
windows, cells, results = [], [], []
for c, (left, middle, right) in enumerate(rows):
    for ax, values, title in (
        (left, x[..., c], f"x, channel {c}"),
        (middle, filters[..., c], "its filter"),
        (right, np.full((T, F), np.nan), f"y, channel {c}"),
    ):
        high, wide = values.shape
        image = ax.imshow(values.T, cmap="RdBu", vmin=-14, vmax=14, origin="lower")
        ax.set(xticks=[], yticks=[], title=title, xlim=(-1.6, high + 0.6), ylim=(-1.6, wide + 0.6))
        ax.spines[:].set_visible(False)
        for (a, b), value in np.ndenumerate(values):
            if not np.isnan(value):
                ax.text(a, b, f"{value:.0f}", ha="center", va="center", fontsize=9)
    left.set_ylabel("frequency")
    results.append(image)
    windows.append(left.add_patch(plt.Rectangle((0, 0), 3, 3, fill=False, edgecolor=plots.ORANGE, linewidth=3)))
    cells.append(right.add_patch(plt.Rectangle((0, 0), 1, 1, fill=False, edgecolor=plots.ORANGE, linewidth=3)))
for ax in rows[1, ::2]:
    ax.set_xlabel("time")
figure.set_dpi(70)
figure.canvas.draw()  # lays it out, once
figure.set_layout_engine("none")
pictures = []
for k, (t, f) in enumerate(np.ndindex(T, F)):
    for c in range(2):
        windows[c].set_xy((t - 1.5, f - 1.5))
        cells[c].set_xy((t - 0.5, f - 0.5))
        shown = np.full(T * F, np.nan)
        shown[: k + 1] = y[..., c].ravel()[: k + 1]
        results[c].set_data(shown.reshape(T, F).T)
        rows[c, 2].text(t, f, f"{y[t, f, c]:.0f}", ha="center", va="center", fontsize=9)
    figure.canvas.draw()
    pictures.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB").quantize(32))
first, *others = pictures
first.save(Path(__file__).with_suffix(".gif"), save_all=True, append_images=others, duration=400, loop=2)
