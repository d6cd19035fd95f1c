"""The demo's server for tests, and someone who talks to it in plain HTTP or worse."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import numpy as np
import soundfile

from numser.demo.server import DemoServer


@contextmanager
def served(server: DemoServer) -> Iterator[DemoServer]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def own(server: DemoServer) -> dict[str, str]:
    """What a browser sends with a post from the demo's page."""
    return {"Origin": f"http://127.0.0.1:{server.server_port}"}


def ask(server: DemoServer, method: str, path: str, body: bytes | None = None, **headers: str):
    """Status, headers and content. Headers are the page's own, and what is given; None leaves one out."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    given = own(server) | {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
    if body is not None and "Content-Length" not in given:
        given["Content-Length"] = str(len(body))
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, content


def sentence(server: DemoServer, status: int, *request, **headers: str) -> str:
    """The sentence that a request is refused with."""
    found, _, content = ask(server, *request, **headers)
    told = json.loads(content)
    assert (found, list(told)) == (status, ["error"]), content
    assert "Traceback" not in told["error"] and "\n" not in told["error"]
    return told["error"]


def raw(server: DemoServer, sent: bytes) -> bytes:
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def sound(samples: np.ndarray, rate: int = 16000, kind: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()
