"""Written label maps, read by tifffile and zarr."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from monai_lwmisn.light.large import outputs
from monai_lwmisn.light.large.outputs import is_own_large_mask, pyramid_of, write_ome_tiff, write_ome_zarr
from monai_lwmisn.light.large.work import Work

VALUES = np.random.default_rng(0).integers(0, 2**20, (1300, 2100), np.uint32)


@pytest.fixture
def levels(tmp_path: Path) -> list:
    work = Work(tmp_path / "work", VALUES.shape, 512)
    work.array("numbers", "u4")[...] = VALUES
    return pyramid_of(work, "numbers", "u4")


@pytest.mark.parametrize("large", [False, True])
def test_an_ome_tiff_has_tiles_levels_and_the_size_of_a_pixel(
    levels: list, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "LARGEST_CLASSIC", 1 if large else 2**31)
    write_ome_tiff(tmp_path / "a.ome.tif", levels, (0.25, 0.5))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.is_ome and file.is_bigtiff == large and len(file.series) == 1
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata and 'PhysicalSizeY="0.25"' in file.ome_metadata
        found = file.series[0].levels
        assert [level.shape for level in found] == [(1300, 2100), (650, 1050), (325, 525)]
        assert all(level.keyframe.is_tiled for level in found)
        for place, level in enumerate(found):
            np.testing.assert_array_equal(level.asarray(), VALUES[:: 2**place, :: 2**place])
    assert is_own_large_mask(tmp_path / "a.ome.tif")


@pytest.mark.parametrize(("zarr_format", "version"), [(2, "0.4"), (3, "0.5")])
def test_labels_of_ome_zarr_have_levels_and_metadata(
    levels: list, zarr_format: int, version: str, tmp_path: Path
) -> None:
    write_ome_zarr(tmp_path / "a.ome.zarr", {"seg": levels}, {"1": "nucleus"}, (0.25, 0.5), zarr_format)
    root = zarr.open_group(tmp_path / "a.ome.zarr", mode="r", zarr_format=zarr_format)
    attributes = [dict(one.attrs) for one in (root, root["seg"])]
    if version == "0.5":
        assert {one["ome"]["version"] for one in attributes} == {"0.5"}
        attributes = [one["ome"] for one in attributes]
    assert attributes[0]["labels"] == ["seg"]
    assert attributes[1]["image-label"]["properties"] == [{"label-value": 1, "class": "nucleus"}]
    datasets = attributes[1]["multiscales"][0]["datasets"]
    assert [one["coordinateTransformations"][0]["scale"] for one in datasets] == [[0.25, 0.5], [0.5, 1.0], [1.0, 2.0]]
    for place, dataset in enumerate(datasets):
        np.testing.assert_array_equal(root["seg"][dataset["path"]][...], VALUES[:: 2**place, :: 2**place])
    assert is_own_large_mask(tmp_path / "a.ome.zarr") and not is_own_large_mask(tmp_path / "a.ome.zarr" / "seg")
