"""Channels and classes that a preset leaves to the data are those that were written into them."""

import json
import re
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from monai_lwmisn.errors import ConfigError, DataError, InputWarning
from monai_lwmisn.run import resolve_for
from tests.data.formats import check

TO_DERIVE = {"data.dataset": "folder", "data.in_channels": None, "data.label_names": None}


def derive(path: Path, preset: str, **settings: object) -> dict:
    own = {f"data.{name}": value for name, value in settings.items()}
    with pytest.warns(InputWarning, match="data.label_names is"):
        configs = resolve_for(path, preset, "light", {**TO_DERIVE, **own})
    assert len({json.dumps(config["data"]["label_names"]) for config in configs.values()}) == 1
    return configs["search"]["data"]


def write_pictures(folder: Path, labels: list[np.ndarray]) -> Path:
    for index, label in enumerate(labels):
        for kind, picture in (("images", np.full(label.shape[:2], 7 * index, np.uint8)), ("labels", label)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / kind / f"{index}.png")
    return folder


def squares(*values: int) -> np.ndarray:
    """A label with a square of each value."""
    label = np.zeros((12, 64), np.uint8)
    for index, value in enumerate(values):
        label[2:6, 8 * index + 1 : 8 * index + 6] = value
    return label


def test_channels_and_values_of_volumes(tmp_path: Path) -> None:
    for index, values in enumerate([(1, 2), (3,), (2, 3)]):
        label = squares(*values)[..., None].repeat(4, axis=-1)
        for kind, array in (("images", np.random.default_rng(index).normal(size=(*label.shape, 4))), ("labels", label)):
            (tmp_path / kind).mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4), dtype=array.dtype), tmp_path / kind / f"{index}.nii")
    data = derive(tmp_path, "prostate_mr")
    assert (data["in_channels"], data["out_channels"]) == (4, 4)
    assert data["label_names"] == {"1": "class 1", "2": "class 2", "3": "class 3"}
    assert check("folder", tmp_path, **{name: data[name] for name in ("in_channels", "label_names")}).problems == []


def test_the_names_of_a_decathlon_task(msd_phantom: Path, tmp_path: Path) -> None:
    assert derive(msd_phantom, "hippocampus_mr", dataset="msd")["label_names"] == {"1": "Anterior", "2": "Posterior"}
    as_nnunet = Path(shutil.copytree(msd_phantom, tmp_path / "data"))
    description = json.loads((as_nnunet / "dataset.json").read_text())
    named = {**description, "labels": {"background": 0, "front": 1, "back": 2}}
    (as_nnunet / "dataset.json").write_text(json.dumps(named))
    assert derive(as_nnunet, "hippocampus_mr", dataset="msd")["label_names"] == {"1": "front", "2": "back"}


@pytest.mark.parametrize(
    "labels, names",
    [
        ([squares(255, 255)] * 3, {"1": "foreground"}),
        ([squares(1, 2, 1, 2)] * 3, {"1": "class 1", "2": "class 2"}),
        ([squares(1, 2, 3, 4), squares(1, 2), squares(1, 2, 3, 4, 5)], {"1": "foreground"}),
    ],
    ids=["mask", "classes", "numbered objects"],
)
def test_the_values_of_pictures(tmp_path: Path, labels: list[np.ndarray], names: dict[str, str]) -> None:
    data = derive(write_pictures(tmp_path, labels), "nuclei", instances=False)
    assert data["label_names"] == names and data["in_channels"] == 3
    assert data["out_channels"] == (1 if len(names) == 1 else len(names) + 1)
    assert check("folder", tmp_path, preset="nuclei", label_names=names, instances=False).problems == []


def test_objects_and_colours_that_are_named(tmp_path: Path, nuclei_phantom: Path) -> None:
    assert derive(nuclei_phantom, "nuclei", dataset="dsb2018")["label_names"] == {"1": "object"}
    red, green = np.zeros((2, 12, 64, 3), np.uint8)
    red[2:6, 2:6, 0], green[2:6, 2:6, 1] = 255, 255
    write_pictures(tmp_path, [red, green])
    with pytest.raises(DataError, match=r"is in colour: say .*label_colours"):
        resolve_for(tmp_path, "nuclei", "light", {**TO_DERIVE, "data.instances": False})
    named = derive(tmp_path, "nuclei", instances=False, label_colours={"#ff0000": 1, "#00ff00": 2})
    assert named["label_names"] == {"1": "class 1", "2": "class 2"}


@pytest.mark.parametrize(
    "labels, sentence", [([squares(1, 3, 1, 3)] * 3, "the values 1, 3 besides 0"), ([squares()] * 3, "no* foreground")]
)
def test_labels_that_tell_no_classes(tmp_path: Path, labels: list[np.ndarray], sentence: str) -> None:
    with pytest.raises(DataError, match=re.escape(sentence).replace(r"no\*", "any")):
        resolve_for(write_pictures(tmp_path, labels), "nuclei", "light", {**TO_DERIVE, "data.instances": False})


def test_settings_that_are_given_stay(tmp_path: Path) -> None:
    configs = resolve_for(tmp_path / "not there", "nuclei", "light", {"data.dataset": "folder"})
    assert configs["train"]["data"]["label_names"] == {"1": "nucleus"}


def test_null_is_refused_where_nothing_derives_it(nuclei_phantom: Path) -> None:
    with pytest.raises(ConfigError, match="data.in_channels is null"):
        check("dsb2018", nuclei_phantom, in_channels=None)
