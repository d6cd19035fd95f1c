import io
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from urllib.error import URLError

import pytest
from webserver import drip, plain, pour, raw, serving, stall, to, whole

from numser import download
from numser.cli import Progress
from numser.download import fetch
from numser.errors import InputError

BODY = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
PART = ["file.part", "file.part.json"]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as started:
        yield started


def get(server, folder, **options):
    """Fetch, and try again at once. Returns what came, and what was said."""
    said = io.StringIO()
    options = {"limit": 10**6, "timeout": 30, "waits": (0, 0, 0), "progress": Progress(said)} | options
    fetch(server.address, folder / "file", **options)
    assert names(folder) == ["file"]
    return (folder / "file").read_bytes(), said.getvalue()


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def refused(server, folder, match, **options):
    """The message is one sentence, and there is no file."""
    with pytest.raises(InputError, match=match) as caught:
        get(server, folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{server.address}: cannot be fetched (")
    assert message.endswith("); try again later")
    assert not (folder / "file").exists()


def test_a_file_comes_whole(server, tmp_path):
    server.script = [whole(BODY)]
    came, said = get(server, tmp_path)
    assert came == BODY
    assert said == f"fetching {server.address}\nfetched 0.3 MB in 0 s\n"
    assert server.requests[0]["User-Agent"].startswith("numser/")


def test_the_terminal_shows_how_far_it_is(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Progress, "live", Progress.line)  # all of them, not ten a second
    server.script = [whole(BODY)]
    _, said = get(server, tmp_path)
    lines = said.splitlines()[1:-1]
    assert all(re.fullmatch(r"0\.\d of 0\.3 MB \(\d+ %\), \d+\.\d MB/s, 0 s left", line) for line in lines)
    assert lines[-1].startswith("0.3 of 0.3 MB (100 %)")


def test_rate_and_time_left():
    assert download._state(10_125_000, 40_500_000, 1_250_000) == "10.1 of 40.5 MB (25 %), 1.2 MB/s, 24 s left"
    assert download._state(10_125_000, None, 1_250_000) == "10.1 MB, 1.2 MB/s"


def test_a_file_whose_length_nobody_says(server, tmp_path):
    server.script = [plain(BODY)]
    assert get(server, tmp_path)[0] == BODY


def test_a_file_in_chunks(server, tmp_path):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    server.script = [raw(answer[:1000]), raw(answer)]
    came, said = get(server, tmp_path)
    assert came == BODY
    assert "IncompleteRead" in said


# What breaks off goes on.


@pytest.mark.parametrize("stop", [lambda h, rest: None, stall], ids=["ends", "stalls"])
def test_what_breaks_off_goes_on(server, tmp_path, stop):
    server.script = [whole(BODY, only=100_000, then=stop), whole(BODY, only=50_000, then=stop), whole(BODY)]
    came, said = get(server, tmp_path, timeout=1)
    assert came == BODY
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert [request.get("If-Range") for request in server.requests] == [None, '"1"', '"1"']
    reason = "no answer for 1 s" if stop is stall else "the connection ended after 0.1 of 0.3 MB"
    assert f"\n{reason}; trying again in 0 s\n" in said


def test_what_drips_is_given_up_and_goes_on(server, tmp_path):
    server.script = [whole(BODY, only=100_000, then=drip), whole(BODY)]  # fast at first
    came, said = get(server, tmp_path, timeout=1)
    assert came == BODY
    assert re.search(r"only \d+ bytes came in 1 s; trying again", said)
    assert 100_000 < int(server.ranges[1].strip("bytes=-")) < 100_500


def test_what_is_slow_but_fast_enough_is_waited_for(server, tmp_path, monkeypatch):
    monkeypatch.setattr("numser.web.SLOWEST", 1)
    server.script = [whole(BODY[:150], only=0, then=drip)]  # takes longer than the time-out
    assert get(server, tmp_path, timeout=1)[0] == BODY[:150]
    assert len(server.requests) == 1


@pytest.mark.parametrize("step", [stall, drip, whole(BODY, only=0, then=stall)])
def test_what_stalls_for_ever_is_not_waited_for(server, tmp_path, step):
    server.script = [step]
    refused(server, tmp_path, r"no answer for 0.3 s|only \d+ bytes came in 0.3 s", timeout=0.3)
    assert len(server.requests) == 4
    assert names(tmp_path) == []


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(InputError, match=r"cannot be fetched \(Connection refused\); try again later"):
        fetch(f"http://127.0.0.1:{port}/x", tmp_path / "file", limit=1, waits=(), progress=Progress(io.StringIO()))
    assert names(tmp_path) == []


def test_a_name_that_is_not_known(tmp_path, monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(InputError, match=r"\(Name or service not known\); look elsewhere") as caught:
        fetch("http://no.where/x", tmp_path / "file", limit=1, waits=(0,), remedy="look elsewhere")
    assert str(caught.value).startswith("http://no.where/x: ")


def test_what_came_is_kept_for_the_next_time(server, tmp_path):
    server.script = [whole(BODY, only=100_000), whole(BODY, only=0)]
    refused(server, tmp_path, "ended after 0.1 of 0.3 MB; 0.1 MB have come and are kept for the next time")
    assert names(tmp_path) == PART
    server.script = [whole(BODY)]
    came, said = get(server, tmp_path)
    assert came == BODY
    assert server.ranges[-1] == "bytes=100000-"
    assert f"fetching {server.address}, of which 0.1 MB have come before\n" in said


def test_tries_are_not_used_up_while_there_is_headway(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "HEADWAY", 20_000)
    server.script = [whole(BODY, only=20_000)]
    assert get(server, tmp_path, waits=(0,))[0] == BODY
    assert len(server.requests) == 15
    (tmp_path / "file").unlink()
    server.script = [whole(BODY, only=19_999)]
    refused(server, tmp_path, "ended after", waits=(0,))


def test_a_server_that_changes_the_file_again_and_again_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "HEADWAY", 20_000)
    server.script = [whole(BODY, only=100_000, tag=f'"{i}"') for i in range(100)]
    refused(server, tmp_path, "ended after")
    assert len(server.requests) < 10


def test_all_had_come_when_the_process_was_killed(server, tmp_path):
    server.script = [whole(BODY, only=100_000)]
    refused(server, tmp_path, "ended", waits=())
    (tmp_path / "file.part").write_bytes(BODY)
    assert get(server, tmp_path)[0] == BODY
    assert len(server.requests) == 1


# Two versions are never spliced.


def broken_off(server, folder, **about):
    server.script = [whole(BODY, only=100_000, **about)]
    refused(server, folder, "ended", waits=())
    server.requests.clear()


def test_a_file_that_has_changed_comes_anew(server, tmp_path):
    broken_off(server, tmp_path)
    server.script = [whole(OTHER, tag='"2"')]
    assert get(server, tmp_path)[0] == OTHER
    assert server.ranges == ["bytes=100000-"]


def test_a_server_that_cannot_go_on_sends_it_anew(server, tmp_path):
    broken_off(server, tmp_path)
    server.script = [plain(BODY, ETag='"1"', Content_Length=len(BODY))]
    assert get(server, tmp_path)[0] == BODY


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"2"'},
        {"Content_Range": "bytes 99999-299999/300000"},
        {"Content_Range": "bytes 0-299999/300000"},
        {"Content_Range": "bytes 100000-299998/299999"},
        {"Content_Range": "bytes 100000-299990/300000"},
        {"Content_Range": "everything"},
        {"Content_Range": f"bytes 100000-299999/{'9' * 5000}"},
        {"Content_Range": ""},
    ],
)
def test_a_rest_that_does_not_fit_is_not_taken(server, tmp_path, headers):
    broken_off(server, tmp_path)
    right = {"ETag": '"1"', "Content_Range": "bytes 100000-299999/300000", "Content_Length": 200_000}
    server.script = [plain(OTHER[100_000:], 206, **right | headers), whole(OTHER, tag='"2"')]
    came, said = get(server, tmp_path)
    assert came == OTHER
    assert server.ranges == ["bytes=100000-", None]
    assert "the server goes on with another file, or from another place; trying again" in said


def test_a_rest_that_fits_is_taken_also_without_its_total(server, tmp_path):
    broken_off(server, tmp_path)
    place = "bytes 100000-299999/*"
    server.script = [plain(BODY[100_000:], 206, ETag='"1"', Content_Range=place, Content_Length=200_000)]
    assert get(server, tmp_path)[0] == BODY


def test_the_total_that_was_said_first_holds(server, tmp_path):
    broken_off(server, tmp_path)
    rest = {"ETag": '"1"', "Content_Range": "bytes 100000-199999/*", "Content_Length": 100_000}
    server.script = [plain(BODY[100_000:200_000], 206, **rest), whole(BODY)]
    assert get(server, tmp_path)[0] == BODY


def test_a_rest_in_pieces(server, tmp_path):
    broken_off(server, tmp_path)
    pieces = [
        plain(BODY[a:b], 206, ETag='"1"', Content_Range=f"bytes {a}-{b - 1}/300000", Content_Length=b - a)
        for a, b in ((100_000, 150_000), (150_000, 300_000))
    ]
    server.script = pieces
    assert get(server, tmp_path)[0] == BODY


def test_a_file_that_has_become_shorter_comes_anew(server, tmp_path):
    broken_off(server, tmp_path)
    server.script = [plain(b"", 416), whole(OTHER[:50_000], tag='"2"')]
    came, said = get(server, tmp_path)
    assert came == OTHER[:50_000]
    assert server.ranges == ["bytes=100000-", None]
    assert "the server has no more than what has come" in said


@pytest.mark.parametrize("tag", [None, 'W/"1"'])
def test_a_version_without_a_name_is_not_gone_on_with(server, tmp_path, tag):
    server.script = [whole(BODY, only=100_000, tag=tag), whole(BODY, tag=tag)]
    assert get(server, tmp_path)[0] == BODY
    assert server.ranges == [None, None]


def test_the_time_of_the_change_is_a_name_too(server, tmp_path):
    day = "Tue, 15 Nov 1994 12:45:26 GMT"
    rest = {"Content_Range": "bytes 1000-299999/300000", "Content_Length": 299_000, "Last_Modified": day}
    server.script = [plain(BODY[:1000], Content_Length=300_000, Last_Modified=day), plain(BODY[1000:], 206, **rest)]
    assert get(server, tmp_path)[0] == BODY
    assert server.requests[1]["If-Range"] == day


@pytest.mark.parametrize("note", [b"", b"{}", b"[1]", b'{"address": 1, "validator": []}', b"\xff", None])
def test_what_came_before_is_nothing_without_a_note(server, tmp_path, note):
    broken_off(server, tmp_path)
    (tmp_path / "file.part.json").unlink() if note is None else (tmp_path / "file.part.json").write_bytes(note)
    server.script = [whole(BODY)]
    assert get(server, tmp_path)[0] == BODY
    assert server.ranges == [None]


def test_what_came_from_elsewhere_is_not_gone_on_with(server, tmp_path):
    broken_off(server, tmp_path)
    note = json.loads((tmp_path / "file.part.json").read_text())
    (tmp_path / "file.part.json").write_text(json.dumps(note | {"address": "http://else.where/"}))
    server.script = [whole(OTHER)]
    assert get(server, tmp_path)[0] == OTHER


# Servers that lie, or say no.


def test_a_server_that_sends_less_than_it_said(server, tmp_path):
    server.script = [plain(BODY[:1000], Content_Length=2000)]
    refused(server, tmp_path, r"\(the connection ended after 0.0 of 0.0 MB\)")
    assert len(server.requests) == 4
    assert names(tmp_path) == []  # nothing says of which version it was


def test_of_a_server_that_sends_more_than_it_said_no_more_is_taken(server, tmp_path):
    server.script = [plain(BODY, Content_Length=1000)]
    assert get(server, tmp_path)[0] == BODY[:1000]


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_errors_that_may_pass_are_met_by_another_try(server, tmp_path, status):
    server.script = [plain(b"wait", status), plain(b"wait", status), whole(BODY)]
    came, said = get(server, tmp_path)
    assert came == BODY
    assert said.count(f"\n{status} ") == 2


@pytest.mark.parametrize("status", [400, 403, 404, 410, 416, 204, 206])
def test_other_errors_are_final(server, tmp_path, status):
    server.script = [plain(b"no", status)]
    refused(server, tmp_path, rf"\({status} [\w ]+\)")
    assert len(server.requests) == 1
    assert names(tmp_path) == []


def test_an_error_keeps_what_has_come(server, tmp_path):
    broken_off(server, tmp_path)
    server.script = [plain(b"no", 404)]
    refused(server, tmp_path, r"\(404 Not Found; 0.1 MB have come and are kept for the next time\)")
    assert names(tmp_path) == PART


@pytest.mark.parametrize("text", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b"\0" * 100_000])
def test_what_is_not_http(server, tmp_path, text):
    server.script = [raw(text)]
    refused(server, tmp_path, "cannot be fetched")
    assert len(server.requests) == 4


def test_waits_grow_as_told(server, tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    server.script = [plain(b"", 503)]
    refused(server, tmp_path, "503", waits=(1, 3, 10))
    assert slept == [1, 3, 10]


def test_the_server_may_send_us_on(server, tmp_path):
    server.script = [to("/there", b"a long farewell"), whole(BODY)]
    assert get(server, tmp_path)[0] == BODY
    assert [request["path"] for request in server.requests] == ["/emodb.zip", "/there"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_farewell_without_end_is_not_listened_to(server, tmp_path, status):
    gone = threading.Event()

    def farewell(h):
        h.begin(status, Location="/there")
        try:
            pour(h)
        except ConnectionError:
            gone.set()

    server.script = [farewell, whole(BODY)]
    assert get(server, tmp_path)[0] == BODY
    assert gone.wait(60)


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "http://[", "http://a.\xff" + "b" * 99],
)
def test_the_server_cannot_send_us_everywhere(server, tmp_path, address):
    server.script = [to(address)]
    refused(server, tmp_path, "cannot be fetched")
    assert len(server.requests) == 1


def test_the_server_may_send_us_to_https(server, tmp_path):
    server.script = [to(server.address.replace("http:", "https:"))]  # where it does not speak TLS
    refused(server, tmp_path, "SSL")


def test_a_certificate_that_does_not_hold_is_final(server, tmp_path, monkeypatch):
    tries = []

    def open_web(*args):
        tries.append(args)
        raise URLError(ssl.SSLCertVerificationError(1, "certificate verify failed"))

    monkeypatch.setattr(download, "open_web", open_web)
    refused(server, tmp_path, "certificate verify failed")
    assert len(tries) == 1


def test_sent_in_circles(server, tmp_path):
    server.script = [to("/emodb.zip")]
    refused(server, tmp_path, "302 .*infinite loop")
    assert len(server.requests) < 12


# Limits.


def test_a_file_that_says_it_is_too_large(server, tmp_path):
    server.script = [plain(b"", Content_Length=10**15)]
    refused(server, tmp_path, r"\(it has 1000000000.0 MB, and at most 1.0 MB are expected\)")
    assert len(server.requests) == 1
    assert names(tmp_path) == []


def test_a_file_that_does_not_end(server, tmp_path):
    server.script = [lambda h: (h.begin(200), pour(h))]
    refused(server, tmp_path, r"\(more than 1.0 MB came, which is more than is expected\)")
    assert len(server.requests) == 1
    assert names(tmp_path) == []


def test_a_rest_that_is_too_large(server, tmp_path):
    broken_off(server, tmp_path)
    server.script = [whole(BODY)]
    refused(server, tmp_path, "at most 0.2 MB are expected", limit=200_000)
    assert names(tmp_path) == []


def test_the_limit_itself_is_allowed(server, tmp_path):
    server.script = [whole(BODY)]
    assert get(server, tmp_path, limit=len(BODY))[0] == BODY


@pytest.mark.parametrize("room", [200_001, len(BODY) - 1])
def test_a_disk_that_is_full(server, tmp_path, room):
    resource = pytest.importorskip("resource", reason="this system cannot limit the size of files")
    server.script = [whole(BODY)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(InputError, match=r"^/[^:]*file.part: cannot be written \(File too large\); make room"):
            get(server, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "file.part").stat().st_size == room  # to the last byte that there was room for
    assert get(server, tmp_path)[0] == BODY
    assert server.ranges == [None, f"bytes={room}-"]


def test_a_folder_that_cannot_be_written_to(server, tmp_path):
    server.script = [whole(BODY)]
    with pytest.raises(InputError, match="cannot be written"):
        get(server, tmp_path / "nowhere")


# Killed and stopped.

FETCH = """
import signal, sys
from pathlib import Path
from numser.cli import run
from numser.download import fetch
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job lacks
run(lambda: fetch(sys.argv[1], Path(sys.argv[2]), limit=10**6))
"""


def stopped_by(server, path, number):
    """A process that is stopped by a signal as soon as all that came is in the file."""
    server.script = [whole(BODY, only=100_000, then=stall)]
    process = subprocess.Popen([sys.executable, "-c", FETCH, server.address, path], stderr=subprocess.PIPE, text=True)
    patience = time.monotonic() + 120
    part = path.with_name("file.part")
    while not part.exists() or part.stat().st_size < 100_000:
        assert process.poll() is None and time.monotonic() < patience
        time.sleep(0.01)
    process.send_signal(number)
    return process.communicate()[1], process.returncode


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
def test_killed_in_the_middle(server, tmp_path):
    _, code = stopped_by(server, tmp_path / "file", signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert names(tmp_path) == PART
    server.script = [whole(BODY)]
    assert get(server, tmp_path)[0] == BODY
    assert server.ranges == [None, "bytes=100000-"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
def test_stopped_by_ctrl_c(server, tmp_path):
    said, code = stopped_by(server, tmp_path / "file", signal.SIGINT)
    assert code == 130
    assert said.endswith("stopped; 0.1 MB have come and are kept for the next time\n")
    assert "Traceback" not in said
    server.script = [whole(BODY)]
    assert get(server, tmp_path)[0] == BODY
