"""Large pictures from file to file, compared with the same picture taken whole."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from skimage.measure import label

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.inference.segment import Outcome, segment
from monai_lwmisn.light.large import segment as large
from monai_lwmisn.light.large.work import Work
from tests.light.large.pictures import nuclei, ome_tiff, ome_zarr, same_partition

BUNDLE = Path(__file__).parents[3] / "bundles" / "nuclei_microscopy_lwmisn_fast"
CORE, MARGIN = 256, 192
PICTURE = nuclei((600, 700))


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "CORE", CORE)
    monkeypatch.setattr(large, "MARGIN", MARGIN)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the masks and tables of the picture taken whole."""
    folder = tmp_path_factory.mktemp("whole")
    Image.fromarray(PICTURE).save(folder / "a.png")
    (outcome,) = segment(BUNDLE, [folder / "a.png"], folder, device="cpu", table=folder / "t.csv", flag=True)
    assert outcome.error is None and outcome.quality is not None
    (folder / "quality").write_text(str(outcome.quality))
    return folder


def png(whole: Path, kind: str) -> np.ndarray:
    return np.asarray(Image.open(whole / f"a_{kind}.png"))


def one(image: Path, output: Path, **options: Any) -> Outcome:
    (outcome,) = segment(BUNDLE, [image], output, device="cpu", **options)
    return outcome


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return [
            {key: text for key, text in row.items() if key not in ("image", "mask")} for row in csv.DictReader(stream)
        ]


def test_masks_objects_and_tables_are_those_of_the_whole_picture(whole: Path, tmp_path: Path) -> None:
    image = ome_tiff(tmp_path / "a.ome.tif", PICTURE, "YX")
    said: list[tuple[int, int]] = []
    outcome = one(
        image,
        tmp_path / "out",
        format="ome-tiff",
        geojson=True,
        overlays=True,
        flag=True,
        table=tmp_path / "t.csv",
        progress=lambda *now: said.append(now),
    )
    assert outcome.error is None
    kinds = ("instances.ome.tif", "objects.geojson", "overlay.png", "seg.ome.tif")
    assert [file.name for file in outcome.masks] == [f"a_{kind}" for kind in kinds]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [file.name for file in outcome.masks]
    assert said == [(number, 18) for number in range(1, 19)]
    instances = tifffile.imread(outcome.masks[0])
    np.testing.assert_array_equal(tifffile.imread(outcome.masks[3]), png(whole, "seg") // 255)
    assert same_partition(instances, png(whole, "instances")) and instances.max() > label(instances > 0).max() > 100
    assert outcome.quality == pytest.approx(float((whole / "quality").read_text()), abs=1e-4)
    (mine,), (theirs,) = rows(tmp_path / "t.csv"), rows(whole / "t.csv")
    assert mine.pop("quality")[:5] == theirs.pop("quality")[:5] and mine == theirs
    ordered = [
        sorted(rows(folder / "t_objects.csv"), key=lambda row: (row["y"], row["x"])) for folder in (tmp_path, whole)
    ]
    assert [{**row, "object": ""} for row in ordered[0]] == [{**row, "object": ""} for row in ordered[1]]
    assert len(json.loads(outcome.masks[1].read_text())["features"]) == len(ordered[0]) == instances.max()
    again = one(image, tmp_path / "out", format="ome-tiff")
    assert again.error is not None and "is there already: move it, or give another folder" in again.error
    assert [file.name for file in one(image, tmp_path / "out", format="ome-tiff", next_free_name=True).masks] == [
        "a_2_instances.ome.tif",
        "a_2_seg.ome.tif",
    ]


def test_ome_zarr_in_a_folder_is_one_input_and_gives_labels(whole: Path, tmp_path: Path) -> None:
    ome_zarr(tmp_path / "in" / "a.ome.zarr", PICTURE[None, None].astype(np.uint16) * 16, "czyx", "0.5")
    before = sorted(tmp_path.rglob("in/**/*"))
    (outcome,) = segment(BUNDLE, [tmp_path / "in"], tmp_path / "out", device="cpu")
    assert outcome.error is None and sorted(tmp_path.rglob("in/**/*")) == before
    assert outcome.masks == (tmp_path / "out" / "a_labels.ome.zarr",)
    group = zarr.open_group(outcome.masks[0], mode="r")
    assert group.metadata.zarr_format == 3 and group.attrs["ome"]["labels"] == ["seg", "instances"]
    # 255 is the largest value of all here.
    with load_bundle(BUNDLE, device="cpu") as predictor:
        expected = predictor(PICTURE.astype(np.uint16) * 16)
    np.testing.assert_array_equal(group["seg"]["0"][...], expected.labels)
    assert same_partition(group["instances"]["0"][...], expected.instances)
    assert group["seg"].attrs["ome"]["multiscales"][0]["axes"][0]["unit"] == "micrometer"


KILLED = """
import sys
from monai_lwmisn.light.large import segment as large
large.CORE, large.MARGIN = {core}, {margin}
from monai_lwmisn.inference.segment import segment
segment({bundle!r}, [{image!r}], {out!r}, device="cpu", format="ome-tiff")
"""


def test_a_killed_run_goes_on_in_two_processes(whole: Path, tmp_path: Path) -> None:
    image, out = ome_tiff(tmp_path / "a.ome.tif", PICTURE, "YX"), tmp_path / "out"
    code = KILLED.format(core=CORE, margin=MARGIN, bundle=str(BUNDLE), image=str(image), out=str(out))
    process = subprocess.Popen([sys.executable, "-c", code])
    folder = out / ".partial.a_seg.ome.tif.work"
    while len(list(folder.glob("windows/*.npz"))) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [file.name for file in out.iterdir()] == [folder.name]
    done = len(list(folder.glob("windows/*.npz")))
    assert 2 <= done < 9
    # What is done is not done again: a change of it is in the mask.
    Work(folder, PICTURE.shape, CORE).array("labels", "u1")[:CORE, :CORE] = 1
    said: list[int] = []
    outcome = one(image, out, format="ome-tiff", processes=2, progress=lambda now, total: said.append(now))
    assert outcome.error is None and said[0] > done
    expected = png(whole, "seg") // 255
    expected[:CORE, :CORE] = 1
    beside = np.ones(expected.shape, bool)
    beside[: CORE + 1, : CORE + 1] = False  # a hole beside the change may be filled
    np.testing.assert_array_equal(tifffile.imread(out / "a_seg.ome.tif")[beside], expected[beside])
    assert not folder.exists()


def test_a_step_of_a_stack_is_taken_and_what_cannot_be_taken_has_a_sentence(whole: Path, tmp_path: Path) -> None:
    stack = np.stack([np.zeros_like(PICTURE), PICTURE])
    image = ome_tiff(tmp_path / "a.ome.tif", stack, "ZYX")
    refused = one(image, tmp_path / "out", format="ome-tiff")
    assert refused.error is not None and "choose it with --plane z=NUMBER" in refused.error
    assert not (tmp_path / "out").exists()
    found = one(image, tmp_path / "out", plane={"z": 2})
    np.testing.assert_array_equal(tifffile.imread(found.masks[-1]), png(whole, "seg") // 255)
    with pytest.raises(ConfigError, match="not for masks as png"):
        one(image, tmp_path / "out", plane={"z": 2}, format="png")
    resized = Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))
    config = json.loads((resized / "configs/inference.json").read_text())
    resize = {"_target_": "Resized", "keys": "image", "spatial_size": 256, "size_mode": "longest"}
    for mode, said in {"area": "a transform that needs the whole", "bilinear": "to a size of its own"}.items():
        config["data"]["spatial"] = [{**resize, "mode": mode}]
        (resized / "configs/inference.json").write_text(json.dumps(config))
        (outcome,) = segment(resized, [image], tmp_path / "other", device="cpu", plane={"z": 2})
        assert outcome.error is not None and said in outcome.error


def test_geojson_of_a_network_without_objects_is_refused(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="does not tell objects apart: leave --geojson out"):
        segment(BUNDLE.with_name("liver_ct_slices_lwmisn"), [tmp_path / "a.png"], tmp_path / "out", geojson=True)
    assert not (tmp_path / "out").exists()
