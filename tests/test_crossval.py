import csv
import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import numpy as np
import pytest
from conftest import command_refuses

from numser import crossval
from numser.cli import Progress
from numser.corpora import Corpus, Utterance, load_corpus
from numser.errors import InputError
from numser.recipe import Recipe
from numser.runs import Config, load_frames
from numser.runs import folds as folds_file
from numser.runs.folder import RunFolder
from numser.runs.folds import folds_of, local_processes, run_folds

RECIPE = Recipe(blocks=0, steps=4, batch_size=4, validate_every=2)
WHEREVER = ("seconds", "threads", "date", "example")  # what may differ between two runs of the same fold


def four_folds(corpus, **changes):
    return {f"fold{k}": Config("emodb", str(corpus), k, None, Recipe(**vars(RECIPE) | changes)) for k in range(4)}


def identity(corpus) -> str:
    return load_corpus("emodb", corpus).identity


def in_a_thread() -> Executor:
    return ThreadPoolExecutor(1)


def run_four(corpus, out, make_executor=in_a_thread, **how):
    return run_folds(four_folds(corpus), out, make_executor, identity(corpus), **how)


def bits(results) -> dict:
    return {
        name: {key: v for key, v in vars(result).items() if key not in WHEREVER} for name, result in results.items()
    }


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\n", b"step\n3\n", b"x" * 200_000, None])
def test_a_learning_curve_that_cannot_be_read_is_none(content, tmp_path):
    path = tmp_path / "history.csv"
    path.mkdir() if content is None else path.write_bytes(content)
    assert RunFolder(tmp_path).steps_done() == 0


@pytest.fixture(scope="module")
def serial(tiny_corpus, tmp_path_factory):
    """What four folds give one after the other, in threads of this process."""
    return bits(run_four(tiny_corpus, tmp_path_factory.mktemp("serial")))


class KillOne:
    """Kills one process, once, as soon as one fold has ended."""

    def __init__(self, processes):
        self.processes, self.killed = processes, False

    def __call__(self, results):
        if results and not self.killed:
            self.killed = True
            os.kill(self.processes()[0], signal.SIGKILL)


@pytest.mark.slow
def test_processes_give_the_same_bits(tiny_corpus, tmp_path, serial):
    """Also where the last fold has the cores of the others, and finds the frames of the one before."""
    results = run_four(tiny_corpus, tmp_path, local_processes(3), jobs=3)
    assert bits(results) == serial
    assert [result.threads for result in results.values()] == [1, 1, 1, 3]
    assert list(serial) == ["fold0", "fold1", "fold2", "fold3"]


@pytest.mark.slow
def test_a_worker_makes_frames_once_for_all_folds_of_a_corpus(tiny_corpus, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(folds_file, "_kept", {})
    monkeypatch.setattr(folds_file, "load_frames", lambda *args: made.append(args[0]) or load_frames(*args))
    run_four(tiny_corpus, tmp_path)
    assert len(made) == 1


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tiny_corpus, tmp_path, serial):
    said = io.StringIO()
    kill = KillOne(lambda: [child.pid for child in multiprocessing.active_children()])
    results = run_four(tiny_corpus, tmp_path, local_processes(2), progress=Progress(said), on_result=kill)
    assert bits(results) == serial
    assert "a worker died; going on with fold" in said.getvalue()


@pytest.mark.slow
def test_finished_folds_are_not_repeated_and_others_go_on(tiny_corpus, tmp_path, serial):
    def interrupt(results):
        if len(results) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_four(tiny_corpus, tmp_path, on_result=interrupt)
    ended = sorted(path.parent.name for path in tmp_path.glob("*/result.json"))
    assert "fold0" in ended
    assert "fold1" in ended
    before = {name: (tmp_path / name / "result.json").stat().st_mtime_ns for name in ("fold0", "fold1")}
    assert bits(run_four(tiny_corpus, tmp_path, local_processes(2))) == serial
    assert before == {name: (tmp_path / name / "result.json").stat().st_mtime_ns for name in before}

    def none_needed():
        raise AssertionError("all folds have ended")

    assert bits(run_four(tiny_corpus, tmp_path, none_needed)) == serial


def test_the_result_of_another_run_or_of_other_recordings_is_not_taken(tiny_corpus, tmp_path):
    one = {"fold0": four_folds(tiny_corpus)["fold0"]}
    run_folds(one, tmp_path, in_a_thread, identity(tiny_corpus))
    with pytest.raises(InputError, match=r"fold0.result.json: is the result of a run with other settings"):
        run_folds(four_folds(tiny_corpus, lr=0.1), tmp_path, in_a_thread, identity(tiny_corpus))
    with pytest.raises(InputError, match=r"fold0.result.json: is the result of other recordings than data has now"):
        run_folds(one, tmp_path, in_a_thread, "another")


class Doomed(Executor):
    """Each of its workers dies."""

    def submit(self, *args):
        future = Future()
        future.set_exception(BrokenProcessPool("died"))
        return future


def test_a_fold_whose_workers_all_die_is_given_up(tiny_corpus, tmp_path):
    made = []
    with pytest.raises(InputError, match="workers died 3 times without a fold ending"):
        run_four(tiny_corpus, tmp_path, lambda: made.append(Doomed()) or made[-1])
    assert len(made) == 3


class Frail(ThreadPoolExecutor):
    """Runs the first fold it gets, and then breaks."""

    def submit(self, *args):
        if not getattr(self, "used", False):
            self.used = True
            return super().submit(*args)
        return Doomed().submit()


@pytest.mark.slow
def test_workers_may_die_more_often_if_folds_end_between(tiny_corpus, tmp_path, serial):
    assert bits(run_four(tiny_corpus, tmp_path, lambda: Frail(1))) == serial


def test_a_folds_mistake_is_said_with_its_name(tmp_path):
    with pytest.raises(InputError, match=r"fold0: .*nowhere: there is no such folder"):
        run_folds({"fold0": four_folds(tmp_path / "nowhere")["fold0"]}, tmp_path, local_processes(1), "")


@contextmanager
def dask(workers):
    """A client of a cluster of so many workers, and what makes executors of it."""
    distributed = pytest.importorskip(
        "distributed", reason='Dask is not installed; pip install "numser[distributed]"'
    )
    with (
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client, lambda: client.get_executor(pure=False)


@pytest.mark.filterwarnings("ignore")  # Dask's own
def test_dask_gives_the_same_bits_also_when_a_worker_is_killed(tiny_corpus, tmp_path, serial):
    with dask(2) as (client, make_executor):
        kill = KillOne(lambda: list(client.run(os.getpid).values()))
        results = run_four(tiny_corpus, tmp_path, make_executor, on_result=kill)
        assert kill.killed
    assert bits(results) == serial


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["mistake", "interrupt"])
def test_dask_ends_with_the_reason(tiny_corpus, tmp_path, how):
    def interrupt(results):
        if results:
            raise KeyboardInterrupt

    corpus = tmp_path / "nowhere" if how == "mistake" else tiny_corpus
    expected = InputError if how == "mistake" else KeyboardInterrupt
    with dask(1) as (_, make_executor), pytest.raises(expected):
        run_folds(four_folds(corpus), tmp_path, make_executor, identity(tiny_corpus), on_result=interrupt)


def command(corpus, out, *more):
    options = ["--blocks", "0", "--steps", "2", "--batch-size", "4", "--validate-every", "2", "--jobs", "2"]
    return crossval.main(["--corpus", "emodb", "--data", str(corpus), "--out", str(out), *options, *more])


def test_what_some_fold_cannot_be_is_said_before_the_first_runs(uneven_corpus, tmp_path, capsys):
    """Sadness is spoken by 09 alone, who validates when 08 is left out: 03's run would be for nothing."""
    few = tmp_path / "few"
    shutil.copytree(uneven_corpus, few)
    for speaker in ("03", "10"):
        (few / "wav" / f"{speaker}a01Ta.wav").unlink()
    with command_refuses("^speaker 08 left out: no other training speaker has utterances of sadness"):
        command(few, tmp_path / "run", "--speakers")
    assert not (tmp_path / "run").exists()


def test_each_speaker_has_a_fold_of_his_own():
    """Folders' names have less than speakers' may have."""
    utterances = [Utterance(f"u{i}", "a", speaker=name) for i, name in enumerate(("a b", "a-b", "a.b", "c"))]
    folds = folds_of("table", "t.csv", True, [RECIPE], Corpus("table", utterances, []))
    assert [config.test_speaker for config in folds.values()] == ["a b", "a-b", "a.b", "c"]
    assert list(folds)[::3] == ["speakera-b", "speakerc"]


def test_folds_that_would_be_one_training_are_refused(tiny_corpus, tmp_path):
    with pytest.raises(InputError, match="--train-on-validation: the folds share their test subset"):
        command(tiny_corpus, tmp_path / "run", "--train-on-validation", "--keep", "last")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to ask")
def test_workers_end_with_a_cross_validation_that_was_killed(tiny_corpus, tmp_path):
    """They would wait for its next fold for ever. What they had done is kept."""
    args = [sys.executable, "-m", "numser.crossval", "--corpus", "emodb", "--data", str(tiny_corpus), "--jobs", "2"]
    args += ["--out", str(tmp_path / "run"), "--speakers", "--blocks", "0", "--steps", "100000", "--batch-size", "4"]
    process = subprocess.Popen(
        args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=dict(os.environ)
    )
    state = tmp_path / "run" / "speaker03" / "state.npz"
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    with pytest.raises(ProcessLookupError):  # nobody is left
        while time.monotonic() < deadline + 60:
            os.killpg(process.pid, 0)
            time.sleep(0.1)
    assert state.exists()


@pytest.mark.slow
def test_the_command_leaves_a_table_and_a_summary(tiny_corpus, tmp_path, capsys):
    assert command(tiny_corpus, tmp_path / "run", "--speakers", "--seeds", "0,3") == 0
    names = [f"speaker{s}-seed{seed}" for seed in (0, 3) for s in ("03", "08", "09")]
    with open(tmp_path / "run" / "folds.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fold"] for row in rows] == names
    assert [row["seed"] for row in rows] == ["0"] * 3 + ["3"] * 3
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["folds"] == names
    assert summary["ua"]["mean"] == pytest.approx(np.mean([float(row["ua"]) for row in rows]))
    assert np.sum(summary["confusion"]) == 2 * 24
    said = capsys.readouterr()
    assert f"6 runs:  UA {summary['ua']['mean']:.3f} ± " in said.out
    assert "over 24 test utterances" in said.out
    low, high = summary["ua_interval_speakers"]
    assert f"over speakers, for what it promises to other people: {low:.3f} … {high:.3f}" in said.out
    assert "6 of 6 folds" in said.err
    assert summary["ua_interval_holds_runs"]  # two seeds a speaker
    assert "over 24 test utterances and how the runs differ: " in said.out


@pytest.mark.slow
def test_the_summary_says_what_the_figures_are_over(uneven_corpus, tmp_path, capsys):
    """Three of four speakers have all three emotions; one has two."""
    assert command(uneven_corpus, tmp_path / "run", "--speakers") == 0
    said = capsys.readouterr().out
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["chance"] == pytest.approx((3 / 3 + 1 / 2) / 4)
    assert "(UA by chance 0.375)" in said
    assert "over 29 test utterances: " in said  # one run a test: how runs differ is not known
    assert "UA and F1 of a run are over the labels that it was tested on, 2 to 3 of 3." in said
    assert "Only 29 recordings were tested, fewer than 30" in said


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--seeds", "1,x"], "--seeds 1,x: should be whole numbers"),
        (["--seeds", "1,1"], "--seeds 1,1: the same seed twice"),
        (["--seeds=-1"], "--seeds -1: should be whole numbers from 0 on"),
        (
            ["--speakers", "--subsets", "5"],
            "--subsets 5: is for random subsets; with speakers left out, leave it out",
        ),
        (["--jobs", "0"], "--jobs 0: should be at least 1"),
        (["--steps", "0"], "--steps 0: should be at least 1"),
        (["--dask", "tcp://127.0.0.1:1"], "--jobs 2: with --dask"),
    ],
)
def test_mistakes_are_said_in_a_sentence(tiny_corpus, tmp_path, options, complaint):
    with command_refuses(complaint):
        command(tiny_corpus, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()
