"""Segments one volume with a bundle, in the worker. Needs MONAI and monai_lwmisn, and nothing of 3D Slicer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Job = dict[str, Any]
"""One segmentation, as JSON:

- job: its number
- name: of the volume, for messages
- voxels: file of an array (k, j, i[, channel]) in numpy's format
- affine: 4x4, from i, j, k to millimetres in RAS
- labels: file to write in that format, the label map (k, j, i), uint8
- device: auto, cpu or cuda
- slice_axis: auto, axial, coronal or sagittal
- largest_component: whether to keep only the largest connected part of each label
- smoothing: standard deviation of the Gaussian that smooths the labels, in millimetres, of pictures in pixels; 0: none
"""


def run_job(bundle: Path, job: Job, report: Callable[..., None]) -> int | None:
    """Segment a volume.

    Args:
        bundle: its folder.
        job: see :data:`Job`.
        report: called with "progress" and ``done``, ``total``, or with "warning" and ``message``.

    Returns:
        The number of objects, if the bundle tells objects apart.

    Raises:
        LWMISNError: the bundle or the volume cannot be used.
    """
    from monai_lwmisn.errors import DataError
    from monai_lwmisn.inference.predict import load_bundle

    config = json.loads((bundle / "configs" / "inference.json").read_text(encoding="utf-8"))
    data = config["data"]
    voxels = np.load(job["voxels"], mmap_mode="r", allow_pickle=False)
    images = [voxels.transpose(2, 1, 0, *range(3, voxels.ndim))] if data["volumetric"] else list(voxels)
    affine = np.array(job["affine"]) if data["volumetric"] else None
    with load_bundle(
        bundle,
        device=job["device"],
        slice_axis=job["slice_axis"] if data["volumetric"] else "auto",
        progress=_Progress(len(images), report),
        postprocessing=_postprocessing(job, data),
    ) as predictor:
        predictions = [predictor(image, affine, job["name"]) for image in images]
    for message in dict.fromkeys(sentence for prediction in predictions for sentence in prediction.warnings):
        report("warning", message=message)
    labels = [prediction.labels for prediction in predictions]
    try:
        label_map = labels[0].transpose(2, 1, 0) if data["volumetric"] else np.stack(labels)
        np.save(job["labels"], label_map, allow_pickle=False)
    except OSError as error:
        raise DataError(f"The segmentation cannot be handed over ({error}): free space for temporary files.") from error
    instances = [prediction.instances for prediction in predictions if prediction.instances is not None]
    return sum(int(numbers.max(initial=0)) for numbers in instances) if instances else None


class _Progress:
    """Adds up the progress of the images of a job, which are segmented one after the other."""

    def __init__(self, images: int, report: Callable[..., None]) -> None:
        self.images, self.report, self.finished = images, report, 0

    def __call__(self, done: int, total: int) -> None:
        self.report("progress", done=self.finished * total + done, total=self.images * total)
        self.finished += done == total


def _postprocessing(job: Job, data: dict[str, Any]) -> list[Callable]:
    from monai.transforms import AsDiscreted, GaussianSmoothd, KeepLargestConnectedComponentd

    transforms: list[Callable] = []
    if job["largest_component"]:
        labels = [int(value) for value in data["label_names"]]
        transforms.append(KeepLargestConnectedComponentd("pred", applied_labels=labels))
    if job["smoothing"]:
        spacing = np.linalg.norm(np.array(job["affine"])[:3, :3], axis=0) if data["volumetric"] else np.ones(2)
        transforms += [
            AsDiscreted("pred", to_onehot=max(2, data["out_channels"])),
            GaussianSmoothd("pred", sigma=(job["smoothing"] / spacing).tolist()),
            AsDiscreted("pred", argmax=True),
        ]
    return transforms
