"""What has come so far of a file from the web.

    FILE.part           the bytes
    FILE.part.json      of which version of the file they are, so that two versions are never spliced

Both survive whoever fetches the file, and tell the next one from where to go on.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from numser.errors import InputError
from numser.files import read_json, write_json, writing


class Begun(NamedTuple):
    """What is known of a file that has begun to come, and can be gone on with."""

    size: int
    validator: str  # what the server calls this version
    total: int | None


@dataclass(frozen=True)
class Partial:
    """What has come of the file at an address that is to be at `path`."""

    address: str
    path: Path

    @property
    def data(self) -> Path:
        """What has come."""
        return self.path.with_name(self.path.name + ".part")

    @property
    def note(self) -> Path:
        """Of which version it is."""
        return self.path.with_name(self.path.name + ".part.json")

    def size(self) -> int:
        """How many bytes have come."""
        return self.data.stat().st_size if self.data.exists() else 0

    def begun(self) -> Begun | None:
        """What can be gone on with; None where nothing has come, or where nothing says of which version it is."""
        if not self.size() or not self.note.exists():
            return None
        try:
            note = read_json(self.note)
        except InputError:
            return None
        validator, total = note.get("validator"), note.get("total")
        if note.get("address") != self.address or not isinstance(validator, str):
            return None
        return Begun(self.size(), validator, total if isinstance(total, int) else None)

    def complete(self) -> bool:
        """Whether all had come when the last process was killed."""
        begun = self.begun()
        return begun is not None and begun.size == begun.total

    def begin(self, validator: str | None, total: int | None) -> None:
        """Begin anew. At no moment does one version's note stand beside another's bytes."""
        self.discard()
        write_json(self.note, {"address": self.address, "validator": validator, "total": total})

    def discard(self) -> None:
        """Remove what has come."""
        with writing(self.path):
            self.data.unlink(missing_ok=True)
            self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        """All has come: it takes its place in one step."""
        with writing(self.path):
            with open(self.data, "ab") as file:
                os.fsync(file.fileno())
            os.replace(self.data, self.path)
            self.note.unlink(missing_ok=True)
