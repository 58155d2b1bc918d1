"""Bring the committed bundles up to the package: their configurations and ONNX files. Weights and documents stay.

    .venv/bin/python tools/refresh_bundles.py

Run it when a preset, a setting, a configuration file of the package, or the weights of a bundle have changed.
"""

from __future__ import annotations

from pathlib import Path

from monai_lwmisn.bundle.configs import bundle_configs
from monai_lwmisn.bundle.full_onnx import write_full_onnx
from monai_lwmisn.bundle.metadata import settings_of
from monai_lwmisn.config import resolve, write_configs
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.facts import bundle_facts
from monai_lwmisn.light.bundle_files import fingerprint
from monai_lwmisn.light.facts import KEY, SOURCE
from monai_lwmisn.light.onnx_properties import read_properties
from monai_lwmisn.light.predictor import FILE

BUNDLES = Path(__file__).parents[1] / "bundles"


def main() -> None:
    """Refresh all bundles."""
    for metadata in sorted(BUNDLES.glob("*/configs/metadata.json")):
        bundle, facts = metadata.parents[1], read_json(metadata)["lwmisn"]
        write_configs(bundle, bundle_configs(resolve(facts["preset"], facts["variant"], settings_of(facts))))
        if not _is_fresh(bundle):
            write_full_onnx(bundle, bundle / FILE)


def _is_fresh(bundle: Path) -> bool:
    """Whether the ONNX file of a bundle, whose making takes a while, is of its weights, configuration and release."""
    file = bundle / FILE
    properties = read_properties(file) if file.is_file() else {}
    return properties.get(SOURCE) == fingerprint(bundle) and properties[KEY] == bundle_facts(bundle).to_text()


if __name__ == "__main__":
    main()
