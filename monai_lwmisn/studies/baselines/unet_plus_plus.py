"""UNet++: nested blocks between encoder and decoder join all features of a level with those of the level below."""

from __future__ import annotations

import torch
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline
from monai_lwmisn.studies.baselines.unet import WIDTHS, double_convolution


@baseline(
    "unet_plus_plus",
    source="Zhou et al., 'UNet++: A Nested U-Net Architecture for Medical Image Segmentation', DLMIA 2018, section 2",
    licence="Arizona State University's, for non-commercial use",
    multiple=16,
)
class UNetPlusPlus(nn.Module):
    """UNet++ with widths 32 to 512 and linear upsampling. It has the parameters of the paper's tables.

    There is no deep supervision: the loss sees the last output alone, as for every network.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.encoder = nn.ModuleList()
        for width in WIDTHS:
            self.encoder.append(double_convolution(in_channels, width))
            in_channels = width
        # Column by column. The block of a level sees the previous columns, and the upsampled block of the level below.
        self.nested = nn.ModuleList(
            double_convolution(column * width + below, width)
            for column in range(1, len(WIDTHS))
            for width, below in zip(WIDTHS[: len(WIDTHS) - column], WIDTHS[1:], strict=False)
        )
        self.head = nn.Conv2d(WIDTHS[0], out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 16."""
        levels: list[list[torch.Tensor]] = []
        for index, block in enumerate(self.encoder):
            x = block(self.pool(x) if index else x)
            levels.append([x])
        blocks = iter(self.nested)
        for height in range(len(WIDTHS) - 1, 0, -1):
            for level, below in zip(levels[:height], levels[1:], strict=False):
                # From the top level on, so that the last block of the level below is still that of the previous column.
                level.append(next(blocks)(torch.cat([*level, self.enlarge(below[-1])], dim=1)))
        return self.head(levels[0][-1])
