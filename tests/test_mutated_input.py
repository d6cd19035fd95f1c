"""A small part of what `python tests/mutated_input.py` tries, and that it would see what goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import mutated_input
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutated_input import KINDS, SLOW, mutated, watch

from numser import audio
from numser.corpora import table
from numser.errors import InputError

pytestmark = pytest.mark.slow

if sys.platform == "win32":
    pytest.skip("Windows does not tell how much memory was used", allow_module_level=True)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_success_or_in_one_sentence(kind):
    each = max(12 // SLOW.get(kind, 1), 1)
    counts, wrong, *_ = watch(kind, list(range(10**6, 10**6 + each)))
    assert wrong == []
    assert counts.total() == each


def _bad_kind(folder: Path):
    """Goes wrong in another way for each input."""
    path = folder / "a.txt"
    path.write_text("1" * 100)
    uses = 0

    def use():
        nonlocal uses
        uses += 1
        if uses == 2:  # the first is the valid file
            raise ValueError("oh")
        if uses == 3:
            (Path.cwd() / "stray").write_text("")
        if uses == 4:
            os.abort()

    return path, use


def test_what_goes_wrong_is_seen(tmp_path, monkeypatch):
    """A traceback, a stray file, a crash; and after it the worker begins anew."""
    script = tmp_path / "bad.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import mutated_input, test_mutated_input\n"
        "mutated_input.KINDS['bad'] = test_mutated_input._bad_kind\n"
        "mutated_input.work(sys.argv[2], range(int(sys.argv[3]), int(sys.argv[4]) + 1))\n"
    )
    monkeypatch.setattr(mutated_input, "__file__", str(script))
    counts, wrong, *_ = watch("bad", [1, 2, 3])
    assert counts == {}
    assert [sentence.split(" at ")[0].rstrip("0123456789") for sentence in wrong] == [
        "bad 1: traceback ValueError:oh",
        "bad 2: stray stray",
        "bad 3: crashed with -",
    ]


def test_a_hang_is_seen(tmp_path, monkeypatch):
    script = tmp_path / "hang.py"
    script.write_text("import time; print('begin 1', flush=True); time.sleep(60)")
    monkeypatch.setattr(mutated_input, "__file__", str(script))
    monkeypatch.setattr(mutated_input, "SECONDS", 1)
    monkeypatch.setattr(mutated_input, "HUNG", 1)
    assert watch("wav", [1])[:2] == ({}, ["wav 1: took too long"])


def test_memory_and_time_beyond_the_bounds_are_seen(tmp_path, monkeypatch):
    script = tmp_path / "greedy.py"
    script.write_text(f"print('begin 1'); print('end 1 taken {3 * 2**30} 99.5', flush=True)")
    monkeypatch.setattr(mutated_input, "__file__", str(script))
    counts, wrong, seconds, memory = watch("wav", [1])
    assert (counts, seconds, memory) == ({"taken": 1}, 99.5, 3 * 2**30)
    assert wrong == ["wav 1: 99.5 s", "wav 1: 3072 MiB of memory"]


def test_mutations_differ_and_repeat():
    valid = bytes(range(256)) * 8
    damaged = [mutated(valid, seed) for seed in range(100)]
    assert len(set(damaged) - {valid}) > 90
    assert damaged == [mutated(valid, seed) for seed in range(100)]


@settings(max_examples=60)
@given(st.binary(max_size=400), st.sampled_from(["wav", "flac", "ogg", "mp3", "aiff", "au"]))
def test_any_bytes_are_sound_or_refused(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("any") / f"a.{suffix}"
    path.write_bytes(content)
    for use in (audio.read_audio, audio.duration, lambda path: list(audio.windows(path, 7, 7))):
        try:
            use(path)
        except InputError as refusal:
            assert str(path) in str(refusal)


@settings(max_examples=100)
@given(st.lists(st.lists(st.text(max_size=8), max_size=5), max_size=5), st.sampled_from(",;\t"))
def test_any_table_is_read_or_refused(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    lines = [delimiter.join(row) for row in [["path", "label", "speaker", "votes"], *rows]]
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass", newline="")
    with pytest.raises(InputError) as refusal:  # no row names a file that exists
        table.load(path)
    assert str(path) in str(refusal.value)


def test_the_whole_run_is_one_command():
    done = subprocess.run(
        [sys.executable, mutated_input.__file__, "--each", "2", "--kind", "erkennung.txt"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "2 inputs, 0 wrong"
