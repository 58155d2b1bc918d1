"""Finds, among the bundles that come with the package, the one whose network and weights others can begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from monai_lwmisn.auto.decisions import Wishes
from monai_lwmisn.auto.fingerprint import Fingerprint
from monai_lwmisn.config import read_config
from monai_lwmisn.files import read_json
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import network_costs, parameter_count
from monai_lwmisn.shipped import shipped_bundles

APACHE = "they are under the Apache License 2.0."
FREE_WEIGHTS = dict.fromkeys(("nuclei_microscopy_lwmisn", "nuclei_microscopy_lwmisn_fast", "lung_ct_lwmisn"), APACHE)
"""Terms of the weights that bind nobody who goes on with them. Those of most others are for research or share-alike."""


@dataclass(frozen=True)
class Start:
    """A shipped bundle to begin with.

    Attributes:
        folder: the bundle.
        params: parameters of its network for the images.
    """

    folder: Path
    params: int

    @property
    def weights_terms(self) -> str | None:
        """The terms of its weights, where these may be taken; None where only the network may."""
        return FREE_WEIGHTS.get(self.folder.name)

    @property
    def genotype(self) -> Path:
        """Its genotype file."""
        return self.folder / "genotype.json"

    @property
    def weights(self) -> Path | None:
        """The file of its weights, where they may be taken."""
        return self.folder / "models" / "model.pt" if self.weights_terms else None


def nearest_start(fingerprint: Fingerprint, preset: Mapping[str, Any], wishes: Wishes) -> Start | None:
    """Return the shipped bundle for images of the same kind, whose network keeps the limits that were asked for.

    Of several it is the one whose network has as many levels as was decided, for volumes; and for pictures the one of
    the fewest parameters, which learns most in the same time, or the finest where a class is thin. None where there is
    none.

    Args:
        fingerprint: of the data.
        preset: what was decided.
        wishes: with the limits.
    """
    found = []
    for folder in shipped_bundles():
        data = read_config(folder, "evaluate")["data"]
        # A network of microscopy is a start for any picture.
        alike = data["modality"] in ([] if fingerprint.volumetric else ["microscopy"]) + [fingerprint.modality]
        if data["volumetric"] != fingerprint.volumetric or not alike:
            continue
        genotype = Genotype.load(folder / "genotype.json").for_images(
            fingerprint.channels, preset["data"]["out_channels"], fingerprint.volumetric
        )
        params = parameter_count(LWMISN(genotype))
        if wishes.size is not None and params > wishes.size:
            continue
        if wishes.latency_ms is not None and network_costs(genotype)["latency_ms"] > wishes.latency_ms:
            continue
        shape, wanted = genotype.architecture, preset["architecture"]
        stride = shape.stem_stride if wanted["stem_stride"] == 1 and not fingerprint.volumetric else 0
        if fingerprint.volumetric and shape.cells_of("encoder") != wanted["cells"]["encoder"]:
            continue  # the shape of a network of volumes belongs to the size of the slices
        found.append((stride, params, Start(folder, params)))
    return min(found, key=itemgetter(0, 1))[-1] if found else None


def start_name(folder: Path) -> str:
    """Return the title of a bundle."""
    return str(read_json(folder / "configs" / "metadata.json")["name"])
