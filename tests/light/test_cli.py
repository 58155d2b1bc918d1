"""What `lwmisn-run` says: refused options, one warning for all inputs, and what there is after Ctrl-C."""

import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

import monai_lwmisn
from monai_lwmisn.light.cli import main
from monai_lwmisn.light.slices import slice_logits
from tests.light.large.pictures import nuclei, ome_tiff

BUNDLES = Path(monai_lwmisn.__file__).parents[1] / "bundles"
NUCLEI, PROSTATE = (str(BUNDLES / name) for name in ("nuclei_microscopy_lwmisn_fast", "prostate_mr_lwmisn"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The present folder, with two pictures and two volumes."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Image.fromarray(nuclei((64, 64))).save(f"{name}.png")
        nibabel.save(nibabel.Nifti1Image(np.zeros((9, 9, 3), np.int16), np.eye(4)), f"{name}.nii")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a command that is refused, before anything is made."""
    try:
        code = main([*arguments])
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]
    assert code == 2 and not Path("out").exists()
    return capsys.readouterr().err.splitlines()[-1]


def test_options_that_have_no_effect_or_no_sense_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    given = (NUCLEI, "a.png", "-o", "out")
    assert "each axis once" in refused(capsys, *given, "--plane", "z=1,z=2")
    for quality in ("2", "-0.1", "nan"):
        said = refused(capsys, *given, "--flag", "--flag-below", quality)
        assert f"from 0 to 1, and --flag-below is {quality}" in said
    assert "--flag-below has no effect without --flag" in refused(capsys, *given, "--flag-below", "0.5")
    assert "a.nii is a file, and a folder is needed" in refused(capsys, NUCLEI, "a.png", "-o", "a.nii")


def test_a_warning_about_the_installation_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    assert main([NUCLEI, "a.png", "b.png", "-o", "out"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lwmisn-run: warning: The masks are whole, but numbering their objects needs scikit-image: ")
    assert sorted(file.name for file in Path("out").iterdir()) == ["a_seg.png", "b_seg.png"]


@pytest.mark.parametrize("finished", [0, 1])
def test_ctrl_c_in_a_volume_says_how_many_masks_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], finished: int
) -> None:
    def interrupted(*given: Any) -> Any:
        if len(list(Path("out").glob("*_seg.nii.gz"))) == finished:
            raise KeyboardInterrupt
        return slice_logits(*given)

    monkeypatch.setattr("monai_lwmisn.light.predictor.slice_logits", interrupted)
    assert main([PROSTATE, "a.nii", "b.nii", "-o", "out"]) == 130
    there = "the masks of 1 input are in out, the same command starts again with the first"
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"lwmisn-run: interrupted; {there if finished else 'there is no mask yet'}."
    assert Path("out").exists() == bool(finished)


def test_ctrl_c_in_a_large_picture_says_that_the_command_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    image = ome_tiff(Path("s.ome.tif"), nuclei((64, 64)), "YX")
    with monkeypatch.context() as patched:
        patched.setattr("monai_lwmisn.light.large.segment.join_objects", interrupted)
        assert main([NUCLEI, str(image), "-o", "out", "--format", "ome-tiff"]) == 130
    sentence = "there is no mask yet, the same command goes on with the large picture that was begun"
    assert capsys.readouterr().err.splitlines()[-1] == f"lwmisn-run: interrupted; {sentence}."
    assert main([NUCLEI, str(image), "-o", "out", "--format", "ome-tiff"]) == 0
