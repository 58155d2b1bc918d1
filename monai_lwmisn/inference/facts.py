"""What a bundle says of itself, in the form in which :mod:`monai_lwmisn.light` takes it."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.networks.layers import gaussian_1d

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.bundle_files import read_bundle
from monai_lwmisn.inference.translation import translate_intensity, translate_postprocessing, translate_spatial
from monai_lwmisn.light import __version__
from monai_lwmisn.light.facts import Facts
from monai_lwmisn.light.normalisation import to_facts
from monai_lwmisn.networks import Genotype

__all__ = ["bundle_facts"]


def bundle_facts(bundle: Path) -> Facts:
    """Return the facts of a bundle's folder.

    Raises:
        ConfigError: it has a transform that has no translation, or takes slices in windows.
        GenotypeError: its genotype cannot be used.
    """
    config = read_bundle(bundle, bundle)
    data, inference = config["data"], config["inference"]
    metadata_file = bundle / "configs" / "metadata.json"
    metadata = read_json(metadata_file) if metadata_file.is_file() else {}
    volumetric = bool(data["volumetric"])
    if volumetric and inference["roi"]:
        raise ConfigError(f"{bundle} takes slices in windows (inference.roi), which cannot be part of an ONNX file.")
    resample, resize = translate_spatial(data["spatial"], volumetric)
    smoothing = inference["slice_smoothing"] if volumetric else 0
    kernel = gaussian_1d(torch.tensor(float(smoothing)), truncated=4.0).tolist() if smoothing else []
    terms = bundle / "docs" / "data_license.txt"
    return Facts(
        name=str(metadata.get("name", bundle.name)),
        version=__version__,
        licence=terms.read_text(encoding="utf-8").strip().splitlines()[-1] if terms.is_file() else "",
        volumetric=volumetric,
        modality=data["modality"],
        in_channels=data["in_channels"],
        out_channels=data["out_channels"],
        label_names=dict(data["label_names"]),
        instances=bool(data["instances"]),
        orientation=data["orientation"],
        slices=Genotype.load(bundle / "genotype.json").architecture.slices,
        resample=resample,
        resize=resize,
        normalisation=to_facts(translate_intensity(data["intensity"])),
        slice_kernel=kernel,
        flips=list(inference["test_time_flips"]),
        window=list(inference["roi"]) if inference["roi"] and not volumetric else None,
        postprocessing=translate_postprocessing(inference["postprocessing"]),
        bundle_version=str(metadata.get("version", "unknown")),
        flag_below=inference.get("flag_below", 0.9),
    )
