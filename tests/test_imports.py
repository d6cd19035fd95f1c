"""What is imported when. Slow packages come only with what needs them."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest
from conftest import PROJECT


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import numser", {"numpy", "scipy", "soundfile", "numba"}),
        ("import numser.__main__", {"numpy", "scipy", "soundfile", "numba"}),
        ("import numser.train; numser.train.parser()", {"scipy", "soundfile", "numba"}),
        ("import numser.audio", {"scipy", "soundfile"}),
        ("import numser.plots", {"matplotlib"}),
        ("import numser.model", {"scipy.signal", "scipy.fft", "soundfile"}),
        ("import numser.export", {"onnx", "onnxruntime", "scipy", "numba"}),
        ("import numser.report", {"numpy", "soundfile", "numba"}),
        ("import numser.demo", {"numpy", "soundfile", "numba", "http.server"}),
        ("import numser.recogniser, numser.runs", {"scipy.signal", "soundfile", "matplotlib"}),
    ],
)
def test_slow_packages_are_not_imported_before_they_are_needed(statement, absent):
    assert modules_after(statement) & absent == set()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not add up its children's time")
@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        (["-c", "import numser"], 0.3),
        (["-m", "numser"], 0.5),
        (["-m", "numser.train", "--help"], 1.0),
        (["-m", "numser.predict", "--help"], 1.0),
    ],
)
def test_what_should_be_quick_is(arguments, limit):
    """Processor time, best of three."""

    def seconds():
        before = os.times()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < limit


def test_what_numser_offers_is_there_when_asked_for():
    import numser
    from numser.model import SeparableSER
    from numser.recogniser import Prediction, Recogniser, load

    offered = (numser.SeparableSER, numser.Recogniser, numser.Prediction, numser.load)
    assert offered == (SeparableSER, Recogniser, Prediction, load)
    assert "load" in dir(numser)
    with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
        _ = numser.nonesuch


def test_in_the_folder_above_a_checkout_numser_is_the_package_and_not_the_checkout(tmp_path):
    """Python takes a folder without __init__.py for a package too, if it finds no other one before it gives up."""
    (tmp_path / "numser").mkdir()  # as an empty checkout looks
    code = "import numser; print(numser.load.__module__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "numser.recogniser"


def imports_of(path):
    """Modules of numser that a file imports, also inside functions, but not for type checking alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numser":
            whole = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in FILES else node.module for name in whole)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in FILES)


FILES = {
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((PROJECT / "numser").rglob("*.py"))
}
GRAPH = {name: set(imports_of(path)) - {name} for name, path in FILES.items()}
COMMANDS = {f"numser.{name}" for name in ("train", "predict", "evaluate", "crossval", "reproduce", "report", "demo")}


def test_there_is_no_circle_of_imports():
    assert len(FILES) > 60 and GRAPH["numser.training"] >= {"numser.recipe", "numser.inference"}
    list(TopologicalSorter(GRAPH).static_order())  # raises CycleError, which names one


def test_nobody_imports_a_command():
    """But the command's own parts."""
    wrong = [
        (name, command)
        for name, imported in GRAPH.items()
        for command in COMMANDS & imported
        if not name.startswith(f"{command}.")
    ]
    assert wrong == []


def test_the_network_stands_on_nothing_of_what_uses_it():
    network = "ragged jit losses difficulty optim metrics model gradcheck errors cli threads"
    allowed = {"numser", *(f"numser.{name}" for name in network.split())}
    allowed |= {name for name in FILES if name.startswith(("numser.layers", "numser.systems"))}
    assert {imported for name in allowed - {"numser", "numser.cli"} for imported in GRAPH[name]} <= allowed


def test_recognising_a_waveform_brings_nothing_of_training_corpora_or_caches():
    brought = {name for name in modules_after("import numser.recogniser") if name.startswith("numser.")}
    parts = {name.split(".")[1] for name in brought}
    expected = (
        "audio cli declared decode deltas errors features files inference jit layers losses model ragged readout"
    )
    assert parts == set(f"{expected} recogniser speech streams systems threads".split())
