"""Bring the configurations of the committed bundles up to the package; weights and documents stay as they are.

    .venv/bin/python tools/refresh_bundles.py

Run it when a preset, a setting or a configuration file of the package has changed.
"""

from __future__ import annotations

from pathlib import Path

from monai_lwmisn.bundle.configs import bundle_configs
from monai_lwmisn.bundle.metadata import settings_of
from monai_lwmisn.config import resolve, write_configs
from monai_lwmisn.files import read_json

BUNDLES = Path(__file__).parents[1] / "bundles"


def main() -> None:
    """Refresh all bundles."""
    for metadata in sorted(BUNDLES.glob("*/configs/metadata.json")):
        facts = read_json(metadata)["lwmisn"]
        write_configs(
            metadata.parents[1], bundle_configs(resolve(facts["preset"], facts["variant"], settings_of(facts)))
        )


if __name__ == "__main__":
    main()
