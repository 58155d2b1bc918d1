"""Segments one volume with a bundle, in the worker. Needs monai_lwmisn, and nothing of 3D Slicer."""

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


def load_function(runtime: str) -> Callable[..., Any]:
    """The function that loads a bundle by a runtime, see :func:`.bundles.runtime_of`."""
    if runtime == "torch":
        from monai_lwmisn.inference.predict import load_bundle

        return load_bundle
    from monai_lwmisn.light.predictor import load

    return load


def run_job(bundle: Path, runtime: str, job: Job, report: Callable[..., None]) -> int | None:
    """Segment a volume.

    Args:
        bundle: its folder.
        runtime: see :func:`.bundles.runtime_of`.
        job: see :data:`Job`.
        report: called with "progress" and ``done``, ``total``, or with "warning" and ``message``.

    Returns:
        The number of objects, if the bundle tells objects apart.

    Raises:
        LWMISNError: the bundle or the volume cannot be used.
    """
    from monai_lwmisn.errors import DataError

    config = json.loads((bundle / "configs" / "inference.json").read_text(encoding="utf-8"))
    data = config["data"]
    voxels = np.load(job["voxels"], mmap_mode="r", allow_pickle=False)
    images = [voxels.transpose(2, 1, 0, *range(3, voxels.ndim))] if data["volumetric"] else list(voxels)
    affine = np.array(job["affine"]) if data["volumetric"] else None
    steps = _postprocessing(job, data)
    with load_function(runtime)(
        bundle,
        device=job["device"],
        slice_axis=job["slice_axis"] if data["volumetric"] else "auto",
        progress=_Progress(len(images), report),
        postprocessing=_of_monai(steps, data["out_channels"]) if runtime == "torch" else steps,
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


def _postprocessing(job: Job, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of :mod:`monai_lwmisn.light.postprocessing` that a job asks for."""
    steps: list[dict[str, Any]] = []
    if job["largest_component"]:
        steps.append({"step": "keep_largest", "classes": [int(value) for value in data["label_names"]]})
    if job["smoothing"]:
        spacing = np.linalg.norm(np.array(job["affine"])[:3, :3], axis=0) if data["volumetric"] else np.ones(2)
        steps.append({"step": "smooth", "sigma": (job["smoothing"] / spacing).tolist()})
    return steps


def _of_monai(steps: list[dict[str, Any]], out_channels: int) -> list[Callable]:
    """The transforms of MONAI that do the same, for the code that a bundle of an earlier release may carry."""
    if not steps:
        return []
    from monai.transforms import AsDiscreted, GaussianSmoothd, KeepLargestConnectedComponentd

    transforms: list[Callable] = []
    for step in steps:
        if step["step"] == "keep_largest":
            transforms.append(KeepLargestConnectedComponentd("pred", applied_labels=step["classes"]))
        else:
            transforms += [
                AsDiscreted("pred", to_onehot=max(2, out_channels)),
                GaussianSmoothd("pred", sigma=step["sigma"]),
                AsDiscreted("pred", argmax=True),
            ]
    return transforms
