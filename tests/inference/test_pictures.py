"""Pictures through the inference configuration: of any kind and size, the mask lies where the objects lie."""

import shutil
from pathlib import Path
from typing import Any

import itk
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import label

from monai_lwmisn.config import execute
from monai_lwmisn.errors import DataError
from tests.inference.bundles import write_bundle


class Threshold(torch.nn.Module):
    """A network that finds what is brighter than a half."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 20 * (images.mean(dim=1, keepdim=True) - 0.5)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the inference configuration of the nuclei and a network of random weights."""
    return write_bundle(tmp_path_factory.mktemp("bundle"), "nuclei", {})


def segment(
    bundle: Path, images: Path, network: torch.nn.Module | None = None, **settings: Any
) -> dict[str, Image.Image]:
    """The written files by name; with a network given in place of the bundle's."""
    output = images.parent / "masks"
    shutil.rmtree(output, ignore_errors=True)
    if network is not None:
        settings |= {"network": network, "load": None}
    execute(
        bundle / "configs/inference.json",
        bundle_root=str(bundle),
        dataset_dir=str(images),
        output_dir=str(output),
        device="cpu",
        **settings,
    )
    return {file.name: Image.open(file) for file in sorted(output.iterdir())}


def discs(height: int = 40, width: int = 70) -> np.ndarray:
    """A mask (height, width) of two touching discs at the upper right and one at the lower left."""
    rows, columns = np.mgrid[:height, :width]
    middles = [(12, 45), (12, 59), (height - 10, 10)]
    return np.any([(rows - row) ** 2 + (columns - column) ** 2 <= 64 for row, column in middles], axis=0)


def picture(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 220, 20).astype(np.uint8)


def saved(folder: Path, **images: Image.Image) -> Path:
    folder.mkdir(exist_ok=True)
    for name, image in images.items():
        image.save(folder / name.replace("_", "."))
    return folder


def color(grey: np.ndarray, alpha: bool = False) -> Image.Image:
    opacity = [np.arange(grey.size, dtype=np.uint8).reshape(grey.shape)] if alpha else []
    return Image.fromarray(np.stack([grey, grey, grey, *opacity], axis=-1))


def test_every_kind_of_picture_gives_the_mask_and_its_instances(bundle: Path, tmp_path: Path) -> None:
    mask = discs()
    grey = picture(mask)
    folder = saved(
        tmp_path / "in",
        rgb_png=color(grey),
        rgba_png=color(grey, alpha=True),
        grey_tif=Image.fromarray(grey),
        deep_png=Image.fromarray(grey.astype(np.uint16) * 16),  # a camera of 12 bits
        deeper_tiff=Image.fromarray(grey.astype(np.uint16) * 257),
        lossy_jpg=color(grey),
        plain_bmp=color(grey),
    )
    deep_color = itk.image_from_array(np.stack([grey.astype(np.uint16) * 257] * 3, axis=-1), is_vector=True)
    for name in ("deepcolor.png", "deepercolor.tif"):
        itk.imwrite(deep_color, str(folder / name))
    (folder / "notes.txt").write_text("no picture")
    files = segment(bundle, folder, Threshold())
    assert len(files) == 18
    for name, file in files.items():
        values = np.asarray(file)
        assert file.size == (70, 40)
        if name.endswith("_seg.png"):
            assert file.mode == "L" and set(np.unique(values)) == {0, 255}
            agreed = (values > 0) == mask
            assert agreed.all() if name != "lossy_seg.png" else agreed.mean() > 0.98
        else:
            assert file.mode == "I;16"
            if name != "lossy_instances.png":
                np.testing.assert_array_equal(values > 0, mask)
                assert label(mask)[1] == 2 and set(np.unique(values)) == {0, 1, 2, 3}


def test_a_mask_of_its_own_for_each_picture(bundle: Path, tmp_path: Path) -> None:
    """Wide, tall, one row, one column."""
    masks = {"wide": discs(), "tall": discs().T, "row": discs()[12:13], "column": discs()[:, 45:46]}
    folder = saved(tmp_path / "in", **{f"{name}_png": color(picture(mask)) for name, mask in masks.items()})
    files = segment(bundle, folder, Threshold(), **{"data::instances": False})
    assert set(files) == {f"{name}_seg.png" for name in masks}
    for name, mask in masks.items():
        np.testing.assert_array_equal(np.asarray(files[f"{name}_seg.png"]) > 0, mask)


@pytest.mark.parametrize("roi", [[16, 16], [40, 70], [70, 40], [64, 96]])
def test_windows_of_any_size_give_the_mask_of_the_whole(bundle: Path, tmp_path: Path, roi: list[int]) -> None:
    folder = saved(tmp_path / "in", a_png=color(picture(discs())))
    said: list[tuple[int, int]] = []
    files = segment(
        bundle, folder, Threshold(), **{"inference::roi": roi, "inference::progress": lambda *now: said.append(now)}
    )
    np.testing.assert_array_equal(np.asarray(files["a_seg.png"]) > 0, discs())
    # The preset takes the picture and its mirror image, and each window is counted once.
    total = said[-1][1]
    assert [done for done, _ in said] == [(index + 1) // 2 for index in range(2 * total)]


def test_a_searched_network_segments_a_file(bundle: Path, tmp_path: Path) -> None:
    folder = saved(tmp_path / "in", a_png=color(picture(discs(37, 53))))
    files = segment(bundle, folder / "a.png")
    assert files["a_seg.png"].size == files["a_instances.png"].size == (53, 37)


def test_postprocessing_comes_before_both_outputs(bundle: Path, tmp_path: Path) -> None:
    mask = discs()
    mask[30, 60] = True
    mask[12, 45] = False
    folder = saved(tmp_path / "in", a_png=color(picture(mask)))
    steps = [
        {"_target_": "RemoveSmallObjectsd", "keys": "pred", "min_size": 5},
        {"_target_": "FillHolesd", "keys": "pred"},
    ]
    for file in segment(bundle, folder, Threshold(), **{"inference::postprocessing": steps}).values():
        np.testing.assert_array_equal(np.asarray(file) > 0, discs())


def test_pictures_that_cannot_be_read_leave_no_mask(bundle: Path, tmp_path: Path) -> None:
    folder = saved(tmp_path / "in", a_png=color(picture(discs())))
    content = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="a.png cannot be read"):
        segment(bundle, folder, Threshold())
    assert not list((tmp_path / "masks").glob("*"))
