"""FCN: a fully convolutional network on the features of VGG16, with a decoder that fits the paper's counts."""

from __future__ import annotations

import torch
from monai.networks.blocks import Convolution
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline

STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Number of convolutions and width of each stage of VGG16. Each stage ends with max pooling."""

DECODER_WIDTHS = (512, 256, 128, 64, 32)


def vgg16_stages(in_channels: int) -> nn.ModuleList:
    """The five stages of VGG16, without batch normalisation; each halves the size.

    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
    table 1, column D.
    """
    stages = nn.ModuleList()
    for depth, width in STAGES:
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers.append(Convolution(2, in_channels, width, adn_ordering="A", act="relu"))
            in_channels = width
        stages.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
    # With torch's default weights, the signal vanishes in thirteen convolutions without normalisation.
    for module in stages.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return stages


@baseline(
    "fcn",
    source="Long, Shelhamer and Darrell, 'Fully Convolutional Networks for Semantic Segmentation', CVPR 2015, figure 3",
    licence="BSD-2-Clause",
    multiple=32,
)
class FCN(nn.Module):
    """FCN-8s on the features of VGG16, with random initial weights.

    The published network adds class scores of three stages, has VGG16's fully connected layers as convolutions, and
    starts with ImageNet weights. With those layers it has seven times the parameters of the paper's tables. This
    decoder has exactly as many: five transposed 3x3 convolutions, with the features of the fourth and third stage
    added.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.encoder = vgg16_stages(in_channels)
        self.up, self.norm = nn.ModuleList(), nn.ModuleList()
        in_channels = STAGES[-1][1]
        for width in DECODER_WIDTHS:
            self.up.append(
                Convolution(2, in_channels, width, strides=2, adn_ordering="A", act="relu", is_transposed=True)
            )
            self.norm.append(nn.BatchNorm2d(width))
            in_channels = width
        self.head = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to logits (B, out_channels, H, W). H and W are divisible by 32."""
        skips: list[torch.Tensor] = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        added = {0: skips[3], 1: skips[2]}
        for index, (up, norm) in enumerate(zip(self.up, self.norm, strict=True)):
            x = up(x)
            x = norm(x + added[index] if index in added else x)
        return self.head(x)
