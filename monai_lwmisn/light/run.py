"""Segments files to files with ``model_full.onnx``, see :func:`.segment.segment_files`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial

from .engines import available_processors
from .facts import Facts
from .onnx_properties import read_properties
from .outcomes import Outcome
from .predictor import find_model, load
from .segmentation import segment_files

__all__ = ["segment"]


def segment(
    bundle: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    runtime: str = "onnxruntime",
    device: str = "auto",
    threads: int | None = None,
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
    """Segment files and folders.

    Args:
        bundle: see :func:`.predict.load`.
        inputs: see :func:`.segment_files`.
        output: see :func:`.segment_files`.
        runtime: see :func:`.predict.load`.
        device: see :func:`.predict.load`.
        threads: see :func:`.predict.load`.
        format: see :func:`.segment_files`.
        series: see :func:`.segment_files`.
        slice_axis: see :func:`.predict.load`.
        structured_report: see :func:`.segment_files`.
        table: see :func:`.segment_files`.
        overlays: see :func:`.segment_files`.
        flag: see :func:`.segment_files`.
        flag_below: see :func:`.segment_files`.
        next_free_name: see :func:`.segment_files`.
        plane: see :func:`.segment_files`.
        geojson: see :func:`.segment_files`.
        processes: see :func:`.segment_files`. Together they have all processors, if ``threads`` says nothing else.
        started: see :func:`.segment_files`.
        progress: see :func:`.segment_files`.
        report: see :func:`.segment_files`.

    Raises:
        LWMISNError: see :func:`.predict.load` and :func:`.segment_files`.
    """
    with ExitStack() as stack:
        file = find_model(bundle, stack)
        facts = Facts.from_properties(read_properties(file), file)
        data = {"volumetric": facts.volumetric, "in_channels": facts.in_channels, "label_names": facts.label_names}
        return segment_files(
            data,
            partial(
                load,
                file,
                runtime=runtime,
                device=device,
                slice_axis=slice_axis,
                series=series,
                threads=threads or max(1, available_processors() // processes),
            ),
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
