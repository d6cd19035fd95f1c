import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from numser import dataset, feature_cache
from numser.corpora import emodb, load_corpus
from numser.dataset import prepare
from numser.errors import InputError
from numser.features import NUMSER, PAPER


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMSER_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMSER_FEATURE_CACHE", "100")
    return tmp_path / "cache" / "log-mels"


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    shutil.copytree(tiny_corpus, tmp_path / "emodb")
    return emodb.load(tmp_path / "emodb")


@pytest.fixture
def computed(monkeypatch):
    """The names of the utterances whose log-mels have been computed, rather than found."""
    names = []
    plain = dataset.frames_of_utterance
    monkeypatch.setattr(dataset, "frames_of_utterance", lambda u, s: names.append(u.name) or plain(u, s))
    return names


def entries(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def assert_same_frames(one, other):
    assert one.starts == other.starts
    for x, y in zip(one.log_mels, other.log_mels, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def test_the_second_time_nothing_is_computed_and_the_bits_are_the_same(cache_folder, corpus, computed):
    first = prepare(corpus)
    assert len(computed) == 24
    second = prepare(corpus)
    assert len(computed) == 24
    assert_same_frames(first, second)
    assert first.fingerprint == second.fingerprint


def test_sound_that_was_made_on_the_spot_is_kept_too(cache_folder, computed):
    corpus = load_corpus("synthetic")
    few = replace(corpus, utterances=corpus.utterances[::50])
    first = prepare(few)
    count = len(computed)
    assert_same_frames(first, prepare(few))
    assert len(computed) == count == 14


def test_a_long_utterance_keeps_its_first_frames_number(cache_folder, corpus):
    short = replace(PAPER, longest=10)
    first, second = prepare(corpus, short), prepare(corpus, short)
    assert set(first.starts) == {5}
    assert_same_frames(first, second)


def test_other_settings_other_sound_or_another_program_are_computed_anew(cache_folder, corpus, computed, monkeypatch):
    prepare(corpus)
    prepare(corpus, replace(PAPER, hop=80))
    assert len(computed) == 48
    assert not np.array_equal(prepare(corpus, NUMSER).log_mels[0], prepare(corpus).log_mels[0])
    assert len(computed) == 72
    del computed[48:72]
    path = corpus.utterances[3].path
    sound = bytearray(path.read_bytes())
    sound[1000] ^= 1
    path.write_bytes(sound)
    prepare(corpus)
    assert computed[48:] == [corpus.utterances[3].name]
    monkeypatch.setattr(feature_cache, "_program", lambda: "another")
    prepare(corpus)
    assert len(computed) == 49 + 24


def test_a_recording_that_was_only_moved_is_found(cache_folder, corpus, computed, tmp_path):
    prepare(corpus)
    (tmp_path / "emodb").rename(tmp_path / "moved")
    prepare(emodb.load(tmp_path / "moved"))
    assert len(computed) == 24


def _cut(entry):
    return entry[: len(entry) // 2]


def _flip(entry):
    return entry[:-1] + bytes([entry[-1] ^ 1])


def _flip_start(entry):
    return entry[:32] + bytes([entry[32] ^ 1]) + entry[33:]


@pytest.mark.parametrize("damage", [_cut, _flip, _flip_start, lambda entry: b"", lambda entry: b"x" * 40])
def test_a_damaged_entry_is_computed_anew(cache_folder, corpus, computed, damage):
    first = prepare(corpus)
    victim = entries(cache_folder)[0]
    whole = victim.read_bytes()
    victim.write_bytes(damage(whole))
    assert_same_frames(first, prepare(corpus))
    assert len(computed) == 25
    assert victim.read_bytes() == whole


def test_an_entry_of_another_shape_is_computed_anew(cache_folder, corpus, computed):
    prepare(corpus)
    cache, key = feature_cache.feature_cache(), entries(cache_folder)[0].name
    for frames in (np.zeros((5, 7), np.float32), np.zeros((5, 128)), np.zeros(128, np.float32)):
        cache.put(key, frames, 0)
        assert cache.get(key, PAPER) is None


def test_errors_are_not_remembered(cache_folder, corpus):
    path = corpus.utterances[0].path
    path.write_bytes(path.read_bytes()[:60])
    for _ in range(2):
        with pytest.raises(InputError, match=str(path)):
            prepare(corpus)


def test_nothing_is_kept_when_it_is_off(cache_folder, corpus, computed, monkeypatch):
    monkeypatch.setenv("NUMSER_FEATURE_CACHE", "0")
    prepare(corpus)
    prepare(corpus)
    assert len(computed) == 48
    assert not cache_folder.exists()


@pytest.mark.parametrize("text", ["-1", "many", "1.5", "²"])
def test_refuses_a_size(cache_folder, corpus, monkeypatch, text):
    monkeypatch.setenv("NUMSER_FEATURE_CACHE", text)
    with pytest.raises(InputError, match=f"NUMSER_FEATURE_CACHE={text}: should be the cache's largest size in MiB"):
        prepare(corpus)


def keys(count):
    return [f"{n:064x}" for n in range(count)]


def frames(n):
    return np.full((100, 128), n, np.float32)  # 51,368 bytes an entry


def test_it_stays_below_its_limit_and_what_is_used_most_recently_stays(tmp_path):
    limit = 10 * 51_368
    old = feature_cache.FeatureCache(tmp_path, limit)
    for n, key in enumerate(keys(8)):
        old.put(key, frames(n), n)
        os.utime(old._path(key), (n, n))
    assert feature_cache.FeatureCache(tmp_path, limit).get(keys(1)[0], PAPER)[1] == 0
    new = feature_cache.FeatureCache(tmp_path, limit)
    for n, key in list(enumerate(keys(12)))[8:]:
        new.put(key, frames(n), n)
        assert sum(size for _, size, _ in new.entries()) <= limit
    kept = {path.name for path, _, _ in new.entries()}
    assert set(keys(12)[8:]) | {keys(1)[0]} <= kept
    assert keys(2)[1] not in kept  # the oldest


def test_a_corpus_larger_than_the_cache_does_not_push_itself_out(tmp_path):
    limit = 10 * 51_368
    for _ in range(3):  # three runs
        cache = feature_cache.FeatureCache(tmp_path, limit)
        found = 0
        for n, key in enumerate(keys(20)):
            if cache.get(key, PAPER) is None:
                cache.put(key, frames(n), n)
            else:
                found += 1
        assert sum(size for _, size, _ in cache.entries()) <= limit
    assert found == 10


def test_entries_from_the_future_go_too_when_there_is_no_other(tmp_path):
    limit = 10 * 51_368
    for begin in (0, 20):  # before, and after the clock was set back
        cache = feature_cache.FeatureCache(tmp_path, limit)
        for n, key in list(enumerate(keys(40)))[begin : begin + 20]:
            cache.put(key, frames(n), n)
            if begin == 0 and cache._path(key).exists():
                os.utime(cache._path(key), (4e9, 4e9))
            assert sum(size for _, size, _ in cache.entries()) <= limit
    assert cache.get(keys(21)[20], PAPER)[1] == 20


def test_what_another_process_writes_is_counted(tmp_path):
    limit = 16 * 51_368
    one, other = feature_cache.FeatureCache(tmp_path, limit), feature_cache.FeatureCache(tmp_path, limit)
    for n, key in enumerate(keys(60)):
        (one, other)[n % 2].put(key, frames(n), n)
        assert sum(size for _, size, _ in one.entries()) <= limit * 18 / 16


def test_other_files_are_left_alone(cache_folder, corpus, capsys):
    prepare(corpus)
    ours = entries(cache_folder)
    (cache_folder / "notes.txt").write_text("mine")
    (ours[0].parent / "notes.txt").write_text("mine")
    ours[1].with_name(ours[1].name + ".12.34.part").write_bytes(b"what a killed process left")
    feature_cache.main([])
    said = capsys.readouterr().out
    assert said.startswith(f"{cache_folder}: of at most 100 MiB: 25 utterances, ")
    feature_cache.main(["--clear"])
    assert capsys.readouterr().out.startswith(f"{cache_folder}: removed 25 utterances, ")
    assert [path.read_text() for path in entries(cache_folder)] == ["mine", "mine"]


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path, corpus, monkeypatch):
    monkeypatch.setenv("NUMSER_FEATURE_CACHE", "100")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMSER_DATA", str(tmp_path / "file"))
    assert len(prepare(corpus).log_mels) == 24


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no pipes with names")
def test_a_pipe_is_not_read_for_the_cache(cache_folder, corpus, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    piped = replace(corpus.utterances[0], path=tmp_path / "pipe.wav")
    with pytest.raises(InputError, match="this is a pipe"):
        prepare(replace(corpus, utterances=[piped, *corpus.utterances]))


def test_two_processes_may_share_it(cache_folder, corpus):
    program = (
        "import sys; from pathlib import Path; from numser.corpora import emodb; from numser.dataset import prepare\n"
        "for _ in range(20): print(prepare(emodb.load(Path(sys.argv[1]))).fingerprint)"
    )
    command = [sys.executable, "-c", program, str(corpus.source)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert set(said[0] + said[1]) == {prepare(corpus).fingerprint}
    assert len(entries(cache_folder)) == 24
