import copy
import functools
import io
import json
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from numser.errors import InputError
from numser.files import Layout, file_lock, make_folder, read_arrays, write_arrays, write_csv, write_json, write_whole


def test_arrays_come_back(tmp_path):
    arrays = {"a.b": np.arange(3, dtype=np.float32), "empty": np.zeros((0, 6))}
    write_arrays(tmp_path / "x.npz", arrays, {"kind": "test", "big": 2**100, "text": "grün"})
    again, about = read_arrays(tmp_path / "x.npz", "test")
    assert about == {"kind": "test", "big": 2**100, "text": "grün"}
    for name, a in arrays.items():
        np.testing.assert_array_equal(again[name], a)
        assert again[name].dtype == a.dtype


def test_the_same_content_is_the_same_bytes(tmp_path):
    x, y = np.arange(6).reshape(2, 3), np.arange(3)
    write_arrays(tmp_path / "a", {"x": x, "y": y}, {"kind": "test", "n": 1})
    write_arrays(tmp_path / "b", {"y": y, "x": np.asfortranarray(x)}, {"n": 1, "kind": "test"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fails(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(
        InputError, match=r"file: cannot be written \(No space left on device\); what was there before"
    ):
        write_whole(path, fails)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_pickle_is_never_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    np.savez(tmp_path / "trap.npz", about=np.array([Trap()], dtype=object))
    (tmp_path / "sprung").unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"trap\.npz: is not a numser test"):
        read_arrays(tmp_path / "trap.npz", "test")
    assert not (tmp_path / "sprung").exists()


def test_json_and_csv(tmp_path):
    write_json(tmp_path / "x.json", {"ü": [1.5, None]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"ü": [1.5, None]}
    write_csv(tmp_path / "x.csv", ["a", "b"], [(1, 0.1), (2, "x,y")])
    assert (tmp_path / "x.csv").read_text() == 'a,b\n1,0.1\n2,"x,y"\n'


def test_a_spreadsheet_runs_nothing(tmp_path):
    write_csv(tmp_path / "x.csv", ["=a", "b"], [("@SUM(1)", -1), ("\t=1", "-x\n\x1b[2J")])
    assert (tmp_path / "x.csv").read_text() == "'=a,b\n'@SUM(1),-1\n\\t=1,'-x\\n\\x1b[2J\n"


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        make_folder(tmp_path / "file" / "below")


def npz(path, header_shape, content, compression=zipfile.ZIP_STORED):
    """A file with an honest "about" and an array "w" whose header claims a shape."""
    write_arrays(path, {}, {"kind": "test"})
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": header_shape})
    with zipfile.ZipFile(path, "a", compression) as file:
        file.writestr("w.npy", header.getvalue() + content)
    return path


def test_an_array_that_claims_to_be_huge_takes_no_memory(tmp_path):
    huge = npz(tmp_path / "huge.npz", (10**9,), bytes(400))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"w.npy claims shape \(1000000000,\) of float32, and is not as large"):
        read_arrays(huge, "test")
    bomb = npz(tmp_path / "bomb.npz", (25 * 10**6,), bytes(10**8), zipfile.ZIP_DEFLATED)
    tracemalloc.reset_peak()
    with pytest.raises(InputError, match="it is compressed, and numser's files are not"):
        read_arrays(bomb, "test")
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()
    assert read_arrays(npz(tmp_path / "honest.npz", (100,), bytes(400)), "test")[0]["w"].shape == (100,)


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """A zip's directory may name the same bytes many times over."""
    path = npz(tmp_path / "a.npz", (100_000,), bytes(400_000))
    with zipfile.ZipFile(path, "a") as file:
        info = file.getinfo("w.npy")
        for n in range(10):
            again = copy.copy(info)
            again.filename = f"{n}.npy"
            file.filelist.append(again)
        file._didModify = True
    with pytest.raises(InputError, match="it claims to hold more than its size"):
        read_arrays(path, "test")


@pytest.mark.parametrize("lost", ["}", "'", ")"])
def test_a_header_that_lost_a_character(tmp_path, lost):
    path = npz(tmp_path / "a.npz", (100,), bytes(400))
    content = path.read_bytes()
    end = content.index(b"}", content.index(b"'shape'"))  # a zip's own numbers, such as the time, may hold such bytes
    at = content.rindex(lost.encode(), 0, end + 1)
    path.write_bytes(content[:at] + b" " + content[at + 1 :])
    with pytest.raises(InputError, match=r"a\.npz: is not a numser test \(it cannot be read: "):
        read_arrays(path, "test")


@pytest.mark.parametrize(
    ("descr", "shape"), [("<U0", (10**9,)), ("|V0", (10**9,)), ("|O", (0,)), ([("a", "<f4")], (0,)), ("<M8[s]", (0,))]
)
def test_kinds_of_arrays_that_numser_does_not_write(tmp_path, descr, shape):
    write_arrays(tmp_path / "a.npz", {}, {"kind": "test"})
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as file:
        file.writestr("w.npy", header.getvalue())
    with pytest.raises(InputError, match=r"w\.npy is .*, which numser does not write"):
        read_arrays(tmp_path / "a.npz", "test")


def test_arrays_that_are_not_what_was_expected_are_not_read(tmp_path, monkeypatch):
    write_arrays(tmp_path / "a.npz", {"w": np.ones((2, 3)), "n": np.array([np.nan])}, {"kind": "test"})

    def read(**layouts):
        return read_arrays(tmp_path / "a.npz", "test", lambda about: layouts)

    w, n = Layout("float64", (None, 3)), Layout("float64", (1,), finite=False)
    assert read(w=w, n=n)[0]["w"].shape == (2, 3)
    with pytest.raises(InputError, match="is damaged: n has values that are not finite"):
        read(w=w, n=Layout("float64", (1,)))
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: np.array('{"kind": "test"}'))
    for layouts, match in (
        ({"w": w}, "there is an array n too many"),
        ({"w": w, "n": n, "x": n}, "the array x is missing"),
        ({"w": Layout("float32", (2, 3)), "n": n}, r"w should be float32 of shape \(2, 3\), found float64"),
        ({"w": Layout("float64", (3, 3)), "n": n}, r"w should be float64 of shape \(3, 3\), found .* of \(2, 3\)"),
    ):
        with pytest.raises(InputError, match=match):
            read(**layouts)

    def fails(about):
        raise ValueError("kind should be other")

    with pytest.raises(InputError, match=r"a numser test this version can read \(kind should be other\)"):
        read_arrays(tmp_path / "a.npz", "test", fails)


HOLD = "import sys; from pathlib import Path; from numser.files import file_lock\n"
HOLD += "with file_lock(Path(sys.argv[1])): print('mine', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    args = [sys.executable, "-c", HOLD, tmp_path / "lock"]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "mine\n"
        yield process
        process.kill()


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_the_lock_is_free_when_its_holder(holder, tmp_path, monkeypatch, end):
    told, naps, sleep = [], [], time.sleep

    def nap(seconds):
        if seconds != 7:  # in subprocess
            return sleep(seconds)
        naps.append(seconds)
        if len(naps) == 3:
            holder.kill() if end == "is killed" else holder.stdin.close()
            holder.wait(60)

    monkeypatch.setattr("numser.files.time.sleep", nap)
    with file_lock(tmp_path / "lock", lambda: told.append(holder.poll()), pause=7):
        assert naps == [7, 7, 7]
    assert told == [None]  # once, while it was there


def test_nobody_waits_where_nobody_is(tmp_path):
    for _ in range(2):  # the file of the first is there
        with file_lock(tmp_path / "lock", lambda: pytest.fail("nobody is there")):
            pass


def test_the_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), file_lock(tmp_path / "lock"):
        _ = 1 // 0
    with file_lock(tmp_path / "lock", lambda: pytest.fail("nobody is there")):
        pass


def test_threads_are_told_apart(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with file_lock(tmp_path / "lock", pause=0):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80
    assert max(most) == 1


def test_a_lock_that_cannot_be_made(tmp_path):
    with (
        pytest.raises(InputError, match=r"nowhere.lock: cannot be written"),
        file_lock(tmp_path / "nowhere" / "lock"),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks by other means")
def test_a_file_system_that_cannot_lock(tmp_path, monkeypatch):
    def flock(*args):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    nobody = functools.partial(file_lock, on_wait=lambda: pytest.fail("nobody is there"))
    with (
        pytest.raises(InputError, match=r"lock: cannot be written \(No locks available\)"),
        nobody(tmp_path / "lock"),
    ):
        pass
    with nobody(tmp_path / "lock", if_possible=True):
        pass
