"""Segments files to files with the network of a bundle in torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial

from monai_lwmisn.inference.bundle_files import read_bundle
from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.light.bundle_files import open_bundle
from monai_lwmisn.light.outcomes import Outcome
from monai_lwmisn.light.segmentation import FORMATS, segment_files

__all__ = ["FORMATS", "Outcome", "segment"]


def segment(
    bundle: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    device: str = "auto",
    runtime: str = "torch",
    format: str | None = None,
    series: str | None = None,
    slice_axis: str = "auto",
    structured_report: bool = False,
    table: str | os.PathLike[str] | None = None,
    overlays: bool = False,
    flag: bool = False,
    flag_below: float | None = None,
    next_free_name: bool = False,
    plane: Mapping[str, int] | None = None,
    geojson: bool = False,
    processes: int = 1,
    started: Callable[[int], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Segment files and folders with a bundle.

    The network is built once. A mask is in ``output`` when it is whole; an input that fails leaves none, and no input
    is written over, nor any file but masks, overlays and tables of an earlier call.

    Args:
        bundle: see :func:`monai_lwmisn.inference.predict.load_bundle`.
        inputs: files, folders of files, and folders of a DICOM series.
        output: the folder for the masks; it is made.
        device: ``auto``, ``cpu`` or ``cuda``.
        runtime: ``torch``, or ``onnxruntime`` or ``openvino`` for the bundle's ``models/model.onnx``.
        format: of the masks, see :func:`~monai_lwmisn.light.segmentation.segment_files`.
        series: the UID of the series to take from DICOM folders that hold several.
        slice_axis: ``auto`` for the axis that the network was trained on, or ``axial``, ``coronal``, ``sagittal``.
        structured_report: also write the volume of each class as a DICOM structured report, ``NAME_report.dcm``; with
            dicom-seg.
        table: a CSV with the measures of each input and class, see :class:`.Measures`; ``NAME_objects.csv`` beside it
            has those of each object where the bundle tells objects apart. It has what was segmented, also after an
            interruption.
        overlays: also draw the contours on the image, as ``NAME_overlay.png``.
        flag: also estimate how good each mask is, see :func:`.quality.estimate_quality`.
        flag_below: the estimate below which somebody should look at a mask; None for that of the bundle.
        next_free_name: where another file has the name of a mask or of the table, put ``_2`` and so on behind the name
            of the input, or of the table, instead of a refusal.
        plane: see :func:`~monai_lwmisn.light.segmentation.segment_files`.
        geojson: see :func:`~monai_lwmisn.light.segmentation.segment_files`.
        processes: see :func:`~monai_lwmisn.light.segmentation.segment_files`.
        started: called with the number of inputs before the first.
        progress: called within each input with the number of slices or windows done, and how many there are.
        report: called after each input.

    Returns:
        One outcome per input, in order.

    Raises:
        LWMISNError: nothing can be segmented: the bundle or its weights cannot be used, an option does not go with it,
            or ``output`` or ``table`` cannot be written to.
    """
    with ExitStack() as stack:
        root = open_bundle(bundle, stack)
        return segment_files(
            read_bundle(root, bundle)["data"],
            partial(load_bundle, root, device=device, runtime=runtime, slice_axis=slice_axis, series=series),
            inputs,
            output,
            format=format,
            series=series,
            structured_report=structured_report,
            table=table,
            overlays=overlays,
            flag=flag,
            flag_below=flag_below,
            next_free_name=next_free_name,
            plane=plane,
            geojson=geojson,
            processes=processes,
            started=started,
            progress=progress,
            report=report,
        )
