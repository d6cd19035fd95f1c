"""Emo-DB is fetched whole and once, or not at all. The server is on this machine, its recordings are noise."""

import functools
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from webserver import plain, serving, stall, whole

from numser import crossval, evaluate, obtain, reproduce, runs, train
from numser.corpora import emodb, load_corpus
from numser.download import fetch
from numser.errors import InputError

CLASSES = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "N": 79, "T": 62}
SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")


def emodb_files() -> dict[str, bytes]:
    """As many recordings of each emotion as Emo-DB has, 0.05 s each, and its text files."""
    letters = [letter for letter, count in CLASSES.items() for _ in range(count)]
    names = [f"{SPEAKERS[i % 10]}a{i // 260:02}{letter}{chr(97 + i // 10 % 26)}" for i, letter in enumerate(letters)]
    rng, files = np.random.default_rng(0), {}
    for name in names:
        sound = io.BytesIO()
        soundfile.write(sound, rng.uniform(-0.1, 0.1, 800), 16_000, format="WAV")
        files[f"wav/{name}.wav"] = sound.getvalue()
    rows = [f"{i}\xa0\xa0\t{name}.wav\t90,00\xa0\xa0\t75,00\xa0" for i, name in enumerate(names)]
    files["erkennung.txt"] = "\n".join(["Nr.\tSatz\terkannt\tnatuerlich", *rows, ""]).encode("latin-1")
    files["erklaerung.txt"] = b"what the numbers are"
    files["lablaut/03a01Fa.lablaut"] = b"not needed"
    return files


def zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    return emodb_files()


@pytest.fixture(scope="session")
def archive(files) -> bytes:
    return zipped(files)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("NUMSER_OFFLINE")
    monkeypatch.setattr(obtain, "fetch", functools.partial(fetch, waits=()))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # waits for the disk, 535 times
    with serving() as started:
        monkeypatch.setattr(emodb, "ADDRESS", started.address)
        yield started


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    folder = tmp_path / "new" / "cache"
    monkeypatch.setenv("NUMSER_DATA", str(folder))
    return folder


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_emodb_is_fetched_once(server, cache, archive, files, capsys):
    server.script = [whole(archive)]
    corpus = load_corpus("emodb")
    assert Counter(u.name[5] for u in corpus.utterances) == CLASSES
    assert {u.votes for u in corpus.utterances} == {0.9}
    assert corpus.source == cache / "emodb"
    assert {p.relative_to(cache / "emodb").as_posix(): p.read_bytes() for p in cache.rglob("emodb/**/*.*")} == {
        name: content for name, content in files.items() if not name.startswith("lablaut")
    }
    assert names(cache) == [".emodb.lock", "emodb"]
    size = f"{len(archive) / 1e6:.1f}"
    assert capsys.readouterr().err == f"fetching {server.address}\nfetched {size} MB in 0 s\n"
    assert load_corpus("emodb").identity == corpus.identity
    assert len(server.requests) == 1


def test_one_folder_may_be_above(server, cache, files):
    server.script = [whole(zipped({f"download/{name}": content for name, content in files.items()}))]
    assert len(load_corpus("emodb").utterances) == 535


def test_data_is_never_fetched(server, cache, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such folder; to use Emo-DB, unpack"):
        load_corpus("emodb", tmp_path / "nowhere")
    (cache / "emodb").mkdir(parents=True)
    with pytest.raises(InputError, match="there is no folder wav in it"):
        load_corpus("emodb")
    assert server.requests == []


def test_everything_is_on_the_disk_before_the_folder_appears(server, cache, archive, monkeypatch):
    synced, rename = set(), os.rename

    def checked_rename(old, new):
        files = [p for p in Path(old).rglob("*") if p.is_file()]
        assert len(files) == 537
        assert {p.stat().st_ino for p in files} <= synced
        rename(old, new)

    server.script = [whole(archive)]
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(os, "rename", checked_rename)
    assert len(load_corpus("emodb").utterances) == 535


# Nothing appears unless all of it is there.


def refused(cache, match) -> str:
    with pytest.raises(InputError, match=match) as caught:
        load_corpus("emodb")
    assert "\n" not in str(caught.value)
    assert not (cache / "emodb").exists()
    return str(caught.value)


def changed(files, **contents) -> bytes:
    """The archive with other contents of its first recording or its text files; None leaves one out."""
    first = next(iter(files))
    others = {
        {"first": first, "votes": "erkennung.txt"}.get(name, name): content for name, content in contents.items()
    }
    return zipped({name: content for name, content in (files | others).items() if content is not None})


def test_what_is_no_archive(server, cache):
    server.script = [plain(b"<html>Please log in to this network</html>")]
    message = refused(
        cache, r"what came from there cannot be used \(it is no zip archive, or damaged: .*\); try again"
    )
    assert message.endswith(
        f"try again later, or make {cache / 'emodb'} and unpack {server.address} into it, or give, as --data, the "
        "folder that holds wav and erkennung.txt"
    )
    assert names(cache) == [".emodb.lock"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"first": None}, "it holds 534 recordings, anger 126, boredom 81, .*, where Emo-DB has 535, anger 127, "),
        ({"wav/03x99Wz.wav": b"one more"}, "it holds 536 recordings"),
        ({"first": None, "wav/03x99Nz.wav": b"another class"}, "anger 126, .*neutral 80"),
        ({"first": None, "wav/99x99Wz.wav": b"another speaker"}, "it holds 535 recordings"),
        ({"first": None, "wav/holiday.wav": b""}, r"wav.holiday.wav: an Emo-DB name is speaker, text"),
        ({"first": b"no sound"}, r"\(wav.03a00Wa.wav: cannot be read as sound \(.*\)\);"),
        ({"votes": None}, "erkennung.txt is missing, or has no votes"),
        ({"votes": b"Nr.\tSatz\terkannt\tnatuerlich\n"}, "erkennung.txt is missing, or has no votes"),
        ({"votes": b"1\t03a01Fa.wav\tviele\n"}, r"\(erkennung.txt: row 1 should have a percentage"),
        ({"../wav/03a01Wz.wav": b"evil"}, "would leave the folder"),
    ],
)
def test_what_is_not_all_of_emodb(server, cache, files, change, reason):
    server.script = [whole(changed(files, **change))]
    refused(cache, reason)
    assert names(cache) == [".emodb.lock"]
    assert names(cache.parent) == ["cache"]


def test_a_truncated_recording(server, cache, files):
    name, content = next(iter(files.items()))
    server.script = [whole(zipped(files | {name: content[:44]}))]
    refused(cache, "it holds no samples")


def test_a_server_that_breaks_off(server, cache, archive):
    server.script = [whole(archive, only=500_000)]
    assert "0.5 MB have come and are kept for the next time); try again" in refused(cache, "the connection ended")
    assert names(cache / ".emodb.fetching") == ["archive.zip.part", "archive.zip.part.json"]
    server.script = [whole(archive)]
    assert len(load_corpus("emodb").utterances) == 535
    assert server.ranges == [None, "bytes=500000-"]
    assert names(cache) == [".emodb.lock", "emodb"]


def test_a_server_that_does_not_have_it(server, cache):
    server.script = [plain(b"", 404)]
    refused(cache, r"/emodb.zip: cannot be fetched \(404 Not Found\); try again later, or make .*emodb and unpack")
    assert names(cache) == [".emodb.lock"]


def test_limits(server, cache, archive, monkeypatch):
    server.script = [whole(archive)]
    monkeypatch.setattr(emodb, "_LIMIT", 500_000)
    refused(cache, "it holds more than is expected")
    monkeypatch.setattr(emodb, "_DOWNLOAD_LIMIT", 500_000)
    refused(cache, "at most 0.5 MB are expected")
    assert names(cache) == [".emodb.lock"]


def test_a_disk_that_is_full_while_unpacking_keeps_the_archive(server, cache, archive, monkeypatch):
    def full(*args, **kwargs):
        (args[1] / "wav").mkdir(parents=True)
        raise InputError("no room")

    server.script = [whole(archive)]
    with monkeypatch.context() as patched:
        patched.setattr(obtain, "unpack", full)
        refused(cache, "no room")
    assert names(cache / ".emodb.fetching") == ["archive.zip"]
    load_corpus("emodb")
    assert len(server.requests) == 1


def test_a_process_that_was_killed_while_unpacking(server, cache, archive):
    server.script = [whole(archive)]
    left = cache / ".emodb.fetching" / "unpacked" / "wav"
    left.mkdir(parents=True)
    (left / "03a99Wa.wav").write_bytes(b"half")
    assert len(load_corpus("emodb").utterances) == 535


@pytest.mark.parametrize("where", ["cache", "lock", "work"])
def test_a_cache_that_cannot_be_written(server, cache, where):
    cache.parent.mkdir(exist_ok=True)
    if where == "cache":
        cache.write_text("a file")
    else:
        cache.mkdir()
        place = cache / {"lock": ".emodb.lock", "work": ".emodb.fetching"}[where]
        place.mkdir() if where == "lock" else place.write_text("a file")
    refused(cache, r"cannot be written \(.*\); make room .*, or name another folder in .* NUMSER_DATA")
    assert server.requests == []


def test_what_somebody_put_there_meanwhile_is_kept(server, cache, archive):
    def unpack_by_hand(h, rest):
        (cache / "emodb" / "wav").mkdir(parents=True)
        soundfile.write(cache / "emodb" / "wav" / "03a01Fa.wav", np.zeros(1600), 16_000)
        h.wfile.write(rest)

    server.script = [whole(archive, only=1000, then=unpack_by_hand)]
    assert [u.name for u in load_corpus("emodb").utterances] == ["03a01Fa"]
    assert names(cache) == [".emodb.lock", "emodb"]


# Offline.


@pytest.mark.parametrize(
    "command",
    [
        lambda *more: train.main(["--corpus", "emodb", "--out", "out", *more]),
        lambda *more: crossval.main(["--corpus", "emodb", "--out", "out", *more]),
        lambda *more: reproduce.main(["table2", "--corpus", "emodb", "--out", "out", *more]),
        lambda *more: evaluate.main(["--corpus", "emodb", *more]),
    ],
    ids=["train", "crossval", "reproduce", "evaluate"],
)
@pytest.mark.parametrize("how", ["option", "1", "yes"])
def test_offline_says_where_to_put_the_files(server, cache, command, how, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("numser.recogniser.load", lambda path: None)  # a model, for evaluate
    if how != "option":
        monkeypatch.setenv("NUMSER_OFFLINE", how)
    with pytest.raises(InputError) as caught:
        command(*["--offline"] if how == "option" else [])
    assert str(caught.value) == (
        f"{cache / 'emodb'}: there is no such folder, and nothing is fetched offline; unpack {server.address} into "
        "it, or give, as --data, the folder that holds wav and erkennung.txt"
    )
    assert server.requests == []
    assert names(tmp_path) == []


@pytest.mark.parametrize("value", ["", "0"])
def test_not_offline(server, cache, archive, value, monkeypatch):
    monkeypatch.setenv("NUMSER_OFFLINE", value)
    server.script = [whole(archive)]
    assert len(load_corpus("emodb").utterances) == 535


def test_what_is_there_is_read_offline(server, cache, archive):
    server.script = [whole(archive)]
    load_corpus("emodb")
    assert len(load_corpus("emodb", offline=True).utterances) == 535


def test_workers_fetch_nothing(server, cache, tmp_path):
    from numser.recipe import Recipe
    from numser.runs.folds import run_fold

    config = runs.Config("emodb", None, 0, None, Recipe(steps=1))
    with pytest.raises(InputError, match="nothing is fetched offline"):
        run_fold(config, tmp_path / "out", "")
    assert server.requests == []


def test_folds_are_told_where_the_corpus_was(server, cache, archive, monkeypatch, tmp_path):
    from numser.recipe import Recipe
    from numser.runs.folds import folds_of

    server.script = [whole(archive)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMSER_DATA", "here")
    folds = folds_of("emodb", None, False, [Recipe()], load_corpus("emodb"))
    assert {config.data for config in folds.values()} == {str(tmp_path / "here" / "emodb")}


# Several processes.

FETCH = """
import signal, sys
from numser import train
from numser.cli import run
from numser.corpora import emodb
from numser.download import fetch
emodb.ADDRESS = sys.argv[1]
fetch.__kwdefaults__ |= dict(waits=(), timeout=600)  # on a busy machine the test is slow to go on
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job lacks
run(lambda: print(len(emodb.load().utterances)) if sys.argv[2:] == [] else train.main(sys.argv[2:]))
"""


def begin(server, *more):
    args = [sys.executable, "-c", FETCH, server.address, *map(str, more)]
    return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition, process) -> None:
    patience = time.monotonic() + 120
    while not condition():
        assert process.poll() is None and time.monotonic() < patience
        time.sleep(0.01)


def send_when_told(h, rest) -> None:
    h.server.told.wait()
    h.wfile.write(rest)


def test_several_processes_fetch_it_once(server, cache, archive):
    server.told = threading.Event()
    server.script = [whole(archive, only=500_000, then=send_when_told)]
    first = begin(server)
    until(lambda: server.requests, first)
    others = [begin(server), begin(server)]
    for other in others:
        assert other.stderr.readline() == f"another process is fetching {cache / 'emodb'}; waiting for it\n"
    server.told.set()
    for process in (first, *others):
        out, err = process.communicate()
        assert (process.returncode, out) == (0, "535\n"), err
    assert len(server.requests) == 1
    assert names(cache) == [".emodb.lock", "emodb"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
def test_one_that_waits_goes_on_for_one_that_was_killed(server, cache, archive):
    server.script = [whole(archive, only=500_000, then=stall), whole(archive)]
    first = begin(server)
    part = cache / ".emodb.fetching" / "archive.zip.part"
    until(lambda: part.exists() and part.stat().st_size == 500_000, first)
    other = begin(server)
    assert "waiting for it" in other.stderr.readline()
    first.send_signal(signal.SIGKILL)
    assert other.communicate()[0] == "535\n"
    assert first.wait() == -signal.SIGKILL
    first.communicate()
    assert server.ranges == [None, "bytes=500000-"]
    assert names(cache) == [".emodb.lock", "emodb"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
def test_ctrl_c_while_training_fetches(server, cache, archive, tmp_path):
    server.script = [whole(archive, only=500_000, then=stall)]
    process = begin(server, "--corpus", "emodb", "--out", tmp_path / "run")
    part = cache / ".emodb.fetching" / "archive.zip.part"
    until(lambda: part.exists() and part.stat().st_size == 500_000, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err == f"fetching {server.address}\nstopped; 0.5 MB have come and are kept for the next time\n"
    assert not (tmp_path / "run").exists()
    server.script = [whole(archive)]
    assert len(load_corpus("emodb").utterances) == 535
    assert server.ranges == [None, "bytes=500000-"]


def test_without_a_network_the_command_says_what_to_do(cache, tmp_path, monkeypatch):
    monkeypatch.delenv("NUMSER_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    with serving() as gone:
        address = gone.address
    args = [sys.executable, "-c", FETCH, address, "--corpus", "emodb", "--out", str(tmp_path / "run")]
    done = subprocess.run(args, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"fetching {address}\nerror: {address}: cannot be fetched (Connection refused); try again later, or make "
        f"{cache / 'emodb'} and unpack {address} into it, or give, as --data, the folder that holds wav and "
        "erkennung.txt\n"
    )
    assert not (tmp_path / "run").exists()
