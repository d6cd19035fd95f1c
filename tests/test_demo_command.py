"""The demo's command: it begins with its address, and ends when it is told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from contextlib import suppress

import pytest
from conftest import noise
from demo_server import sound

from numser import demo


@pytest.fixture
def started(tmp_path):
    """The command, at its address, in a terminal of its own."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "numser.demo", "--no-browser"]

    def be_a_terminals_program():
        import fcntl
        import termios

        for ignored in (signal.SIGINT, signal.SIGHUP):  # as nohup leaves them to those that it starts
            signal.signal(ignored, signal.SIG_DFL)
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, preexec_fn=be_a_terminals_program
    )
    os.close(theirs)
    said = b""
    while b"ends it\r\n" not in said:
        said += os.read(ours, 1000)
    yield process, ours, said.decode()
    process.kill()
    process.wait()
    with suppress(OSError):  # a test may have closed it
        os.close(ours)


@pytest.mark.slow
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
        with suppress(OSError):  # the terminal's other end is closed: nothing more comes
            assert b"Traceback" not in os.read(terminal, 10000)
    elif how == "SIGTERM":
        process.terminate()
    else:
        os.close(terminal)
    ended = process.wait(10)
    assert ended == -{"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM, "terminal closed": signal.SIGHUP}[how]
    assert time.monotonic() - began < 2
    busy.close()
    assert list(tmp_path.iterdir()) == []


class FakeServer:
    address = "http://127.0.0.1:1/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def serve_forever(self):
        time.sleep(0.2)


@pytest.mark.parametrize("options", [[], ["--no-browser"]])
def test_it_opens_the_browser_unless_told_not_to(options, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(demo, "demo_server", lambda *_: FakeServer())
    monkeypatch.setattr(demo, "_end_at_once", lambda: None)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    demo.main(options)
    assert opened == ([] if options else [FakeServer.address])
    assert capsys.readouterr().out == f"{FakeServer.address} is ready; Ctrl-C ends it\n"


def test_a_model_that_is_none(tmp_path):
    command = [sys.executable, "-m", "numser.demo", str(tmp_path / "none.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and "none.npz" in done.stderr and done.stderr.count("\n") == 1
