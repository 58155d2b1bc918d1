"""The estimate of a supernet's memory against what autograd keeps, and the refusal built on it."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monai_lwmisn.config import load_preset
from monai_lwmisn.errors import ResourceError
from monai_lwmisn.nas import activation_bytes, check_memory, memory
from monai_lwmisn.networks import Architecture, Supernet

GIB = 2**30
CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {
    "architecture": Architecture(
        cells={"encoder": 2, "middle": 1, "decoder": 2},
        node_width=(8, 8, 8),
        stem_stride=1,
        in_channels=3,
        out_channels=1,
    ),
    "mode": "full",
}


def kept_bytes(settings: dict[str, Any], shape: tuple[int, ...]) -> int:
    """What autograd really keeps of a forward pass, weights apart."""
    torch.manual_seed(0)
    supernet = Supernet(**settings)
    weights = {parameter.data_ptr() for parameter in supernet.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = supernet(torch.rand(shape))
    assert logits.requires_grad
    return sum(tensor.untyped_storage().nbytes() for address, tensor in kept.items() if address not in weights)


@pytest.mark.parametrize("mode", ["full", "partial", "single"])
def test_the_estimate_is_near_what_is_kept(mode: str) -> None:
    settings, shape = {**SETTINGS, "mode": mode}, (3, 3, 56, 72)
    torch.manual_seed(0)
    estimate = activation_bytes(settings, shape)
    assert 0.5 < estimate / kept_bytes(settings, shape) < 2


def test_partial_and_single_keep_less_and_larger_batches_more() -> None:
    estimates = [activation_bytes({**SETTINGS, "mode": mode}, (2, 3, 64, 64)) for mode in ("full", "partial", "single")]
    assert estimates[0] > 2 * estimates[1] > 0 and estimates[0] > 3 * estimates[2] > 0
    assert activation_bytes(SETTINGS, (4, 3, 64, 64)) == pytest.approx(2 * estimates[0], rel=0.01)
    assert activation_bytes(SETTINGS, (2, 3, 128, 64)) == pytest.approx(2 * estimates[0], rel=0.01)


def test_estimating_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    activation_bytes(SETTINGS, (1, 3, 32, 32))
    assert torch.equal(torch.rand(1), expected)


def test_the_published_search_needs_about_25_gib() -> None:
    preset = load_preset("nuclei", "paper")
    settings = {
        "architecture": Architecture(
            cells={stage: preset[f"{stage}_cells"] for stage in ("encoder", "middle", "decoder")},
            **{key: preset[key] for key in ("node_width", "stem_stride", "in_channels", "out_channels")},
        ),
        "alpha_groups": preset["alpha_groups"],
        "mode": preset["search_mode"],
    }
    assert 12 < activation_bytes(settings, (preset["search_batch_size"], 3, 256, 256)) / GIB < 50


def refusal(monkeypatch: pytest.MonkeyPatch, free: int, mode: str = "full") -> str:
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    with pytest.raises(ResourceError) as error:
        check_memory({**SETTINGS, "mode": mode}, (2, 3, 64, 64), CPU)
    return str(error.value)


def test_a_search_that_cannot_fit_is_refused_with_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = activation_bytes(SETTINGS, (2, 3, 64, 64))
    text = refusal(monkeypatch, needed - 1)
    assert "batches of 2x3x64x64" in text and "search_mode=partial" in text and "search_mode=single" in text
    assert "images of at most 63 voxels a side" in text and "\n" not in text
    assert "search_mode=" not in refusal(monkeypatch, 1000)
    assert "search_mode=" not in refusal(monkeypatch, 1000, mode="single")
    assert "images of at most 32 voxels" in refusal(monkeypatch, needed // 4 + 1000)


def test_a_search_that_fits_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = activation_bytes(SETTINGS, (2, 3, 64, 64))
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=needed))
    assert check_memory(SETTINGS, (2, 3, 64, 64), CPU) == needed
