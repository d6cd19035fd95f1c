"""Answers of web servers that can be waited for without fear: they come by http or https, and fast enough, or fail.

Python's own time-out is for a single read. A server that drips a byte now and then would keep us for days.
"""

import io
import ssl
import time
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from socket import SocketIO, socket
from urllib.error import HTTPError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

import numser

SLOWEST = 1024  # bytes a second, on average over the time-out


def open_web(address: str, headers: dict[str, str], timeout: float) -> HTTPResponse:
    """Ask for what is at an address, and follow where the server sends us on to; the body is still to be read.

    Units       timeout in seconds: to connect, for each read, and to bring SLOWEST · timeout bytes
    Raises      urllib.error.HTTPError: the answer is an error; or we are sent on to what is neither http nor https
                OSError, http.client.HTTPException: the connection fails, also later while the body is read
    """
    opener = OpenerDirector()  # by hand: build_opener also adds ftp:, file: and data:
    for handler in (ProxyHandler, _Http, _Https, _Redirects, HTTPErrorProcessor):
        opener.add_handler(handler())
    for handler in (HTTPDefaultErrorHandler, UnknownHandler):
        opener.add_handler(handler())
    headers = {"User-Agent": f"numser/{numser.__version__}"} | headers
    return opener.open(Request(address, headers=headers), timeout=timeout)


class _Redirects(HTTPRedirectHandler):
    def http_error_302(self, req, fp, code, msg, headers):
        fp.close()  # else its body is read, however long it is
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.lower().startswith(("http:", "https:")):  # Python itself would also allow ftp:
            raise HTTPError(req.full_url, code, f"it sends us on to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Impatient(io.RawIOBase):
    """A connection's bytes, as long as they come fast enough."""

    def __init__(self, raw: SocketIO, seconds: float):
        self.raw, self.seconds = raw, seconds
        self.due, self.came = time.monotonic() + seconds, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        count = self.raw.readinto(buffer)
        self.came += count or 0
        if time.monotonic() > self.due:
            if self.came < SLOWEST * self.seconds:
                raise TimeoutError(f"only {self.came} bytes came in {self.seconds:g} s")
            self.due, self.came = time.monotonic() + self.seconds, 0
        return count

    def close(self) -> None:
        self.raw.close()
        super().close()


class _Answer(HTTPResponse):
    """Reads impatiently from the first line of the header on."""

    def __init__(self, sock: socket, *args, **kwargs):
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Impatient(self.fp.detach(), sock.gettimeout()))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Http(HTTPHandler):
    def http_open(self, req):
        return self.do_open(_Connection, req)


class _Https(HTTPSHandler):
    def https_open(self, req):
        return self.do_open(_SecureConnection, req, context=ssl.create_default_context())
