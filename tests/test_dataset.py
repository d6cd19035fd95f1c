"""A corpus's frames: in memory, or in a mapped file, and nobody can tell the difference."""

import gc
import os
import sys
import tempfile
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import FileIO

import numpy as np
import pytest

from numser import dataset, train
from numser.corpora import Corpus, Utterance, emodb
from numser.dataset import LogMels, prepare
from numser.errors import InputError
from numser.features import NUMSER, PAPER, Standardiser
from numser.files import read_arrays
from numser.inference import lengths_of


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Makes what is prepared from then on go into a file in the folder that is returned."""
    folder = tmp_path / "temporary"
    folder.mkdir()

    def turn_on(in_memory=50_000):  # a few utterances of the tiny corpus come before it is full
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        monkeypatch.setattr(dataset, "IN_MEMORY", in_memory)
        return folder

    return turn_on


def in_file(frames):
    """Whether they are a part of a file."""
    while isinstance(frames, np.ndarray):
        frames = frames.base
    return frames is not None


def made(count, seconds=1.0):
    """A corpus of so many noises."""
    rng = np.random.default_rng(0)
    sounds = rng.standard_normal((count, round(16_000 * seconds))).astype(np.float32) / 10
    return Corpus("made", [Utterance(f"u{i}", "ab"[i % 2], waveform=x) for i, x in enumerate(sounds)], [], None)


@pytest.mark.parametrize("settings", [PAPER, NUMSER, replace(PAPER, max_frames=10)])
@pytest.mark.parametrize("in_memory", [0, 50_000, 24 * 21 * 512 - 1])
def test_in_memory_and_mapped_are_the_same_frames(tiny_corpus, mapped, settings, in_memory):
    corpus = emodb.load(tiny_corpus)
    memory = prepare(corpus, settings)
    mapped(in_memory)
    file = prepare(corpus, settings)
    assert file.log_mels.lengths == memory.log_mels.lengths == [len(x) for x in memory.log_mels]
    assert (file.fingerprint, file.starts) == (memory.fingerprint, memory.starts)
    for one, other in zip(memory.log_mels, file.log_mels, strict=True):
        assert other.dtype == np.float32
        np.testing.assert_array_equal(one, other)
    small = settings.max_frames == 10 and in_memory == 24 * 21 * 512 - 1  # then all fits
    assert {in_file(x) for x in file.log_mels} == {not small} and not in_file(memory.log_mels[0])


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["paper", "numser"])
def test_a_training_is_the_same_with_frames_in_a_file(tiny_corpus, tmp_path, mapped, recipe):
    options = ["--corpus", "emodb", "--data", str(tiny_corpus), "--recipe", recipe, "--blocks", "0"]
    options += ["--batch-size", "4", "--steps", "4"]
    train.main([*options, "--out", str(tmp_path / "memory")])
    mapped()
    train.main([*options, "--out", str(tmp_path / "file")])
    for name in ("state.npz", "model.npz"):
        assert (tmp_path / "memory" / name).read_bytes() == (tmp_path / "file" / name).read_bytes()
    assert read_arrays(tmp_path / "file" / "model.npz", "model")


@pytest.mark.slow
def test_memory_stays_within_its_bound_and_threads_may_read_side_by_side(mapped, monkeypatch):
    corpus = made(200, 3.0)  # 31 MB of frames
    mapped(10**6)
    monkeypatch.setattr(dataset, "_AT_ONCE", 8)
    prepare(made(2))  # imports and tables
    tracemalloc.start()
    log_mels = prepare(corpus, threads=1).log_mels
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(log_mels.lengths) * 512 > 30e6
    assert peak < 10e6 and kept < 0.2e6
    alone = [x.sum() for x in log_mels]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda i: log_mels[i % 200].sum(), range(1000))) == alone * 5


def test_a_long_utterance_is_not_kept_for_its_middle():
    log_mels = prepare(made(2, 20.0)).log_mels
    assert log_mels.lengths == [700, 700]
    assert all(x.base is None for x in log_mels)


def test_the_file_goes_with_the_last_who_holds_its_frames(tiny_corpus, mapped):
    """Not when Python next looks for circles: until then two corpora would be there."""
    folder = mapped()
    gc.disable()
    try:
        prepared = prepare(emodb.load(tiny_corpus))
        if sys.platform != "win32":  # elsewhere no name leads to it from the start, so that a kill leaves none behind
            assert list(folder.iterdir()) == []
        part = prepared.log_mels[3]
        while isinstance(part, np.ndarray):
            part = part.base
        file = weakref.ref(part)
        del prepared, part
        assert file() is None
    finally:
        gc.enable()
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this platform has no /dev/full, a disk that is full")
def test_a_full_disk_is_one_sentence(tiny_corpus, mapped, monkeypatch):
    folder = mapped()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **options: FileIO("/dev/full", "r+"))
    sentence = (
        rf"^{folder}: log-mels of more than .* GiB cannot be kept there \(No space left on device\); make room, or "
        r"name another folder in the environment variable TMPDIR$"
    )
    with pytest.raises(InputError, match=sentence):
        prepare(emodb.load(tiny_corpus))


def test_a_selection_standardises_when_it_is_asked():
    rng = np.random.default_rng(0)
    frames = [rng.standard_normal((n, 4)).astype(np.float32) for n in (5, 3, 9)]
    plain, first = LogMels(frames), Standardiser.fit(frames[:1])
    each = [first, Standardiser.fit(frames), first]
    after = plain.standardised(each)
    some = after.select(np.array([2, 0, 0]))
    assert lengths_of(some) == some.lengths == [9, 5, 5] and lengths_of(frames) == [5, 3, 9]
    for got, i in zip(some, (2, 0, 0), strict=True):
        np.testing.assert_array_equal(got, first.apply(frames[i]))
    np.testing.assert_array_equal(after[1], each[1].apply(frames[1]))
    np.testing.assert_array_equal(plain.select([1])[0], frames[1])
