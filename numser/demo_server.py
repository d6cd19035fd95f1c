"""The demo's web server: for this machine alone, and patient with nobody.

It listens on 127.0.0.1. What it asks of a request is in numser/demo_request.py.
"""

import os
import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from numser.demo_queue import Post
from numser.demo_request import Handler
from numser.errors import InputError

ADDRESS = "127.0.0.1"
SECONDS = 20.0  # for a request to come, from its first byte to its last, and as long for its answer to go
AT_ONCE = 64  # connections


class DemoServer(ThreadingHTTPServer):
    """Serves `pages`, by path (kind, bytes), and `posts`, by path.

    Raises      InputError: the port is taken or may not be used
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # Windows would let another program listen at the same port
    request_queue_size = AT_ONCE

    def __init__(
        self, port: int, pages: dict[str, tuple[str, bytes]], posts: dict[str, Post], seconds: float = SECONDS
    ):
        self.pages, self.posts, self.seconds = pages, posts, seconds
        self._room = threading.BoundedSemaphore(AT_ONCE)
        try:
            super().__init__((ADDRESS, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "ports go from 0 to 65535"
            raise InputError(
                f"--port {port}: cannot be listened at ({reason}); choose another one, or none"
            ) from None

    def server_bind(self) -> None:
        """As HTTPServer, which would also ask the network for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    @property
    def hosts(self) -> tuple[str, ...]:
        """What may stand in a request's Host."""
        names = (ADDRESS, "localhost")
        return tuple(f"{name}:{self.server_port}" for name in names) + (names if self.server_port == 80 else ())

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def process_request(self, request: socket.socket, client_address: Any) -> None:
        """Give the connection a thread, if there are not too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket, client_address: Any) -> None:
        """Serve the connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: socket.socket, client_address: Any) -> None:
        """Who asked may have gone; anything else is a line, not a traceback."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"error: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
