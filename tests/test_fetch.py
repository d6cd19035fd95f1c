"""A corpus is fetched whole and once, or not at all. The server is on this machine, its recordings are noise."""

import io
import json
import os
import random
import re
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from webserver import drip, plain, pour, raw, serving, stall, to, whole

from numser import crossval, evaluate, reproduce, runs, train
from numser.cli import Progress
from numser.corpora import emodb, fetch, load_corpus
from numser.corpora.fetch import BadArchive
from numser.errors import InputError

BODY, OTHER = random.Random(0).randbytes(300_000), random.Random(1).randbytes(300_000)
NOISE = random.Random(2).randbytes(50_000)
WANTED = re.compile(r"wav/[^/]+\.wav|table\.txt")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def make(path: Path | io.BytesIO, *members, method=zipfile.ZIP_STORED):
    """A zip of members (name, content), or (name, content, mode of the file)."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content, *mode in members:
            info = zipfile.ZipInfo("placeholder")
            info.compress_type = method
            info.filename = name  # ZipInfo itself would tidy it
            info.external_attr = mode[0] << 16 if mode else 0
            archive.writestr(info, content)
    return path


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch, "WAITS", (0, 0, 0))
    with serving() as started:
        yield started


@pytest.fixture
def small_files():
    """The system refuses to write more than so many bytes to a file, as it does where the disk is full."""
    resource = pytest.importorskip("resource", reason="this system cannot limit the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Servers. Nothing is unpacked here: the file is what came.


def get(server, folder, limit=10**6) -> tuple[bytes, str]:
    """What came, and what was said."""
    told = io.StringIO()
    fetch._download(server.address, folder / "a.zip", limit, Progress(told))
    return (folder / "a.zip").read_bytes(), told.getvalue()


def failed(server, folder, match, limit=10**6) -> None:
    with pytest.raises(fetch._Failed, match=match) as caught:
        get(server, folder, limit)
    assert "\n" not in str(caught.value)


def broken_off(server, folder) -> None:
    """100,000 bytes have come."""
    server.script = [whole(BODY, only=100_000), plain(b"", 404)]
    failed(server, folder, "404 Not Found; 0.1 MB have come and are kept for the next time")
    server.requests.clear()


def test_a_file_comes_whole_and_the_terminal_shows_how_far_it_is(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Progress, "live", Progress.line)  # all of them, not ten a second
    server.script = [whole(BODY)]
    came, told = get(server, tmp_path)
    first, *lines, last = told.splitlines()
    assert came == BODY and server.requests[0]["User-Agent"].startswith("numser/")
    assert (first, last) == (f"fetching {server.address}", "fetched 0.3 MB in 0 s")
    assert all(re.fullmatch(r"0\.\d of 0\.3 MB \(\d+ %\), \d+\.\d MB/s, 0 s left", line) for line in lines)
    assert fetch._state(10_125_000, 40_500_000, 1_250_000) == "10.1 of 40.5 MB (25 %), 1.2 MB/s, 24 s left"


def test_of_servers_that_do_not_say_the_length_or_lie_about_it(server, tmp_path):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    server.script = [raw(chunked[:1000]), raw(chunked), plain(OTHER)]
    assert (get(server, tmp_path)[0], get(server, tmp_path)[0]) == (BODY, OTHER)
    server.script = [plain(BODY[:1000], Content_Length=2000), plain(BODY, Content_Length=1000)]
    assert get(server, tmp_path)[0] == BODY[:1000]


@pytest.mark.slow
@pytest.mark.parametrize("stop", [lambda h, rest: None, stall, drip], ids=["ends", "stalls", "drips"])
def test_what_breaks_off_goes_on(server, tmp_path, monkeypatch, stop):
    monkeypatch.setattr(fetch, "TIMEOUT", 1.0)
    server.script = [whole(BODY, only=100_000, then=stop), whole(BODY, only=50_000), whole(BODY)]
    came, told = get(server, tmp_path)
    assert came == BODY
    starts = [int(asked.strip("bytes=-")) for asked in server.ranges[1:]]
    assert starts == [starts[0], starts[0] + 50_000] and 0 <= starts[0] - 100_000 < (500 if stop is drip else 1)
    assert [request.get("If-Range") for request in server.requests] == [None, '"1"', '"1"']
    reason = {stall: "no answer for 1 s", drip: r"only \d+ bytes came in 1 s"}.get(stop, "ended after 0.1 of 0.3 MB")
    assert re.search(f"{reason}; trying again in 0 s\n", told)


@pytest.mark.slow
@pytest.mark.parametrize("step", [stall, drip, whole(BODY, only=0, then=stall)], ids=["mute", "drips", "stalls"])
def test_what_never_comes_is_not_waited_for(server, tmp_path, monkeypatch, step):
    """Neither the header nor the body."""
    monkeypatch.setattr(fetch, "TIMEOUT", 0.3)
    server.script = [step]
    failed(server, tmp_path, r"^(no answer for 0.3 s|only \d+ bytes came in 0.3 s)$")
    assert len(server.requests) == 4


def test_tries_are_not_used_up_while_there_is_headway(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "HEADWAY", 20_000)
    server.script = [whole(BODY, only=20_000)]
    assert get(server, tmp_path)[0] == BODY
    assert len(server.requests) == 15


def test_all_had_come_when_the_process_was_killed(server, tmp_path):
    broken_off(server, tmp_path)
    (tmp_path / "a.zip").write_bytes(BODY)
    assert get(server, tmp_path)[0] == BODY
    assert server.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"2"'},
        {"Content_Range": "bytes 99999-299999/300000"},
        {"Content_Range": "bytes 100000-299998/299999"},
        {"Content_Range": ""},
        {"Content_Length": 199_999},
    ],
)
def test_two_versions_are_never_spliced(server, tmp_path, headers):
    """A rest that does not fit is not taken."""
    broken_off(server, tmp_path)
    right = {"ETag": '"1"', "Content_Range": "bytes 100000-299999/300000", "Content_Length": 200_000}
    server.script = [plain(OTHER[100_000:], 206, **right | headers), whole(OTHER, tag='"2"')]
    came, told = get(server, tmp_path)
    assert came == OTHER
    assert server.ranges == ["bytes=100000-", None]
    assert "the server goes on with another file, or from another place; trying again" in told


@pytest.mark.parametrize(
    "script", [[whole(OTHER, tag='"2"')], [plain(OTHER)], [plain(b"", 416), whole(OTHER, tag='"2"')]]
)
def test_a_file_that_has_changed_or_cannot_be_gone_on_with_comes_anew(server, tmp_path, script):
    broken_off(server, tmp_path)
    server.script = list(script)
    assert get(server, tmp_path)[0] == OTHER
    assert server.ranges == ["bytes=100000-", None][: len(script)]


@pytest.mark.parametrize(
    ("headers", "name"), [({}, None), ({"ETag": 'W/"1"'}, None), ({"Last_Modified": "Tue, 15 Nov"}, "Tue, 15 Nov")]
)
def test_only_a_version_that_has_a_name_is_gone_on_with(server, tmp_path, headers, name):
    rest = {"Content_Range": "bytes 1000-299999/300000", "Content_Length": 299_000} | headers
    server.script = [plain(BODY[:1000], Content_Length=300_000, **headers)]
    server.script.append(plain(BODY[1000:], 206, **rest) if name else plain(BODY, Content_Length=300_000))
    assert get(server, tmp_path)[0] == BODY
    assert server.requests[1].get("If-Range") == name


@pytest.mark.parametrize(
    "note", [b"", b"[1]", b'{"validator": []}', {"address": "http://else.where/"}, {"total": 99}]
)
def test_what_came_before_is_nothing_without_a_note_that_fits(server, tmp_path, note):
    broken_off(server, tmp_path)
    path = tmp_path / "a.json"
    path.write_bytes(note if isinstance(note, bytes) else json.dumps(json.loads(path.read_bytes()) | note).encode())
    server.script = [whole(OTHER)]
    assert get(server, tmp_path)[0] == OTHER
    assert server.ranges == [None]


@pytest.mark.parametrize("status", [400, 404, 204, 206, 500, 503, 408, 429])
def test_of_a_server_that_says_no_only_what_may_pass_is_asked_again(server, tmp_path, status):
    server.script = [plain(b"no", status), whole(BODY)]
    if status in (500, 503, 408, 429):
        assert f"\n{status} " in get(server, tmp_path)[1]
    else:
        failed(server, tmp_path, rf"^{status} [\w ]+$")
    assert len(server.requests) == (2 if status in (500, 503, 408, 429) else 1)


@pytest.mark.parametrize("text", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b"\0" * 100_000])
def test_what_is_not_http(server, tmp_path, text):
    server.script = [raw(text)]
    failed(server, tmp_path, ".")
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [301, 302, 307])
def test_the_server_may_send_us_on_and_a_farewell_without_end_is_not_listened_to(server, tmp_path, status):
    gone = threading.Event()

    def farewell(h):
        h.begin(status, Location="/there")
        try:
            pour(h)
        except ConnectionError:
            gone.set()

    server.script = [farewell, whole(BODY)]
    assert get(server, tmp_path)[0] == BODY
    assert server.requests[1]["path"] == "/there" and gone.wait(60)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[", "/emodb.zip"])
def test_the_server_cannot_send_us_everywhere_nor_in_circles(server, tmp_path, address):
    server.script = [to(address)]
    failed(server, tmp_path, "is not allowed|Invalid|infinite loop")
    assert len(server.requests) < (12 if address == "/emodb.zip" else 2)


@pytest.mark.parametrize(
    ("step", "limit", "match"),
    [
        (plain(b"", Content_Length=10**15), 10**6, "it has 1000000000.0 MB, and at most 1.0 MB are expected"),
        (lambda h: (h.begin(200), pour(h)), 10**6, "more than 1.0 MB came, which is more than is expected"),
        (whole(BODY), len(BODY) - 1, "at most 0.3 MB are expected"),
    ],
)
def test_what_is_too_large(server, tmp_path, step, limit, match):
    server.script = [step]
    failed(server, tmp_path, match, limit)
    assert len(server.requests) == 1
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < limit + 1000
    server.script = [whole(BODY)]
    assert get(server, tmp_path, limit=len(BODY))[0] == BODY


def test_a_disk_that_is_full_keeps_what_came(server, tmp_path, small_files):
    server.script = [whole(BODY)]
    small_files(200_001)
    with pytest.raises(InputError, match=r"a.zip: cannot be written \(File too large\); make room"):
        get(server, tmp_path)
    small_files(10**9)
    assert get(server, tmp_path)[0] == BODY
    assert server.ranges == [None, "bytes=200001-"]  # to the last byte that there was room for


# Archives.


def unpacked(archive: Path, limit=10**6) -> dict[str, bytes]:
    folder = archive.with_name("unpacked")
    fetch.unpack(archive, folder, WANTED, limit, Progress(io.StringIO()))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive: Path, match: str, limit=10**6) -> None:
    with pytest.raises(BadArchive, match=match) as caught:
        unpacked(archive, limit)
    assert "\n" not in str(caught.value)
    assert set(names(archive.parent)) <= {archive.name, "unpacked"}


@pytest.mark.parametrize("above", ["", "Emo-DB/", "download\\", "./"])
def test_what_is_wanted_is_unpacked_and_nothing_else(tmp_path, above):
    members = [(above + name, NOISE) for name in ("wav/", "wav/a.wav", "table.txt", "silb/a.silb")]
    archive = make(tmp_path / "a.zip", ("__MACOSX/._table.txt", b""), *members, method=zipfile.ZIP_DEFLATED)
    assert unpacked(archive) == {"wav/a.wav": NOISE, "table.txt": NOISE}
    (tmp_path / "b").mkdir()
    both = make(tmp_path / "b" / "b.zip", ("old/table.txt", b"old"), ("wav\\a.wav", b"new"))
    assert unpacked(both) == {"wav/a.wav": b"new"}  # what lies at the top is meant


@pytest.mark.parametrize(
    "name", ["../x", "wav/../../wav/a.wav", "..", "a\\..\\..\\x", "/x", "\\x", "c:x", "a\0/../b", "a\nb"]
)
def test_names_that_lead_out_are_refused_wanted_or_not(tmp_path, name):
    refused(make(tmp_path / "a.zip", ("wav/a.wav", NOISE), (name, b"evil")), "would leave the folder")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
@pytest.mark.parametrize("name", ["wav/b.wav", "other"])
def test_links_and_devices_are_refused_wanted_or_not(tmp_path, kind, name):
    archive = make(tmp_path / "a.zip", ("wav/a.wav", NOISE, stat.S_IFREG), (name, b"/etc/passwd", kind | 0o777))
    refused(archive, "a link or a device")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("wav/a.wav", b"1"), ("wav/A.wav", b"2")], "in it twice"),
        ([("a/table.txt", b"1"), ("b/table.txt", b"2")], "in several folders of it"),
        ([("a/b/table.txt", b"1"), ("table.txt/", b"")], "not in it"),
        ([("table.txt", NOISE), ("wav/a.wav", NOISE)], "more than is expected"),
        ([(str(i), b"") for i in range(101)], "more than 100 members"),
    ],
)
def test_archives_of_another_kind(tmp_path, monkeypatch, members, reason):
    monkeypatch.setattr(fetch, "MEMBERS", 100)
    refused(make(tmp_path / "a.zip", *members), reason, limit=2 * len(NOISE) - 1)
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_whose_memory_has_no_bound_are_refused(tmp_path, method):
    refused(make(tmp_path / "a.zip", ("table.txt", NOISE), method=method), "compressed in an unusual way")


@pytest.mark.parametrize("size", [0, 100, 60_000_000])
def test_a_bomb_that_lies_about_its_size_takes_neither_memory_nor_disk(tmp_path, size):
    archive = make(tmp_path / "a.zip", ("wav/a.wav", bytes(50_000_000)), method=zipfile.ZIP_DEFLATED)
    data = bytearray(archive.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\3\4") + 22, size)
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, size)
    archive.write_bytes(data)
    tracemalloc.start()
    refused(archive, "damaged|more than is expected")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert sum(p.stat().st_size for p in tmp_path.rglob("*.wav")) <= min(size, 10**6)


@pytest.mark.parametrize(
    "damage", [lambda b: b"<html>Log in</html>", lambda b: b[:-1], lambda b: b.replace(NOISE[-9:], bytes(9))]
)
def test_what_is_damaged_is_refused(tmp_path, damage):
    archive = make(tmp_path / "a.zip", ("wav/a.wav", NOISE), ("table.txt", b"1"))
    archive.write_bytes(damage(archive.read_bytes()))
    refused(archive, "it is no zip archive, or damaged: ")


# Emo-DB: all of it, or nothing.

LETTERS = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "N": 79, "T": 62}
SPEAKERS = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """As many recordings of each emotion as Emo-DB has, 0.05 s each, and its text files."""
    letters = [letter for letter, count in LETTERS.items() for _ in range(count)]
    stems = [f"{SPEAKERS[i % 10]}a{i // 260:02}{letter}{chr(97 + i // 10 % 26)}" for i, letter in enumerate(letters)]
    rng, made = np.random.default_rng(0), {}
    for stem in stems:
        sound = io.BytesIO()
        soundfile.write(sound, rng.uniform(-0.1, 0.1, 800), 16_000, format="WAV")
        made[f"wav/{stem}.wav"] = sound.getvalue()
    rows = [f"{i}\xa0\xa0\t{stem}.wav\t90,00\xa0\xa0\t75,00\xa0" for i, stem in enumerate(stems)]
    made["erkennung.txt"] = "\n".join(["Nr.\tSatz\terkannt\tnatuerlich", *rows, ""]).encode("latin-1")
    return made | {"erklaerung.txt": b"what the numbers are", "lablaut/03a01Fa.lablaut": b"not needed"}


def zipped(files: dict[str, bytes | None]) -> bytes:
    kept = [(name, content) for name, content in files.items() if content is not None]
    return make(io.BytesIO(), *kept).getvalue()


@pytest.fixture(scope="session")
def archive(files) -> bytes:
    return zipped(files)


@pytest.fixture
def cache(server, monkeypatch, tmp_path) -> Path:
    monkeypatch.delenv("NUMSER_OFFLINE")
    monkeypatch.setenv("NUMSER_DATA", str(tmp_path / "new" / "cache"))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # waits for the disk, 535 times
    monkeypatch.setattr(emodb, "ADDRESS", server.address)
    monkeypatch.setattr(fetch, "WAITS", ())
    return tmp_path / "new" / "cache"


def not_loaded(cache, match) -> str:
    with pytest.raises(InputError, match=match) as caught:
        load_corpus("emodb")
    assert not (cache / "emodb").exists() and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_emodb_is_fetched_once_and_is_on_the_disk_before_it_appears(
    server, cache, archive, files, monkeypatch, capsys
):
    synced, rename = set(), os.rename

    def checked_rename(old, new):
        assert {p.stat().st_ino for p in Path(old).rglob("*.*")} <= synced
        rename(old, new)

    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(os, "rename", checked_rename)
    server.script = [whole(archive)]
    corpus = load_corpus("emodb")
    assert Counter(u.name[5] for u in corpus.utterances) == LETTERS
    assert {u.votes for u in corpus.utterances} == {0.9} and corpus.source == cache / "emodb"
    assert {p.relative_to(cache / "emodb").as_posix(): p.read_bytes() for p in cache.rglob("emodb/**/*.*")} == {
        name: content for name, content in files.items() if not name.startswith("lablaut")
    }
    assert names(cache) == [".emodb.lock", "emodb"]
    size = f"{len(archive) / 1e6:.1f}"
    assert capsys.readouterr().err == f"fetching {server.address}\nfetched {size} MB in 0 s\n"
    assert load_corpus("emodb", offline=True).identity == corpus.identity
    assert len(server.requests) == 1


def test_data_is_never_fetched(server, cache, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such folder; to use Emo-DB, unpack"):
        load_corpus("emodb", tmp_path / "nowhere")
    (cache / "emodb").mkdir(parents=True)
    with pytest.raises(InputError, match="there are no sound files in it"):
        load_corpus("emodb")
    assert server.requests == []


def test_what_is_no_archive(server, cache):
    server.script = [plain(b"<html>Please log in to this network</html>")]
    message = not_loaded(
        cache, rf"^{server.address}: what came from there cannot be used \(it is no zip archive, or "
    )
    assert message.endswith(
        f"; try again later, or make {cache / 'emodb'} and unpack {server.address} into it, or give, as data, the "
        "folder that holds wav and erkennung.txt"
    )
    assert names(cache) == [".emodb.lock"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"first": None}, "it holds 534 recordings, anger 126, boredom 81, .*, where Emo-DB has 535, anger 127, "),
        ({"first": None, "wav/99x99Wz.wav": b"another speaker"}, "it holds 535 recordings"),
        ({"first": None, "wav/holiday.wav": b""}, "it holds 534 recordings"),
        ({"first": b"no sound"}, r"\(wav.03a00Wa.wav: cannot be read as sound \(.*\)\);"),
        ({"erkennung.txt": None}, "erkennung.txt is missing, or has no votes"),
        ({"erkennung.txt": b"1\t03a01Fa.wav\tviele\n"}, r"\(erkennung.txt: row 1 should have a percentage"),
        ({"../wav/03a01Wz.wav": b"evil"}, "would leave the folder"),
    ],
)
def test_what_is_not_all_of_emodb(server, cache, files, change, reason):
    first = next(iter(files))
    server.script = [whole(zipped(files | {first if n == "first" else n: c for n, c in change.items()}))]
    not_loaded(cache, reason)
    assert (names(cache), names(cache.parent)) == ([".emodb.lock"], ["cache"])


def test_limits(server, cache, archive, monkeypatch):
    server.script = [whole(archive)]
    monkeypatch.setattr(emodb, "_LIMIT", 500_000)
    not_loaded(cache, "it holds more than is expected")
    monkeypatch.setattr(emodb, "_DOWNLOAD_LIMIT", 500_000)
    not_loaded(cache, "at most 0.5 MB are expected")
    assert names(cache) == [".emodb.lock"]


def test_a_disk_that_is_full_while_unpacking_keeps_the_archive(server, cache, archive, monkeypatch, small_files):
    server.script = [whole(archive)]
    real = fetch.unpack
    monkeypatch.setattr(fetch, "unpack", lambda *args: (small_files(1000), real(*args)))
    not_loaded(cache, r"wav: cannot be written \(File too large\); make room")
    assert names(cache / ".emodb.fetching") == ["archive.json", "archive.zip"]
    small_files(10**9)
    monkeypatch.setattr(fetch, "unpack", real)
    (cache / ".emodb.fetching" / "unpacked" / "wav").mkdir(parents=True)
    (cache / ".emodb.fetching" / "unpacked" / "wav" / "03a99Wa.wav").write_bytes(b"half")  # as if killed then
    assert len(load_corpus("emodb").utterances) == 535
    assert len(server.requests) == 1
    assert names(cache) == [".emodb.lock", "emodb"]


@pytest.mark.parametrize("place", ["", ".emodb.fetching"])
def test_a_cache_that_cannot_be_written(server, cache, place):
    """There is a file where a folder should be."""
    (cache / place).parent.mkdir(parents=True, exist_ok=True)
    (cache / place).write_text("a file")
    not_loaded(cache, r"cannot be written \(.*\); make room .*, or name another folder in .* NUMSER_DATA")
    assert server.requests == []


@pytest.mark.parametrize("command", [train, crossval, reproduce, evaluate])
@pytest.mark.parametrize("how", ["--offline", "NUMSER_OFFLINE"])
def test_offline_says_where_to_put_the_files(server, cache, command, how, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("numser.recogniser.load", lambda path: None)  # a model, for evaluate
    monkeypatch.setenv("NUMSER_OFFLINE", "0" if how == "--offline" else "1")
    more = ["table2"] * (command is reproduce) + [how] * (how == "--offline")
    with pytest.raises(InputError) as caught:
        command.main([*more, "--corpus", "emodb", *([] if command is evaluate else ["--out", "out"])])
    assert caught.value.for_command() == (
        f"{cache / 'emodb'}: there is no such folder, and nothing is fetched offline; unpack {server.address} into "
        "it, or give, as --data, the folder that holds wav and erkennung.txt"
    )
    assert (server.requests, names(tmp_path)) == ([], [])


@pytest.mark.slow
def test_workers_fetch_nothing_and_are_told_where_the_corpus_was(server, cache, archive, monkeypatch, tmp_path):
    from numser.recipe import Recipe
    from numser.runs.folds import folds_of, run_fold

    with pytest.raises(InputError, match="nothing is fetched offline"):
        run_fold(runs.Config("emodb", None, 0, None, Recipe(steps=1)), tmp_path / "out", "")
    assert server.requests == []
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
from numser.corpora import emodb, fetch
emodb.ADDRESS, fetch.WAITS, fetch.TIMEOUT = sys.argv[1], (), 600  # on a busy machine the test is slow to go on
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job lacks
run(lambda: print(len(emodb.load().utterances)) if sys.argv[2:] == [] else train.main(sys.argv[2:]))
"""


def begin(address, *more):
    args = [sys.executable, "-c", FETCH, address, *map(str, more)]
    return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_has_come(size, cache, process) -> None:
    part, patience = cache / ".emodb.fetching" / "archive.zip", time.monotonic() + 120
    while not part.exists() or part.stat().st_size < size:
        assert process.poll() is None and time.monotonic() < patience
        time.sleep(0.01)


@pytest.mark.slow
def test_of_several_processes_one_fetches_and_when_it_is_killed_the_next_goes_on(server, cache, archive):
    server.script = [whole(archive, only=500, then=stall), whole(archive)]
    first = begin(server.address)
    until_has_come(500, cache, first)  # to the last byte, however few they are
    others = [begin(server.address), begin(server.address)]
    for other in others:
        assert other.stderr.readline() == f"another process is fetching {cache / 'emodb'}; waiting for it\n"
    first.kill()
    first.communicate()
    assert [other.communicate()[0] for other in others] == ["535\n"] * 2
    assert server.ranges == [None, "bytes=500-"]
    assert names(cache) == [".emodb.lock", "emodb"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
def test_ctrl_c_while_training_fetches(server, cache, archive, tmp_path):
    server.script = [whole(archive, only=500_000, then=stall), whole(archive)]
    process = begin(server.address, "--corpus", "emodb", "--out", tmp_path / "run")
    until_has_come(500_000, cache, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err == f"fetching {server.address}\nstopped; 0.5 MB have come and are kept for the next time\n"
    assert not (tmp_path / "run").exists()
    assert len(load_corpus("emodb").utterances) == 535
    assert server.ranges == [None, "bytes=500000-"]


def test_without_a_network_the_command_says_what_to_do(cache, tmp_path):
    with serving() as gone:
        address = gone.address
    process = begin(address, "--corpus", "emodb", "--out", tmp_path / "run")
    _, err = process.communicate()
    assert (process.returncode, names(cache)) == (2, [".emodb.lock"])
    assert err == (
        f"fetching {address}\nerror: {address}: cannot be fetched (Connection refused); try again later, or make "
        f"{cache / 'emodb'} and unpack {address} into it, or give, as --data, the folder that holds wav and "
        "erkennung.txt\n"
    )
    assert not (tmp_path / "run").exists()
