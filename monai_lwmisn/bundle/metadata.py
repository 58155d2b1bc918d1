"""The metadata.json of a bundle, which describes it to people and to tools that read MONAI Bundles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from monai_lwmisn import __version__
from monai_lwmisn.networks import LWMISN, Architecture, Genotype
from monai_lwmisn.profiling import example_image, multiply_accumulates, parameter_count

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
BUNDLE_VERSION = "0.1.0"
LIBRARIES = {"nibabel": "nibabel", "itk": "itk", "ignite": "pytorch-ignite", "skimage": "scikit-image"}
"""The libraries that the workflows import beside MONAI: import name, then name of the distribution."""

DICOM_LIBRARIES = ("pydicom", "python-gdcm")
"""The libraries that bundles of volumes read DICOM with; other files are read without them."""

PACKAGE = "monai-lwmisn"

FORMATS = {"CT": "hounsfield", "MR": "magnitude", "microscopy": "RGB"}
"""MONAI's names for the values of an image, by modality."""

AUTHORS = "The monai_lwmisn authors"
PAPER = (
    'Zhang, Zhong, Mao: "Neural Architecture Search for Light-weight Medical Image Segmentation Network", '
    "Computer Science 49(10), 2022, 183-190"
)


def bundle_metadata(
    config: Mapping[str, Any],
    card: Mapping[str, Any],
    genotype: Genotype,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any] | None,
    libraries: Mapping[str, str],
) -> dict[str, Any]:
    """Return the content of metadata.json, by MONAI's schema of 2024-07-25.

    Args:
        config: the evaluation configuration of the run.
        card: see :func:`monai_lwmisn.bundle.card.load_card`.
        genotype: the network.
        settings: the settings of the run that differ from its preset, by dotted key.
        metrics: the metrics.json of the run; None where it has not been evaluated.
        libraries: the version of MONAI, torch, numpy and each of ``LIBRARIES`` and ``DICOM_LIBRARIES`` that it was
            made with.
    """
    network = LWMISN(genotype).eval()
    image = example_image(genotype.architecture.input_channels)
    data = config["data"]
    classes = {"0": "background", **data["label_names"]}
    volumetric = data["volumetric"]
    plane = ["*", "*"]
    return {
        "schema": SCHEMA,
        "version": BUNDLE_VERSION,
        "changelog": {BUNDLE_VERSION: "first version"},
        "monai_version": libraries["monai"],
        "pytorch_version": libraries["torch"],
        "numpy_version": libraries["numpy"],
        "required_packages_version": {**{name: libraries[name] for name in LIBRARIES.values()}, PACKAGE: __version__},
        **({"optional_packages_version": {name: libraries[name] for name in DICOM_LIBRARIES}} if volumetric else {}),
        "name": card["title"],
        "task": card["task"],
        "description": f"{card['task']}, by a light-weight network.",
        "authors": card.get("author", AUTHORS),
        "copyright": f"Copyright (c) {card.get('author', AUTHORS)}",
        "data_source": f"{card['data_name']}, {card['data_source']}",
        "data_type": "NIfTI, NRRD, MetaImage, DICOM series" if volumetric else "PNG, TIFF, JPEG, BMP",
        "image_classes": card["image"],
        "label_classes": ", ".join(f"{value}: {name}" for value, name in classes.items()),
        "pred_classes": ", ".join(f"{value}: {name}" for value, name in classes.items()),
        "eval_metrics": {name: value for name, value in (metrics or {}).get("mean", {}).items() if value is not None},
        "intended_use": "Research, not for diagnosis.",
        "references": [PAPER],
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": FORMATS.get(data["modality"], "magnitude"),
                    "modality": data["modality"],
                    "num_channels": genotype.architecture.input_channels,
                    "spatial_shape": plane,
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": False,
                    "channel_def": _channel_names(genotype.architecture),
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": genotype.architecture.out_channels,
                    "spatial_shape": plane,
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": False,
                    "channel_def": classes,
                }
            },
        },
        "lwmisn": {
            "package_version": __version__,
            "preset": config.get("preset"),
            "variant": config.get("variant"),
            "settings": {key: _described(value) for key, value in settings.items()},
            "orientation": data["orientation"] if volumetric else None,
            "slice_axis": "axial" if volumetric else None,
            "params": parameter_count(network),
            "macs": multiply_accumulates(network, image),
            "macs_of": list(image.shape),
        },
    }


def installed_libraries() -> dict[str, str]:
    """Return the versions of the installed libraries, without local marks such as ``+cpu``."""
    names = ("monai", "torch", "numpy", *LIBRARIES.values(), *DICOM_LIBRARIES)
    return {name: version(name).partition("+")[0] for name in names}


def _channel_names(architecture: Architecture) -> dict[str, str]:
    """The channels of the network's input by number."""
    count, reach = architecture.in_channels, architecture.slices // 2
    names = ["red", "green", "blue"] if count == 3 else ["image"]
    if reach:
        names = names if count in (1, 3) else [f"channel {number}" for number in range(count)]
        before = [f"{distance} before" for distance in range(reach, 0, -1)]
        after = [f"{distance} after" for distance in range(1, reach + 1)]
        names = [f"{name} of the slice {place}" for place in (*before, "to segment", *after) for name in names]
    return {str(number): name for number, name in enumerate(names)}


def _described(value: Any) -> Any:
    """The value of a setting; transforms as a text, so that nothing builds them from here."""
    text = json.dumps(value)
    return text if '"_target_"' in text else value


def settings_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that differ from those of the preset, by dotted key, as they are in a configuration.

    Args:
        facts: the section ``lwmisn`` of the metadata, where transforms are texts.
    """
    return {
        key: json.loads(value) if isinstance(value, str) and '"_target_"' in value else value
        for key, value in facts["settings"].items()
    }
