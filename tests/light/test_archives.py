"""Zip archives are read in place and cannot lead out of themselves."""

import zipfile
from pathlib import Path

import pytest

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.archives import list_files, member_names, open_archive, read_bytes, split_member


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/masks/2.png", b"two")
        file.writestr("a/masks/1.png", b"one")
        file.writestr("a/masks/deeper/3.png", b"three")
        file.writestr("a/masks2/4.png", b"four")
        file.writestr("empty/", b"")
    return path


def test_a_member_is_split_from_its_archive() -> None:
    assert split_member("/x/data.zip!/a/b.png") == ("/x/data.zip", "a/b.png")
    assert split_member("/x/data.zip") == ("/x/data.zip", None)
    assert split_member("/x/folder/b.png") == ("/x/folder/b.png", None)


def test_members_are_sorted_files(archive: Path) -> None:
    assert member_names(archive) == ("a/masks/1.png", "a/masks/2.png", "a/masks/deeper/3.png", "a/masks2/4.png")


def test_bytes_come_from_disk_and_from_archives(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"disk")
    assert read_bytes(f"{archive}!/a/masks/1.png") == b"one"
    assert read_bytes(tmp_path / "file.bin") == b"disk"


def test_a_folder_lists_alike_in_and_out_of_an_archive(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path / "out")
    inside = [name.removeprefix(f"{archive}!/") for name in list_files(f"{archive}!/a/masks")]
    outside = [str(Path(name).relative_to(tmp_path / "out")) for name in list_files(tmp_path / "out" / "a" / "masks")]
    assert inside == outside == ["a/masks/1.png", "a/masks/2.png"]


def test_a_changed_archive_is_read_anew(archive: Path) -> None:
    import os

    member_names(archive)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("other.png", b"new")
    os.utime(archive, ns=(1, 1))
    assert member_names(archive) == ("other.png",)
    assert read_bytes(f"{archive}!/other.png") == b"new"


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "a\\..\\..\\evil.png"])
def test_members_that_climb_out_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, b"x")
    with pytest.raises(DataError, match="points out of the archive"):
        member_names(path)


def test_what_cannot_be_read_is_named(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.zip does not exist"):
        member_names(tmp_path / "nothing.zip")
    no_zip = tmp_path / "no.zip"
    no_zip.write_bytes(b"this is no zip archive")
    with pytest.raises(DataError, match=r"no\.zip is not a readable zip archive"):
        member_names(no_zip)
    with pytest.raises(DataError, match=r"missing\.png cannot be read"):
        read_bytes(f"{archive}!/missing.png")
    with pytest.raises(DataError, match=r"nowhere\.png cannot be read"):
        read_bytes(tmp_path / "nowhere.png")


def test_more_files_than_a_data_set_has_are_refused_before_they_are_listed(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="more than 4 files: unpack it"):
        open_archive(archive, 4)
    with open_archive(archive, 5) as opened:
        assert len(opened.namelist()) == 5
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the list was read"))
    with pytest.raises(DataError, match="more than 1 files"):
        open_archive(archive, 1)


def test_the_list_of_a_large_archive_is_measured_by_its_own_record(tmp_path: Path) -> None:
    """An archive of 70,000 members has the lengths in a record of 64 bits; the common one may say anything."""
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(70_000):
            file.writestr(zipfile.ZipInfo(f"{number}"), b"")
    assert len(member_names(path)) == 70_000
    content = bytearray(path.read_bytes())
    place = content.rfind(b"PK\x05\x06")
    content[place + 8 : place + 16] = (1).to_bytes(2, "little") * 2 + (60).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataError, match="more than 5 files"):
        open_archive(path, 5)


def test_a_member_that_unpacks_to_more_than_a_picture_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(20_000_000))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("monai_lwmisn.light.archives.LARGEST_BYTES", 10_000_000)
    with pytest.raises(DataError, match=r"a\.png would unpack to 0\.0 GiB"):
        read_bytes(f"{path}!/a.png")


def test_an_encrypted_member_is_refused(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := content.find(mark, place + 1)) >= 0:
            content[place + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"1\.png cannot be read .*encrypted"):
        read_bytes(f"{archive}!/a/masks/1.png")
