"""What one meets first: the list of commands, numser.load, and what a recogniser and a prediction look like."""

import ast
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import PROJECT, syllables

import numser
from numser.__main__ import COMMANDS, main
from numser.audio import read_audio
from numser.cli import program
from numser.errors import InputError
from numser.recogniser import Prediction, overall, predict_windows
from numser.speech import NoSpeech


def front_door(*arguments):
    return subprocess.run([sys.executable, "-m", "numser", *arguments], capture_output=True, text=True, check=False)


def noise(seconds, seed=1):
    n = int(seconds * 16_000)
    return 0.1 * np.random.default_rng(seed).standard_normal(n) * syllables(n)


@pytest.fixture
def write(tmp_path):
    def write(name, samples):
        soundfile.write(tmp_path / name, samples, 16_000)
        return tmp_path / name

    return write


def test_without_a_command_all_are_listed_in_a_line_each():
    done = front_door()
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == list(COMMANDS)
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert front_door("--help").stdout == done.stdout


def test_no_command_is_missing_from_the_list():
    """A command is a module that ends in `run(main)`; a folder's stands in its __main__."""
    files = [path.relative_to(PROJECT / "numser") for path in (PROJECT / "numser").rglob("*.py")]
    ends = [path for path in files if (PROJECT / "numser" / path).read_text("utf-8").endswith("\n    run(main)\n")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__main__") for path in ends}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("called", ["numser", "python -m numser"])
def test_each_command_says_how_it_was_called(command, called, monkeypatch, capsys):
    path = "/bin/numser" if called == "numser" else str(Path(numser.__file__).with_name("__main__.py"))
    monkeypatch.setattr(sys, "argv", [path, command, "--help"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {called} {command} ")


def test_called_by_itself_a_command_has_its_own_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(PROJECT / "numser" / "report" / "__main__.py")])
    assert program("report") == "python -m numser.report"


def test_a_commands_exit_code_and_its_mistakes_are_the_front_doors():
    done = front_door("predict", "nonesuch.wav")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: nonesuch.wav: cannot be opened")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("trian", "trian: there is no such command; did you mean train?"),
        ("synthetic", "synthetic: there is no such command; did you mean corpora.synthetic?"),
        ("--verison", "--verison: there is no such command; did you mean --version?"),
        ("qqq", "qqq: there is no such command; python -m numser lists them"),
    ],
)
def test_an_unknown_command(typed, sentence):
    done = front_door(typed)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {sentence}\n")


def test_the_version():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert front_door("--version").stdout == f"numser {numser.__version__}\n" == f"numser {project['version']}\n"


def test_the_console_command_is_there_and_ends_the_process(monkeypatch, capsys):
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, function = scripts["numser"].split(":")
    monkeypatch.setattr(sys, "argv", ["/bin/numser", "trian"])
    with pytest.raises(SystemExit) as end:
        getattr(import_module(module), function)()
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: trian: there is no such command; did you mean train?\n"


def test_editors_see_what_is_offered():
    """What is imported for type checkers alone is what `numser.name` finds, in the same modules."""
    tree = ast.parse(Path(numser.__file__).read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {name.asname: statement.module for statement in block.body for name in statement.names}
    assert seen == numser._WHERE
    assert all(getattr(numser, name).__module__ == module for name, module in seen.items())
    assert Path(numser.__file__).with_name("py.typed").exists()


def test_a_run_folder_stands_for_its_model(recogniser, tmp_path):
    recogniser.save(str(tmp_path / "model.npz"))
    for path in (tmp_path, str(tmp_path), tmp_path / "model.npz"):
        assert numser.load(path).labels == recogniser.labels
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: this folder has no model\.npz; name a run's whose training has"):
        numser.load(tmp_path / "empty")


def test_a_file_is_recognised_as_its_waveform(recogniser, write):
    path = write("a.wav", noise(1))
    expected = recogniser.predict(read_audio(path), 16_000)
    for prediction in (recogniser.predict(path), recogniser.predict(str(path))):
        assert prediction.probabilities == expected.probabilities
        np.testing.assert_array_equal(prediction.attention, expected.attention)
        np.testing.assert_array_equal(prediction.seconds, expected.seconds)


def test_a_long_file_is_the_mean_of_its_windows(recogniser, write):
    path = write("long.wav", np.concatenate([noise(7), np.zeros(7 * 16_000), noise(3, seed=2)]))
    windows = [window for _, window in predict_windows(recogniser, [("long", path)])]
    assert [window.prediction is None for window in windows] == [False, True, False]
    prediction = recogniser.predict(path)
    assert prediction.probabilities == overall(windows).probabilities
    assert prediction.attention is None


def test_what_cannot_be_predicted(recogniser, write, tmp_path):
    path = write("a.wav", noise(1))
    with pytest.raises(InputError, match=r"sample_rate: the file .*a\.wav has its own; leave it out"):
        recogniser.predict(path, 16_000)
    with pytest.raises(InputError, match=r"waveform: sampling rate is missing; give it in Hz, as a number"):
        recogniser.predict(noise(1))
    with pytest.raises(InputError, match=r"no\.wav: cannot be opened"):
        recogniser.predict(tmp_path / "no.wav")
    with pytest.raises(InputError, match="this is a folder"):
        recogniser.predict(tmp_path)
    with pytest.raises(NoSpeech, match=r"silence\.wav: no speech to be heard"):
        recogniser.predict(write("silence.wav", np.zeros(16_000 * 15)))


def test_many_files_are_a_row_each_and_a_bad_one_stops_no_other(recogniser, write, tmp_path):
    broken = np.concatenate([noise(8), [np.nan]]).astype(np.float32)
    soundfile.write(tmp_path / "broken.wav", broken, 16_000, subtype="FLOAT")
    paths = [
        write("a.wav", noise(1)),
        tmp_path / "no.wav",
        str(write("b.wav", noise(8))),
        tmp_path / "broken.wav",
        write("s.wav", np.zeros(8000)),
    ]
    rows = recogniser.predict_files(path for path in paths)
    assert [row.name for row in rows] == list(map(str, paths))
    for row in (rows[0], rows[2]):
        alone = recogniser.predict(row.name)
        assert (row.label, row.mistake) == (alone.label, None)
        assert row.probabilities == pytest.approx(alone.probabilities, rel=1e-4)
    for row, mistake in zip((rows[1], *rows[3:]), ("cannot be opened", "NaN", "no speech to be heard"), strict=True):
        assert (row.label, row.probabilities) == (None, None)
        assert row.mistake.startswith(row.name) and mistake in row.mistake
    assert recogniser.predict_files([]) == []
    with pytest.raises(InputError, match=r"paths: should be several files, found only a\.wav; give a list, or use"):
        recogniser.predict_files("a.wav")
    with pytest.raises(InputError, match="paths: should be several files, found only None; give a list"):
        recogniser.predict_files(None)
    with pytest.raises(InputError, match="paths: should be paths of files, found a ndarray; use predict for it"):
        recogniser.predict_files([np.zeros(16_000)])


def test_how_a_recogniser_prints(recogniser):
    assert repr(recogniser).splitlines() == [
        "Recogniser",
        f"  network     0 blocks, attention on, {sum(w.size for w in recogniser.params.values()):,} parameters",
        "  labels      anger, joy, neutral",
        "  trained on  noise",
        "  level       absolute",
    ]


def test_how_a_prediction_prints():
    prediction = Prediction("joy", {"anger": 0.25, "joy": 0.75}, None, None)
    assert repr(prediction) == str(prediction) == "Prediction(joy 0.750, anger 0.250)"
    assert repr(Prediction("a\nb", {"a\nb": 1.0}, None, None)) == r"Prediction(a\nb 1.000)"


def test_how_a_notebook_shows_a_prediction():
    attention, seconds = np.array([0.1, 0.6, 0.3]), np.array([0.03, 0.07, 0.11])
    prediction = Prediction("joy", {"anger": 0.25, "joy": 0.75}, attention, seconds)
    svg = ElementTree.fromstring(prediction._repr_html_())
    texts = [e.text for e in svg.iter() if e.tag.endswith("}text")]
    assert texts == ["joy", "0.750", "anger", "0.250", "attention", "0.03 s", "0.11 s"]
    wide, narrow = [float(e.get("width")) for e in svg.iter() if e.tag.endswith("}rect")]
    assert wide == pytest.approx(3 * narrow, rel=0.01)
    (curve,) = [e.get("points").split() for e in svg.iter() if e.tag.endswith("}polygon")]
    x, y = np.array([point.split(",") for point in curve[1:-1]], float).T
    bottom = float(curve[0].split(",")[1])
    assert (bottom - y) / (bottom - y).max() == pytest.approx(attention / attention.max(), abs=0.01)
    assert np.diff(x) == pytest.approx([x[1] - x[0]] * 2, abs=0.2)
    assert float(svg.get("height")) > bottom

    plain = ElementTree.fromstring(Prediction("joy", {"anger": 0.25, "joy": 0.75}, None, None)._repr_html_())
    assert not [e for e in plain.iter() if e.tag.endswith("}polygon")]


@pytest.mark.parametrize(
    "label",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "a & b",
        "&lt;",
        "]]>",
        "\0\x1b\ud800",
        "x" * 999,
    ],
)
def test_no_label_becomes_markup(label):
    attention, seconds = np.array([1.0]), np.array([0.03])  # of the shortest sound
    html = Prediction(label, {label: 0.9, "joy": 0.1}, attention, seconds)._repr_html_()
    html.encode()
    svg = ElementTree.fromstring(html)
    tags = {e.tag.removeprefix("{http://www.w3.org/2000/svg}") for e in svg.iter()}
    assert tags == {"svg", "title", "text", "rect", "polygon", "line"}
    assert not [name for e in svg.iter() for name in e.attrib if name.startswith("on") or "href" in name]
    title = next(e.text for e in svg.iter() if e.tag.endswith("}title"))
    assert title == "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in label)
    assert all(len(e.text) <= 20 for e in svg.iter() if e.tag.endswith("}text"))
