import csv
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import command_refuses

import numser
from numser import report, train
from numser.corpora import load_corpus
from numser.dataset import prepare
from numser.features import FeatureSettings, Standardiser
from numser.files import read_arrays, write_arrays
from numser.runs import Interrupted, run
from numser.runs.folder import RunFolder
from numser.splits import fold

SMALL = ["--blocks", "0", "--batch-size", "4", "--validate-every", "2", "--lr", "0.001"]
TINY = ["--recipe", "paper", *SMALL]


def arguments(corpus, out, *more) -> list[str]:
    return ["--corpus", "emodb", "--data", str(corpus), "--out", str(out), *TINY, *more]


def command(*args) -> list[str]:
    return [sys.executable, "-m", "numser.train", *map(str, args)]


@pytest.fixture(scope="module")
def finished(tiny_corpus, tmp_path_factory) -> Path:
    """The folder of an undisturbed run of 20 steps."""
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    train.main(arguments(tiny_corpus, out, "--steps", "20"))
    return out


def test_what_a_run_leaves(finished):
    assert sorted(p.name for p in finished.iterdir()) == sorted(
        [".lock", "config.json", "history.csv", "model.npz", "result.json", "state.npz"]
    )
    result = json.loads((finished / "result.json").read_text())
    assert result["labels"] == ["anger", "neutral"]
    assert result["ua"] == 1  # a high tone or a low one
    assert np.sum(result["confusion"]) == len(result["utterances"])
    assert result["seed"] == 0
    assert {"python", "numpy", "numba", "numser"} <= result["versions"].keys()
    for row in result["utterances"]:
        assert Path(row["path"]).exists()
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert sum(row["attention"]) == pytest.approx(1, abs=1e-4)
        assert len(row["attention"]) == len(row["attention_seconds"])
        assert row["predicted"] == result["labels"][int(np.argmax(row["probabilities"]))]
    rows = list(csv.DictReader((finished / "history.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == list(range(2, 21, 2))
    assert json.loads((finished / "config.json").read_text())["recipe"]["batch_size"] == 4


def test_the_model_gives_what_the_test_gave(finished):
    recogniser = numser.load(finished / "model.npz")
    for row in json.loads((finished / "result.json").read_text())["utterances"]:
        prediction = recogniser.predict(*soundfile.read(row["path"], dtype="float32"))
        assert prediction.label == row["predicted"]
        np.testing.assert_allclose(list(prediction.probabilities.values()), row["probabilities"], atol=1e-4)
        np.testing.assert_allclose(prediction.attention, row["attention"], atol=1e-4)
        np.testing.assert_allclose(prediction.seconds, row["attention_seconds"], atol=1e-3)


@pytest.mark.slow
def test_the_same_seed_leaves_the_same_bytes(finished, tiny_corpus, tmp_path):
    for name, threads in (("again", "1"), ("more", "3")):
        train.main(arguments(tiny_corpus, tmp_path / name, "--steps", "20", "--threads", threads))
        for file in ("model.npz", "history.csv", "state.npz"):
            assert (tmp_path / name / file).read_bytes() == (finished / file).read_bytes(), (name, file)


def test_the_terminal_shows_result_confusion_and_what_to_do_next(tiny_corpus, tmp_path, capsys):
    train.main(arguments(tiny_corpus, tmp_path / "run", "--steps", "4", "--test-speaker", "08"))
    out, err = capsys.readouterr()
    assert "24 of Emo-DB's 535" in err
    assert "step 2/4" in err and "best" in err and "left" in err
    assert "test on 8 utterances:  UA" in out
    assert "recall" in out
    assert out.splitlines()[-1].split()[1:3] == ["-m", "numser.predict"]
    for path in out.splitlines()[-1].split()[3:]:
        assert Path(path).exists()


def test_what_the_test_lacks_is_said_and_chance_is_of_what_it_has(uneven_corpus, tmp_path, capsys):
    """Speaker 08 has two of the three emotions, in eight recordings; speaker 09, who validates, has all."""
    train.main(arguments(uneven_corpus, tmp_path / "run", "--steps", "2", "--test-speaker", "08"))
    said = capsys.readouterr().out
    assert "(UA by chance 0.500)" in said
    assert "UA and F1 are over the labels that were tested, 2 of 3: anger, neutral." in said
    assert "Only 8 recordings were tested, fewer than 30" in said
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["validation_labels"] == result["labels"] == ["anger", "neutral", "sadness"]
    other = tmp_path / "other"
    train.main(arguments(uneven_corpus, other, "--steps", "2", "--test-speaker", "03"))
    assert "(UA by chance 0.333)" in (said := capsys.readouterr().out)
    assert "over the labels" not in said
    assert json.loads((other / "result.json").read_text())["validation_labels"] == ["anger", "neutral"]


@pytest.mark.slow
def test_a_corpus_without_files_leaves_a_file_to_try(tmp_path, monkeypatch, capsys):
    from numser.corpora import Corpus, synthetic
    from numser.runs import config

    part = synthetic.load(speakers=["01", "02", "03"], texts=["a02"])
    monkeypatch.setattr(config, "load_corpus", lambda name, *_, **__: Corpus(name, part.utterances, part.findings))
    args = ["--corpus", "synthetic", "--test-speaker", "02", "--steps", "2", "--out", str(tmp_path / "run"), *TINY]
    train.main(args)
    example = tmp_path / "run" / "example.wav"
    assert capsys.readouterr().out.rstrip().endswith(str(example))
    assert soundfile.info(example).samplerate == 16000
    recogniser = numser.load(tmp_path / "run" / "model.npz")
    assert recogniser.predict(*soundfile.read(example, dtype="float32")).label in recogniser.labels


@pytest.mark.slow
def test_killed_at_eight_moments_and_resumed_it_ends_with_the_same_bits(tiny_corpus, tmp_path):
    disturbed, state = tmp_path / "disturbed", tmp_path / "disturbed" / "state.npz"
    steps = ["--steps", "100000"]  # more than can be done before the last kill; the end is set then
    seed = int(np.random.default_rng().integers(2**31))  # other moments each time
    print(f"moments from seed {seed}")
    rng = np.random.default_rng(seed)
    for kill in range(8):
        again = ["--resume"] if state.exists() else []
        written = state.stat().st_mtime_ns if state.exists() else 0
        process = subprocess.Popen(
            command(*arguments(tiny_corpus, disturbed, *steps, *again)), stderr=subprocess.DEVNULL
        )
        try:
            if kill % 4 == 0:  # at any moment, also while it starts
                time.sleep(rng.uniform(0, 1.5))
            else:  # after the save at its start and one after some steps; then in the next steps, or in the next save
                patience, saves = time.monotonic() + 120, 0
                while saves < 2:
                    assert process.poll() is None and time.monotonic() < patience
                    time.sleep(0.002)
                    if state.exists() and state.stat().st_mtime_ns != written:
                        written, saves = state.stat().st_mtime_ns, saves + 1
                time.sleep(rng.uniform(0, 0.1))
            assert process.poll() is None, "it ended before it was killed"
        finally:
            process.kill()
            process.wait()
    _, about = read_arrays(state, "training state")
    assert about["step"] > 0
    end = about["step"] + 10
    subprocess.run(command("--resume", "--out", disturbed, "--steps", end), check=True, capture_output=True)
    undisturbed = tmp_path / "undisturbed"
    subprocess.run(command(*arguments(tiny_corpus, undisturbed, "--steps", end)), check=True, capture_output=True)
    for file in ("model.npz", "history.csv", "state.npz"):
        assert (disturbed / file).read_bytes() == (undisturbed / file).read_bytes(), file
    assert [path.name for path in disturbed.glob(".*")] == [".lock"]  # nothing half-written is left


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(finished, tiny_corpus, tmp_path):
    out = tmp_path / "a run"
    args = command(*arguments(tiny_corpus, out, "--steps", "100000"))
    process = subprocess.Popen(args, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("step"):
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"--resume --out '{out}'" in err
    _, about = read_arrays(out / "state.npz", "training state")
    end = about["step"] + about["step"] % 2 + 4
    train.main(["--resume", "--out", str(out), "--steps", str(end)])
    train.main(arguments(tiny_corpus, tmp_path / "undisturbed", "--steps", str(end)))
    assert (out / "model.npz").read_bytes() == (tmp_path / "undisturbed" / "model.npz").read_bytes()


def test_the_handler_of_ctrl_c_is_put_back(tiny_corpus, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    train.main(arguments(tiny_corpus, tmp_path / "run", "--steps", "2"))
    assert signal.getsignal(signal.SIGINT) is before


def test_it_runs_in_a_thread_too(tiny_corpus, tmp_path):
    done = []
    args = arguments(tiny_corpus, tmp_path / "run", "--steps", "2")
    worker = threading.Thread(target=lambda: done.append(train.main(args)))
    worker.start()
    worker.join()
    assert done == [0]


def test_the_model_has_the_best_parameters_and_the_training_sets_standardiser(tiny_corpus, tmp_path):
    out = tmp_path / "run"
    train.main(arguments(tiny_corpus, out, "--steps", "12", "--lr", "0.02"))
    state, about = read_arrays(out / "state.npz", "training state")
    model, _ = read_arrays(out / "model.npz", "model")
    assert about["best_step"] < 12, "the best came last, so this shows nothing"
    for name, w in model.items():
        if name.startswith("params."):
            np.testing.assert_array_equal(w, state["best." + name.removeprefix("params.")])
    corpus = load_corpus("emodb", tiny_corpus)
    dataset = prepare(corpus)
    standardiser = Standardiser.fit([dataset.log_mels[i] for i in fold(corpus.utterances, 0).train])
    np.testing.assert_array_equal(model["standardiser.mean"], standardiser.mean)
    np.testing.assert_array_equal(model["standardiser.sd"], standardiser.sd)


def test_everything_is_written_and_said_anew_from_the_state(finished, tmp_path, capsys):
    out = shutil.copytree(finished, tmp_path / "copy")
    for name in ("config.json", "history.csv", "model.npz", "result.json"):
        (out / name).unlink()
    train.main(["--resume", "--out", str(out)])
    assert "UA 1.000" in capsys.readouterr().out
    for name in ("config.json", "history.csv", "model.npz"):
        assert (out / name).read_bytes() == (finished / name).read_bytes()


def test_files_of_others_stay(tiny_corpus, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    for name in (".precious.part", "notes.txt"):
        (out / name).write_text("mine")
    (out / ".state.npz.123.part").write_text("left by a run that was killed")
    train.main(arguments(tiny_corpus, out, "--steps", "2"))
    assert sorted(p.name for p in out.iterdir() if p.name[0] == "." or p.suffix == ".txt") == [
        ".lock",
        ".precious.part",
        "notes.txt",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("lr", ["1e30", "1e300"])
@pytest.mark.parametrize("every", ["1", "2"])
def test_numbers_that_explode_leave_the_last_good_state(lr, every, tiny_corpus, tmp_path):
    out = tmp_path / "run"
    args = [*arguments(tiny_corpus, out, "--steps", "20"), "--lr", lr, "--validate-every", every]
    with command_refuses(r"step \d+: .*; try a smaller --lr"):
        train.main(args)
    arrays, about = read_arrays(out / "state.npz", "training state")
    assert all(np.isfinite(a).all() for a in arrays.values())
    assert about["step"] <= 2
    assert not (out / "model.npz").exists()


def test_a_state_whose_numbers_explode_in_the_test(finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "copy")
    arrays, about = read_arrays(out / "state.npz", "training state")
    huge = {name: np.full_like(w, 3e38) for name, w in arrays.items() if name.startswith("best.")}
    write_arrays(out / "state.npz", arrays | huge, about)
    refused(["--resume", "--out", out], "the model's numbers grow beyond all bounds on it; train the model anew")


# numser's own recipe: averaged weights of the last step, a learning rate that falls, sound that is drawn anew.


def numser_run(corpus, out, *more) -> None:
    train.main(["--corpus", "emodb", "--data", str(corpus), "--out", str(out), *SMALL, "--warm-up", "2", *more])


@pytest.fixture(scope="module")
def numsers(tiny_corpus, tmp_path_factory) -> Path:
    """The folder of an undisturbed run of 9 steps by numser's recipe."""
    out = tmp_path_factory.mktemp("numsers") / "run"
    numser_run(tiny_corpus, out, "--steps", "9")
    return out


@pytest.mark.slow
def test_stopped_anywhere_numsers_recipe_ends_with_the_same_bits(numsers, tiny_corpus, tmp_path):
    config = RunFolder(numsers).stored_state().config
    for moment in (1, 4, 5):
        out, asked = tmp_path / f"stopped{moment}", iter(range(1, 99))
        with pytest.raises(Interrupted):
            run(config, out, threads=1, stop=lambda asked=asked, moment=moment: next(asked) == moment)
        assert read_arrays(out / "state.npz", "training state")[1]["step"] == moment
        train.main(["--resume", "--out", str(out)])
        for file in ("model.npz", "history.csv", "state.npz"):
            assert (out / file).read_bytes() == (numsers / file).read_bytes(), (moment, file)


def test_numsers_recipe_gives_the_same_bits_with_any_number_of_threads(numsers, tiny_corpus, tmp_path):
    numser_run(tiny_corpus, tmp_path / "run", "--steps", "9", "--threads", "3")
    assert (tmp_path / "run" / "state.npz").read_bytes() == (numsers / "state.npz").read_bytes()


def test_it_ends_with_the_average_and_says_so(numsers, tiny_corpus, tmp_path, capsys):
    state, _ = read_arrays(numsers / "state.npz", "training state")
    model, about = read_arrays(numsers / "model.npz", "model")
    assert about["features"]["level"] == "speech"
    for name, w in model.items():
        if name.startswith("params."):
            np.testing.assert_array_equal(w, state["average." + name.removeprefix("params.")])
    assert not np.array_equal(state["average.hidden.w"], state["params.hidden.w"])
    result = json.loads((numsers / "result.json").read_text())
    assert result["best_step"] == 9
    assert result["best_validation_ua"] == float((numsers / "history.csv").read_text().split(",")[-3])
    train.main(["--resume", "--out", str(shutil.copytree(numsers, tmp_path / "copy"))])
    assert "the averaged weights of the last step (validation UA" in capsys.readouterr().out


def test_what_would_validate_may_train_as_well(tiny_corpus, tmp_path, capsys):
    out = tmp_path / "run"
    numser_run(tiny_corpus, out, "--steps", "3", "--train-on-validation", "--test-speaker", "08")
    captured = capsys.readouterr()
    assert "training on 16 utterances, validation on none" in captured.err
    assert "what would validate trained as well" in captured.out
    result = json.loads((out / "result.json").read_text())
    assert result["best_validation_ua"] is None and result["config"]["train_on_validation"]
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [(row["step"], row["validation_ua"]) for row in rows] == [("2", ""), ("3", "")]
    assert RunFolder(out).read_result().to_json() == result
    args = [*arguments(tiny_corpus, tmp_path / "other"), "--train-on-validation"]
    refused(args, "--train-on-validation: --keep best needs the validation to choose by; use --keep last")


def test_each_speaker_may_be_standardised_by_all_of_their_own(numsers, tiny_corpus, tmp_path, capsys):
    out = tmp_path / "run"
    numser_run(tiny_corpus, out, "--steps", "3", "--standardise", "speaker", "--test-speaker", "08")
    assert "each speaker standardised by all of the speaker's own recordings" in capsys.readouterr().err
    corpus = load_corpus("emodb", tiny_corpus)
    dataset = prepare(corpus, FeatureSettings(level="speech"))
    of_all = Standardiser.fit(dataset.log_mels)
    standardised = dataset.standardised(dataset.speakers_standardisers(of_all))
    for speaker in ("03", "08", "09"):
        own = [i for i, u in enumerate(corpus.utterances) if u.speaker == speaker]
        expected = of_all.for_speaker([dataset.log_mels[i] for i in own])
        for i in own:
            np.testing.assert_array_equal(standardised.log_mels[i], expected.apply(dataset.log_mels[i]))
    trained, other = (
        read_arrays(out / "state.npz", "training state")[0]["params.hidden.w"] for out in (out, numsers)
    )
    assert not np.array_equal(trained, other)


def test_a_learning_rate_that_falls_cannot_go_on_for_longer(numsers, tmp_path):
    out = shutil.copytree(numsers, tmp_path / "copy")
    refused(
        ["--resume", "--out", out, "--steps", "20"], "--steps 20: this run's learning rate falls to 0 over 9 steps"
    )
    refused(
        ["--resume", "--out", out, "--recipe", "paper"], "--recipe paper: the run in .* was started with blocks = 0"
    )
    refused(["--resume", "--out", out, "--tempo", "1.5"], "--tempo 1.5: the run in .* was started with tempo = ")


def test_a_head_that_has_learned_once_more_does_not_go_on(tiny_corpus, tmp_path):
    out = tmp_path / "run"
    train.main(arguments(tiny_corpus, out, "--steps", "3", "--refit", "0.01"))
    refused(
        ["--resume", "--out", out, "--steps", "9"], "--steps 9: this run's last layers learn once more after 3 steps"
    )


def test_a_run_from_before_recipes_had_names_is_the_papers(finished, tmp_path):
    """Its state lacks what the paper's recipe does without; it is read, and ends with the same bits."""
    out = shutil.copytree(finished, tmp_path / "copy")
    arrays, about = read_arrays(out / "state.npz", "training state")
    del about["augmentation"], about["config"]["train_on_validation"], about["config"]["standardise"]
    for name in ("level", "schedule", "average", "keep", "tempo"):
        del about["config"]["recipe"][name]
    write_arrays(out / "state.npz", arrays, about)
    train.main(["--resume", "--out", str(out)])
    assert (out / "model.npz").read_bytes() == (finished / "model.npz").read_bytes()


# Mistakes: one sentence, exit code 2, nothing lost.


def refused(args, match) -> None:
    with command_refuses(match) as caught:
        train.main([str(a) for a in args])
    assert "\n" not in str(caught.value)


def with_file(corpus, tmp_path, name, samples, subtype=None) -> Path:
    """A copy of the corpus with one more recording."""
    copy = shutil.copytree(corpus, tmp_path / "corpus")
    soundfile.write(copy / "wav" / name, samples, 16000, subtype=subtype)
    return copy


def test_exit_code_2_and_no_traceback(tmp_path):
    done = subprocess.run(command(*arguments(tmp_path / "nothing", tmp_path / "out")), capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "nothing") in done.stderr
    assert not (tmp_path / "out" / "state.npz").exists()


def test_a_folder_without_recordings(tmp_path):
    (tmp_path / "wav").mkdir()
    refused(arguments(tmp_path, tmp_path / "out"), "there are no sound files in it")


def test_a_corpus_that_does_not_exist(tmp_path):
    refused(["--corpus", "nonesuch", "--out", tmp_path / "out"], "--corpus nonesuch: there is no such corpus; choose")
    refused(["--out", tmp_path / "out"], "--corpus: say what to learn from")


def test_an_unreadable_file(tiny_corpus, tmp_path):
    copy = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    (copy / "wav" / "09b01Wa.wav").write_bytes(b"this is not sound")
    refused(arguments(copy, tmp_path / "out"), "09b01Wa.wav.*sound")


def test_empty_short_silent_and_nan_recordings(tiny_corpus, tmp_path):
    for case, samples, subtype, match in (
        ("empty", np.zeros(0), None, "09b01Wa.wav.*no samples"),
        ("short", np.full(300, 0.1), None, "09b01Wa.wav: lasts 19 ms, and the network needs at least 20 ms"),
        ("silent", np.zeros(3200), None, "09b01Wa.wav: every sample is zero"),
        ("nan", np.full(3200, np.nan), "FLOAT", "09b01Wa.wav.*NaN"),
    ):
        (tmp_path / case).mkdir()
        copy = with_file(tiny_corpus, tmp_path / case, "09b01Wa.wav", samples, subtype)
        refused(arguments(copy, tmp_path / case / "out"), match)


def test_a_class_with_too_few_utterances(tiny_corpus, tmp_path):
    copy = with_file(tiny_corpus, tmp_path, "09b01Fa.wav", np.full(3200, 0.1))
    refused(arguments(copy, tmp_path / "out"), "1 utterances of happiness, and 10 subsets need at least 10")


def test_a_speaker_that_does_not_exist(tiny_corpus, tmp_path):
    refused(
        arguments(tiny_corpus, tmp_path / "out", "--test-speaker", "77"),
        "--test-speaker 77: there is no such speaker; the corpus has 03, 08, 09",
    )


def test_an_out_that_cannot_be_written(tiny_corpus, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    refused(arguments(tiny_corpus, file), "this is a file")
    refused(arguments(tiny_corpus, file / "below" / "that"), "is a file; choose another --out")
    assert file.read_text() == "mine"


def test_an_out_that_may_not_be_written_to(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # root may write anywhere
    refused(arguments(tiny_corpus, tmp_path / "run"), f"{tmp_path / 'run'}: {tmp_path} may not be written to")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_mistake_leaves_no_folder_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(["--corpus", "nonesuch"], "no such corpus")
    refused(["--corpus", "emodb", "--data", "nowhere"], "nowhere")
    refused(["--corpus", "synthetic", "--test-speaker", "../../up"], "no such speaker")
    refused(["--corpus", "emodb", "--data", ""], "--data: is empty")
    assert list(tmp_path.iterdir()) == []


def test_an_out_that_holds_another_run(finished, tiny_corpus):
    before = {p.name: p.read_bytes() for p in finished.iterdir()}
    refused(arguments(tiny_corpus, finished), "already holds a run")
    assert {p.name: p.read_bytes() for p in finished.iterdir()} == before


def test_resuming_nothing(tiny_corpus, tmp_path):
    refused(arguments(tiny_corpus, tmp_path / "out", "--resume"), "there is no run to resume")
    refused(["--resume"], "--resume: say which run")


@pytest.mark.slow
def test_a_resumed_run_may_go_on_for_longer(finished, tiny_corpus, tmp_path):
    out = tmp_path / "run"
    train.main(arguments(tiny_corpus, out, "--steps", "10"))
    train.main(["--resume", "--out", str(out), "--steps", "20"])
    assert (out / "model.npz").read_bytes() == (finished / "model.npz").read_bytes()
    refused(["--resume", "--out", out, "--steps", "10"], "--steps 10: this run has already done 20 steps")


def test_it_is_said_that_other_versions_go_on(finished, tmp_path, capsys):
    out = shutil.copytree(finished, tmp_path / "copy")
    arrays, about = read_arrays(out / "state.npz", "training state")
    before = about["versions"] | {"numpy": "1.0", "numba": "0.1"}
    write_arrays(out / "state.npz", arrays, about | {"versions": before})
    capsys.readouterr()
    train.main(["--resume", "--out", str(out)])
    now = about["versions"]
    said = (
        f"saved with numpy 1.0, now {now['numpy']}; numba 0.1, now {now['numba']}: the last digits of its numbers may"
    )
    assert said in capsys.readouterr().err


def test_resuming_with_another_configuration(finished, tiny_corpus, tmp_path):
    out = shutil.copytree(finished, tmp_path / "copy")
    refused(["--resume", "--out", out, "--lr", "0.5"], "--lr 0.5: the run in .* was started with lr = 0.001")
    refused(["--resume", "--out", out, "--no-attention"], "--no-attention: the run in .* attention = True")
    smaller = shutil.copytree(tiny_corpus, tmp_path / "smaller")
    soundfile.write(smaller / "wav" / "09a05Wa.wav", np.full(6400, 0.1), 16000)
    refused(["--resume", "--out", out, "--data", smaller], "the corpus has changed")
    moved = shutil.copytree(tiny_corpus, tmp_path / "moved")
    train.main(["--resume", "--out", str(out), "--data", str(moved)])  # the same recordings elsewhere are fine


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"PK" + b[9:]])
def test_a_damaged_state(damage, finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "copy")
    state = out / "state.npz"
    state.write_bytes(damage(state.read_bytes()))
    refused(["--resume", "--out", out], "state.npz: is not a numser training state")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"position": 99},
        {"position": "x"},
        {"order": {}},
        {"corpus_fingerprint": "other"},
        *({"best_ua": value} for value in (None, float("inf"), float("nan"), 1.5, True, 10**400)),
        *({"step": value} for value in (float("inf"), -1, 20.0, 10**400, 2**70, 19)),
        *({"best_step": value} for value in (21, -1, "1")),
        {"versions": {"numpy": 1}},
        {"config": "data \ud800"},
    ],
    ids=lambda change: repr(change)[:40],
)
def test_a_state_with_wrong_contents(change, finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "copy")
    arrays, about = read_arrays(out / "state.npz", "training state")
    if change.get("config"):
        change = {"config": about["config"] | {"data": change["config"]}}
    write_arrays(out / "state.npz", arrays, about | change)
    refused(
        ["--resume", "--out", out], "state.npz: is (damaged: |not a numser training state)|the corpus has changed"
    )
    write_arrays(out / "state.npz", {k: v for k, v in arrays.items() if k != "history"}, about)
    refused(["--resume", "--out", out], "state.npz: is damaged, .*: the array history is missing; make it")


ROW = [2, 0.5, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "array", "match"),
    [
        ("history", np.zeros((3, 0)), r"history should be float64 of shape \(None, 6\), found float64 of \(3, 0\)"),
        ("history", np.float64(3), "history should be float64"),
        ("history", np.zeros((9, 6), np.float32), "found float32"),
        ("history", np.array([ROW, ROW]), "steps of its history do not lead to step 20"),
        ("history", np.array([[1e300, *ROW[1:]]]), "steps of its history"),
        ("history", np.array([[20, np.inf, *ROW[2:]]]), "a loss in its history is not finite"),
        ("history", np.array([[20, 0.5, np.nan, *ROW[3:]]]), "a loss in its history is not finite"),
        ("history", np.array([[20, 0.5, 0.5, 2, *ROW[4:]]]), "a score in its history is no share"),
        ("recent_losses", np.zeros(7), "steps of its history do not lead"),
        ("recent_losses", np.array("1"), "is <U1 of shape .*, which numser does not write"),
        ("recent_losses", np.zeros(9, "<U0"), "which numser does not write"),
        ("recent_losses", np.zeros(9, "V0"), "which numser does not write"),
        ("recent_losses", np.zeros(9, [("a", "f8")]), "which numser does not write"),
        ("permutation", np.zeros(0, int), "permutation should be int64"),
        ("v.hidden.b", np.full(64, -1, np.float32), "a mean of squares is negative"),
    ],
)
def test_a_state_with_arrays_that_no_run_has(name, array, match, finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "copy")
    arrays, about = read_arrays(out / "state.npz", "training state")
    write_arrays(out / "state.npz", arrays | {name: array}, about)
    refused(["--resume", "--out", out], match)


@pytest.mark.parametrize(
    ("option", "match"),
    [
        (["--steps", "0"], "--steps 0: should be at least 1"),
        (["--lr", "nan"], "--lr nan: should be a positive number"),
        (["--blocks", "-1"], "--blocks -1: should be from 0 to 100"),
        (["--fold", "9"], "--fold 9: should be 0 to 8"),
        (["--threads", "0"], "--threads 0"),
        (["--dropout", "1"], "--dropout 1.0"),
    ],
)
def test_options_that_cannot_work(option, match, tiny_corpus, tmp_path):
    refused([*arguments(tiny_corpus, tmp_path / "out"), *option], match)


def test_a_default_folder_is_always_a_fresh_one(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    args = ["--corpus", "emodb", "--data", str(tiny_corpus), *TINY, "--steps", "2"]
    train.main(args)
    train.main(args)
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["emodb-fold0", "emodb-fold0-2"]


@pytest.mark.slow
def test_all_recordings_can_train_and_then_there_is_no_test(tiny_corpus, tmp_path, capsys):
    out = tmp_path / "all"
    options = ["--corpus", "emodb", "--data", str(tiny_corpus), *SMALL, "--train-on-all"]
    assert train.main([*options, "--steps", "2", "--temperature", "0.5", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "training on 24 utterances, validation on none, test on none (all)" in said.err
    assert "nothing was left to test" in said.out and f"{out / 'model.npz'} FILE" in said.out
    assert not (out / "result.json").exists()
    assert (numser.load(out).labels, numser.load(out).trained_on) == (("anger", "neutral"), "emodb, all")
    before = (out / "model.npz").read_bytes()
    assert train.main(["--resume", "--out", str(out)]) == 0
    assert (out / "model.npz").read_bytes() == before
    with command_refuses("in this run all recordings trained"):
        report.main([str(out)])
    with command_refuses("--train-on-all: --keep best needs the validation"):
        train.main([*options, "--recipe", "paper", "--out", str(tmp_path / "paper")])
    assert not (tmp_path / "paper").exists()
