"""A page to speak to: what a model makes of a voice, as soon as it has spoken.        python -m numser.demo --help"""

import argparse
import signal
import threading
import webbrowser
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from numser.cli import Progress, command_line

if TYPE_CHECKING:
    from numser.demo.server import DemoServer
    from numser.recogniser import Recogniser

STYLES = ("base.css", "sound.css", "demo.css")
SCRIPTS = (
    "base.js",
    "bars.js",
    "logmel.js",
    "player.js",
    "ask.js",
    "wav.js",
    "microphone.js",
    "growing.js",
    "answer.js",
    "words.js",
    "demo.js",
)
WORKLET = "recorder.js"  # runs where the browser makes sound, and so must be a file of its own

MOST_BYTES = 2**26  # of a recording: 5 minutes at 96 kHz, or of stereo at 48 kHz
PIECE_BYTES = 2**22  # of a piece of one that has not ended
PLACES = 4  # recordings that are recognised or wait for it
_EPILOG = """\
The page is for this machine alone: no other can connect, and what is recorded stays in memory until it is answered.
The model guesses how a voice sounds. It has learned from acted speech, and is no lie detector.

examples:
  python -m numser.demo
  python -m numser.demo runs/emodb-fold0/model.npz --port 8000 --no-browser
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    about = "Serve a page on this machine to speak into the microphone, or to drop a sound file, and to see "
    about += "what a model makes of it: log-mel, probabilities, and where it looked."
    p = command_line("demo", about, _EPILOG)
    p.add_argument(
        "model",
        metavar="MODEL.npz",
        nargs="?",
        type=Path,
        help="which numser.train left in its run's folder (default: the one that comes with numser)",
    )
    p.add_argument("--port", type=int, default=0, metavar="N", help="where to listen (default: any free port)")
    p.add_argument("--no-browser", action="store_false", dest="browser", help="do not open the browser")
    return p


def main(argv: list[str] | None = None) -> None:
    """Serve the page until the terminal is closed or Ctrl-C is pressed."""
    args = parser().parse_args(argv)
    _end_at_once()
    from numser.demo.answer import warm_up
    from numser.recogniser import load

    recogniser, progress = load(args.model), Progress()
    with demo_server(recogniser, args.model, args.port) as server:
        progress.live("getting ready; the first time this takes half a minute")
        warm_up(recogniser)
        progress.clear()
        print(f"{server.address} is ready; Ctrl-C ends it", flush=True)
        if args.browser:
            threading.Thread(target=_open, args=(server.address,), daemon=True).start()
        server.serve_forever()


def demo_server(recogniser: "Recogniser", path: Path | None, port: int = 0) -> "DemoServer":
    """A server of the demo's page, which listens already. `path` is where the model came from, None for the one that
    comes with numser.

    Raises      InputError: the port is taken or may not be used
    """
    from numser.demo.answer import CLIPS, answer, clip, growth, page_data
    from numser.demo.server import DemoServer, Page, Post, Queue
    from numser.page import page, part

    data = {"data": page_data(recogniser, path, MOST_BYTES)}
    own = {"script-src": "'self'", "connect-src": "'self'"}  # the worklet; what is posted
    pages: dict[str, Page] = {
        "/": ("text/html; charset=utf-8", page("numser: demo", STYLES, SCRIPTS, data, own)),
        f"/{WORKLET}": ("text/javascript; charset=utf-8", part(WORKLET).encode()),
        **{f"/clip-{emotion}.wav": ("audio/wav", partial(clip, emotion)) for emotion in CLIPS},
    }
    posts = {
        "/recognise": Post(partial(answer, recogniser), MOST_BYTES, Queue(PLACES)),
        "/log-mel": Post(growth, PIECE_BYTES, Queue(2 * PLACES)),
    }
    return DemoServer(port, pages, posts)


def _end_at_once() -> None:
    """Let Ctrl-C and the like end the process. Python would first wait for what is being recognised, and there is
    nothing to put in order: no file is open.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _open(address: str) -> None:
    with suppress(webbrowser.Error, OSError):  # the address stands in the terminal too
        webbrowser.open(address)
