"""Folders as people have them: links, pipes, files of the system. Nothing of it costs a good image beside it."""

import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.fileset import FileSet

from monai_lwmisn.errors import DataError, InputWarning
from monai_lwmisn.files import LOCK
from monai_lwmisn.light.folders import FolderTree
from monai_lwmisn.light.inputs import find_inputs, output_names
from tests.inference.dicom import write_series
from tests.inference.volumes import volume

posix = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and sockets are those of POSIX")


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found_in(folder: Path, volumetric: bool = True) -> tuple[list[str], str]:
    """The paths of the inputs below a folder, and the sentence about what was passed over."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inputs = find_inputs(folder, volumetric)
    said = [str(warning.message) for warning in caught if warning.category is InputWarning]
    assert len(said) <= 1
    return [Path(item["image"]).relative_to(folder).as_posix() for item in inputs], "".join(said)


@contextmanager
def unreadable(monkeypatch: pytest.MonkeyPatch, path: Path) -> Iterator[None]:
    """A file or folder without permission, for root too."""
    scandir, opened = os.scandir, open

    def refuse(function):  # type: ignore[no-untyped-def]
        def call(where, *args, **kwargs):  # type: ignore[no-untyped-def]
            if isinstance(where, (str, Path)) and Path(where) == path:
                raise PermissionError(13, "Permission denied", str(path))
            return function(where, *args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse(scandir))
        patch.setattr("builtins.open", refuse(opened))
        yield


@posix
def test_dead_links_pipes_and_sockets_are_passed_over_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "sub-01.nii.gz", "sub-02.nii.gz")
    (tmp_path / "sub-01.json").symlink_to("../.git/annex/objects/sub-01.json")
    (tmp_path / "turns").symlink_to("turns")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("sock")
        inputs, said = found_in(tmp_path)
    assert inputs == ["sub-01.nii.gz", "sub-02.nii.gz"]
    assert said == (f"Passed over 4 entries of {tmp_path}: pipe (pipe); sock (socket); sub-01.json, turns (dead link).")


def test_files_of_the_system_are_passed_over(tmp_path: Path) -> None:
    names = ["__MACOSX/._a.png", "._b.png", ".DS_Store", "Thumbs.db", "sub/desktop.ini", ".git/c.png"]
    make(tmp_path, "a.png", "sub/b.PNG", *names)
    inputs, said = found_in(tmp_path, volumetric=False)
    assert inputs == ["a.png", "sub/b.PNG"]
    assert said == (
        f"Passed over 6 entries of {tmp_path}: .DS_Store, ._b.png, .git (hidden); "
        "Thumbs.db, __MACOSX, sub/desktop.ini (of the system)."
    )


def test_many_are_counted_not_listed(tmp_path: Path) -> None:
    make(tmp_path, "a.nii", *(f"._{number}" for number in range(7)))
    assert found_in(tmp_path)[1].endswith("._0, ._1, ._2 and 4 more (hidden).")


def test_nothing_is_said_about_a_folder_of_images_alone(tmp_path: Path) -> None:
    make(tmp_path, "a.nii", "notes.txt", "sub/b.mha")
    assert found_in(tmp_path) == (["a.nii", "sub/b.mha"], "")


def test_files_of_other_formats_are_named_and_texts_and_data_of_headers_are_not(tmp_path: Path) -> None:
    make(tmp_path, "a.nii", "p.hdr", "q.nhdr", "r.v2.mhd", "notes.txt", "README")
    (tmp_path / "umlauts.txt").write_text(511 * "a" + "äöü", encoding="utf-8")
    for name in ("p.img", "q.raw.gz", "r.v2.zraw", "alone.img", "b.mgz", "c.gif", "noending", "d.png"):
        (tmp_path / name).write_bytes(b"\x89\0")
    inputs, said = found_in(tmp_path)
    assert inputs == ["a.nii", "p.hdr", "q.nhdr", "r.v2.mhd"]
    reason = "(not NIfTI, NRRD, MetaImage or DICOM)"
    assert said == f"Passed over 5 entries of {tmp_path}: alone.img, b.mgz, c.gif and 2 more {reason}."
    make(tmp_path, "b.jfif", "c.jpe")
    inputs, said = found_in(tmp_path, volumetric=False)
    assert (
        inputs == ["b.jfif", "c.jpe", "d.png"]
        and "c.gif" not in inputs
        and said.endswith("(not PNG, TIFF, JPEG, BMP or OME-Zarr).")
    )


def test_a_pair_of_header_and_image_is_one_input_by_either_name(tmp_path: Path) -> None:
    make(tmp_path, "p.hdr", "p.img")
    for name in ("p.hdr", "p.img"):
        assert find_inputs(tmp_path / name, volumetric=True) == [{"image": str(tmp_path / "p.hdr")}]


def test_the_lock_of_a_program_is_no_entry(tmp_path: Path) -> None:
    make(tmp_path, "a.nii", LOCK)
    assert found_in(tmp_path) == (["a.nii"], "")


@posix
def test_linked_folders_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    make(tmp_path / "elsewhere", "deep/b.nii")
    make(tmp_path / "in", "real/a.nii")
    for name, target in {
        "again": "real",
        "copy": "real",
        "linked": "../elsewhere",
        "root": "/",
        "real/loop": "..",
        "real/self": ".",
    }.items():
        (tmp_path / "in" / name).symlink_to(target)
    inputs, said = found_in(tmp_path / "in")
    assert inputs == ["linked/deep/b.nii", "real/a.nii"]
    assert "real/loop, real/self, root (link to a folder above it)" in said
    assert "again, copy (linked folder that was read already)" in said


@posix
def test_a_linked_file_is_an_input_also_from_outside(tmp_path: Path) -> None:
    make(tmp_path, "store/a1b2", "in/notes.txt")
    (tmp_path / "in/a.nii").symlink_to("../store/a1b2")
    assert found_in(tmp_path / "in") == (["a.nii"], "")


def test_what_may_not_be_read_is_said_and_the_rest_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.nii", "secret/b.nii", "header")
    with unreadable(monkeypatch, tmp_path / "secret"):
        inputs, said = found_in(tmp_path)
    assert inputs == ["a.nii"] and "secret (folder that cannot be read: Permission denied)" in said
    with unreadable(monkeypatch, tmp_path / "header"):
        inputs, said = found_in(tmp_path)
    assert inputs == ["a.nii", "secret/b.nii"] and "header (cannot be read: Permission denied)" in said
    with unreadable(monkeypatch, tmp_path), pytest.raises(DataError, match="cannot be read .Permission denied"):
        find_inputs(tmp_path, volumetric=True)


def test_the_index_of_a_medium_is_no_series(tmp_path: Path) -> None:
    write_series(volume().astype("int16"), tmp_path / "source")
    medium = FileSet()
    for file in (tmp_path / "source").iterdir():
        header = pydicom.dcmread(file)
        header.StudyID = "1"
        medium.add(header)
    medium.write(tmp_path / "medium")
    with pytest.raises(DataError, match="only lists the files of a medium: give its folder"):
        find_inputs(tmp_path / "medium/DICOMDIR", volumetric=True)
    (tmp_path / "medium/DICOMDIR").rename(tmp_path / "medium/index.dcm")
    inputs, said = found_in(tmp_path / "medium")
    assert len(inputs) == 1 and inputs != ["."]
    assert "index.dcm (DICOM without an image)" in said


def test_a_folder_of_reports_is_no_series(tmp_path: Path) -> None:
    write_series(volume().astype("int16"), tmp_path / "in/series")
    report = pydicom.dcmread(next((tmp_path / "in/series").iterdir()), stop_before_pixels=True)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = pydicom.uid.BasicTextSRStorage
    (tmp_path / "in/reports").mkdir()
    report.save_as(tmp_path / "in/reports/1.dcm")
    inputs, said = found_in(tmp_path / "in")
    assert inputs == ["series"] and "reports/1.dcm (DICOM without an image)" in said


def test_a_series_in_several_folders_is_said_to_be_in_parts(tmp_path: Path) -> None:
    write_series(volume().astype("int16"), tmp_path / "in/a/b")
    (tmp_path / "in/c").mkdir()
    for file in sorted((tmp_path / "in/a/b").iterdir())[3:]:
        file.rename(tmp_path / "in/c" / file.name)
    write_series(volume().astype("int16"), tmp_path / "in/d")
    inputs, said = found_in(tmp_path / "in")
    assert inputs == ["a/b", "c", "d"]
    assert said.startswith(f"{tmp_path}/in/a/b, {tmp_path}/in/c hold the same DICOM series, and each is a volume")


def test_a_series_without_the_mark_of_dicom_is_found(tmp_path: Path) -> None:
    write_series(volume().astype("int16"), tmp_path / "in/series")
    for file in (tmp_path / "in/series").iterdir():
        header = pydicom.dcmread(file)
        pydicom.dcmwrite(file, pydicom.Dataset(header), implicit_vr=False, little_endian=True)
        assert file.read_bytes()[128:132] != b"DICM"
    assert found_in(tmp_path / "in")[0] == ["series"]


@posix
@pytest.mark.parametrize("volumetric", [True, False])
def test_a_pipe_or_a_dead_link_as_input_is_refused_without_waiting(tmp_path: Path, volumetric: bool) -> None:
    os.mkfifo(tmp_path / "a.nii")
    (tmp_path / "b.nii").symlink_to("missing")
    for name, kind in {"a.nii": "pipe", "b.nii": "dead link"}.items():
        with pytest.raises(DataError, match=rf"{name} cannot be used \({kind}\)"):
            find_inputs(tmp_path / name, volumetric)
    with pytest.raises(DataError, match=r"c.nii does not exist"):
        find_inputs(tmp_path / "c.nii", volumetric)
    with pytest.raises(DataError, match="holds nothing to segment"):
        find_inputs(tmp_path, volumetric=False)


@posix
def test_ten_thousand_files_and_a_deep_tree(tmp_path: Path) -> None:
    make(tmp_path, *(f"{number % 10}/{number}.png" for number in range(10_000)))
    deep = tmp_path.joinpath(*["d" * 20] * 100)
    deep.mkdir(parents=True)
    make(deep, "deep.png")
    inputs, said = found_in(tmp_path, volumetric=False)
    assert len(set(inputs)) == 10_001 and said == ""
    assert len(set(output_names(inputs)[0].values())) == 10_001


NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=40)


@posix
@settings(max_examples=50, deadline=None)
@given(name=NAMES | st.binary(min_size=1, max_size=60).map(lambda raw: os.fsdecode(raw.translate(None, b"/\0"))))
def test_any_name_of_a_file_is_found(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    file = folder / f"-{name}.nii"
    try:
        file.touch()
    except (OSError, UnicodeEncodeError):
        return  # the system has no such name
    assert [item["image"] for item in find_inputs(folder, volumetric=True)] == [str(file)]


def test_the_tree_gives_each_folder_before_those_in_it(tmp_path: Path) -> None:
    make(tmp_path, "b/c/d", "b/a", "a")
    assert [file.relative_to(tmp_path).as_posix() for file in FolderTree(tmp_path)] == ["a", "b/a", "b/c/d"]
