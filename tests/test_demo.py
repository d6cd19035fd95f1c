"""What the demo answers, and what it does not: without a browser."""

import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from demo_server import ask, noise, own, raw, sentence, served, sound

from numser.demo import MOST_BYTES, PLACES, demo_server
from numser.demo_answer import LONGEST, SoundBytes, answer, growth
from numser.demo_queue import Post, Queue
from numser.demo_server import DemoServer
from numser.errors import InputError
from numser.page.utterance import small_log_mel
from numser.recogniser import PRETRAINED
from numser.windows import overall, predict_windows


@pytest.fixture(scope="module")
def server(recogniser):
    with served(demo_server(recogniser, None)) as server:
        yield server


def predicted(recogniser, path):
    """What numser.predict makes of a file."""
    windows = [window for _, window in predict_windows(recogniser, [(str(path), path)])]
    return windows, overall(windows)


@pytest.mark.parametrize(
    ("seconds", "rate", "channels", "kind"),
    [(1.3, 16000, 1, "WAV"), (2, 44100, 2, "FLAC"), (3, 22050, 1, "OGG"), (2, 48000, 2, "MP3"), (16.4, 16000, 1, "WAV")],
)
def test_the_answer_is_that_of_predict(server, recogniser, tmp_path, seconds, rate, channels, kind):
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(sound(noise(seconds, rate, channels), rate, kind))
    status, _, content = ask(server, "POST", "/recognise", path.read_bytes())
    told = json.loads(content)
    windows, whole = predicted(recogniser, path)
    assert status == 200
    assert told["probabilities"] == list(whole.probabilities.values())
    assert recogniser.labels[told["predicted"]] == whole.label
    assert told["seconds"] == pytest.approx(windows[-1].end)
    assert len(told["windows"]) == len(windows) == (3 if seconds > 7 else 1)
    for shown, curve, window in zip(told["windows"], told["attention"], windows, strict=True):
        assert (shown["start"], shown["end"]) == (window.start, window.end)
        assert shown["probabilities"] == list(window.prediction.probabilities.values())
        assert (curve["first"], curve["last"]) == (window.prediction.seconds[0], window.prediction.seconds[-1])
        weights = np.array(curve["weights"]) * curve["peak"] / 255
        np.testing.assert_allclose(weights, window.prediction.attention, atol=curve["peak"] / 500)


def test_the_picture_is_the_reports(recogniser):
    waveform = noise(2.5)[:, 0].astype(np.float32)
    told = answer(recogniser, sound(waveform, subtype="FLOAT"))
    assert base64.b64decode(told["log_mel"]) == small_log_mel(waveform).tobytes()


def test_the_picture_of_a_long_recording_is_made_of_parts_that_fit(recogniser):
    waveform = (noise(131)[:, 0] * np.linspace(0.1, 1, 131 * 16000)).astype(np.float32)
    told = answer(recogniser, sound(waveform, subtype="FLOAT"))
    shown = np.frombuffer(base64.b64decode(told["log_mel"]), np.uint8).astype(int)
    whole = small_log_mel(waveform).astype(int).ravel()
    assert len(shown) == len(whole)
    assert (abs(shown - whole) > 1).mean() < 0.003  # but where the parts meet


def test_pieces_of_a_recording_look_as_the_whole_will():
    waveform = noise(3, 48000)[:, 0]
    whole, piece = growth(sound(waveform, 48000)), growth(sound(waveform[48000 - 4800 : 96000 + 4800], 48000))
    whole, piece = (np.frombuffer(base64.b64decode(d["decibels"]), np.int8).reshape(-1, 64) for d in (whole, piece))
    np.testing.assert_allclose(piece[5:55].astype(int), whole[50:100], atol=1)


def test_an_mp3_may_begin_with_zeros(recogniser, tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(bytes(1000) + sound(noise(2), kind="MP3"))
    assert answer(recogniser, path.read_bytes())["probabilities"] == list(
        predicted(recogniser, path)[1].probabilities.values()
    )


BAD = {
    "empty": (b"", "it is empty"),
    "text": (b"this is no sound at all, but only a text", "cannot be read as sound .*give WAV, FLAC, OGG or MP3"),
    "only a head": (sound(noise(1))[:44], "holds no samples"),
    "half a head": (sound(noise(1))[:20], "cannot be read as sound"),
    "silent": (sound(np.zeros(16000)), "every sample is zero"),
    "long and silent": (sound(np.zeros(16000 * 20)), "every sample is zero"),
    "too short": (sound(noise(0.01)), "too short|at least"),
    "too long": (sound(np.zeros(8000 * 301), 8000), "longer than 5 minutes; .*numser.predict"),
    "NaN": (sound(np.full(16000, np.nan), subtype="FLOAT"), "NaN or infinite"),
    "a page": (b"<script>alert(1)</script>", "cannot be read as sound"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_recording_gets_a_sentence(server, bad, capfd):
    body, expected = BAD[bad]
    assert re.search(expected, sentence(server, 400 if bad == "empty" else 422, "POST", "/recognise", body))
    assert ask(server, "POST", "/recognise", sound(noise(1)))[0] == 200
    assert capfd.readouterr() == ("", "")


def test_damaged_sound_is_taken_or_refused_and_says_nothing_in_the_terminal(recogniser, capfd):
    rng, taken = np.random.default_rng(3), 0
    whole = [sound(noise(0.5), kind=kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64")]
    for i in range(210):
        damaged = bytearray(whole[i % len(whole)])
        for place in rng.integers(0, 120, 4):
            damaged[place] = rng.integers(256)
        try:
            answer(recogniser, bytes(damaged[: rng.integers(1, len(damaged) + 1)] if i % 3 == 0 else damaged))
            taken += 1
        except InputError as mistake:
            assert str(mistake).startswith("this recording: ")
    assert 20 < taken < 190
    assert capfd.readouterr() == ("", "")


def test_impossible_places_are_not_gone_to():
    file = SoundBytes(b"abcdef")
    assert (file.seek(2), file.seek(-5), file.seek(2**70), file.read()) == (2, 2, 2, b"cdef")


def test_the_page(server):
    status, headers, content = ask(server, "GET", "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', content.decode())[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert (rules["default-src"], rules["connect-src"]) == ("'none'", "'self'")
    assert rules["script-src"].split()[-1] == "'self'" and "unsafe" not in policy and "http:" not in policy
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert [name for name in headers if name.lower().startswith("access-control")] == []
    assert ask(server, "HEAD", "/")[2] == b""
    status, headers, content = ask(server, "GET", "/recorder.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert b"registerProcessor" in content


def test_the_page_says_what_the_model_is(recogniser, server, tmp_path):
    page = ask(server, "GET", "/")[2].decode()
    card = PRETRAINED.with_name("README.md").read_text(encoding="utf-8")
    (learned,) = re.findall(r"^\| what it learned from \| (.*) \|$", card, re.MULTILINE)
    assert learned in page and '["trained on","noise"]' in page
    path = tmp_path / "</script><script>harm().npz"
    with served(demo_server(recogniser, path)) as other:
        page = ask(other, "GET", "/")[2].decode()
    assert learned not in page and "<script>harm" not in page and "\\u003cscript>harm().npz" in page


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", None, ""])
@pytest.mark.parametrize("request_", [("GET", "/"), ("POST", "/recognise", b"x"), ("PUT", "/")])
def test_another_host_is_refused(server, host, request_):
    host = host and host.format(port=server.server_port)
    assert "open the page at http://127.0.0.1:" in sentence(server, 403, *request_, Host=host)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}", "http://localhost:{port}"]
)
@pytest.mark.parametrize("request_", [("GET", "/"), ("POST", "/recognise", sound(noise(1)))])
def test_another_origin_is_refused(server, origin, request_):
    assert "its own page only" in sentence(
        server, 403, *request_, Origin=origin.format(port=server.server_port)
    )


def test_localhost_is_this_machine_too(server):
    names = {"Host": f"LocalHost:{server.server_port}", "Origin": f"http://localhost:{server.server_port}"}
    assert ask(server, "POST", "/recognise", sound(noise(1)), **names)[0] == 200


def test_who_posts_says_from_where(server):
    assert ask(server, "GET", "/", Origin=None)[0] == 200
    assert "its own page only" in sentence(server, 403, "POST", "/recognise", sound(noise(1)), Origin=None)


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (404, ("GET", "/nothing")),
        (404, ("GET", "/../demo.py")),
        (404, ("GET", "http://evil.example/")),
        (404, ("POST", "/", b"x")),
        (404, ("POST", "/<script>", b"x")),
        (405, ("GET", "/recognise")),
        (501, ("PUT", "/recognise", b"x")),
        (501, ("OPTIONS", "/recognise")),
    ],
)
def test_wrong_methods_and_paths(server, status, request_):
    assert "http://127.0.0.1:" in sentence(server, status, *request_)


@pytest.mark.parametrize(
    ("status", "length"),
    [(411, None), (400, "-1"), (400, "1e3"), (400, "٣"), (413, str(MOST_BYTES + 1)), (413, "9" * 5000)],
)
def test_a_length_is_looked_at_before_anything_is_read(server, status, length):
    length = length and length.encode().decode("latin-1")
    assert sentence(server, status, "POST", "/recognise", Content_Length=length)


def test_who_sends_too_much_can_read_why(server):
    body = bytes(MOST_BYTES + 1)
    assert "larger than 67 MB" in sentence(server, 413, "POST", "/recognise", body)


def test_pieces_have_a_smaller_limit(server):
    assert "larger than 4 MB" in sentence(server, 413, "POST", "/log-mel", bytes(2**22 + 1))


@pytest.mark.parametrize(
    "sent", [b"\r\n\r\n", b"\0\xff garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70000, b"GET /\r\n\r\n"]
)
def test_what_is_no_request_gets_no_traceback(server, sent, capfd):
    assert b"Traceback" not in raw(server, sent)
    assert ask(server, "GET", "/")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_head_without_end_is_refused(server):
    heads = b"".join(b"X-%d: 1\r\n" % i for i in range(200))
    assert b'{"error": "the request\'s head is too long' in raw(server, b"GET / HTTP/1.1\r\n" + heads + b"\r\n")


def head(server, length):
    origin = own(server)["Origin"]
    return (
        f"POST /echo HTTP/1.1\r\nHost: {origin[7:]}\r\nOrigin: {origin}\r\nContent-Length: {length}\r\n\r\n".encode()
    )


@pytest.fixture
def small():
    """A server of a second's patience and two places, whose work waits until it is let go."""
    let_go, order = threading.Event(), []

    def echo(body):
        order.append(body)
        let_go.wait(20)
        if body == b"bug":
            raise KeyError("a mistake of ours")
        return {"heard": len(body)}

    with served(DemoServer(0, {}, {"/echo": Post(echo, 1000, Queue(2))}, seconds=1)) as server:
        server.let_go, server.order = let_go, order
        yield server
        let_go.set()


def test_a_recording_that_breaks_off(small):
    assert b"only 3 of its 10 bytes came" in raw(small, head(small, 10) + b"abc")


def test_a_slow_sender_has_a_second_in_all(small):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", small.server_port), timeout=30) as connection:
        connection.sendall(head(small, 900))
        told, sent = b"", 0
        connection.settimeout(0.1)
        while not told and sent < 200:  # a byte each time; each alone would be in time
            connection.sendall(b"x")
            sent += 1
            try:
                told = connection.recv(65536)
            except TimeoutError:
                continue
    assert b" 408 " in told.partition(b"\r\n")[0]
    assert 0.9 < time.monotonic() - began < 10


def test_a_slow_head_is_cut_off(small):
    with socket.create_connection(("127.0.0.1", small.server_port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert connection.recv(1) == b""


def test_a_slow_sender_keeps_nobody_else_from_being_served(small):
    small.let_go.set()
    with socket.create_connection(("127.0.0.1", small.server_port)) as slow:
        slow.sendall(head(small, 900))
        assert json.loads(ask(small, "POST", "/echo", b"abc")[2]) == {"heard": 3}


def test_the_queue_is_served_in_order_and_is_not_endless(small):
    found = {}

    def post(body):
        found[body] = ask(small, "POST", "/echo", body)

    threads = [threading.Thread(target=post, args=(body,)) for body in (b"1", b"22")]
    for thread in threads:
        thread.start()
        time.sleep(0.5)
    assert "busy with 2 requests already; try again" in sentence(small, 503, "POST", "/echo", b"333")
    assert small.order == [b"1"]  # one worker
    small.let_go.set()
    for thread in threads:
        thread.join()
    assert small.order == [b"1", b"22"]
    assert [json.loads(found[body][2])["heard"] for body in (b"1", b"22")] == [1, 2]
    assert json.loads(ask(small, "POST", "/echo", b"333")[2]) == {"heard": 3}


def test_a_mistake_of_ours_is_a_sentence_and_a_line(small, capfd):
    small.let_go.set()
    assert "its terminal says what" in sentence(small, 500, "POST", "/echo", b"bug")
    assert capfd.readouterr().err == "error: KeyError: 'a mistake of ours'\n"


def test_who_has_gone_is_not_missed(small, capfd):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", small.server_port)) as connection:
            connection.sendall(head(small, 3) + b"abc")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # and gone, without goodbye
    small.let_go.set()
    time.sleep(0.5)
    assert json.loads(ask(small, "POST", "/echo", b"abc")[2]) == {"heard": 3}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port(recogniser, port):
    with pytest.raises(InputError, match=f"--port {port}: .*choose another"):
        demo_server(recogniser, None, port)


def test_a_port_that_is_taken(recogniser, server):
    with pytest.raises(InputError, match="cannot be listened at"):
        demo_server(recogniser, None, server.server_port)


def test_limits_are_what_the_page_is_told(server):
    told = re.search(r'<script type="application/json" id="data">(.*?)</script>', ask(server, "GET", "/")[2].decode())
    assert json.loads(told[1])["most"] == {"bytes": MOST_BYTES, "seconds": LONGEST}
    assert server.posts["/recognise"].queue.places == PLACES


@pytest.fixture
def started(tmp_path):
    """The command, at its address, in a terminal of its own."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "numser.demo", "--no-browser"]

    def be_a_terminals_program():
        import fcntl
        import termios

        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, preexec_fn=be_a_terminals_program
    )
    os.close(theirs)
    said = b""
    while b"is ready" not in said:
        said += os.read(ours, 1000)
    yield process, ours, said.decode()
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals and terminals")
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM", "terminal closed"])
def test_it_ends_at_once(started, how, tmp_path):
    process, terminal, said = started
    address = re.search(r"http://127\.0\.0\.1:(\d+)/ is ready; Ctrl-C ends it\r\n", said)
    busy = socket.create_connection(("127.0.0.1", int(address[1])))
    body = sound(noise(290))
    host = f"127.0.0.1:{address[1]}"
    busy.sendall(f"POST /recognise HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n".encode())
    busy.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    time.sleep(0.3)  # it is in the middle of it
    began = time.monotonic()
    if how == "Ctrl-C":
        os.write(terminal, b"\x03")
    elif how == "SIGTERM":
        process.terminate()
    else:
        os.close(terminal)
    ended = process.wait(10)
    assert ended == -{"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM, "terminal closed": signal.SIGHUP}[how]
    assert time.monotonic() - began < 2
    busy.close()
    assert list(tmp_path.iterdir()) == []
    if how != "terminal closed":
        assert b"Traceback" not in os.read(terminal, 10000) if how == "Ctrl-C" else True
