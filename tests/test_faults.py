"""What is on disk is always the last whole state, whatever goes wrong: kills, full disks, Ctrl-C, two at once."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import command_refuses

from numser import train
from numser.corpora import load_corpus
from numser.errors import InputError
from numser.files import read_arrays
from numser.recipe import Recipe
from numser.runs import Config, run
from numser.runs.folds import run_fold

pytestmark = pytest.mark.slow

FAULTS = Path(__file__).with_name("killed_at_every_write.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork, without which it takes too long")
@pytest.mark.parametrize(
    ("kind", "every"), [("train", 907), ("fold", 1301), ("reproduce", 30_011), ("report", 6), ("export", 6)]
)
def test_killed_between_two_file_operations(kind, every):
    done = subprocess.run([sys.executable, FAULTS, kind, str(every)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith(f"{kind}: killed at ")


def options(corpus, out, *more):
    tiny = ["--recipe", "paper", "--blocks", "0", "--batch-size", "4", "--validate-every", "2"]
    return ["--corpus", "emodb", "--data", str(corpus), "--out", str(out), *tiny, *more]


LIMITED = """
import resource, signal, sys
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
from numser.cli import run
from numser.train import main
run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files cannot be limited on Windows")
@pytest.mark.parametrize("size", [0, 20_000, 3_000_000])
def test_a_disk_that_is_full(tiny_corpus, tmp_path, size):
    """A limit to the size of files stands in for it: the system refuses to write in the same place."""

    def limited(*arguments):
        command = [sys.executable, "-c", LIMITED, str(size), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    out, whole = tmp_path / "run", tmp_path / "whole"
    fresh = limited(*options(tiny_corpus, out, "--steps", "4"))
    assert fresh.returncode == 2
    assert fresh.stderr.splitlines()[-1].startswith("error: ")
    assert "cannot be written (File too large); what was there before is kept" in fresh.stderr
    assert not list(out.glob(".*.part"))

    train.main(options(tiny_corpus, whole, "--steps", "2"))
    before = (whole / "state.npz").read_bytes()
    resumed = limited("--resume", "--out", str(whole), "--steps", "4")
    assert resumed.returncode == 2 and "cannot be written (File too large)" in resumed.stderr
    assert (whole / "state.npz").read_bytes() == before
    train.main(["--resume", "--out", str(whole), "--steps", "4"])
    train.main(options(tiny_corpus, tmp_path / "undisturbed", "--steps", "4"))
    for name in ("state.npz", "model.npz"):
        assert (whole / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_a_clock_that_is_set_back(tiny_corpus, tmp_path, monkeypatch, capsys):
    """All that was written seems to come from next year, and each look at the clock finds it an hour earlier."""
    out, whole = tmp_path / "run", tmp_path / "whole"
    train.main(options(tiny_corpus, whole, "--steps", "6"))
    train.main(options(tiny_corpus, out, "--steps", "2"))
    capsys.readouterr()
    next_year = time.time() + 366 * 86400
    for path in out.rglob("*"):
        os.utime(path, (next_year, next_year))
    clock = itertools.count(time.time(), -3600.0)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    train.main(["--resume", "--out", str(out), "--steps", "6"])
    said = "".join(capsys.readouterr())
    assert re.search(r"step 4/6 .*  \d+ s left", said) and re.search(r"; \d+ s in all", said)  # not an hour, nor -1 h
    for name in ("state.npz", "model.npz"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.fixture
def obedient() -> list[str]:
    """How to call a program that may not write where it has no right to, which root otherwise may."""
    if sys.platform == "win32":
        pytest.skip("folders have no such rights on Windows")
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and there is no setpriv (util-linux) to give that up")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_folders_that_are_read_only(tiny_corpus, tmp_path, obedient):
    """A corpus and a run: the first is as good as any, the second is named, and stays as it is."""
    closed, out = tmp_path / "closed", tmp_path / "closed" / "run"
    shutil.copytree(tiny_corpus, closed / "corpus")
    train.main(options(closed / "corpus", out, "--steps", "2"))
    before = {path: path.read_bytes() for path in out.iterdir()}

    def call(*arguments):
        command = [*obedient, sys.executable, "-m", "numser.train", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    for path in [closed, *closed.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        elsewhere = call(*options(closed / "corpus", tmp_path / "elsewhere", "--steps", "2"))
        for arguments in (
            options(closed / "corpus", closed / "new", "--steps", "2"),
            ["--resume", "--out", out, "--steps", "4"],
        ):
            refused = call(*arguments)
            assert refused.returncode == 2 and "Traceback" not in refused.stderr
            assert "may not be written to" in refused.stderr or "(Permission denied)" in refused.stderr
            assert refused.stderr.splitlines()[-1].startswith(f"error: {closed}")
        assert {path: path.read_bytes() for path in out.iterdir()} == before
    finally:
        for path in [closed, *closed.rglob("*")]:
            path.chmod(0o755)
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert (tmp_path / "elsewhere" / "model.npz").read_bytes() == (out / "model.npz").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe breaks in another way")
def test_a_reader_of_the_progress_that_goes_away(tiny_corpus, tmp_path):
    """As in `python -m numser.train … 2>&1 | head -n 4`: it trains to its end."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "numser.train", *options(tiny_corpus, out, "--steps", "40")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    next(line for line in process.stderr if line.startswith("step"))
    process.stderr.close()
    assert process.wait(60) == 0
    train.main(options(tiny_corpus, tmp_path / "undisturbed", "--steps", "40"))
    assert (out / "model.npz").read_bytes() == (tmp_path / "undisturbed" / "model.npz").read_bytes()


def test_ctrl_c_twice_stops_at_once_and_leaves_a_whole_state(tiny_corpus, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "numser.train", *options(tiny_corpus, out, "--steps", "100000")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("step"):
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            break
    said += process.communicate(timeout=60)[1].splitlines(keepends=True)
    assert process.returncode == 130
    assert "Traceback" not in "".join(said)
    assert said[-1].startswith("stopped; to go on: ")
    _, about = read_arrays(out / "state.npz", "training state")
    assert about["step"] >= 2
    train.main(["--resume", "--out", str(out), "--steps", str(about["step"] + 2)])


def test_two_trainings_into_one_folder(tiny_corpus, tmp_path):
    out = tmp_path / "run"
    fresh = options(tiny_corpus, out, "--steps", "100000")
    command = [sys.executable, "-m", "numser.train", *fresh]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        next(line for line in process.stderr if line.startswith("step"))
        complaint = rf"--out {out}: another process is training in this folder; wait for it, or choose another --out"
        with command_refuses(complaint):
            train.main(["--resume", "--out", str(out)])
        with pytest.raises(InputError, match=f"out {out}: already holds a run"):
            train.main(fresh)
        if sys.platform != "win32":  # where it cannot be removed
            (out / ".lock").unlink()
            with command_refuses(complaint):
                train.main(["--resume", "--out", str(out)])
    finally:
        process.kill()  # whatever it held ends with it
        process.communicate()
    _, about = read_arrays(out / "state.npz", "training state")
    train.main(["--resume", "--out", str(out), "--steps", str(about["step"] + 2)])


@pytest.mark.skipif(sys.platform == "win32", reason="there a folder in use cannot be removed")
def test_a_training_whose_folder_was_replaced_ends(tiny_corpus, tmp_path):
    """What began in the new folder is left alone."""
    config = Config("emodb", str(tiny_corpus), 0, None, Recipe(blocks=0, steps=4, batch_size=4, validate_every=2))
    out = tmp_path / "run"

    def replace_it():
        out.rename(tmp_path / "elsewhere")
        out.mkdir()

    with pytest.raises(InputError, match=f"{out}: is not the folder any more that this training began in"):
        run(config, out, threads=1, on_begin=replace_it)
    assert list(out.iterdir()) == []


def test_two_trainings_that_begin_at_once(tiny_corpus, tmp_path):
    """Both find the folder empty; one of them trains."""
    command = [sys.executable, "-m", "numser.train", *options(tiny_corpus, tmp_path / "run", "--steps", "40")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    assert "Traceback" not in "".join(said)
    train.main(options(tiny_corpus, tmp_path / "alone", "--steps", "40"))
    assert (tmp_path / "run" / "model.npz").read_bytes() == (tmp_path / "alone" / "model.npz").read_bytes()


def test_a_fold_waits_for_a_worker_that_outlived_its_cross_validation(tiny_corpus, tmp_path):
    corpus = load_corpus("emodb", tiny_corpus)
    config = Config("emodb", str(tiny_corpus), 0, None, Recipe(blocks=0, steps=2, batch_size=4, validate_every=2))
    arguments = (config, tmp_path / "fold0", corpus.identity)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: run_fold(*arguments), range(2))
    assert one.confusion == other.confusion and one.utterances == other.utterances
