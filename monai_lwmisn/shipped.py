"""The bundles that come with the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent


def shipped_bundles() -> list[Path]:
    """Return the bundles of the installed package, or of the repository it runs in."""
    places = (PACKAGE / "bundles", PACKAGE.parent / "bundles")
    place = next((place for place in places if place.is_dir()), places[0])
    return sorted(file.parents[1] for file in place.glob("*/configs/metadata.json"))
