"""Bring the code and configurations of the finished bundles up to the package; weights and documents stay as they are.

    .venv/bin/python tools/refresh_bundles.py

says which files it wrote or removed, under bundles/.
"""

from __future__ import annotations

from pathlib import Path

from monai_lwmisn.bundle.code import SCRIPTS
from monai_lwmisn.bundle.write import generated_files
from monai_lwmisn.config import resolve
from monai_lwmisn.files import read_json

BUNDLES = Path(__file__).parents[1] / "bundles"


def main() -> None:
    """Refresh all bundles."""
    for metadata in sorted(BUNDLES.glob("*/configs/metadata.json")):
        for path in refresh(metadata.parents[1]):
            print(path.relative_to(BUNDLES))


def refresh(bundle: Path) -> list[Path]:
    """Write what of a bundle is generated where it differs, and remove code that is no longer needed; which files."""
    made_with = read_json(bundle / "configs" / "metadata.json")["lwmisn"]
    texts = generated_files(resolve(made_with["preset"], made_with["variant"], made_with["settings"]))
    wanted = {bundle / path: text for path, text in texts.items()}
    changed = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    obsolete = sorted(set((bundle / SCRIPTS).rglob("*.py")) - wanted.keys())
    for path in obsolete:
        path.unlink()
    return changed + obsolete


if __name__ == "__main__":
    main()
