import functools
import subprocess
import sys
import threading
import time

import pytest

from numser.errors import InputError
from numser.files import file_lock

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
