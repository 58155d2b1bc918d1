"""The shapes take any size, and have the cells, levels and widths that they are asked for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_lwmisn.networks import LWMISN, Architecture, Edge, Genotype
from monai_lwmisn.networks.blocks import crop_like
from monai_lwmisn.networks.cells import Cell
from tests.networks.strategies import genotypes

EDGES = tuple(
    Edge(node, predecessor, operation)
    for node in range(4)
    for predecessor, operation in ((node, "ghost_conv_3x3"), (node + 1, "max_pool_3x3"))
)


def network(**shape: object) -> LWMISN:
    values = {
        "cells": {"encoder": 3, "middle": 2, "decoder": 3},
        "node_width": (2, 3, 4, 5),
        "in_channels": 3,
        "out_channels": 2,
    }
    return LWMISN(Genotype(Architecture(**{**values, **shape}), {"all": EDGES})).eval()  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(genotype=genotypes(), size=st.tuples(st.integers(1, 70), st.integers(1, 70)))
def test_images_of_any_size_come_out_at_that_size(genotype: Genotype, size: tuple[int, int]) -> None:
    architecture = genotype.architecture
    with torch.inference_mode():
        logits = LWMISN(genotype).eval()(torch.rand(1, architecture.in_channels, *size))
    assert logits.shape == (1, architecture.out_channels, *size)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("stem_stride", [1, 2, 4])
def test_the_u_shape_halves_in_its_encoder_and_doubles_in_its_decoder(stem_stride: int) -> None:
    sites = network(stem_stride=stem_stride).body.sites
    assert [site.stage for site in sites] == ["encoder"] * 3 + ["middle"] * 2 + ["decoder"] * 3
    assert [site.channels for site in sites] == [2, 3, 4, 5, 5, 4, 3, 2]
    assert [site.stride for site in sites] == [stem_stride * 2**level for level in (0, 1, 2, 3, 3, 2, 1, 0)]
    # Lateral concatenation: upsampled nodes of the level plus the encoder's four.
    assert [site.in_channels[1] for site in sites[-3:]] == [5 * 4, 5 * 3, 5 * 2]


def test_the_contrast_reduces_at_a_third_and_two_thirds_of_its_depth() -> None:
    sites = network(topology="contrast").body.sites
    assert len(sites) == 8
    assert [site.stride for site in sites] == [1, 1, 2, 2, 2, 4, 4, 4]
    assert [site.channels for site in sites] == [2, 2, 3, 3, 3, 4, 4, 4]


@pytest.mark.parametrize("stem_stride", [1, 2, 4])
@pytest.mark.parametrize("topology", ["u", "contrast"])
def test_cells_work_at_the_size_and_width_of_their_site(topology: str, stem_stride: int) -> None:
    net = network(topology=topology, stem_stride=stem_stride)
    seen: list[torch.Size] = []
    for module in net.modules():
        if isinstance(module, Cell):
            module.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    with torch.inference_mode():
        net(torch.rand(1, 3, 96, 160))
    assert seen == [(1, 4 * s.channels, 96 // s.stride, 160 // s.stride) for s in net.body.sites]


@pytest.mark.parametrize("stem_stride", [1, 2, 4])
@pytest.mark.parametrize("topology", ["u", "contrast"])
def test_no_pixel_falls_between_the_steps_of_the_stem(topology: str, stem_stride: int) -> None:
    torch.manual_seed(0)
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    net = network(topology=topology, stem_stride=stem_stride, node_width=(16, 4, 4, 4))
    net(images).square().sum().backward()
    assert images.grad is not None
    assert (images.grad != 0).all()


def test_small_things_reach_the_logits_past_the_cells_that_start_at_a_quarter() -> None:
    class Silent(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(x)

    torch.manual_seed(0)
    net = network(stem_stride=4, node_width=(16, 4, 4, 4))
    net.body.body = Silent()  # type: ignore[assignment]
    image = torch.rand(1, 3, 32, 32)
    # At half resolution two pixels are one step.
    moved = torch.roll(image, 2, dims=-1)
    with torch.inference_mode():
        logits = net(image)
        assert logits.std() > 0, "without the cells nothing of the image is left"
        torch.testing.assert_close(net(moved)[..., 8:24], torch.roll(logits, 2, dims=-1)[..., 8:24])


@pytest.mark.parametrize("stem_stride", [1, 2, 4])
def test_every_part_of_the_network_learns(stem_stride: int) -> None:
    torch.manual_seed(0)
    net = network(node_width=(8, 8, 8, 8), stem_stride=stem_stride).train()
    net(torch.rand(2, 3, 64, 64)).square().sum().backward()
    still = {name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert not still


@pytest.mark.parametrize("topology", ["u", "contrast"])
@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 3, 32), (3, 32, 32), (1, 3, 32, 32, 32)])
def test_images_of_another_kind_are_refused(topology: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes \(batch, 3, height, width\).*channel first"):
        network(topology=topology)(torch.zeros(shape))


def test_cropping_takes_from_the_ends() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert torch.equal(crop_like(x, torch.empty(5, 7, 2, 4)), x[..., :2, :])
