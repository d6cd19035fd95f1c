"""What several tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("numser", deadline=None)  # a kernel's first call compiles it, which takes seconds
settings.load_profile("numser")

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings: $NUMSER_TEST_DATA, or shared/data beside the project."""
    folder = Path(os.environ.get("NUMSER_TEST_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} does not exist; set NUMSER_TEST_DATA")
    return folder
