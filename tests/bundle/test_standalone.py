"""Tests of standalone bundles: they segment with MONAI alone, by a plain copy of the part that segments."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

import monai_lwmisn
from monai_lwmisn.bundle.standalone import CLOSED_PART, closed_part, write_standalone
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.predict import load_bundle
from tests.bundle.alone import run_alone

PACKAGE = Path(monai_lwmisn.__file__).parent


@pytest.fixture(scope="module")
def unpacked(standalone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(standalone) as archive:
        archive.extractall(folder)
    (bundle,) = folder.iterdir()
    return bundle


def workflow(bundle: Path, name: str, **values: object) -> list[str]:
    config = f"{bundle}/configs/{name}.json"
    command = ["-m", "monai.bundle", "run", "--config_file", config, "--bundle_root", str(bundle)]
    return [*command, *(text for key, value in values.items() for text in (f"--{key}", str(value)))]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_it_is_the_bundle_with_exports_and_an_equal_copy_of_that_part(prostate_bundle: Path, unpacked: Path) -> None:
    found = contents(unpacked)
    exports = {found.pop(f"models/{name}") for name in ("model.ts", "model.onnx", "model_full.onnx")}
    code = {name: found.pop(name) for name in list(found) if name.startswith("monai_lwmisn/")}
    assert unpacked.name == prostate_bundle.name
    assert found == contents(prostate_bundle) and all(exports)
    assert code == {name: (PACKAGE.parent / name).read_bytes() for name in code}
    assert set(code) == set(closed_part())
    assert {"monai_lwmisn/__init__.py", "monai_lwmisn/networks/lwmisn.py", "monai_lwmisn/errors.py"} < set(code)


def test_it_segments_with_monai_alone_as_with_the_package(unpacked: Path, alone: Path, tmp_path: Path) -> None:
    missing = run_alone(alone, "-c", "import monai_lwmisn", cwd=tmp_path)
    assert "No module named 'monai_lwmisn'" in missing.stderr
    image = nibabel.Nifti1Image(np.random.default_rng(0).normal(100, 20, (30, 26, 3)), np.diag([-1.5, 2, 3, 1]))
    (tmp_path / "in").mkdir()
    nibabel.save(image, tmp_path / "in" / "case.nii.gz")
    values = {"dataset_dir": tmp_path / "in", "output_dir": tmp_path / "out"}
    done = run_alone(alone, *workflow(unpacked, "inference", **values), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    mask = nibabel.load(tmp_path / "out" / "case_seg.nii.gz")
    np.testing.assert_allclose(mask.affine, image.affine)
    with load_bundle(unpacked) as predictor:
        expected = predictor(tmp_path / "in" / "case.nii.gz").labels
    np.testing.assert_array_equal(np.asarray(mask.dataobj), expected)


def test_the_extension_for_slicer_installs_the_same_part() -> None:
    cmake = (PACKAGE.parent / "slicer_module" / "LWMISN" / "CMakeLists.txt").read_text(encoding="utf-8")
    rooms, modules = re.findall(r"foreach\(PART (.+)\)", cmake)
    assert {*rooms.split(), *(f"{name}.py" for name in modules.split())} == set(CLOSED_PART)


@pytest.mark.parametrize("name", ["train", "evaluate", "search"])
def test_the_other_workflows_say_that_they_need_the_package(
    unpacked: Path, alone: Path, mr_phantom: Path, tmp_path: Path, name: str
) -> None:
    bundle = shutil.copytree(unpacked, tmp_path / "bundle")
    before = contents(bundle)
    done = run_alone(alone, *workflow(bundle, name, dataset_dir=mr_phantom), cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].endswith("install the package from its repository.")
    assert contents(bundle) == before


def test_a_run_becomes_a_standalone_bundle_with_the_name_of_the_archive(prostate_run: Path, tmp_path: Path) -> None:
    write_standalone(prostate_run, tmp_path / "dist" / "mine.zip")
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["mine.zip"]
    with zipfile.ZipFile(tmp_path / "dist" / "mine.zip") as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"mine"}
        assert json.loads(archive.read("mine/configs/inference.json"))["bundle_root"] == "."


def test_what_fails_leaves_the_old_archive(prostate_bundle: Path, tmp_path: Path) -> None:
    archive = tmp_path / "file.zip"
    with zipfile.ZipFile(archive, "w") as old:
        old.writestr("bundle/configs/metadata.json", "{}")
    before = archive.read_bytes()
    bundle = shutil.copytree(prostate_bundle, tmp_path / "bundle")
    (bundle / "models" / "model.pt").write_bytes(b"damaged")
    with pytest.raises(Exception, match="bundle/models/model.pt is truncated or not a checkpoint"):
        write_standalone(bundle, archive)
    assert archive.read_bytes() == before
    archive.write_bytes(b"an archive of somebody")
    with pytest.raises(ConfigError, match="holds something else than this command writes"):
        write_standalone(prostate_bundle, archive)
    with pytest.raises(ConfigError, match="ends with .zip"):
        write_standalone(bundle, tmp_path / "file")
