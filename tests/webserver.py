"""A web server on this machine that behaves as badly as a test wants."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Step = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self):
        with self.server.lock:
            self.server.requests.append(dict(self.headers) | {"path": self.path})
            step = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        with suppress(ConnectionError):  # who asked may have gone
            step(self)
        self.close_connection = True

    def begin(self, status: int, **headers) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """Answers each request by the next step of the script; the last one stays."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.script: list[Step] = []
        self.requests: list[dict[str, str]] = []
        self.ended = threading.Event()  # what stalls does so until then

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/emodb.zip"

    @property
    def ranges(self) -> list[str | None]:
        """What part each request was for; None is all."""
        return [request.get("Range") for request in self.requests]


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


def whole(body: bytes, *, tag: str | None = '"1"', only: int | None = None, then=lambda h, rest: None) -> Step:
    """A server that knows how to go on. It sends `only` so many bytes of what it should; `then` is for the rest."""

    def step(h: Handler) -> None:
        tags = {"ETag": tag} if tag else {}
        asked = re.fullmatch(r"bytes=(\d+)-", h.headers.get("Range", ""))
        start = int(asked[1]) if asked and h.headers.get("If-Range") in (None, tag) else 0
        if asked and start >= len(body):
            h.begin(416, Content_Range=f"bytes */{len(body)}")
            return
        if start:
            place = f"bytes {start}-{len(body) - 1}/{len(body)}"
            h.begin(206, Content_Length=len(body) - start, Content_Range=place, **tags)
        else:
            h.begin(200, Content_Length=len(body), **tags)
        end = len(body) if only is None else start + only
        h.wfile.write(body[start:end])
        then(h, body[end:])

    return step


def plain(body: bytes, status: int = 200, **headers) -> Step:
    """Sends this, whatever was asked for."""

    def step(h: Handler) -> None:
        h.begin(status, **headers)
        h.wfile.write(body)

    return step


def raw(text: bytes) -> Step:
    """Sends this instead of HTTP."""
    return lambda h: h.wfile.write(text)


def to(address: str) -> Step:
    return plain(b"", 302, Location=address)


def stall(h: Handler, rest: bytes = b"") -> None:
    """Says nothing until the test has ended."""
    h.server.ended.wait()


def drip(h: Handler, rest: bytes = b"x" * 500) -> None:
    """A byte a time, for five seconds at most."""
    for i in range(min(len(rest), 500)):
        if h.server.ended.wait(0.01):
            return
        h.wfile.write(rest[i : i + 1])


def pour(h: Handler) -> None:
    """Does not seem to end."""
    for _ in range(2000):
        h.wfile.write(bytes(10_000))
