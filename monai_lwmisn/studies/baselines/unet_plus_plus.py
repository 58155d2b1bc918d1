"""UNet++: between encoder and decoder, blocks that join all that is known at a level with what is below."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline, linear_mode
from monai_lwmisn.studies.baselines.unet import WIDTHS, double_convolution


@baseline(
    "unet_plus_plus",
    source="Zhou et al., 'UNet++: A Nested U-Net Architecture for Medical Image Segmentation', DLMIA 2018, section 2",
    licence="Arizona State University's, for non-commercial use",
    multiple=16,
)
class UNetPlusPlus(nn.Module):
    """UNet++ of widths 32 to 512, enlarging linearly, as the tables count.

    Deep supervision is left out: the loss sees the last output alone, as for every other network. Volumes are not in
    the paper.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = Pool["max", spatial_dims](2)
        self.enlarge = nn.Upsample(scale_factor=2, mode=linear_mode(spatial_dims), align_corners=True)
        self.encoder = nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(double_convolution(spatial_dims, in_channels, width))
            in_channels = width
        # Column by column: the block of a level sees the columns before it and the enlarged one from below.
        self.nested = nn.ModuleList(
            double_convolution(spatial_dims, column * width + below, width)
            for column in range(1, len(WIDTHS))
            for width, below in zip(WIDTHS[: len(WIDTHS) - column], WIDTHS[1:], strict=False)
        )
        self.head = Conv["conv", spatial_dims](WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, ...) to logits (B, out_channels, ...); sizes are divisible by 16."""
        levels: list[list[torch.Tensor]] = []
        for index, block in enumerate(self.encoder):
            x = block(self.pool(x) if index else x)
            levels.append([x])
        blocks = iter(self.nested)
        for height in range(len(WIDTHS) - 1, 0, -1):
            for level, below in zip(levels[:height], levels[1:], strict=False):
                # From the top, so the level below still ends in the column before.
                level.append(next(blocks)(torch.cat([*level, self.enlarge(below[-1])], dim=1)))
        return self.head(levels[0][-1])
