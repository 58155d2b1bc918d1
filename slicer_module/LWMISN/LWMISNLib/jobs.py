"""One volume through a bundle's own inference configuration, in the worker. Needs MONAI, and nothing of 3D Slicer."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Job = dict[str, Any]
"""What is to be done, as JSON:

- job: its number
- name: of the volume, for messages
- voxels: file of an array (k, j, i[, channel]) in numpy's format
- affine: 4x4, from i, j, k to millimetres in RAS
- labels: file to write in that format, the label map (k, j, i), uint8
- device: auto, cpu or cuda
- slice_axis: auto, axial, coronal or sagittal
- largest_component: whether to keep only that of each label
- smoothing: standard deviation of the Gaussian that smooths the labels, in millimetres, of pictures in pixels; 0: none
"""

_FILE_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


def read_config(bundle: Path) -> dict[str, Any]:
    """The inference configuration of a bundle."""
    return json.loads((bundle / "configs" / "inference.json").read_text(encoding="utf-8"))


def build(bundle: Path, config: dict[str, Any], images: Sequence[Path] = ()) -> Any:
    """A ConfigParser of a bundle's configuration for some images, with the network built and its weights loaded."""
    from monai.bundle import ConfigParser

    parser = ConfigParser({**config, "bundle_root": str(bundle), "num_workers": 0})
    parser["dataset"]["data"] = [{"image": str(image)} for image in images]
    parser.get_parsed_content("initialize")
    parser.get_parsed_content("load")
    return parser


def run_job(bundle: Path, job: Job, place: Path, report: Callable[..., None]) -> int | None:
    """Segment a volume.

    Args:
        bundle: its folder.
        job: see :data:`Job`.
        place: a folder for files in between; it is made, and left for the caller to remove.
        report: called with "progress" and ``done``, ``total``, or with "warning" and ``message``.

    Returns:
        How many objects there are, if the bundle tells objects apart.
    """
    shutil.rmtree(place, ignore_errors=True)
    (place / "masks").mkdir(parents=True)
    config = read_config(bundle)
    volumetric = config["volumetric"]
    voxels = np.load(job["voxels"], mmap_mode="r", allow_pickle=False)
    images = _volume(voxels, job, place) if volumetric else _pictures(voxels, place)
    config["device"], config["output_dir"] = job["device"], str(place / "masks")
    config["progress"] = _Progress(len(images), report)
    config["cleaning"] = [*config["cleaning"], *_cleaning(job, config)]
    if volumetric:
        config["slice_axis"] = job["slice_axis"]
        config["output_extension"] = ".nii"  # not compressed, since it is read at once
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build(bundle, config, images).get_parsed_content("evaluator").run()
    said = (str(one.message) for one in caught if one.category.__name__ == "InputWarning")
    for message in dict.fromkeys(said):
        report("warning", message=message.replace(str(images[0]), job["name"]))
    labels = _volume_labels(place) if volumetric else _picture_labels(images, config["out_channels"])
    np.save(job["labels"], labels, allow_pickle=False)
    return _count_objects(images) if config.get("instances") else None


class _Progress:
    """Of all images of a job together; the bundle reports on one after the other."""

    def __init__(self, images: int, report: Callable[..., None]) -> None:
        self.images, self.report, self.finished = images, report, 0

    def __call__(self, done: int, total: int) -> None:
        self.report("progress", done=self.finished * total + done, total=self.images * total)
        self.finished += done == total


def _cleaning(job: Job, config: dict[str, Any]) -> list[dict[str, Any]]:
    transforms: list[dict[str, Any]] = []
    if job["largest_component"]:
        labels = [int(value) for value in config["label_names"]]
        transforms += [{"_target_": "KeepLargestConnectedComponentd", "keys": "pred", "applied_labels": labels}]
    if job["smoothing"]:
        spacing = np.linalg.norm(np.array(job["affine"])[:3, :3], axis=0) if config["volumetric"] else np.ones(2)
        transforms += [
            {"_target_": "AsDiscreted", "keys": "pred", "to_onehot": max(2, config["out_channels"])},
            {"_target_": "GaussianSmoothd", "keys": "pred", "sigma": (job["smoothing"] / spacing).tolist()},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        ]
    return transforms


def _volume(voxels: np.ndarray, job: Job, place: Path) -> list[Path]:
    import nibabel

    axes = (2, 1, 0) if voxels.ndim == 3 else (2, 1, 0, 3)
    dtype = voxels.dtype if voxels.dtype.name in _FILE_TYPES else np.float64
    image = nibabel.Nifti1Image(voxels.transpose(axes).astype(dtype, copy=False), np.array(job["affine"]))
    nibabel.save(image, place / "image.nii")
    return [place / "image.nii"]


def _volume_labels(place: Path) -> np.ndarray:
    import nibabel

    (mask,) = (place / "masks").glob("*.nii")
    return np.asarray(nibabel.load(mask).dataobj, dtype=np.uint8).transpose(2, 1, 0)


def _pictures(voxels: np.ndarray, place: Path) -> list[Path]:
    from PIL import Image

    images = []
    for index, picture in enumerate(voxels):
        if picture.ndim == 3 and picture.dtype != np.uint8:
            picture = (picture / (np.iinfo(picture.dtype).max / 255)).astype(np.uint8)  # colours of 16 bits
        elif picture.dtype not in (np.uint8, np.uint16):
            picture = picture.astype(np.float32)
        images.append(place / f"{index:05d}{'.tif' if picture.dtype == np.float32 else '.png'}")
        Image.fromarray(np.ascontiguousarray(picture)).save(images[-1])
    return images


def _picture_labels(images: list[Path], out_channels: int) -> np.ndarray:
    masks = np.stack([_read(image, "seg") for image in images])
    # A single label is written in white.
    return (masks > 0).astype(np.uint8) if out_channels == 1 else masks.astype(np.uint8)


def _count_objects(images: list[Path]) -> int:
    return sum(int(_read(image, "instances").max(initial=0)) for image in images)


def _read(image: Path, kind: str) -> np.ndarray:
    from PIL import Image

    with Image.open(image.parent / "masks" / f"{image.stem}_{kind}.png") as file:
        return np.asarray(file)
