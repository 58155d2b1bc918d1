"""Writes and measures what was found in a large picture."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputWarning
from ..facts import Facts
from ..folders import is_zarr
from ..libraries import is_installed, library
from ..masks import Prediction
from ..measures import Measures
from ..overlays import LARGEST, draw_overlay
from ..regions import JoinedRegions, Place
from ..writers import mask_writer
from .geojson import LARGEST_SIDE, write_geojson
from .job import Open, Options
from .objects import Objects
from .outputs import pyramid_of, write_ome_tiff, write_ome_zarr

__all__ = ["measure_large", "numbers_objects", "output_paths", "write_results"]


def numbers_objects(facts: Facts) -> bool:
    """Return whether the objects of a network's masks are numbered here."""
    return facts.instances and is_installed("skimage")


def output_paths(image: Path, base: Path, facts: Facts, options: Options, overlay: bool) -> dict[str, Path]:
    """Return the files of the masks of a picture by what they hold: ``seg``, ``instances``, ``geojson``, ``overlay``.

    Args:
        image: the input.
        base: their name without ending.
        facts: of the network.
        options: of the call.
        overlay: whether there is a drawing.
    """
    numbered = numbers_objects(facts)
    paths = {}
    if (options.format or ("ome-zarr" if is_zarr(image) else "ome-tiff")) == "ome-zarr":
        paths["seg"] = base.with_name(f"{base.name}_labels.ome.zarr")
    else:
        kinds = ("seg", "instances") if numbered else ("seg",)
        paths = {kind: base.with_name(f"{base.name}_{kind}.ome.tif") for kind in kinds}
    if options.geojson and numbered:
        paths["geojson"] = base.with_name(f"{base.name}_objects.geojson")
    if overlay:
        paths["overlay"] = base.with_name(f"{base.name}_overlay.png")
    return paths


def write_results(opened: Open, paths: Mapping[str, Path], objects: Objects | None) -> tuple[Path, ...]:
    """Write the files of a picture, all or none, and return them.

    Args:
        opened: the picture, of which all steps are done.
        paths: see :func:`output_paths`.
        objects: its objects; None where they are not numbered.
    """
    work, source, facts = opened.work, opened.source, opened.job.facts
    maps = {"seg": pyramid_of(work, "labels", "u1")}
    if objects is not None:
        maps["instances"] = pyramid_of(work, "numbers", "u4")
    written = {kind: path.with_name(f".partial.{path.name}") for kind, path in paths.items()}
    try:
        if paths["seg"].suffix == ".zarr":
            version = (
                library("zarr", opened.job.image).open_group(opened.job.image, mode="r").metadata.zarr_format
                if is_zarr(opened.job.image)
                else 2
            )
            write_ome_zarr(written["seg"], maps, facts.label_names, source.pixel, version)
        else:
            for kind, levels in maps.items():
                write_ome_tiff(written[kind], levels, source.pixel)
        if "geojson" in paths and objects is not None:
            left_out = write_geojson(written["geojson"], maps["instances"][0], objects.boxes, objects.class_name)
            if left_out:
                warnings.warn(
                    f"{left_out} objects of {opened.job.image} are larger than {LARGEST_SIDE} pixels and have no "
                    "polygon.",
                    InputWarning,
                    stacklevel=2,
                )
        if "overlay" in paths:
            mask_writer(".png", _overlay(opened, maps))(written["overlay"])
        for kind, path in paths.items():
            written[kind].rename(path)
    finally:
        for path in written.values():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return tuple(sorted(paths.values()))


def measure_large(opened: Open, objects: Objects | None) -> Measures:
    """Return the rows of the tables, see :func:`..measures.measure`."""
    labels, rows = opened.work.array("labels", "u1"), []
    for value, name in opened.job.facts.label_names.items():
        if objects is not None:
            areas, total = objects.areas, objects.sums[2].sum()
        else:
            places = [window.core for window in opened.windows]
            areas = JoinedRegions(partial(_is_class, labels, int(value)), labels.shape, places).sizes
            total = sum(opened.source[place].mean(axis=-1)[labels[place] == int(value)].sum() for place in places)
        row: dict[str, Any] = {"class": name, "objects": len(areas), "area_px": int(areas.sum())}
        row["mean_diameter_px"] = float(np.sqrt(4 * areas / np.pi).mean()) if len(areas) else None
        row["mean_intensity"] = float(total / areas.sum()) if len(areas) else None
        rows.append(row)
    return Measures(tuple(rows), objects if objects is not None else ())


def _is_class(labels: Any, value: int, place: Place) -> np.ndarray:
    return labels[place] == value


def _overlay(opened: Open, maps: Mapping[str, list[Any]]) -> np.ndarray:
    """A drawing of the picture thinned out, see :func:`..overlays.draw_overlay`."""
    thin = -(-max(opened.source.shape) // LARGEST)
    place = (slice(None, None, thin), slice(None, None, thin))
    numbers = maps["instances"][0][place].astype(np.int32) if "instances" in maps else None
    return draw_overlay(opened.source[place], Prediction(maps["seg"][0][place], numbers))
