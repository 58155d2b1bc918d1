"""A training may begin with weights of the same cells."""

from pathlib import Path

import pytest
import torch

from monai_lwmisn.errors import CheckpointError
from monai_lwmisn.networks import LWMISN
from monai_lwmisn.networks.weights import save_atomically
from monai_lwmisn.training.start import begin_with
from tests.networks.small import small_genotype


def test_all_weights_are_taken_but_those_of_another_number_of_classes(tmp_path: Path) -> None:
    learned = LWMISN(small_genotype())
    save_atomically(learned.state_dict(), tmp_path / "model.pt")
    begun = begin_with(LWMISN(small_genotype(out_channels=3)), tmp_path / "model.pt").state_dict()
    shapes = {name: (value.shape, begun[name].shape) for name, value in learned.state_dict().items()}
    other = {name for name, (one, two) in shapes.items() if one != two}
    assert 0 < len(other) <= 2
    assert all(torch.equal(value, begun[name]) for name, value in learned.state_dict().items() if name not in other)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_atomically({"weight": torch.zeros(3)}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="weights of another network"):
        begin_with(LWMISN(small_genotype()), tmp_path / "model.pt")
