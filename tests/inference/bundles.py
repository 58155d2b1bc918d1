"""Bundles for volumes, as small as they can be."""

import json
from pathlib import Path

import torch

from monai_lwmisn.config import CONFIGS, load_preset
from monai_lwmisn.networks import LWMISN
from tests.networks.small import small_genotype


def write_bundle(root: Path, preset: str) -> Path:
    """A folder with the inference configuration, and a network whose mask is neither empty nor full."""
    # As the network gives it, for tests that know what they look at.
    values = {**load_preset(preset), "cleaning": [], "test_time_flips": []}
    config = {**json.loads((CONFIGS / "inference_volume.json").read_text()), **values}
    genotype = small_genotype(in_channels=1, out_channels=values["out_channels"], stem_stride=1)
    torch.manual_seed(0)
    network = LWMISN(genotype)
    with torch.no_grad():
        images = torch.rand(8, 1, 21, 17)
        for _ in range(20):
            network(images)  # statistics of the normalisation
        network.body.head.bias -= network.eval()(images).median(dim=0).values.mean(dim=(1, 2))
    for folder in ("configs", "models"):
        (root / folder).mkdir()
    (root / "configs/inference.json").write_text(json.dumps(config))
    genotype.save(root / "genotype.json")
    torch.save(network.state_dict(), root / "models/model.pt")
    return root
