import gc
import shutil
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from numser import dataset, log_mels, train
from numser.corpora import emodb
from numser.dataset import prepare
from numser.errors import InputError
from numser.features import Standardiser
from numser.files import read_arrays
from numser.log_mels import LogMels, Selection, lengths_of


def utterances(*lengths):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n, 4)).astype(np.float32) for n in lengths]


def filled(frames, loads):
    made = LogMels(lambda i, length: loads.append(i) or frames[i])
    for x in frames:
        made.append(x)
    return made


def test_what_fits_is_kept_and_the_rest_is_loaded(monkeypatch):
    frames, loads = utterances(5, 3, 9, 1), []
    monkeypatch.setattr(log_mels, "MEMORY", 8 * 4 * 4)
    made = filled(frames, loads)
    for _ in range(2):
        for i, x in enumerate(frames):
            np.testing.assert_array_equal(made[i], x)
    assert loads == [2, 3, 2, 3]  # the last would fit, but what is kept is the beginning
    assert made.lengths == [5, 3, 9, 1] == [len(x) for x in made]
    with pytest.raises(IndexError, match="there are 4 utterances, and none has the number 4"):
        made[4]


def test_frames_go_with_the_last_who_holds_them(tiny_corpus):
    """Not when Python next looks for circles: until then two corpora would be in memory."""
    gc.disable()
    try:
        prepared = prepare(emodb.load(tiny_corpus))
        frames = weakref.ref(prepared.log_mels)
        del prepared
        assert frames() is None
    finally:
        gc.enable()


def test_standardised_whenever_it_is_asked_for(monkeypatch):
    frames = utterances(5, 3, 9)
    monkeypatch.setattr(log_mels, "MEMORY", 6 * 4 * 4)
    made = filled(frames, [])
    standardiser = Standardiser.fit(made)
    after = made.standardised([standardiser] * len(made))
    for i, x in enumerate(frames):
        np.testing.assert_array_equal(after[i], standardiser.apply(x))
        np.testing.assert_array_equal(made[i], x)
    assert after.lengths == made.lengths


def test_chosen_utterances_are_loaded_no_earlier_than_needed(monkeypatch):
    frames, loads = utterances(5, 3, 9, 1), []
    monkeypatch.setattr(log_mels, "MEMORY", 0)
    some = Selection(filled(frames, loads), np.array([3, 0, 0]))
    assert lengths_of(some) == [1, 5, 5] and len(some) == 3 and loads == []
    np.testing.assert_array_equal(some[1], frames[0])
    assert loads == [0]
    assert lengths_of(Selection(frames, [2])) == [9]


def test_a_training_is_the_same_in_little_memory(tiny_corpus, tmp_path, monkeypatch):
    options = ["--corpus", "emodb", "--data", str(tiny_corpus), "--blocks", "0", "--batch-size", "4", "--steps", "4"]
    train.main([*options, "--out", str(tmp_path / "large")])
    monkeypatch.setattr(log_mels, "MEMORY", 50_000)
    loaded = []
    plain = dataset._again
    monkeypatch.setattr(dataset, "_again", lambda u, *rest: loaded.append(u.name) or plain(u, *rest))
    train.main([*options, "--out", str(tmp_path / "small")])
    assert len(set(loaded)) > 10
    for name in ("state.npz", "model.npz"):
        assert (tmp_path / "large" / name).read_bytes() == (tmp_path / "small" / name).read_bytes()
    assert read_arrays(tmp_path / "small" / "model.npz", "model")


def test_a_recording_that_changes_while_it_is_in_use(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(log_mels, "MEMORY", 0)
    shutil.copytree(tiny_corpus, tmp_path / "emodb")
    corpus = emodb.load(tmp_path / "emodb")
    made = prepare(corpus).log_mels
    path = corpus.utterances[3].path
    soundfile.write(path, 0.1 * np.ones(8000), 16_000)
    with pytest.raises(InputError, match=rf"{path}: has changed while it was in use; start again"):
        made[3]
    path.unlink()
    with pytest.raises(InputError, match=f"{path}: cannot be opened"):
        made[3]


def test_memory_stays_within_its_bound(monkeypatch):
    monkeypatch.setattr(log_mels, "MEMORY", 10**6)
    made = LogMels(lambda i, length: np.zeros((100, 128), np.float32))
    tracemalloc.start()
    for _ in range(1000):  # 51 MB
        made.append(np.zeros((100, 128), np.float32))
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda i: made[i].shape[0], range(1000))) == 100_000
    assert tracemalloc.get_traced_memory()[1] < 3e6
    tracemalloc.stop()
