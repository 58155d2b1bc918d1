"""Bundles with an inference configuration and a network that is small and not trained."""

from pathlib import Path
from typing import Any

import torch

from monai_lwmisn.bundle.full_onnx import full_onnx
from monai_lwmisn.config import resolve
from monai_lwmisn.files import write_json
from monai_lwmisn.inference.facts import bundle_facts
from monai_lwmisn.light.bundle_files import fingerprint
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import onnx_program
from monai_lwmisn.networks.weights import load_weights
from tests.networks.small import small_genotype

PLAIN = {"inference.postprocessing": [], "inference.test_time_flips": []}
"""Settings with which a mask is what the network gives."""


def write_bundle(root: Path, preset: str, settings: dict[str, Any] | None = None, slices: int = 1) -> Path:
    """A folder with configuration, genotype and weights, whose masks are neither empty nor full.

    Args:
        root: the folder; it is made.
        preset: its light variant is taken.
        settings: by dotted key; None for :data:`PLAIN`.
        slices: that the network sees to segment one.
    """
    config = resolve(preset, "light", PLAIN if settings is None else settings)["inference"]
    in_channels, out_channels = config["data"]["in_channels"], config["data"]["out_channels"]
    genotype = small_genotype(in_channels, out_channels, stem_stride=1, slices=slices)
    torch.manual_seed(0)
    network = LWMISN(genotype)
    with torch.no_grad():
        images = torch.rand(8, slices * in_channels, 21, 17)
        for _ in range(20):
            network(images)  # statistics of the normalisation
        network.body.head.bias -= network.eval()(images).median(dim=0).values.mean(dim=(1, 2))
    write_json(config, root / "configs/inference.json")
    genotype.save(root / "genotype.json")
    (root / "models").mkdir()
    torch.save(network.state_dict(), root / "models/model.pt")
    return root


def write_onnx(bundle: Path, file: Path) -> None:
    """The ONNX file of such a bundle, which has no documents."""
    genotype = Genotype.load(bundle / "genotype.json")
    network = LWMISN(genotype)
    load_weights(network, bundle / "models" / "model.pt")
    program = onnx_program(network, genotype.architecture.input_channels)
    file.write_bytes(full_onnx(program.model, bundle_facts(bundle), fingerprint(bundle)))
