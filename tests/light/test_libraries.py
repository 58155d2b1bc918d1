"""A missing library is said before any work: what needs it, its package, and the extra that installs it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import itk
import nibabel
import numpy as np
import pytest
from PIL import Image

import monai_lwmisn
from monai_lwmisn.errors import DataError
from monai_lwmisn.light import libraries
from monai_lwmisn.light.cli import main
from monai_lwmisn.light.libraries import LIBRARIES
from monai_lwmisn.light.volumes import read_volume
from tests.light.large.pictures import ome_tiff

ROOT = Path(monai_lwmisn.__file__).parents[1]
LIGHT = Path(libraries.__file__).parent
BUNDLES = ROOT / "bundles"


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=;\[]", requirement)[0] for requirement in requirements}


def test_the_extras_are_those_of_both_distributions() -> None:
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    project = tomllib.loads((LIGHT / "pyproject.toml").read_text())["project"]
    call = next(node for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) == "setup")  # fmt: skip
    setup = {one.arg: one.value for one in call.keywords}
    of_light = {"": project["dependencies"], **project["optional-dependencies"]}
    of_all = {"": ast.literal_eval(setup["install_requires"]), **ast.literal_eval(setup["extras_require"])}
    for package, extra, extra_of_all in LIBRARIES.values():
        assert package in names(of_light[extra])
        # The whole ITK of MONAI has its reading and writing too.
        assert (package if package != "itk-io" else "itk") in names(of_all[extra_of_all])


def test_each_distribution_names_its_own_extra(tmp_path: Path) -> None:
    (tmp_path / "lwmisn_run").symlink_to(LIGHT)
    said = {}
    for package in ("lwmisn_run", "monai_lwmisn.light"):
        code = f"from {package}.libraries import missing; print(missing('highdicom', 'It'), missing('itk', 'It'))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        )
        said[package] = done.stdout.strip()
    assert said == {
        "lwmisn_run": "It needs highdicom: pip install highdicom (the extra dicom-seg). "
        "It needs itk-io: pip install itk-io (the extra nrrd).",
        "monai_lwmisn.light": "It needs highdicom: pip install highdicom (the extra dicom). "
        "It needs itk-io: pip install itk-io.",
    }


@pytest.mark.parametrize(
    ("library", "bundle", "options", "subject"),
    [
        ("skimage", "nuclei_microscopy_lwmisn_fast", ["--table", "t.csv"], "--table"),
        ("skimage", "nuclei_microscopy_lwmisn_fast", ["--overlays"], "--overlays"),
        ("skimage", "nuclei_microscopy_lwmisn_fast", ["--geojson"], "--geojson"),
        ("zarr", "nuclei_microscopy_lwmisn_fast", ["--geojson"], "--geojson"),
        ("zarr", "nuclei_microscopy_lwmisn_fast", ["--plane", "z=1"], "--plane"),
        ("zarr", "nuclei_microscopy_lwmisn_fast", ["--format", "ome-tiff"], "--format ome-tiff"),
        ("itk", "prostate_mr_lwmisn", ["--format", "nrrd"], "A mask as .nrrd"),
        ("highdicom", "prostate_mr_lwmisn", ["--format", "dicom-seg"], "A DICOM Segmentation"),
    ],
)
def test_an_option_without_its_library_is_refused_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    library: str,
    bundle: str,
    options: list[str],
    subject: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((32, 32), np.uint8)).save("a.png")
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 9, 3), np.int16), np.eye(4)), "a.nii")
    monkeypatch.setitem(sys.modules, library, None)
    image = "a.nii" if bundle.startswith("prostate") else "a.png"
    assert main([str(BUNDLES / bundle), image, "-o", "out", *options]) == 2
    assert capsys.readouterr().err.startswith(f"lwmisn-run: {subject} needs {LIBRARIES[library].package}: pip install")
    assert not Path("out").exists() and not Path("t.csv").exists()


def test_a_picture_that_is_large_by_itself_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = ome_tiff(tmp_path / "a.ome.tif", np.zeros((64, 64), np.uint8), "YX")
    monkeypatch.setattr("monai_lwmisn.light.large.sources.LARGEST_WHOLE", 100)
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert main([str(BUNDLES / "nuclei_microscopy_lwmisn_fast"), str(image), "-o", str(tmp_path / "out")]) == 2
    assert f"{image}, which is taken by region, needs zarr: pip install zarr" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".nrrd", ".nhdr", ".mha", ".mhd"])
def test_a_volume_that_itk_reads_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    itk.imwrite(itk.image_from_array(np.zeros((5, 6, 7), np.int16)), str(path))
    monkeypatch.setitem(sys.modules, "itk", None)
    with pytest.raises(DataError, match=rf"The volume .*a\{ending} needs itk-io: pip install itk-io"):
        read_volume(path)
