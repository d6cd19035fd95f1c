import io
import random
import re
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numser.archive import BadArchive, unpack
from numser.errors import InputError

WANTED = re.compile(r"wav/[^/]+\.wav|table\.txt")
NOISE = random.Random(0).randbytes(50_000)


def make(path: Path, *members, method=zipfile.ZIP_STORED) -> Path:
    """A zip of members (name, content), or (name, content, {attribute: value})."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content, *changes in members:
            info = zipfile.ZipInfo("placeholder")
            info.compress_type = method
            info.filename = name  # ZipInfo itself would tidy it
            for attribute, value in changes[0].items() if changes else ():
                setattr(info, attribute, value)
            archive.writestr(info, content)
    return path


def unpacked(archive: Path, **options) -> dict[str, bytes]:
    folder = archive.with_name("unpacked")
    unpack(archive, folder, WANTED, **{"limit": 10**6} | options)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive: Path, match: str, **options) -> None:
    """Nothing is outside of the folder, and the folder holds what was wanted at most."""
    before = {p for p in archive.parent.rglob("*") if p.name != "unpacked"}
    with pytest.raises(BadArchive, match=match) as caught:
        unpacked(archive, **options)
    assert "\n" not in str(caught.value)
    after = {p for p in archive.parent.rglob("*") if "unpacked" not in p.parts}
    assert after == before
    assert not any(p.is_symlink() for p in archive.parent.rglob("*"))


def test_what_is_wanted_is_unpacked_and_nothing_else(tmp_path):
    archive = make(
        tmp_path / "a.zip", ("wav/", b""), ("wav/a.wav", NOISE), ("silb/a.silb", b"x"), ("table.txt", b"1")
    )
    seen = []
    assert unpacked(archive, on_member=lambda done, of: seen.append((done, of))) == {
        "wav/a.wav": NOISE,
        "table.txt": b"1",
    }
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("above", ["Emo-DB/", "download\\", "./"])
def test_one_folder_may_be_above(tmp_path, above):
    mac = ("__MACOSX/._table.txt", b"")
    archive = make(tmp_path / "a.zip", mac, (above + "wav/a.wav", NOISE), (above + "table.txt", b"1"))
    assert set(unpacked(archive)) == {"wav/a.wav", "table.txt"}


def test_what_lies_at_the_top_is_meant(tmp_path):
    archive = make(tmp_path / "a.zip", ("old/wav/a.wav", b"old"), ("wav/a.wav", b"new"))
    assert unpacked(archive) == {"wav/a.wav": b"new"}


def test_backslashes_are_folders(tmp_path):
    assert unpacked(make(tmp_path / "a.zip", ("wav\\a.wav", NOISE))) == {"wav/a.wav": NOISE}


def test_deflated(tmp_path):
    text = b"1\t03a01Fa.wav\t90,00\n" * 1000
    assert unpacked(make(tmp_path / "a.zip", ("table.txt", text), method=zipfile.ZIP_DEFLATED)) == {"table.txt": text}


def test_a_file_without_content(tmp_path):
    assert unpacked(make(tmp_path / "a.zip", ("table.txt", b""))) == {"table.txt": b""}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "wav/../../evil.txt",
        "wav/../../wav/a.wav",
        "..",
        "..\\evil.txt",
        "wav\\..\\..\\evil.txt",
        "/etc/evil.txt",
        "\\evil.txt",
        "//server/evil.txt",
        "C:\\evil.txt",
        "c:evil.txt",
        "wav/a.wav\0/../../evil.txt",
        "wav/a\nb.txt",
    ],
)
def test_names_that_lead_out_are_refused_wanted_or_not(tmp_path, name):
    refused(make(tmp_path / "a.zip", ("wav/a.wav", NOISE), (name, b"evil")), "would leave the folder")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
@pytest.mark.parametrize("name", ["wav/b.wav", "other"])
@pytest.mark.parametrize("system", [0, 3])
def test_links_and_devices_are_refused_wanted_or_not(tmp_path, kind, name, system):
    link = {"external_attr": (kind | 0o777) << 16, "create_system": system}
    refused(make(tmp_path / "a.zip", ("wav/a.wav", NOISE), (name, b"/etc/passwd", link)), "a link or a device")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("kind", [0, stat.S_IFREG])
def test_files_are_files(tmp_path, kind):
    archive = make(tmp_path / "a.zip", ("table.txt", b"1", {"external_attr": (kind | 0o644) << 16}))
    assert unpacked(archive) == {"table.txt": b"1"}


@pytest.mark.parametrize(
    "name", ["CON.wav", "nul.x.wav", "com1.wav", "a:b.wav", "a?.wav", "LPT9.wav", 'a".wav', "<a>.wav"]
)
def test_names_that_windows_cannot_write_are_refused_where_they_are_wanted(tmp_path, name):
    refused(make(tmp_path / "a.zip", (f"wav/{name}", NOISE)), "a name that some systems cannot write")


@pytest.mark.parametrize("name", ["wav./a.wav", "wav /a.wav", "./wav/a.wav", "/wav/a.wav", "wav//a.wav"])
def test_odd_names_are_not_written_whatever_is_wanted(tmp_path, name):
    with pytest.raises(BadArchive):
        unpack(
            make(tmp_path / "a.zip", (name, NOISE)),
            tmp_path / "to",
            re.compile(r"[./ ]*wav[./ ]*/a\.wav"),
            limit=99999,
        )


def test_names_such_as_windows_devices_are_fine(tmp_path):
    archive = make(tmp_path / "a.zip", ("wav/console.wav", b"1"), ("wav/com.wav", b"2"), ("wav/com10.wav", b"3"))
    assert len(unpacked(archive)) == 3


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["wav/a.wav", "wav/A.wav", "WAV\\a.wav"])
def test_a_name_that_is_there_twice(tmp_path, name):
    wanted = re.compile("(?i:wav/a.wav)")
    archive = make(tmp_path / "a.zip", ("wav/a.wav", NOISE), (name, b"other"))
    with pytest.raises(BadArchive, match="is in it twice"):
        unpack(archive, tmp_path / "unpacked", wanted, limit=10**6)


def test_two_folders_that_could_be_meant(tmp_path):
    refused(make(tmp_path / "a.zip", ("a/table.txt", b"1"), ("b/table.txt", b"2")), "in several folders of it")


def test_nothing_that_is_wanted(tmp_path):
    refused(make(tmp_path / "a.zip", ("a/b/table.txt", b"1"), ("table.txt/", b"")), "not in it")
    refused(make(tmp_path / "b.zip"), "not in it")


def test_encryption_is_refused(tmp_path):
    data = bytearray(make(tmp_path / "a.zip", ("table.txt", b"1")).read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    data[data.index(b"PK\3\4") + 6] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", "'table.txt' is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_whose_memory_has_no_bound_are_refused(tmp_path, method):
    refused(make(tmp_path / "a.zip", ("table.txt", NOISE), method=method), "compressed in an unusual way")


# Bombs.


def test_a_bomb(tmp_path):
    archive = make(tmp_path / "a.zip", ("wav/a.wav", bytes(50_000_000)), method=zipfile.ZIP_DEFLATED)
    refused(archive, "would grow to 50 MB", limit=10**9)
    assert not (tmp_path / "unpacked").exists()


def test_what_is_small_may_shrink_well(tmp_path):
    archive = make(tmp_path / "a.zip", ("table.txt", bytes(2**20)), method=zipfile.ZIP_DEFLATED)
    assert len(unpacked(archive, limit=2**20)["table.txt"]) == 2**20


def test_many_members_that_are_too_much_together(tmp_path):
    archive = make(tmp_path / "a.zip", *((f"wav/{i}.wav", NOISE) for i in range(5)))
    refused(archive, "it holds more than is expected", limit=5 * len(NOISE) - 1)
    assert sum(p.stat().st_size for p in tmp_path.rglob("*.wav")) < 5 * len(NOISE)


def test_the_limit_itself_is_allowed(tmp_path):
    archive = make(tmp_path / "a.zip", *((f"wav/{i}.wav", NOISE) for i in range(5)))
    assert len(unpacked(archive, limit=5 * len(NOISE))) == 5


def resized(archive: Path, size: int) -> Path:
    """The archive with another declared size of its one member, in both headers."""
    data = bytearray(archive.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\3\4") + 22, size)
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, size)
    archive.write_bytes(data)
    return archive


@pytest.mark.parametrize("size", [0, 100, 1_000_000])
def test_a_bomb_that_says_it_is_small(tmp_path, size):
    archive = make(tmp_path / "a.zip", ("wav/a.wav", bytes(50_000_000)), method=zipfile.ZIP_DEFLATED)
    refused(resized(archive, size), "damaged", limit=10**9)
    assert sum(p.stat().st_size for p in tmp_path.rglob("*.wav")) <= size


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_that_says_it_is_large(tmp_path, method):
    archive = make(tmp_path / "a.zip", ("table.txt", NOISE), method=method)
    refused(resized(archive, 60_000), "50000 bytes instead of 60000|damaged")


def test_too_many_members(tmp_path):
    archive = make(tmp_path / "a.zip", ("table.txt", b"1"), *((str(i), b"") for i in range(100)))
    refused(archive, "more than 100 members", members=100)
    assert unpacked(archive, members=101) == {"table.txt": b"1"}


# Damage.


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b"<html>Please log in</html>",
        lambda b: b[:-1],
        lambda b: b[: len(b) // 2],
        lambda b: b[1000:],
        lambda b: b.replace(NOISE[1000:1010], bytes(10)),
    ],
)
def test_what_is_damaged_is_refused(tmp_path, damage):
    archive = make(tmp_path / "a.zip", ("wav/a.wav", NOISE), ("table.txt", b"1"))
    archive.write_bytes(damage(archive.read_bytes()))
    refused(archive, "it is no zip archive, or damaged: ")


SMALL = make(io.BytesIO(), ("wav/a.wav", b"some sound"), ("table.txt", b"1" * 99), method=zipfile.ZIP_DEFLATED)


@given(changes=st.lists(st.tuples(st.integers(0, len(SMALL.getvalue()) - 1), st.integers(0, 255)), min_size=1))
def test_whatever_is_changed_in_it_either_all_comes_or_it_is_refused(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("changed")
    data = bytearray(SMALL.getvalue())
    for place, value in changes:
        data[place] = value
    (folder / "a.zip").write_bytes(data)
    try:
        contents = list(unpacked(folder / "a.zip").values())
    except BadArchive:
        contents = []
    assert all(content in (b"some sound", b"1" * 99) for content in contents)
    assert {p.name for p in folder.iterdir()} <= {"a.zip", "unpacked"}


def test_an_archive_that_is_not_there(tmp_path):
    with pytest.raises(BadArchive, match="No such file"):
        unpacked(tmp_path / "a.zip")


def test_a_disk_that_is_full(tmp_path):
    resource = pytest.importorskip("resource", reason="this system cannot limit the size of files")
    archive = make(tmp_path / "a.zip", ("wav/a.wav", NOISE))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(InputError, match=r"a.wav: cannot be written \(File too large\); make room"):
            unpacked(archive)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_there_already_is_not_overwritten(tmp_path):
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "table.txt").write_text("mine")
    with pytest.raises(InputError, match=r"table.txt: cannot be written \(File exists\)"):
        unpacked(make(tmp_path / "a.zip", ("table.txt", b"1")))
    assert (tmp_path / "unpacked" / "table.txt").read_text() == "mine"
