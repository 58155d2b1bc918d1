"""Devices by name, and networks that other runtimes execute."""

from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow
from torch import nn

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.runtimes import find_device, place_network
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_weights
from tests.networks.small import small_genotype
from tests.networks.test_folding import trained

BUNDLES = Path(__file__).parents[2] / "bundles"
CPU = torch.device("cpu")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == CPU
    with pytest.raises(ConfigError, match="finds no CUDA GPU"):
        find_device("cuda")
    with pytest.raises(ConfigError, match="no device 'gpu'"):
        find_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert find_device("auto") == torch.device("cuda", 3)
    assert find_device("cuda:1") == torch.device("cuda", 1)


def test_a_placed_network_has_no_normalisation_and_takes_no_other_weights() -> None:
    network = trained(small_genotype())
    placed = place_network(network, CPU)
    images = torch.rand(1, network.body.in_channels, 20, 30)
    assert not [module for module in placed.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.inference_mode():
        torch.testing.assert_close(placed(images), network(images), rtol=1e-4, atol=1e-5)
    for one in (network, placed):
        with pytest.raises(ConfigError, match="load weights before"):
            one.load_state_dict(network.state_dict())


def test_a_workflow_of_monai_has_the_weights_however_its_network_is_asked_for(tmp_path: Path) -> None:
    bundle = next(path for path in BUNDLES.iterdir() if path.name.startswith("nuclei"))
    (tmp_path / "picture.png").touch()  # there must be something to segment
    workflow = ConfigWorkflow(
        str(bundle / "configs/inference.json"),
        workflow_type="inference",
        bundle_root=str(bundle),
        dataset_dir=str(tmp_path),
        logging_file=False,
    )
    workflow.initialize()
    placed = workflow.parser.get_parsed_content("network")
    images = torch.rand(1, 3, 64, 64)
    expected = LWMISN(Genotype.load(bundle / "genotype.json")).eval()
    load_weights(expected, bundle / "models/model.pt")
    with torch.inference_mode():
        torch.testing.assert_close(placed(images), expected(images), rtol=1e-3, atol=1e-3)
