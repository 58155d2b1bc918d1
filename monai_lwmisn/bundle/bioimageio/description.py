"""Describes a bundle as BioImage.IO does: the content of rdf.yaml, and the page of documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from monai_lwmisn.bundle.bioimageio.network import opposite, shown_plane
from monai_lwmisn.bundle.bioimageio.steps import Step
from monai_lwmisn.bundle.card import wrap_markdown

FORMAT = "0.5.7"
"""Of the specification. From 0.5.11 on, documentation and covers are no plain file names, as QuPath and deepImageJ
expect them."""

ATTACHMENTS = ("LICENSE", "data_license.txt")
"""The terms of the code, and those of the data and the weights."""

TOLERANCE = {"relative_tolerance": 1e-3, "absolute_tolerance": 1e-5}
"""Of probabilities in the library's test. Its own absolute one, 1e-3, lets any network pass that finds nothing."""

INPUT, OUTPUT = "image", "probability"
SMALLEST = 32
"""Pixels of the smallest side of an image. QuPath's tiles of 512 are a multiple of it."""

DOI = "10.11896/jsjkx.210800052"
"""Of the paper that the metadata of every bundle name."""

ENDS = {
    "R": "the patient's right",
    "L": "the patient's left",
    "A": "the front",
    "P": "the back",
    "S": "the head",
    "I": "the feet",
}
TAGS = {"segmentation", "semantic-segmentation", "pytorch", "monai"}


def describe(
    metadata: Mapping[str, Any],
    data: Mapping[str, Any],
    orientation: str | None,
    steps: Sequence[Step],
    licence: str | None,
    weights: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the content of rdf.yaml.

    Args:
        metadata: of the bundle.
        data: the section of its inference configuration.
        orientation: of its volumes; None of pictures.
        steps: the preparation, see :func:`monai_lwmisn.bundle.bioimageio.steps.preparation`.
        licence: an SPDX identifier. None where there is none for the terms: deepImageJ reads no file in its place.
        weights: by format, as the specification has them.
    """
    names = list(data["label_names"].values())
    channels = list(metadata["network_data_format"]["inputs"]["image"]["channel_def"].values())[: data["in_channels"]]
    plane = _picture_axes() if orientation is None else _volume_axes(orientation)
    return {
        "format_version": FORMAT,
        "type": "model",
        "name": _plain(metadata["name"]),
        "version": metadata["version"],
        "description": metadata["description"],
        "authors": [{"name": metadata["authors"]}],
        "cite": [{"text": metadata["references"][0], "doi": DOI}],
        **({"license": licence} if licence else {}),
        "attachments": [{"source": name} for name in ATTACHMENTS],
        "documentation": "README.md",
        "covers": ["cover.png"],
        "tags": sorted({*TAGS, "2d" if orientation is None else "3d", data["modality"].lower(), *map(_tag, names)}),
        "inputs": [
            {
                "id": INPUT,
                "axes": [{"type": "batch"}, {"type": "channel", "channel_names": channels}, *plane],
                "data": {"type": "float32"},
                "test_tensor": {"source": "test_input.npy"},
                "preprocessing": [*steps],
            }
        ],
        "outputs": [
            {
                "id": OUTPUT,
                "axes": [
                    {"type": "batch"},
                    {"type": "channel", "channel_names": ["background", *names]},
                    *map(_of_input, plane),
                ],
                "data": {"type": "float32", "range": [0.0, 1.0]},
                "test_tensor": {"source": "test_output.npy"},
            }
        ],
        "weights": {**weights},
        "config": {"bioimageio": {"reproducibility_tolerance": [TOLERANCE]}},
    }


def documentation(metadata: Mapping[str, Any], data: Mapping[str, Any], card: str, orientation: str | None) -> str:
    """Return the page of documentation, with what the model card says of the data, the measurement and the limits.

    Args:
        metadata: see :func:`describe`.
        data: see :func:`describe`.
        card: the text of the model card.
        orientation: see :func:`describe`.
    """
    names = ", ".join(data["label_names"].values())
    parts = dict(re.findall(r"^## (.+)\n+((?:(?!## ).*\n?)*)", card, re.MULTILINE))
    sections = [
        f"# {metadata['name']}",
        f"{metadata['description']} **For research, not for diagnosis.**",
        "## Use",
        f"Input: the values as stored of {_channels(data)}{_grid(orientation)}",
        f"Output: the probabilities of background, {names}. The most probable is the class of a pixel.",
        "What follows in monai_lwmisn is not in this package: the clean-up of the mask"
        + (" and the separation of touching objects." if data["instances"] else "."),
        f"The {'picture' if orientation is None else 'volume'} should be given whole. A program that cuts it into "
        "tiles takes the range of values of each tile for itself, so that tiles with little in them look different.",
    ]
    for title, heading in (("What was measured", "Validation"), ("Data and terms", "Data and terms"), ("Limits",) * 2):
        if title in parts:
            sections += [f"## {heading}", parts[title].strip()]
    return wrap_markdown("\n\n".join(sections) + "\n")


def named_licence(terms: str) -> str | None:
    """Return the licence of the weights as SPDX writes it; None where the terms name none.

    Args:
        terms: docs/data_license.txt of a bundle.
    """
    own = re.search(r"^The terms of the weights: (\S+)\.$", terms, re.MULTILINE)
    shipped = re.search(r"^The weights [^.]*\bunder (?:the )?([A-Z][^.]* \d\.\d)", terms, re.MULTILINE)
    found = own or shipped
    return found[1].replace(" License", "").replace(" ", "-") if found else None


def _picture_axes() -> list[dict[str, Any]]:
    return [_axis(name) for name in "yx"]


def _axis(name: str) -> dict[str, Any]:
    return {"type": "space", "id": name, "size": {"min": 1 if name == "z" else SMALLEST, "step": 1}}


def _volume_axes(orientation: str) -> list[dict[str, Any]]:
    ways = [(opposite(orientation[2]), orientation[2]), *shown_plane(orientation)]
    return [
        {**_axis(name), "description": f"from {ENDS[start]} to {ENDS[end]}"}
        for name, (start, end) in zip("zyx", ways, strict=True)
    ]


def _of_input(axis: Mapping[str, Any]) -> dict[str, Any]:
    """An axis of the output, as long as that of the input.

    It has no halo: for one, programs add a border to whole images too, and the network finds something else.
    """
    return {**axis, "size": {"tensor_id": INPUT, "axis_id": axis["id"]}}


def _channels(data: Mapping[str, Any]) -> str:
    count, kind = data["in_channels"], "volumes" if data["volumetric"] else "pictures"
    if count == 1:
        return f"{kind} of one channel."
    grey = " Give a grey picture three times." if count == 3 and not data["volumetric"] else ""
    return f"{kind} of {count} channels.{grey}"


def _grid(orientation: str | None) -> str:
    if orientation is None:
        return ""
    axes = ", ".join(f"{axis['id']} {axis['description']}" for axis in _volume_axes(orientation))
    return f" Its axes lead {axes}, as a viewer shows slices of DICOM. Another order gives a wrong result."


def _plain(name: str) -> str:
    """A name of letters, digits and what else the specification allows."""
    return re.sub(r"[^A-Za-z0-9_+\-() ]", " ", name)[:128].ljust(5, "_")


def _tag(name: str) -> str:
    return name.lower().replace(" ", "-")
