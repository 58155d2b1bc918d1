"""A bundle for volumes, as small as one can be."""

import json
from pathlib import Path

import pytest
import torch

from monai_lwmisn.networks import LWMISN
from monai_lwmisn.workflow.config import CONFIGS, load_preset
from tests.networks.small import small_genotype


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the inference configuration, and a network whose mask is neither empty nor full."""
    root = tmp_path_factory.mktemp("bundle")
    preset = load_preset("prostate_mr")
    config = {**json.loads((CONFIGS / "inference_volume.json").read_text()), **preset}
    genotype = small_genotype(in_channels=1, stem_stride=1)
    torch.manual_seed(0)
    network = LWMISN(genotype)
    with torch.no_grad():
        images = torch.rand(8, 1, 21, 17)
        for _ in range(20):
            network(images)  # statistics of the normalisation
        network.body.head.bias -= network.eval()(images).median()
    for folder in ("configs", "models"):
        (root / folder).mkdir()
    (root / "configs/inference.json").write_text(json.dumps(config))
    genotype.save(root / "genotype.json")
    torch.save(network.state_dict(), root / "models/model.pt")
    return root
