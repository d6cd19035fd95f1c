"""A request to the demo's server: whether it may ask, whether it has come in time, and its answer.

Only requests that a browser sends for the demo's own page are answered. Host must be the server's address: else
another site could give its own name this address, and read the answers. Origin must be the page's where there is one,
and there must be one where something is posted: else any site that is open could post to it. What is posted has a
length, a time in which all of it must have come, and a place in a queue; who has none is told so at once.
"""

import io
import json
import socket
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from numser.demo_queue import Refusal
from numser.errors import InputError

if TYPE_CHECKING:
    from numser.demo_server import DemoServer

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
        path = self.path.partition("?")[0]
        if path in self.server.pages:
            self._send(200, *self.server.pages[path])
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
        except InputError as mistake:
            self._refuse(422, str(mistake))
        except ConnectionError:
            pass  # who asked has gone
        except Exception as error:  # a mistake of ours: nobody is helped by its traceback here
            print(f"error: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
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


class _InTime(io.RawIOBase):
    """What comes through a connection before a deadline; after it, TimeoutError."""

    def __init__(self, connection: socket.socket, deadline: float):
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
