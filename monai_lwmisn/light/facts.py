"""What ``model_full.onnx`` says of itself: the facts that a program needs to run it. Needs no library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .errors import ConfigError

KEY = "lwmisn"
"""The name of the facts among the properties of an ONNX file."""

SOURCE = "source"
"""The name of the property that says what the file was made of, see :func:`.bundle_files.fingerprint`."""

RELEASE = 1
"""Of the form of the facts. A program refuses a later one."""

IMAGE, SLICES, STATISTICS = "image", "slices", "statistics"
"""Names of the inputs: of a picture; of volumes, and of the numbers of the whole volume."""

LOGITS, PROBABILITIES, LABELS = "logits", "probabilities", "labels"
"""Names of the outputs."""

__all__ = ["IMAGE", "KEY", "LABELS", "LOGITS", "PROBABILITIES", "SLICES", "SOURCE", "STATISTICS", "Facts"]


@dataclass(frozen=True)
class Facts:
    """The facts of a network with all that is around it.

    Args:
        name: of the bundle.
        version: of the package that wrote the file.
        licence: the terms of the weights.
        volumetric: it takes volumes slice by slice, otherwise pictures.
        modality: ``CT``, ``MR`` or ``microscopy``.
        in_channels: channels of an image.
        out_channels: 1 for one class, otherwise background and classes.
        label_names: the names of the classes by value as text.
        instances: objects are told apart, see :func:`.instances.separate_instances`.
        orientation: three letters, the directions of the axes of a volume; slices are taken along the last.
        slices: a slice is given with its neighbours as channels, see :mod:`.slices`.
        resample: the spacing in mm along each axis that a volume is resampled to before, and its logits back after; 0
            keeps that of the volume. None: not at all. It is not in the graph.
        resize: the size in pixels of the longer side, or of the plane, -1 for that of the image, that the graph works
            at; None: that of the image.
        normalisation: the steps in the graph, see :mod:`.normalisation`.
        slice_kernel: weights of neighbouring slices by which the graph smooths logits; empty for none.
        flips: the axes of a plane (x, y) whose mirror images are averaged over, in the graph.
        window: the largest picture (x, y) that is taken whole; larger ones go in windows. None: any.
        postprocessing: what follows on the label map, see :mod:`.postprocessing`.
        bundle_version: of the bundle.
        flag_below: the estimate of quality below which somebody should look at a mask.
        quantised: of a network that computes in 8 bits, ``images``, the number that it was calibrated on, and
            ``same_pixels``, the share of their pixels that have the class of the network in float32. None: in float32.
        release: of the form of these facts.
    """

    name: str
    version: str
    licence: str
    volumetric: bool
    modality: str
    in_channels: int
    out_channels: int
    label_names: dict[str, str]
    instances: bool = False
    orientation: str = "RAS"
    slices: int = 1
    resample: list[float] | None = None
    resize: int | list[int] | None = None
    normalisation: list[dict[str, Any]] = field(default_factory=list)
    slice_kernel: list[float] = field(default_factory=list)
    flips: list[int] = field(default_factory=list)
    window: list[int] | None = None
    postprocessing: list[dict[str, Any]] = field(default_factory=list)
    bundle_version: str = "unknown"
    flag_below: float = 0.9
    quantised: dict[str, float] | None = None
    release: int = RELEASE

    def to_text(self) -> str:
        """The facts as they are in the file."""
        facts = asdict(self)
        if self.quantised is None:
            del facts["quantised"]  # releases that do not know it read the file then
        return json.dumps(facts)

    @staticmethod
    def from_properties(properties: Mapping[str, str], name: object) -> Facts:
        """The facts of a file.

        Args:
            properties: of the ONNX file.
            name: its path, for messages.

        Raises:
            ConfigError: it has none, or those of a later release.
        """
        if KEY not in properties:
            raise ConfigError(
                f"{name} is the network alone, without its preparation: write it with "
                "`lwmisn bundle BUNDLE --onnx FILE.onnx`."
            )
        found = json.loads(properties[KEY])
        if found.get("release", 0) > RELEASE or set(found) - {one.name for one in fields(Facts)}:
            raise ConfigError(f"{name} was written by release {found.get('version')}: install a newer lwmisn-run.")
        return Facts(**found)
