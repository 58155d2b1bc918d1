"""Writes a standalone bundle: a zip that segments where MONAI is installed, without this package.

The zip holds the bundle as it is, the network as TorchScript and ONNX, the ONNX file that takes raw intensities, and a
copy of the part of this package that segments. That part imports nothing of the rest of the package, so that it keeps
its name and its files.
"""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path

from monai_lwmisn.bundle.full_onnx import full_onnx
from monai_lwmisn.bundle.write import as_bundle
from monai_lwmisn.errors import ConfigError, FigureWarning
from monai_lwmisn.files import check_writable, write_named
from monai_lwmisn.inference.facts import bundle_facts
from monai_lwmisn.light.bundle_files import fingerprint
from monai_lwmisn.locks import only_maker
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import export_torchscript, onnx_program
from monai_lwmisn.networks.weights import load_weights

PACKAGE = Path(__file__).parents[1]
CLOSED_PART = ("__init__.py", "errors.py", "files.py", "light", "networks", "inference")
"""The part of this package that segments: modules and rooms, see docs/architecture.md."""

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every member, so that equal bundles give equal archives."""


def write_standalone(source: Path, archive: Path) -> None:
    """Write a run or bundle as a standalone bundle. An archive that is there is replaced, when the new one is whole.

    Args:
        source: a trained run, or the folder of a bundle.
        archive: the .zip to write. It holds one folder, with the name of the bundle; that of a run gets the name of
            the archive.

    Raises:
        ConfigError: ``source`` is no trained run or bundle, or ``archive`` cannot be written.
        GenotypeError, CheckpointError: a file of ``source`` cannot be used.
    """
    if archive.suffix != ".zip":
        raise ConfigError(f"{archive} is no name of a zip: give one that ends with .zip.")
    archive.parent.mkdir(parents=True, exist_ok=True)
    check_writable(archive, lambda content: b"/configs/metadata.json" in content)
    with tempfile.TemporaryDirectory(prefix="lwmisn-") as folder, as_bundle(source, archive.stem) as bundle:
        exports = Path(folder) / "exports"
        members = {**_members(bundle), **closed_part(), **_export(bundle, exports)}
        packed = Path(folder) / "standalone.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, file in sorted(members.items()):
                member = zipfile.ZipInfo(f"{bundle.resolve().name}/{name}", _DATE)
                member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                opened.writestr(member, file.read_bytes())
        with only_maker(archive):
            write_named(packed.read_bytes(), archive)


def closed_part() -> dict[str, Path]:
    """Return the files of the part that segments, by their path in a standalone bundle."""
    files: list[Path] = []
    for name in CLOSED_PART:
        place = PACKAGE / name
        files += sorted(place.glob("*.py")) if place.is_dir() else [place]
    return {file.relative_to(PACKAGE.parent).as_posix(): file for file in files}


def _members(bundle: Path) -> dict[str, Path]:
    """Return what belongs to a bundle: no results of workflows that ran in it, and no code of an earlier copy."""
    files = [bundle / "LICENSE", bundle / "genotype.json", bundle / "models" / "model.pt"]
    files += [*(bundle / "configs").iterdir(), *(bundle / "docs").iterdir()]
    return {file.relative_to(bundle).as_posix(): file for file in files}


def _export(bundle: Path, folder: Path) -> dict[str, Path]:
    genotype = Genotype.load(bundle / "genotype.json")
    network = LWMISN(genotype)
    load_weights(network, bundle / "models" / "model.pt")
    folder.mkdir()
    files = {f"models/{name}": folder / name for name in ("model.ts", "model.onnx", "model_full.onnx")}
    export_torchscript(network, files["models/model.ts"])
    program = onnx_program(network, genotype.architecture.input_channels)
    program.save(str(files["models/model.onnx"]), external_data=False)
    try:
        files["models/model_full.onnx"].write_bytes(full_onnx(program.model, bundle_facts(bundle), fingerprint(bundle)))
    except ConfigError as error:
        warnings.warn(f"The zip has no models/model_full.onnx: {error}", FigureWarning, stacklevel=3)
        del files["models/model_full.onnx"]
    return files
