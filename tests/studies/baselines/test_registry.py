"""Images of a size that a network cannot divide are padded."""

import torch
from torch import nn

from monai_lwmisn.studies.baselines.registry import AnySize


def test_images_are_padded_with_their_last_pixels_and_the_logits_cropped() -> None:
    seen: list[torch.Tensor] = []

    class Watch(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return 2 * x

    images = torch.rand(2, 3, 5, 9)
    torch.testing.assert_close(AnySize(Watch(), 3, multiple=8)(images), 2 * images)
    assert seen[0].shape == (2, 3, 8, 16)
    assert (seen[0][:, :, 5:, :9] == images[:, :, 4:]).all()
    assert (seen[0][..., 9:] == seen[0][..., 8:9]).all()
