"""The estimated quality against Dice coefficients that are known."""

import torch

from monai_lwmisn.inference.quality import estimate_quality


def disc() -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    return 10.0 - torch.hypot(x - 15.0, y - 22.0)[None]


def test_a_network_that_finds_the_same_in_all_copies_is_sure() -> None:
    image = disc()
    assert estimate_quality(image, image, lambda copy: copy) == 1
    nothing = image * 0 - 1
    assert estimate_quality(image, nothing, lambda copy: copy * 0 - 1) == 1
    classes = torch.stack([image[0] * 0, image[0], -image[0]])
    assert estimate_quality(image, classes, lambda copy: torch.cat([copy * 0, copy, -copy])) == 1


def test_a_network_that_finds_nothing_in_copies_is_not() -> None:
    calls = []

    def predict(copy: torch.Tensor) -> torch.Tensor:
        calls.append(copy)
        return copy * 0 - 1

    # Three pairs of the mask with nothing, and three of nothing with nothing.
    assert estimate_quality(disc(), disc(), predict) == 0.5
    assert len(calls) == 3
