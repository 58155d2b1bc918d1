"""The datalist of a run is made once and kept."""

import json
import shutil
import warnings
from pathlib import Path

import ignite.distributed as idist
import pytest

from monai_lwmisn.config import resolve
from monai_lwmisn.data import prepare_datalist, read_dataset, split_datalist
from monai_lwmisn.data.datalist import Datalist
from monai_lwmisn.errors import DataError, InputWarning, SplitError


def prepare(file: Path, data: Path, *, test_fraction: float = 0.3, seed: int = 0) -> Datalist:
    return prepare_datalist(
        file,
        "dsb2018",
        data,
        data=resolve("nuclei")["search"]["data"],
        split_by="case",
        test_fraction=test_fraction,
        validation_fraction=0.2,
        seed=seed,
    )


def test_raw_data_are_split_and_written(nuclei_phantom: Path, tmp_path: Path) -> None:
    datalist = prepare(tmp_path / "datalist.json", nuclei_phantom)
    items = read_dataset("dsb2018", nuclei_phantom)
    assert datalist == split_datalist(items, by="case", test_fraction=0.3, validation_fraction=0.2, seed=0)
    assert json.loads((tmp_path / "datalist.json").read_text()) == datalist


def test_what_a_run_has_is_kept_whatever_is_asked(nuclei_phantom: Path, tmp_path: Path) -> None:
    first = prepare(tmp_path / "datalist.json", nuclei_phantom)
    before = (tmp_path / "datalist.json").read_bytes()
    assert prepare(tmp_path / "datalist.json", tmp_path / "moved", test_fraction=0.5, seed=9) == first
    assert (tmp_path / "datalist.json").read_bytes() == before


def test_bad_data_leave_nothing_behind(nuclei_phantom: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(nuclei_phantom, broken)
    next(broken.rglob("images/*.png")).write_bytes(b"")
    with pytest.raises(DataError):
        prepare(tmp_path / "datalist.json", broken)
    with pytest.raises(DataError):
        prepare(tmp_path / "datalist.json", tmp_path / "absent")
    assert not (tmp_path / "datalist.json").exists()


def test_labels_of_other_classes_are_refused(msd_phantom: Path, tmp_path: Path) -> None:
    settings = resolve("hippocampus_mr")["search"]["data"]
    facts = {"split_by": "case", "test_fraction": 0.3, "validation_fraction": 0.3, "seed": 0}
    with pytest.raises(DataError, match=r"hippocampus_000\.nii\.gz has the value 2"):
        prepare_datalist(
            tmp_path / "datalist.json",
            "msd",
            msd_phantom,
            **facts,
            data={**settings, "label_names": {"1": "hippocampus"}},
        )
    assert not list(tmp_path.iterdir())
    prepare_datalist(tmp_path / "datalist.json", "msd", msd_phantom, **facts, data=settings)
    assert (tmp_path / "datalist.json").exists()


def test_what_was_assumed_about_files_is_said_once(mr_phantom: Path, tmp_path: Path) -> None:
    data = shutil.copytree(mr_phantom, tmp_path / "data")
    volumes = sorted(data.rglob("*.mhd"))
    for volume in volumes:
        lines = volume.read_text().splitlines(keepends=True)
        volume.write_text("".join(line for line in lines if not line.startswith("TransformMatrix")))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        prepare_datalist(
            None,
            "promise12",
            data,
            data=resolve("prostate_mr")["search"]["data"],
            split_by="case",
            test_fraction=0.3,
            validation_fraction=0.3,
            seed=0,
        )
    (said,) = (str(one.message) for one in caught if issubclass(one.category, InputWarning))
    assert "has no anatomical axes" in said and said.endswith(f"This holds for {len(volumes)} files.")


def test_too_few_cases_are_refused(nuclei_phantom: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(nuclei_phantom, data)
    folders = sorted(image.parent.parent for image in data.rglob("images/*.png"))
    for folder in folders[2:]:
        shutil.rmtree(folder)
    with pytest.raises(SplitError):
        prepare(tmp_path / "datalist.json", data)
    assert not (tmp_path / "datalist.json").exists()


def test_of_several_processes_the_first_writes(
    nuclei_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idist, "get_rank", lambda: 1)
    prepare(tmp_path / "datalist.json", nuclei_phantom)
    assert not (tmp_path / "datalist.json").exists()
