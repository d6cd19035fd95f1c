"""Whom the demo's server answers, and with what."""

import re

import pytest
from conftest import noise
from demo_server import ask, raw, sentence, served, sound

from numser.demo import MOST_BYTES, demo_server


@pytest.fixture(scope="module")
def server(recogniser):
    with served(demo_server(recogniser, None)) as server:
        yield server


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


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", None, ""])
@pytest.mark.parametrize("request_", [("GET", "/"), ("POST", "/recognise", b"x"), ("PUT", "/")])
def test_another_host_is_refused(server, host, request_):
    host = host and host.format(port=server.server_port)
    assert "open the page at http://127.0.0.1:" in sentence(server, 403, *request_, Host=host)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}", "http://localhost:{port}"],
)
@pytest.mark.parametrize("request_", [("GET", "/"), ("POST", "/recognise", sound(noise(1)))])
def test_another_origin_is_refused(server, origin, request_):
    assert "its own page only" in sentence(server, 403, *request_, Origin=origin.format(port=server.server_port))


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
    "sent",
    [b"\r\n\r\n", b"\0\xff garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70000, b"GET /\r\n\r\n"],
)
def test_what_is_no_request_gets_no_traceback(server, sent, capfd):
    assert b"Traceback" not in raw(server, sent)
    assert ask(server, "GET", "/")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_head_without_end_is_refused(server):
    heads = b"".join(b"X-%d: 1\r\n" % i for i in range(200))
    assert b'{"error": "the request\'s head is too long' in raw(server, b"GET / HTTP/1.1\r\n" + heads + b"\r\n")
