import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import PROJECT
from made_runs import row, write_run

from numser import demo, train
from numser.audio import read_audio
from numser.calibration import reliability
from numser.corpora import synthetic
from numser.errors import InputError
from numser.features import log_mel
from numser.page.utterance import small_log_mel
from numser.recipe import Recipe
from numser.report import SCRIPTS, STYLES, main, report
from numser.report.sound import sound_of
from numser.runs.folder import RunFolder
from numser.summary import summarise


class Page(HTMLParser):
    """What a browser would make of a report: its elements and the text of each."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements = []  # (tag, attributes, text)
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        self.elements.append([None, {}, ""])  # the text between two elements is nobody's

    def handle_data(self, data):
        if self.elements:
            self.elements[-1][2] += data

    def of(self, tag):
        return [(attributes, text) for name, attributes, text in self.elements if name == tag]

    @property
    def json(self):
        return {a["id"]: json.loads(text) for a, text in self.of("script") if a.get("type") == "application/json"}


def heard(sound) -> np.ndarray:
    """A sound of the page as a waveform."""
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound["sound"])), dtype="float32")
    assert rate == 16000
    return samples


@pytest.fixture(scope="module")
def trained(tiny_corpus, tmp_path_factory):
    """The folder of a real run, on eight recordings of which it was tested."""
    out = tmp_path_factory.mktemp("trained") / "run"
    options = ["--blocks", "0", "--batch-size", "4", "--validate-every", "2", "--steps", "4"]
    train.main(["--corpus", "emodb", "--data", str(tiny_corpus), "--test-speaker", "08", "--out", str(out), *options])
    return out


@pytest.fixture
def recordings(tmp_path):
    """Three recordings of noise, 0.5 s each."""
    rng = np.random.default_rng(0)
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(8000), 16000)
    return {name: str(tmp_path / f"{name}.wav") for name in "abc"}


@pytest.mark.slow
def test_a_real_runs_report_says_what_its_result_says(trained, tmp_path, capsys):
    main([str(trained), "--out", str(tmp_path / "r.html")])
    assert re.fullmatch(
        rf"{re.escape(str(tmp_path / 'r.html'))}: 0\.\d MB, 8 test utterances; open it in a browser\n",
        capsys.readouterr().out,
    )
    result = json.loads((trained / "result.json").read_text())
    page = Page(tmp_path / "r.html")
    said = page.json["data"]
    assert said["title"] == "emodb, tested on speaker 08"
    assert {key: said["scores"][key]["mean"] for key in ("ua", "wa", "f1")} == {
        key: result[key] for key in ("ua", "wa", "f1")
    }
    summary = summarise([RunFolder(trained).read_result()])
    assert said["intervals"] == {key: summary[f"{key}_interval"] for key in ("ua", "wa", "f1")}
    about = dict(said["about"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", about["Ended"])
    assert about["Network"].startswith("0 blocks, attention") and about["Network"].endswith("860,034 parameters")
    assert about["To repeat it"].startswith("python -m numser.train --corpus emodb --data DIR --test-speaker 08 ")
    assert not said["made_up"]
    assert (said["labels"], said["confusion"], said["chance"]) == (result["labels"], result["confusion"], 0.5)
    assert [point[0] for point in said["folds"][0]["history"]] == [2, 4]
    for i, (found, was) in enumerate(zip(said["utterances"], result["utterances"], strict=True)):
        (prediction,) = found["predictions"]
        assert found["name"] == was["name"]
        assert said["labels"][found["truth"]] == was["truth"]
        assert said["labels"][prediction["predicted"]] == was["predicted"]
        assert said["speakers"][found["speaker"]]["name"] == "08"
        np.testing.assert_allclose(prediction["probabilities"], was["probabilities"], atol=1e-4)
        shown = prediction["attention"]
        np.testing.assert_allclose(np.array(shown["weights"]) * shown["peak"] / 255, was["attention"], atol=0.002)
        assert (shown["first"], shown["last"]) == (was["attention_seconds"][0], was["attention_seconds"][-1])
        waveform = read_audio(was["path"])
        sound = page.json[f"sound-{i}"]
        assert found["seconds"] == sound["seconds"] == len(waveform) / 16000
        assert np.corrcoef(heard(sound), waveform)[0, 1] > 0.9
        assert base64.b64decode(sound["log_mel"]) == small_log_mel(waveform).tobytes()


def test_nothing_of_where_the_files_are_is_told(trained, tiny_corpus, tmp_path):
    report(trained, tmp_path / "r.html")
    for folder in (tiny_corpus, trained):
        assert str(folder) not in (tmp_path / "r.html").read_text()


def test_sound_and_picture_keep_time():
    """A click comes out of the MP3 at its sample, and lies in its instant of the log-mel."""
    waveform = np.zeros(16000, np.float32)
    waveform[8000:8020] = 0.9
    made = sound_of(waveform)
    assert abs(np.abs(heard(vars(made))).argmax() - 8010) < 40
    assert len(heard(vars(made))) == 16000
    picture = np.frombuffer(base64.b64decode(made.log_mel), np.uint8).reshape(-1, 64)
    assert abs(np.flatnonzero(picture.mean(1) > 128).mean() - 25) < 1


def test_the_small_log_mel_is_the_mean_of_four_neighbours():
    waveform = np.random.default_rng(0).standard_normal(1600 * 2 + 320).astype(np.float32) * np.float32(0.1)
    frames, picture = log_mel(waveform), small_log_mel(waveform)
    assert len(frames) == 23 and picture.shape == (12, 64)
    decibels = picture / 255 * 80 + frames.max() - 80
    assert decibels[3, 10] == pytest.approx(frames[6:8, 20:22].mean(), abs=0.2)
    assert decibels[11, 63] == pytest.approx(frames[22, 126:128].mean(), abs=0.2)  # the last frame stands alone


def test_535_utterances_of_three_seconds_stay_under_25_megabytes():
    seconds = 2.8  # Emo-DB's mean
    loud = 0.3 * np.random.default_rng(0).standard_normal(int(seconds * 16000)).astype(np.float32)
    assert 535 * sound_of(loud).size < 20e6
    assert len(sound_of(loud).sound) == len(sound_of(loud / 1000).sound)  # a constant rate: seeking is exact


def test_a_small_limit_is_kept_and_mistakes_come_first(tmp_path, recordings, capsys):
    rows = [
        row("a", path=recordings["a"]),
        row("b", path=recordings["b"]),
        row("c", "anger", "neutral", path=recordings["c"]),
    ]
    run = write_run(tmp_path / "run", rows)
    whole = report(run, tmp_path / "whole.html")
    assert [u["absent"] for u in whole["utterances"]] == [None] * 3
    size = (tmp_path / "whole.html").stat().st_size
    assert size < 100e3
    limit = size - 3000
    main([str(run), "--out", str(tmp_path / "r.html"), "--megabytes", str(limit / 1e6)])
    assert (tmp_path / "r.html").stat().st_size <= limit
    page = Page(tmp_path / "r.html")
    assert [u["absent"] for u in page.json["data"]["utterances"]] == [None, "left out to keep this file small", None]
    assert {"sound-0", "sound-2"} == page.json.keys() - {"data"}
    out, err = capsys.readouterr()
    assert "3 test utterances, 1 of them without their recording" in out and "--megabytes gives more room" in err


def test_absent_audio_is_shown_as_absent(tmp_path, recordings, capsys):
    (tmp_path / "noise.wav").write_text("no sound at all")
    rows = [row("a", path=recordings["a"]), row("b", path=str(tmp_path / "gone.wav"))]
    rows += [row("c", path=str(tmp_path / "noise.wav")), row("d", "neutral")]
    said = report(write_run(tmp_path / "run", rows), tmp_path / "r.html")
    assert [u["absent"] is None for u in said["utterances"]] == [True, False, False, False]
    assert [u["predictions"][0]["attention"]["last"] for u in said["utterances"]] == [0.15] * 4
    assert Page(tmp_path / "r.html").json.keys() == {"data", "sound-0"}
    err = capsys.readouterr().err
    assert "without sound: " in err and "gone.wav: cannot be opened" in err and "d: its result names no file" in err


def test_a_corpus_that_has_moved(tmp_path, recordings):
    (tmp_path / "new" / "wav").mkdir(parents=True)
    shutil.copy(recordings["a"], tmp_path / "new" / "wav" / "x.wav")
    run = write_run(tmp_path / "run", [row("x", path="old/wav/x.wav"), row("y", "neutral")], data="old")
    assert report(run, tmp_path / "r.html")["utterances"][0]["absent"] is not None
    assert report(run, tmp_path / "r.html", data=tmp_path / "new")["utterances"][0]["absent"] is None
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(result | {"corpus_path": str(tmp_path / "new")}))
    assert report(run, tmp_path / "r.html")["utterances"][0]["absent"] is None  # from another folder than then


@pytest.mark.slow
def test_the_built_in_corpus_is_made_again(tmp_path):
    rows = [row("09a01Wa", speaker="09"), row("09a01Xx", "neutral", speaker="09")]
    said = report(write_run(tmp_path / "run", rows, corpus="synthetic"), tmp_path / "r.html")
    waveform = synthetic.perform("09", "a01", "anger").utterance.waveform
    assert said["utterances"][0]["seconds"] == pytest.approx(len(waveform) / 16000, abs=1e-3)
    assert np.corrcoef(heard(Page(tmp_path / "r.html").json["sound-0"]), waveform)[0, 1] > 0.9
    assert said["utterances"][1]["absent"] is not None
    assert said["made_up"]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_picture_for_a_paper(tmp_path, recordings, capsys, suffix, number):
    pytest.importorskip("matplotlib", reason='matplotlib is not installed; pip install "numser[tutorials]"')
    run, picture = folds(tmp_path / "cv", recordings, number), tmp_path / f"a{suffix}"
    main([str(run if number > 1 else run / "fold0"), "--no-sound", "--picture", str(picture)])
    assert capsys.readouterr().out.startswith(f"{picture}: confusion matrix and learning curves\n")
    content = picture.read_bytes()
    assert content.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix])
    if suffix == ".svg":  # text is drawn as paths, each named in a comment
        assert all(f"<!-- {word} -->" in content.decode() for word in ("anger", "neutral", "validation UA"))
    other = tmp_path / "a.html"
    with pytest.raises(InputError, match=r"picture .*a\.html: should end in \.png, \.svg, \.pdf"):
        main([str(run), "--picture", str(other)])
    assert not other.exists()


def test_without_sound_pictures_stay(tmp_path, recordings):
    run = write_run(tmp_path / "run", [row("a", path=recordings["a"]), row("b", "neutral")])
    main([str(run), "--no-sound", "--out", str(tmp_path / "r.html")])
    page = Page(tmp_path / "r.html").json
    assert page["sound-0"]["sound"] == "" and len(page["sound-0"]["log_mel"]) > 1000
    assert page["data"]["audible"] is False


def test_a_library_that_writes_no_mp3(monkeypatch):
    monkeypatch.setattr(soundfile, "available_formats", lambda: {"WAV": ""})
    waveform = np.sin(np.arange(4000) / 5).astype(np.float32) / 2
    made = sound_of(waveform)
    assert made.kind == "audio/wav"
    np.testing.assert_allclose(heard(vars(made)), waveform, atol=1e-4)


def folds(folder, recordings, number=2, **config):
    """Folds that were all tested on the same three recordings."""
    for k in range(number):
        rows = [row("a", path=recordings["a"]), row("b", "neutral", path=recordings["b"])]
        rows.append(row("c", "anger", "neutral" if k else "anger", sure=0.6, difficulty="C", path=recordings["c"]))
        write_run(folder / f"fold{k}", rows, fold=k, **config)
    return folder


def test_a_cross_validation_has_each_recording_once_and_each_folds_answer(tmp_path, recordings):
    said = report(folds(tmp_path / "cv", recordings), tmp_path / "r.html")
    assert Page(tmp_path / "r.html").json.keys() == {"data", "sound-0", "sound-1", "sound-2"}
    assert [[p["fold"] for p in u["predictions"]] for u in said["utterances"]] == [[0, 1]] * 3
    assert [p["predicted"] for p in said["utterances"][2]["predictions"]] == [0, 1]
    results = [RunFolder(tmp_path / "cv" / f"fold{k}").read_result() for k in (0, 1)]
    expected = summarise(results)
    assert said["scores"] == {key: expected[key] for key in ("ua", "wa", "f1")}
    assert said["scores"]["ua"]["sd"] > 0
    assert (said["intervals"]["ua"], said["confusion"]) == (expected["ua_interval"], [[3, 1], [0, 2]])
    about = dict(said["about"])
    assert about["To repeat it"] == "python -m numser.crossval --corpus emodb --recipe paper --blocks 0 --steps 4"
    assert (about["Took"], about["Ended"]) == ("3 min in all", "its result does not say")
    assert said["speakers"] == [{"name": "03", "counts": [4, 2], "hits": [3, 2]}]
    assert [fold["ua"] for fold in said["folds"]] == [result.ua for result in results]


def test_chance_is_that_of_what_was_tested_and_of_what_validated(tmp_path):
    """Speakers with two of three emotions, and with all: tested on one, and validated on the next."""
    labels = ("anger", "joy", "neutral")
    two = [row(f"a{i}", label, speaker="03", labels=labels) for i, label in enumerate(("anger", "neutral"))]
    three = [row(f"b{i}", label, speaker="08", labels=labels) for i, label in enumerate(labels)]
    for speaker, rows in (("03", two), ("08", three)):
        write_run(tmp_path / "cv" / f"speaker{speaker}", rows, labels=labels, fold=None, test_speaker=speaker)
    said = report(tmp_path / "cv", tmp_path / "r.html")
    assert said["chance"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert said["validation_chance"] is None  # an older run does not say what it validated on
    assert said["ua_interval_speakers"] == [1, 1] and not said["ua_interval_holds_runs"]
    assert said["remarks"] == [
        "UA and F1 of a run are over the labels that it was tested on, 2 to 3 of 3.",
        "Only 5 recordings were tested, fewer than 30: one more or less right moves the figures much.",
    ]
    for speaker, validated in (("03", labels), ("08", labels[:1])):
        path = tmp_path / "cv" / f"speaker{speaker}" / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"validation_labels": validated}))
    assert report(tmp_path / "cv", tmp_path / "r.html")["validation_chance"] == pytest.approx((1 / 3 + 1) / 2)
    fold = report(write_run(tmp_path / "fold", two, labels=labels), tmp_path / "r.html")
    assert (fold["chance"], fold["validation_chance"]) == (0.5, pytest.approx(1 / 3))  # a subset has all labels


def test_an_unfinished_cross_validation_says_how_many_of_its_folds_are_there(tmp_path, recordings, tiny_corpus):
    cv = folds(tmp_path / "cv", recordings)
    write_run(cv / "fold2", [], fold=2, ended=False, history=[(2, 0.7, 0.75, 0.5)])
    said = report(cv, tmp_path / "r.html")
    assert [fold["ended"] for fold in said["folds"]] == [True, True, False]
    assert (said["planned"], said["folds"][2]["history"], said["tested"]) == (9, [[2, 0.7, 0.75, 0.5]], 3)
    for data, planned in ((tiny_corpus, 3), (tmp_path / "gone", None)):
        by_speaker = tmp_path / f"speakers{planned}"
        config = {"fold": None, "data": str(data)}
        write_run(by_speaker / "speaker03", [row("a"), row("b", "neutral")], test_speaker="03", **config)
        write_run(by_speaker / "speaker08", [], test_speaker="08", ended=False, history=[], **config)
        assert report(by_speaker, tmp_path / "r.html")["planned"] == planned
    (by_speaker / "summary.json").write_text(
        json.dumps({"folds": ["speaker03", "speaker08", "speaker09", "speaker10"]})
    )
    assert report(by_speaker, tmp_path / "r.html")["planned"] == 4


def test_folds_stand_in_the_order_of_their_numbers(tmp_path):
    for seed in (10, 9):
        rows = [row("a"), row("b", "neutral")]
        write_run(tmp_path / "cv" / f"fold0-seed{seed}", rows, recipe=Recipe(blocks=0, steps=4, seed=seed))
    said = report(tmp_path / "cv", tmp_path / "r.html")
    assert [fold["name"] for fold in said["folds"]] == ["fold0-seed9", "fold0-seed10"]
    assert (said["planned"], dict(said["about"])["Seeds"]) == (18, "9, 10")


def test_calibration_by_hand():
    confidence = np.array([0.55, 0.58, 0.91, 0.95, 0.99, 1.0])
    found = reliability(confidence, np.array([True, False, True, True, True, False]))
    assert [(b["low"], b["count"], b["right"]) for b in found["bins"]] == [(0.5, 2, 1), (0.9, 4, 3)]
    assert found["bins"][0]["confidence"] == pytest.approx(0.565)
    assert found["error"] == pytest.approx(2 / 6 * 0.065 + 4 / 6 * (0.9625 - 0.75))


HOSTILE = '</script><script>evil()</script><img src=x onerror="evil()">&lt;\u2028\udcff'


def test_no_text_can_leave_its_element(tmp_path):
    labels = ("anger", HOSTILE)
    rows = [row(HOSTILE, labels=labels, speaker=HOSTILE), row("b", HOSTILE, labels=labels)]
    write_run(tmp_path / "run", rows, labels=labels, fold=None, test_speaker=HOSTILE)
    report(tmp_path / "run", tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert page.of("img") == []
    assert len(page.of("script")) == len(SCRIPTS) + 1
    assert page.json["data"]["labels"][1] == HOSTILE
    assert page.json["data"]["utterances"][0]["name"] == HOSTILE


def test_only_the_pages_own_script_and_style_may_run_and_nothing_is_fetched(trained, tmp_path):
    report(trained, tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    (policy,) = [a["content"] for a, _ in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and "unsafe" not in policy
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        texts = [text for attributes, text in page.of(tag) if "type" not in attributes]
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert rules[rule].split() == [f"'sha256-{digest}'" for digest in hashes] != []
    assert set(re.findall(r"https?://[^\s\"')]+", page.source)) == {
        "http://www.w3.org/2000/svg"
    }  # a name, no address
    fetched = [a[key] for _, a, _ in page.elements for key in ("src", "href") if key in a]
    assert fetched == ["data:,"]


def test_data_never_become_markup():
    for name in {*SCRIPTS, *demo.SCRIPTS, demo.WORKLET}:
        script = (PROJECT / "numser" / "page" / name).read_text(encoding="utf-8")
        assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script) == []


def test_every_file_of_the_page_is_used_and_installed():
    present = {p.name for p in (PROJECT / "numser" / "page").iterdir() if p.suffix in (".js", ".css", ".html")}
    assert present == {*SCRIPTS, *STYLES, *demo.SCRIPTS, *demo.STYLES, demo.WORKLET, "page.html"}
    patterns = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "numser.page"
    ]
    assert [name for name in present if not any(fnmatch(name, pattern) for pattern in patterns)] == []


def test_the_same_run_gives_the_same_bytes(trained, tmp_path, monkeypatch):
    report(trained, tmp_path / "a.html")
    monkeypatch.chdir(trained)
    report(Path(), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize("damage", [{"labels": "ab"}, {"config": None}, {"utterances": ["a"]}])
def test_a_damaged_result_is_one_sentence_that_names_it(tmp_path, damage):
    run = write_run(tmp_path / "run", [row("a"), row("b", "neutral")])
    report(run, tmp_path / "r.html")
    before = (tmp_path / "r.html").read_bytes()
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(result | damage))
    with pytest.raises(InputError, match=r"^\S*result\.json: is damaged: .*; take it away, and the"):
        report(run, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json(tmp_path, content):
    run = write_run(tmp_path / "run", [row("a"), row("b", "neutral")])
    (run / "result.json").write_bytes(content)
    with pytest.raises(InputError, match=r"result\.json: cannot be read or is damaged"):
        report(run, tmp_path / "r.html")


@pytest.mark.parametrize("content", [b"step,loss\n2,1\n", b"%s\n2,1,nan,0\n", b"%s\n\xff\n", b"%s\n2,1\n"])
def test_a_damaged_learning_curve(tmp_path, content):
    run = write_run(tmp_path / "run", [row("a"), row("b", "neutral")])
    (run / "history.csv").write_bytes(content.replace(b"%s", b"step,loss,validation_loss,validation_ua"))
    with pytest.raises(InputError, match=r"history\.csv: cannot be read or is damaged"):
        report(run, tmp_path / "r.html")


def test_a_run_without_learning_curve_or_attention_or_speakers(tmp_path):
    rows = [
        row(name, truth, attention=[], attention_seconds=[], speaker=None)
        for name, truth in (("a", "anger"), ("b", "neutral"))
    ]
    for bare in rows:
        del bare["attention"], bare["attention_seconds"]
    run = write_run(tmp_path / "run", rows)
    (run / "history.csv").unlink()
    said = report(run, tmp_path / "r.html")
    assert (said["folds"][0]["history"], said["speakers"]) == ([], [])
    assert said["utterances"][0]["predictions"][0]["attention"] is None


def test_a_folder_that_is_no_run(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, sentence in (
        (tmp_path / "empty", "holds neither a training run"),
        (tmp_path / "nowhere", "there is no such folder"),
        (PROJECT / "README.md", "this is a file"),
    ):
        with pytest.raises(InputError, match=sentence):
            report(folder, tmp_path / "r.html")
    done = subprocess.run(
        [sys.executable, "-m", "numser.report", str(tmp_path / "empty")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert list((tmp_path / "empty").iterdir()) == []


def test_runs_that_cannot_be_reported_on(tmp_path, recordings):
    with pytest.raises(InputError, match=r"has not ended, .* python -m numser\.train --resume --out"):
        report(write_run(tmp_path / "begun", [], ended=False), tmp_path / "r.html")
    write_run(tmp_path / "waiting" / "fold0", [], ended=False)
    with pytest.raises(InputError, match="none of its 1 folds has ended"):
        report(tmp_path / "waiting", tmp_path / "r.html")
    folds(tmp_path / "mixed", recordings)
    write_run(tmp_path / "mixed" / "other", [row("a")], recipe=Recipe(blocks=2, steps=4))
    with pytest.raises(InputError, match="fold0 and other in it are runs with different settings"):
        report(tmp_path / "mixed", tmp_path / "r.html")
    for name, labels in (("fold0", ("anger", "joy")), ("fold1", ("anger", "neutral"))):
        rows = [row("a", labels=labels), row("b", labels[1], labels=labels)]
        write_run(tmp_path / "labels" / name, rows, labels=labels)
    with pytest.raises(InputError, match="have different labels"):
        report(tmp_path / "labels", tmp_path / "r.html")


def test_a_place_that_cannot_be_written_to(tmp_path):
    run = write_run(tmp_path / "run", [row("a"), row("b", "neutral")])
    for out, sentence in (
        (run / "result.json", r"should end in \.html"),
        (tmp_path / "nowhere" / "r.html", "there is no folder"),
        (run / "result.json" / "r.html", "is a file"),
    ):
        with pytest.raises(InputError, match=sentence):
            report(run, out)
    with pytest.raises(InputError, match="--megabytes -1"):
        report(run, tmp_path / "r.html", megabytes=-1)
    main([str(run)])
    assert (run / "report.html").stat().st_size > 10_000
