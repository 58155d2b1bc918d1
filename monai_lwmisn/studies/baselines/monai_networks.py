"""MONAI's own networks, with their default or tutorial settings.

Instance normalisation refuses features of one pixel. Networks that use it have a ``multiple`` of twice the factor by
which they divide the size, so that their smallest features are at least 2x2.
"""

from __future__ import annotations

from monai.networks.nets import BasicUNet, DynUNet, SegResNet, UNet
from torch import nn

from monai_lwmisn.studies.baselines.registry import baseline


@baseline(
    "basic_unet",
    source="Falk et al., 'U-Net: deep learning for cell counting, detection, and morphometry', Nature Methods 2019; "
    "monai.networks.nets.BasicUNet",
    licence="Apache-2.0 (MONAI)",
    multiple=32,
)
def basic_unet(in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's ``BasicUNet`` with its default widths, 32 to 256; (B, in_channels, H, W) to logits."""
    return BasicUNet(2, in_channels, out_channels)


@baseline(
    "monai_unet",
    source="Kerfoot et al., 'Left-Ventricle Quantification Using Residual U-Net', STACOM 2018; "
    "monai.networks.nets.UNet",
    licence="Apache-2.0 (MONAI)",
    multiple=32,
)
def monai_unet(in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's ``UNet`` as in its tutorials: widths 16 to 256, two residual units; (B, in_channels, H, W) to logits."""
    return UNet(2, in_channels, out_channels, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)


@baseline(
    "segresnet",
    source="Myronenko, '3D MRI brain tumor segmentation using autoencoder regularization', BrainLes 2018; "
    "monai.networks.nets.SegResNet",
    licence="Apache-2.0 (MONAI)",
    multiple=8,
)
def segresnet(in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's ``SegResNet`` with its default of eight filters; (B, in_channels, H, W) to logits."""
    return SegResNet(2, init_filters=8, in_channels=in_channels, out_channels=out_channels)


def _register_nnunet(name: str, patch: str, widths: tuple[int, ...]) -> None:
    """Register the plain 2D U-Net that nnU-Net (version 2) plans for square patches.

    Its planner halves each axis while the result is a whole number of at least 4 pixels. Widths start at 32 and double,
    to at most 512 in 2D. A stage has two 3x3 convolutions, each with instance normalisation and a leaky ReLU of slope
    0.01; the first has the stride. The decoder has transposed 2x2 convolutions. As for every network here, there is no
    deep supervision. There is no bias before a normalisation, which would remove it. This is the network alone:
    nnU-Net's preprocessing, augmentation and training are not part of the comparison.
    """

    def build(in_channels: int, out_channels: int) -> nn.Module:
        strides = (1, *[2] * (len(widths) - 1))
        return DynUNet(
            2,
            in_channels,
            out_channels,
            kernel_size=[3] * len(widths),
            strides=strides,
            upsample_kernel_size=strides[1:],
            filters=widths,
            norm_name=("instance", {"affine": True}),
            act_name=("leakyrelu", {"inplace": True, "negative_slope": 0.01}),
            trans_bias=True,
        )

    baseline(
        name,
        source="Isensee et al., 'nnU-Net: a self-configuring method for deep learning-based biomedical image "
        f"segmentation', Nature Methods 2021, as planned for {patch}; monai.networks.nets.DynUNet",
        licence="Apache-2.0",
        multiple=2 ** len(widths),
    )(build)


# The deepest stages normalise over few pixels, so a network fits one size of image: after a training on crops of 96x96,
# the seven-stage network fails on whole images of 256x256.
_register_nnunet("nnunet_2d", "256x256", (32, 64, 128, 256, 512, 512, 512))
_register_nnunet("nnunet_2d_96", "96x96", (32, 64, 128, 256, 512))
