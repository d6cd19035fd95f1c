# Opened alone, a lesson fetches numser's source, for the checks beside it, and installs numser if it is not there.
import importlib.util
import os
import subprocess
import sys
import urllib.request
import zipfile
from io import BytesIO
from pathlib import Path

if not importlib.util.find_spec("checker"):
    fetched = Path("numser-source")
    if not fetched.exists():
        source = os.environ.get("NUMSER_SOURCE") or "ADDRESS"
        if source == "ADDRESS":
            raise OSError("numser has no public address: set NUMSER_SOURCE to that of its source, as a .zip")
        with urllib.request.urlopen(source) as answer:
            zipfile.ZipFile(BytesIO(answer.read())).extractall(fetched)
    sys.path.append(str(next(fetched.glob("*/tutorials")).resolve()))
if not importlib.util.find_spec("numser"):
    source = Path(importlib.util.find_spec("checker").origin).parents[1]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", f"{source}[tutorials]"], check=True)
    importlib.invalidate_caches()
