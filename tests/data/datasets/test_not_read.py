"""Labels of known kinds that are not read are refused with what to do."""

from pathlib import Path

import pytest

from monai_lwmisn.data.datasets import recognise_dataset
from monai_lwmisn.errors import DataError


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a.png", "a_seg.npy"], "a_seg.npy, which are not read, because such a file can run a program: let Cellpose"),
        (["a.png", "a.json"], "are polygons, as a.json, which are not read: draw them as a PNG"),
        (["pictures/a.png", "instances_train.json"], "are polygons, as instances_train.json"),
        (["a.png", "settings.json"], "No images with labels are found"),
    ],
)
def test_the_sentence(tmp_path: Path, names: list[str], sentence: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=sentence):
        recognise_dataset(tmp_path)
