"""The shapes take any size, and have the cells, levels and widths that they are asked for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

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
        logits = LWMISN(genotype).eval()(torch.rand(1, architecture.slices * architecture.in_channels, *size))
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


def plain(widths: tuple[int, ...], stem_stride: int, **fields: object) -> LWMISN:
    """A U-Net of two dense convolutions a level, of which the stem is one, or both if it has two."""
    steps, two = len(widths) - 1, ("conv", "conv")
    first = () if fields.get("details") is False else ("conv",)
    blocks = {"encoder": (first, *(two,) * (steps - 1)), "middle": (two,), "decoder": (two,) * steps}
    cells = {"encoder": steps, "middle": 1, "decoder": steps}
    values = {"cells": cells, "node_width": widths, "stem_stride": stem_stride, "blocks": blocks, **fields}
    return LWMISN(Genotype(Architecture(**values, in_channels=3, out_channels=1), {})).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("widths", "stem_stride", "details"),
    [((8,) * 5, 1, None), ((16,) * 5, 2, None), ((24,) * 4, 4, False), ((16,) * 4, 4, True), ((24, 32, 48), 4, True)],
)
def test_a_plain_u_net_has_the_parameters_of_its_convolutions(
    widths: tuple[int, ...], stem_stride: int, details: bool | None
) -> None:
    def convolutions(*channels: int) -> int:
        """3x3 convolutions from each number of channels to the next, with their normalisations."""
        return sum(9 * i * o + 2 * o for i, o in zip(channels, channels[1:], strict=False))

    def enlargement(i: int, o: int, scale: int = 2) -> int:
        return scale**2 * i * o + o

    half = widths[0] // 2
    expected = convolutions(half if details else 3, widths[0], widths[0])
    for fine, coarse in zip(widths, widths[1:], strict=False):
        expected += convolutions(fine, coarse, coarse) + enlargement(coarse, fine) + convolutions(2 * fine, fine, fine)
    if details:
        expected += convolutions(3, half) + enlargement(widths[0], half) + 2 * half + enlargement(2 * half, 1)
    else:
        expected += widths[0] + 1 if stem_stride == 1 else enlargement(widths[0], 1, stem_stride)
    network = plain(widths, stem_stride, **({} if details is None else {"details": details}))
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize("skip", ["concatenate", "add", "none", ("none", "add"), ("add", "concatenate")])
def test_a_plain_u_net_computes_what_its_convolutions_do(skip: str | tuple[str, str]) -> None:
    torch.manual_seed(0)
    network = plain((4, 6, 5), 1, skip=skip, decoder_width=(3, 7))
    weights = network.state_dict()
    x = torch.rand(2, 3, 20, 24)

    def convolve(x: torch.Tensor, name: str) -> torch.Tensor:
        # Normalisation as initialised: mean 0, variance 1.
        return functional.relu(functional.conv2d(x, weights[f"{name}.conv.weight"], padding=1) / (1 + 1e-5) ** 0.5)

    x0 = convolve(convolve(x, "body.stem"), "body.encoder.0.layers")
    x1 = functional.max_pool2d(x0, 2)
    for index in range(2):
        x1 = convolve(x1, f"body.encoder.1.blocks.{index}.layers")
    y = functional.max_pool2d(x1, 2)
    for index in range(2):
        y = convolve(y, f"body.middle.0.blocks.{index}.layers")
    coarsest_first = [skip] * 2 if isinstance(skip, str) else skip[::-1]
    for level, (lateral, join) in enumerate(zip((x1, x0), coarsest_first, strict=True)):
        up = (weights[f"body.up.{level}.deconv.{part}"] for part in ("weight", "bias"))
        y = functional.conv_transpose2d(y, *up, stride=2)
        y = torch.cat([y, lateral], 1) if join == "concatenate" else y + lateral if join == "add" else y
        for index in range(2):
            y = convolve(y, f"body.decoder.{level}.blocks.{index}.layers")
    assert y.shape[1] == 3
    logits = functional.conv2d(y, weights["body.head.weight"], weights["body.head.bias"])
    with torch.inference_mode():
        torch.testing.assert_close(network(x), logits)


def test_cells_and_convolutions_stand_side_by_side() -> None:
    blocks = {"encoder": [["conv"], ["cell", "cell"]], "middle": [["cell"]], "decoder": [["conv"], ["conv", "cell"]]}
    cells = {"encoder": 2, "middle": 1, "decoder": 2}
    net = network(cells=cells, node_width=(2, 3, 4), decoder_width=(5, 6), blocks=blocks)
    sites = net.body.sites
    assert [site.stage for site in sites] == ["encoder", "encoder", "middle", "decoder"]
    assert [site.channels for site in sites] == [3, 3, 4, 6]
    assert [site.stride for site in sites] == [2, 2, 4, 2]
    # The stem's output and that of the convolution; then each cell, and the level, by its input.
    assert [site.in_channels for site in sites] == [(2, 2), (2, 12), (2, 12), (6 + 12, 6)]
    assert [site.scale for site in sites] == [0.5, 1.0, 0.5, 1.0]
    assert net.body.decoder[1].layers.conv.out_channels == 5


def test_cropping_takes_from_the_ends() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert torch.equal(crop_like(x, torch.empty(5, 7, 2, 4)), x[..., :2, :])
