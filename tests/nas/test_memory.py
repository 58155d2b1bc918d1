"""The estimate of a supernet's memory against what autograd keeps, and the refusal built on it."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from monai_lwmisn.config import load_preset
from monai_lwmisn.errors import ResourceError
from monai_lwmisn.nas import activation_bytes, check_memory, memory
from monai_lwmisn.networks import Architecture, Supernet

GIB = 2**30
CPU = torch.device("cpu")
make_supernet = partial(
    Supernet,
    Architecture(cells={"encoder": 2, "middle": 1, "decoder": 2}, node_width=(8, 8, 8), in_channels=3, out_channels=1),
)
LOADER = DataLoader([{"image": torch.zeros(3, 64, 64)}] * 2, batch_size=2)  # type: ignore[arg-type]


def kept_bytes(mode: str, shape: tuple[int, ...]) -> int:
    """What autograd really keeps of a forward pass, weights apart."""
    torch.manual_seed(0)
    supernet = make_supernet(mode=mode)
    weights = {parameter.data_ptr() for parameter in supernet.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = supernet(torch.rand(shape))
    assert logits.requires_grad
    return sum(tensor.untyped_storage().nbytes() for address, tensor in kept.items() if address not in weights)


@pytest.mark.parametrize("mode", ["full", "partial", "pair", "single"])
def test_the_estimate_is_near_what_is_kept(mode: str) -> None:
    shape = (3, 3, 56, 72)
    torch.manual_seed(0)
    estimate = activation_bytes(make_supernet, mode, shape)
    assert 0.5 < estimate / kept_bytes(mode, shape) < 2


def test_partial_and_single_keep_less_and_larger_batches_more() -> None:
    estimates = [activation_bytes(make_supernet, mode, (2, 3, 64, 64)) for mode in ("full", "partial", "single")]
    assert estimates[0] > 2 * estimates[1] > 0 and estimates[0] > 3 * estimates[2] > 0
    assert activation_bytes(make_supernet, "full", (4, 3, 64, 64)) == pytest.approx(2 * estimates[0], rel=0.01)
    assert activation_bytes(make_supernet, "full", (2, 3, 128, 64)) == pytest.approx(2 * estimates[0], rel=0.01)


def test_estimating_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    activation_bytes(make_supernet, "full", (1, 3, 32, 32))
    assert torch.equal(torch.rand(1), expected)


def test_the_published_search_needs_about_25_gib() -> None:
    preset = load_preset("nuclei", "paper")
    search, data = preset["search"], preset["data"]
    architecture = Architecture(
        **preset["architecture"], in_channels=data["in_channels"], out_channels=data["out_channels"]
    )
    published = partial(Supernet, architecture, alpha_groups=search["alpha_groups"])
    assert 12 < activation_bytes(published, search["mode"], (search["batch_size"], 3, 256, 256)) / GIB < 50


def refusal(monkeypatch: pytest.MonkeyPatch, free: int, mode: str = "full") -> str:
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    with pytest.raises(ResourceError) as error:
        check_memory(make_supernet, mode, LOADER, CPU)
    return str(error.value)


def test_a_search_that_cannot_fit_is_refused_with_what_would(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = activation_bytes(make_supernet, "full", (2, 3, 64, 64))
    text = refusal(monkeypatch, needed - 1)
    assert "batches of 2x3x64x64" in text and "search.mode=partial" in text and "search.mode=single" in text
    assert "images of at most 63 pixels a side" in text and "\n" not in text
    assert "search.mode=" not in refusal(monkeypatch, 1000)
    assert "search.mode=" not in refusal(monkeypatch, 1000, mode="single")
    assert "images of at most 32 pixels" in refusal(monkeypatch, needed // 4 + 1000)


def test_a_search_that_fits_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = activation_bytes(make_supernet, "full", (2, 3, 64, 64))
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=needed))
    assert check_memory(make_supernet, "full", LOADER, CPU) == needed
