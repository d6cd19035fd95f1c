"""What several tests share."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from numser.errors import InputError

settings.register_profile("numser", deadline=None)  # a kernel's first call compiles it, which takes seconds
settings.load_profile("numser")

PROJECT = Path(__file__).parents[1]
os.environ["NUMSER_OFFLINE"] = "1"  # no test fetches anything, but from a server of its own


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which tests README's command leaves to .ci/run."""
    if config.option.markexpr != "not slow":
        return None
    tests = sorted(Path(__file__).parent.glob("test_*.py"))
    files = [path.stem for path in tests if "mark.slow" in path.read_text(encoding="utf-8")]
    return f"left to .ci/run, since they are slow (here: pytest -m slow): all or some of {', '.join(files)}"


@contextmanager
def command_refuses(match: str) -> Iterator[pytest.ExceptionInfo]:
    """What is done inside ends with a sentence that matches, in the words of a command: options, not arguments."""
    with pytest.raises(InputError) as refusal:
        yield refusal
    assert re.search(match, refusal.value.for_command()), refusal.value.for_command()


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of this process, which other programs on a busy machine do not lengthen much."""
    start = time.process_time()
    work()
    return time.process_time() - start


def syllables(n: int, rate: int = 16_000) -> np.ndarray:
    """How loud speech is, roughly: it swells and ebbs three times a second. Steady noise is not taken for it."""
    return 0.1 + np.sin(3 * np.pi * np.arange(n) / rate) ** 2


def noise(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    """Noise that swells and ebbs so, (samples, channels)."""
    n = int(seconds * rate)
    return 0.1 * np.random.default_rng(1).standard_normal((n, channels)) * syllables(n, rate)[:, None]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings: $NUMSER_TEST_DATA, or shared/data beside the project."""
    folder = Path(os.environ.get("NUMSER_TEST_DATA") or PROJECT.parent / "shared" / "data").resolve()
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} does not exist; set NUMSER_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """24 recordings of 0.2 s in Emo-DB's layout: three speakers, four texts, high tones (anger) and low (neutral)."""
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_corpus(folder)
    return folder


@pytest.fixture(scope="session")
def uneven_corpus(tmp_path_factory) -> Path:
    """29 recordings: the same, and one of a third emotion (sadness) by 03 and 09, not by 08; and one each by 10."""
    folder = tmp_path_factory.mktemp("uneven")
    write_tiny_corpus(folder)
    for k, name in enumerate(("03a01Ta", "09a01Ta", "10a01Wa", "10a01Na", "10a01Ta"), start=1):
        like = f"09{name[2:5]}{'W' if name[5] == 'W' else 'N'}a"
        softer = 0.97**k * soundfile.read(folder / "wav" / f"{like}.wav")[0]
        soundfile.write(folder / "wav" / f"{name}.wav", softer, 16_000)
    return folder


@pytest.fixture(scope="session")
def recogniser():
    """A network of random weights, which recognises three emotions."""
    from numser.features import PAPER, Standardiser
    from numser.model import BANDS, SeparableSER
    from numser.recogniser import Recogniser

    model = SeparableSER(3, blocks=0)
    params = model.init(np.random.default_rng(0))
    standardiser = Standardiser(np.full(BANDS, -40, np.float32), np.full(BANDS, 15, np.float32))
    return Recogniser(model, params, ("anger", "joy", "neutral"), PAPER, standardiser, "noise")


def write_tiny_corpus(folder: Path) -> None:
    (folder / "wav").mkdir()
    rng = np.random.default_rng(0)
    seconds = np.arange(3200) / 16000
    for speaker in ("03", "08", "09"):
        for text in ("a01", "a02", "a04", "a05"):
            for letter, hertz in (("W", 2000), ("N", 300)):
                tone = 0.3 * np.sin(2 * np.pi * hertz * rng.uniform(0.9, 1.1) * seconds)
                noise = 0.02 * rng.standard_normal(len(seconds))
                soundfile.write(folder / "wav" / f"{speaker}{text}{letter}a.wav", tone + noise, 16000)
