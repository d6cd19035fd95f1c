"""A report's pictures, read back as one reads them by eye: what is drawn is where the axes say that it should be."""

import re

import numpy as np
import pytest
from browser import chromium, look, until, visit
from made_runs import LABELS, row, write_run
from scipy.stats import binomtest

from numser.report import report

HISTORIES = (
    ((50, 0.9, 0.8, 0.5), (100, 0.4, 0.6, 0.875), (150, 0.2, 0.7, 0.75)),
    ((50, 1.2, 1.1, 0.625), (100, 0.7, 0.5, 0.75), (150, 0.3, 0.4, 1.0)),
)
SURE = (0.52, 0.55, 0.58, 0.64, 0.66, 0.73, 0.78, 0.79, 0.88, 0.97, 0.98, 0.99)
WRONG = ({0, 1, 4, 8}, {0, 2, 7})  # utterances of each fold
READ = """
    const [svg] = arguments, all = (kind) => [...svg.querySelectorAll(kind)];
    const numbers = (node, ...names) => names.map((name) => Number(node.getAttribute(name)));
    const ticks = all("text.tick").filter((node) => node.textContent !== "" && !isNaN(node.textContent));
    const axis = (anchor, name) => ticks.filter((node) => node.getAttribute("text-anchor") === anchor)
      .map((node) => [Number(node.textContent), ...numbers(node, name, "y")]);
    return {
      x: axis("middle", "x"),
      y: axis("end", "y"),
      line: all("line").map((node) => [node.getAttribute("class"), numbers(node, "x1", "y1", "x2", "y2")]),
      circle: all("circle").map((node) => [node.getAttribute("class"), numbers(node, "cx", "cy")]),
      rect: all("rect").map((node) => [node.getAttribute("class"), numbers(node, "x", "y", "width", "height")]),
      path: all("path").map((node) => [node.getAttribute("class"), node.getAttribute("d")]),
    };
"""


class Picture:
    """What is in a picture, by its class, in the units of its axes."""

    def __init__(self, browser, selector: str, place: int = 0):
        self.read = browser.execute_script(READ, browser.find_elements("css selector", selector)[place])
        lowest = max(y for _, _, y in self.read["x"])  # the numbers of the axis; others stand on bars
        self._x = np.polyfit(*zip(*((x, value) for value, x, y in self.read["x"] if y == lowest), strict=True), 1)
        upright = [(y - 4, value) for value, _, y in self.read["y"]]
        self._y = np.polyfit(*zip(*upright, strict=True), 1) if upright else None

    def x(self, place):
        return np.polyval(self._x, place)

    def y(self, place):
        return np.polyval(self._y, place)

    def of(self, what: str, kind: str) -> np.ndarray:
        return np.array([numbers for name, numbers in self.read[what] if name == kind])

    def curves(self, kind: str) -> list[np.ndarray]:
        drawn = [re.findall(r"[ML]([\d.]+) ([\d.]+)", d) for name, d in self.read["path"] if kind in name.split()]
        return [np.column_stack([self.x(p[:, 0]), self.y(p[:, 1])]) for p in (np.array(d, float) for d in drawn)]

    def dots(self, kind: str) -> np.ndarray:
        places = self.of("circle", kind)
        return np.column_stack([self.x(places[:, 0]), self.y(places[:, 1])])


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    for fold, (history, wrong) in enumerate(zip(HISTORIES, WRONG, strict=True)):
        rows = []
        for i, sure in enumerate(SURE):
            truth = LABELS[i % 3 == 0]
            taken = LABELS[(i % 3 == 0) ^ (i in wrong)]
            rows.append(row(f"utterance{i}", truth, taken, sure=sure))
        write_run(folder / "cv" / f"fold{fold}", rows, fold=fold, history=history)
    report(folder / "cv", folder / "r.html")
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        look(browser)
        visit(browser, (folder / "r.html").as_uri())
        until(browser, "document.querySelectorAll('.chart svg').length === 4")
        yield browser


def near(found, expected):
    np.testing.assert_allclose(found, expected, atol=0.003)


def test_the_reliability_diagram(opened):
    picture = Picture(opened, "#calibration svg")
    sure = np.array(SURE * 2)
    right = np.array([i not in wrong for wrong in WRONG for i in range(len(SURE))])
    place = np.floor(sure * 10).astype(int)
    bins = [place == k for k in np.unique(place)]
    hits = np.array([right[b].sum() for b in bins])
    counts = np.array([b.sum() for b in bins])
    near(picture.dots("reliable"), [(sure[b].mean(), right[b].mean()) for b in bins])
    intervals = [
        binomtest(h, n).proportion_ci(method="wilson") for h, n in zip(hits.tolist(), counts.tolist(), strict=True)
    ]
    whiskers = picture.y(picture.of("line", "whisker")[:, [1, 3]])
    near(whiskers, [(interval.low, interval.high) for interval in intervals])
    bars = picture.of("rect", "count")
    near(bars[:, 3] / bars[:, 3].max(), counts / counts.max())
    near(picture.x(bars[:, 0] + bars[:, 2] / 2), np.unique(place) / 10 + 0.05)


@pytest.mark.parametrize(
    ("place", "columns", "heights"), [(0, {"training": 1, "validation": 2}, 2), (1, {"validation": 3}, 3)]
)
def test_the_learning_curves(opened, place, columns, heights):
    picture = Picture(opened, "#learning .chart svg", place)
    history = np.array(HISTORIES)
    steps = history[..., 0].max()
    for kind, column in columns.items():
        for found, rows in zip(picture.curves(kind), history, strict=True):
            near(found / [steps, 1], rows[:, [0, column]] / [steps, 1])
    best = history[[0, 1], [1, 2]]  # by validation UA
    near(picture.dots("ring") / [steps, 1], best[:, [0, heights]] / [steps, 1])
    if place == 1:
        near(picture.y(picture.of("line", "chance")[:, [1, 3]]), [[0.5, 0.5]])


def test_the_scores(opened):
    picture = Picture(opened, "#scores svg")
    said = [float(node.text) for node in opened.find_elements("css selector", ".figure strong")]
    near(picture.x(picture.of("line", "mean")[:, 0]), said)
    text = opened.find_element("css selector", "#scores").text
    told = np.array(re.findall(r"95\s%\sinterval: (\d\.\d+) to (\d\.\d+)", text), float)
    near(told[0], np.array(re.search(r"lie between (\d\.\d+) and (\d\.\d+)", text).groups(), float))
    x, _, width, _ = picture.of("rect", "interval").T
    near(picture.x(np.column_stack([x, x + width])), told)
    near(picture.x(picture.of("line", "chance")[:, 0]), [0.5])
    folds = opened.find_elements("css selector", "#scores tbody tr")
    table = np.array([[float(cell.text) for cell in fold.find_elements("css selector", "td")[1:4]] for fold in folds])
    near(picture.x(picture.of("circle", "fold")[:, 0]), table.T.ravel())


def test_the_shades_of_the_confusion_matrix(opened):
    cells = opened.find_elements("css selector", "#confusion button")
    shares = [float(cell.get_attribute("style").split(":")[1].strip(" ;")) for cell in cells]
    counts = np.array([float(cell.text) for cell in cells]).reshape(2, 2)
    near(np.reshape(shares, (2, 2)), counts / counts.sum(axis=1, keepdims=True))
    hits, row = counts.diagonal(), ".precision td:not(.corner)"
    for told, of in ((".recall", counts.sum(1)), (row, counts.sum(0))):
        percents = [cell.text for cell in opened.find_elements("css selector", f"#confusion {told}")]
        assert percents == [f"{100 * share:.0f} %" for share in hits / of]


def test_the_same_as_numbers(opened):
    tables = {}
    for part in ("calibration", "learning"):
        rows = f"[...document.querySelectorAll('#{part} details tbody tr')]"
        tables[part] = opened.execute_script(f"return {rows}.map((r) => [...r.cells].map((c) => c.textContent))")
    assert tables["learning"] == [
        [f"fold{k}", str(step), *(f"{x:.3f}" for x in rest)] for k, h in enumerate(HISTORIES) for step, *rest in h
    ]
    first = np.array([float(x) for x in SURE if x < 0.6])
    right = sum(i not in wrong for wrong in WRONG for i in range(3))
    assert tables["calibration"][0] == [
        "50\u00a0% to 60\u00a0%",
        f"{first.mean():.3f}",
        "6",
        str(right),
        f"{right / 6:.3f}",
    ]
    words = opened.find_elements("css selector", "#learning .chart svg")[0].get_attribute("aria-label")
    assert words.endswith(
        "fold0: training 0.900 to 0.200, validation 0.800 to 0.700; "
        "fold1: training 1.200 to 0.300, validation 1.100 to 0.400"
    )


def test_words_and_names_are_whole_where_there_is_little_room(tmp_path):
    """One label alone is tested, so that chance is at the right end; two begin alike, and are cut in tables."""
    labels = [f"not at all what one would call {word} in a person" for word in ("calm", "glad")]
    write_run(tmp_path / "run", [row("a", labels[0], labels=labels)], labels=labels)
    report(tmp_path / "run", tmp_path / "r.html")
    with chromium(tmp_path / "profile") as browser:
        look(browser)
        visit(browser, (tmp_path / "r.html").as_uri())
        until(browser, "document.querySelectorAll('.chart svg').length === 4")
        outside = """
            const svg = document.querySelector("#scores svg"), end = (shape) => shape.getBoundingClientRect().right;
            return [...svg.querySelectorAll("text")].filter((words) => end(words) > end(svg) + 1).length;
        """
        assert browser.execute_script(outside) == 0
        heads = browser.find_elements("css selector", "#confusion tbody th .text")
        assert [head.get_attribute("title") for head in heads] == labels
