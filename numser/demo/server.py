"""The demo's web server: for this machine alone, and patient with nobody.

It listens on 127.0.0.1. Only requests that a browser sends for the demo's own page are answered. Host must be the
server's address: else another site could give its own name this address, and read the answers. Origin must be the
page's where there is one, and there must be one where something is posted: else any site that is open could post to
it. What is posted has a length, a time in which all of it must have come, and a place in a queue; who has none is
told so at once. Connections are so many at most; where there are more, those give way that have been slowest to ask.
"""

import io
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from numser.decode import Unreadable
from numser.errors import InputError, printable

ADDRESS = "127.0.0.1"
SECONDS = 20.0  # for a request to come, from its first byte to its last, and as long for its answer to go
AT_ONCE = 64  # connections
JSON = "application/json"
_UNREAD = 2.0  # seconds in which what was refused may still come, so that its sender can read why
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page brings the rest of its policy along
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ODD = {
    414: "the address is too long",
    431: "the request's head is too long",
    501: "only GET and POST are understood",
    505: "only HTTP/1 is understood",
}


Page = tuple[str, bytes | Callable[[], bytes]]  # kind, and content or what makes it when it is asked for


class DemoServer(ThreadingHTTPServer):
    """Serves `pages`, by path, and `posts`, by path.

    Raises      InputError: the port is taken or may not be used
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # Windows would let another program listen at the same port
    request_queue_size = AT_ONCE

    def __init__(self, port: int, pages: dict[str, Page], posts: dict[str, "Post"], seconds: float = SECONDS):
        self.pages, self.posts, self.seconds = pages, posts, seconds
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._silent: dict[Any, None] = {}  # connections whose request has not come whole, the oldest first
        try:
            super().__init__((ADDRESS, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "ports go from 0 to 65535"
            raise InputError(
                f"‹port› {port}: cannot be listened at ({reason}); choose another one, or none"
            ) from None

    def server_bind(self) -> None:
        """As HTTPServer, which would also ask the network for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    @property
    def hosts(self) -> tuple[str, ...]:
        """What may stand in a request's Host."""
        names = (ADDRESS, "localhost")
        return tuple(f"{name}:{self.server_port}" for name in names) + (names if self.server_port == 80 else ())

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, if there are not too many that are being served."""
        if self._room.acquire(blocking=False) or self._slowest_gives_way():
            self._silent[request] = None
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def _slowest_gives_way(self) -> bool:
        """Take the place of the connection that has been asking for the longest time, if there is one."""
        for slowest in list(self._silent):
            self.heard(slowest)
            with suppress(OSError):  # it has gone
                slowest.shutdown(socket.SHUT_RDWR)
            if self._room.acquire(timeout=1):
                return True
        return False

    def heard(self, request: Any) -> None:
        """This connection's request has come whole."""
        self._silent.pop(request, None)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve the connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.heard(request)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked may have gone; anything else is a line, not a traceback."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"error: {type(error).__name__}: {printable(str(error))}", file=sys.stderr, flush=True)


class Handler(BaseHTTPRequestHandler):
    """One request, and then the connection is closed. Whatever is wrong with it gets a sentence, as JSON."""

    server: "DemoServer"
    server_version, sys_version = "numser", ""

    def setup(self) -> None:
        """Begin to count the time."""
        super().setup()
        self.rfile.close()
        self._deadline = time.monotonic() + self.server.seconds
        self.rfile = io.BufferedReader(_InTime(self.connection, self._deadline))
        self._unread = True

    def parse_request(self) -> bool:
        """As in a web server, and refuse who may not ask."""
        if not super().parse_request():
            return False
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            self._refuse(403, f"numser answers on its own address only; open the page at {self.server.address}")
        elif set(origins) - {f"http://{hosts[0].lower()}"} or (not origins and self.command == "POST"):
            self._refuse(403, f"numser answers its own page only; open it at {self.server.address}")
        else:
            return True
        return False

    def do_GET(self) -> None:
        """Send a page."""
        self.server.heard(self.request)
        path = self.path.partition("?")[0]
        if path in self.server.pages:
            kind, content = self.server.pages[path]
            self._send(200, kind, content() if callable(content) else content)
        elif path in self.server.posts:
            self._refuse(405, f"a recording must be posted here; open the page at {self.server.address}")
        else:
            self._refuse(404, f"there is nothing here; open the page at {self.server.address}")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Work on what is posted, and send the result."""
        post = self.server.posts.get(self.path)
        try:
            if post is None:
                raise Refusal(404, f"there is nothing to post to here; open the page at {self.server.address}")
            with post.queue:
                found = post.queue.do(post.work, self._body(post.most_bytes))
            self._send(200, JSON, json.dumps(found, allow_nan=False).encode())
        except Refusal as refusal:
            self._refuse(refusal.status, str(refusal))
        except Unreadable as mistake:
            self._refuse(415, str(mistake))
        except InputError as mistake:
            self._refuse(422, str(mistake))
        except ConnectionError:
            pass  # who asked has gone
        except Exception as error:  # a mistake of ours: nobody is helped by its traceback here
            print(f"error: {type(error).__name__}: {printable(str(error))}", file=sys.stderr, flush=True)
            self._refuse(500, "something is wrong in numser itself; its terminal says what")

    def _body(self, most: int) -> bytes:
        """All that is posted.

        Raises      Refusal: its length is not given or too large; it did not come whole, or not in time
        """
        lengths = self.headers.get_all("Content-Length", [])
        if len(lengths) != 1 or "Transfer-Encoding" in self.headers:
            raise Refusal(411, "the recording's length must be given in one Content-Length")
        if not (lengths[0].isascii() and lengths[0].isdigit()):
            raise Refusal(400, "Content-Length should be a whole number of bytes")
        length = int(lengths[0]) if len(lengths[0]) < 20 else sys.maxsize
        if length > most:
            raise Refusal(413, f"it is larger than {most / 1e6:.0f} MB; cut it, or give it as MP3 or FLAC")
        if length == 0:
            raise Refusal(400, "it is empty; give a recording with sound")
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            raise Refusal(408, f"it did not come within {self.server.seconds:g} seconds; try again") from None
        if len(body) < length:
            raise Refusal(400, f"only {len(body)} of its {length} bytes came; try again")
        self._unread = False
        self.server.heard(self.request)
        return body

    def _refuse(self, status: int, sentence: str) -> None:
        with suppress(OSError):  # who asked may have gone
            self._send(status, JSON, json.dumps({"error": sentence}).encode())
            if self._unread:
                self._hear_out()

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.connection.settimeout(self.server.seconds)
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hear_out(self) -> None:
        """Let go by and by what comes although it was refused: a connection that is closed on it takes the answer
        along before it was read.
        """
        self.connection.shutdown(socket.SHUT_WR)
        rest = _InTime(self.connection, time.monotonic() + _UNREAD)
        while rest.read(2**16):
            pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library finds wrong with a request, as a sentence."""
        self.request_version = "HTTP/1.0"  # there may be none yet, and then nothing but the text would be sent
        sentence = _ODD.get(code, "this is no request that numser understands")
        self._refuse(code, f"{sentence}; open the page at {self.server.address}")

    def log_message(self, *args: Any) -> None:
        """Say nothing of what goes well."""


class Refusal(Exception):
    """What a request gets instead of an answer: a status and a sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


class Queue:
    """One worker: first come, first served, and only so many at once."""

    def __init__(self, places: int):
        self.places = places
        self._free = threading.BoundedSemaphore(places)
        self._worker = ThreadPoolExecutor(1, "numser-demo")

    def __enter__(self) -> "Queue":
        """Take a place.

        Raises      Refusal: there is none
        """
        if not self._free.acquire(blocking=False):
            raise Refusal(503, f"numser is busy with {self.places} requests already; try again in a moment")
        return self

    def __exit__(self, *_) -> None:
        self._free.release()

    def do(self, work: Callable[[bytes], Any], body: bytes) -> Any:
        """Work when all who came before are served."""
        return self._worker.submit(work, body).result()


@dataclass(frozen=True)
class Post:
    """What becomes of something that is posted: the work's result is sent as JSON."""

    work: Callable[[bytes], Any]
    most_bytes: int
    queue: Queue


class _InTime(io.RawIOBase):
    """What comes through a connection before a deadline; after it, TimeoutError."""

    def __init__(self, connection: socket.socket, deadline: float):
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
