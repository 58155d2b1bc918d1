"""Writes a bundle as a package of BioImage.IO, and tests it with BioImage.IO's own library."""

from __future__ import annotations

import io
import tempfile
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from monai_lwmisn.bundle.bioimageio.description import describe, documentation, named_licence
from monai_lwmisn.bundle.bioimageio.example import make_example
from monai_lwmisn.bundle.bioimageio.network import PictureNetwork, VolumeNetwork
from monai_lwmisn.bundle.bioimageio.steps import preparation
from monai_lwmisn.bundle.write import is_bundle, write_bundle
from monai_lwmisn.errors import ConfigError, reason_of
from monai_lwmisn.files import check_writable, read_json, sha256_of, write_named
from monai_lwmisn.inference.bundle_files import read_bundle
from monai_lwmisn.inference.orientation import slice_orientation
from monai_lwmisn.locks import only_maker
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import export_onnx, export_torchscript
from monai_lwmisn.networks.weights import load_weights

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every member, so that equal bundles give equal archives."""


def write_bioimageio(source: Path, archive: Path) -> None:
    """Write a run or bundle as a package of BioImage.IO. One that is there is replaced, when the new one is whole.

    The test output in the package is what the bundle itself finds, so that the test of BioImage.IO's library, which
    both exported networks have to pass here, compares them with it.

    Args:
        source: a trained run, or the folder of a bundle.
        archive: the .zip to write.

    Raises:
        ConfigError: ``source`` is no trained run or bundle, its images are prepared in a way that the specification
            has no words for, BioImage.IO's library is not installed or refuses the package, or ``archive`` cannot be
            written.
        GenotypeError, CheckpointError: a file of ``source`` cannot be used.
    """
    if find_spec("bioimageio") is None or find_spec("onnxruntime") is None:
        raise ConfigError("A package of BioImage.IO needs its library: pip install -e .[bioimageio].")
    if archive.suffix != ".zip":
        raise ConfigError(f"{archive} is no name of a zip: give one that ends with .zip.")
    archive.parent.mkdir(parents=True, exist_ok=True)
    check_writable(archive, lambda content: b"rdf.yaml" in content)
    with tempfile.TemporaryDirectory(prefix="lwmisn-") as folder:
        bundle = source
        if not is_bundle(source):
            bundle = Path(folder) / archive.stem
            write_bundle(source, bundle)
        members = Path(folder) / "members"
        members.mkdir()
        _write_members(bundle, source, members)
        packed = _pack(members)
        tested = Path(folder) / archive.name
        tested.write_bytes(packed)
        _test(tested, source)
        with only_maker(archive):
            write_named(packed, archive)


def _write_members(bundle: Path, name: Path, members: Path) -> None:
    from PIL import Image
    from ruyaml import YAML

    for needed in ("LICENSE", "docs/README.md", "docs/data_license.txt"):
        if not (bundle / needed).is_file():
            raise ConfigError(f"{name} has no {needed}, which a package needs: write the bundle anew.")
    config = read_bundle(bundle, name)
    data, metadata = config["data"], read_json(bundle / "configs" / "metadata.json")
    if data["spatial"]:
        kinds = ", ".join(transform["_target_"].rpartition(".")[2] for transform in data["spatial"])
        raise ConfigError(
            f"{name} changes the grid of its images ({kinds}), which the specification of BioImage.IO cannot say: "
            "share it as a standalone bundle."
        )
    orientation = slice_orientation(data["orientation"], data["slice_axis"]) if data["volumetric"] else None
    steps, brightness = preparation(data["intensity"], "yx" if orientation is None else "zyx", name)
    network, channels = _network(bundle, config, orientation, brightness)
    example = make_example(bundle, data["modality"], channels)
    np.save(members / "test_input.npy", example.image)
    np.save(members / "test_output.npy", example.probabilities)
    Image.fromarray(example.cover).save(members / "cover.png")
    export_torchscript(network, members / "model.ts")
    export_onnx(network, channels, members / "model.onnx", spatial_dims=2 if orientation is None else 3)
    card = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    (members / "README.md").write_text(documentation(metadata, data, card, orientation), encoding="utf-8")
    for terms in (bundle / "LICENSE", bundle / "docs" / "data_license.txt"):
        (members / terms.name).write_bytes(terms.read_bytes())
    licence = _spdx((members / "data_license.txt").read_text(encoding="utf-8"))
    description = describe(metadata, data, orientation, steps, licence, _weights(members))
    with open(members / "rdf.yaml", "w", encoding="utf-8") as file:
        YAML(typ="safe").dump(description, file)


def _network(
    bundle: Path, config: dict[str, Any], orientation: str | None, brightness: nn.Module | None
) -> tuple[nn.Module, int]:
    """The network to export, and the channels of an image."""
    genotype = Genotype.load(bundle / "genotype.json")
    network, settings = LWMISN(genotype), config["inference"]
    load_weights(network, bundle / "models" / "model.pt")
    flips, channels = settings["test_time_flips"], genotype.architecture.in_channels
    if orientation is None:
        return PictureNetwork(network, flips, brightness).eval(), channels
    volumes = VolumeNetwork(network, flips, orientation, genotype.architecture.slices, settings["slice_smoothing"])
    return volumes.eval(), channels


def _weights(members: Path) -> dict[str, dict[str, Any]]:
    import onnx

    opsets = onnx.load(members / "model.onnx").opset_import
    return {
        "torchscript": {
            "source": "model.ts",
            "sha256": sha256_of(members / "model.ts"),
            "pytorch_version": version("torch").partition("+")[0],
        },
        "onnx": {
            "source": "model.onnx",
            "sha256": sha256_of(members / "model.onnx"),
            "opset_version": next(opset.version for opset in opsets if not opset.domain),
            "parent": "torchscript",
        },
    }


def _spdx(terms: str) -> str | None:
    """The licence that the terms of the weights name, where SPDX has it."""
    from bioimageio.spec.generic.v0_3 import LicenseId

    try:
        return str(LicenseId(named_licence(terms) or ""))
    except ValueError:
        return None


def _pack(members: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(members.iterdir()):
            member = zipfile.ZipInfo(file.name, _DATE)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, file.read_bytes())
    return packed.getvalue()


def _test(archive: Path, name: Path) -> None:
    from bioimageio.core import test_model
    from loguru import logger

    logger.disable("bioimageio")
    summary = test_model(archive, devices=["cpu"])
    failed = [detail for detail in summary.details if detail.status == "failed"]
    if summary.status != "passed":
        reason = "; ".join(f"{one.name}: {reason_of(Exception(one.errors[0].msg))}" for one in failed if one.errors)
        raise ConfigError(f"The package of {name} failed the test of BioImage.IO's library ({reason}): report it.")
