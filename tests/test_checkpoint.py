import json

import numpy as np
import pytest

from numser.checkpoint import make_folder, read_arrays, write_arrays, write_csv, write_json, write_whole
from numser.errors import InputError


def test_arrays_come_back(tmp_path):
    arrays = {"a.b": np.arange(3, dtype=np.float32), "empty": np.zeros((0, 6))}
    write_arrays(tmp_path / "x.npz", arrays, {"kind": "test", "big": 2**100, "text": "grün"})
    again, about = read_arrays(tmp_path / "x.npz", "test")
    assert about == {"kind": "test", "big": 2**100, "text": "grün"}
    for name, a in arrays.items():
        np.testing.assert_array_equal(again[name], a)
        assert again[name].dtype == a.dtype


def test_the_same_content_is_the_same_bytes(tmp_path):
    for name in "ab":
        write_arrays(tmp_path / name, {"x": np.arange(5)}, {"kind": "test"})
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


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        make_folder(tmp_path / "file" / "below")
