"""Where corpora are looked for when nobody says where."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The folder that holds corpora, each in a folder of its own name; it need not exist.

    $NUMSER_DATA where it is set; else a folder `numser` where this platform keeps what can be fetched again:
    %LOCALAPPDATA% on Windows, ~/Library/Caches on macOS, elsewhere $XDG_CACHE_HOME or ~/.cache.
    """
    if chosen := os.environ.get("NUMSER_DATA"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "numser"
