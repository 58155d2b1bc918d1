"""MONAI's own networks, with the settings that their users pick first.

Instance normalisation refuses an image of one pixel, so where it is used ``multiple`` is twice what the network divides
by: then the smallest level is never smaller than 2x2, whatever the image.
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
def basic_unet(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's ``BasicUNet`` with its default widths, 32 to 256; it maps (B, in_channels, ...) to logits."""
    return BasicUNet(spatial_dims, in_channels, out_channels)


@baseline(
    "monai_unet",
    source="Kerfoot et al., 'Left-Ventricle Quantification Using Residual U-Net', STACOM 2018; "
    "monai.networks.nets.UNet",
    licence="Apache-2.0 (MONAI)",
    multiple=32,
)
def monai_unet(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's ``UNet`` as in its tutorials: widths 16 to 256, two residual units; (B, in_channels, ...) to logits."""
    return UNet(spatial_dims, in_channels, out_channels, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)


@baseline(
    "segresnet",
    source="Myronenko, '3D MRI brain tumor segmentation using autoencoder regularization', BrainLes 2018; "
    "monai.networks.nets.SegResNet",
    licence="Apache-2.0 (MONAI)",
    multiple=8,
)
def segresnet(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's ``SegResNet`` with its default of eight filters; it maps (B, in_channels, ...) to logits."""
    return SegResNet(spatial_dims, init_filters=8, in_channels=in_channels, out_channels=out_channels)


def _register_nnunet(name: str, patch: str, widths: tuple[int, ...]) -> None:
    """Register the plain 2D U-Net that nnU-Net (version 2) plans for square patches.

    Its planner halves each axis while the result is at least 4 pixels and whole. Widths start at 32 and double, to at
    most 512 in 2D. A stage is two 3x3 convolutions, each with instance normalisation and a leaky ReLU of slope 0.01,
    the first with the stride; transposed convolutions of 2x2 go back up. Here there is no deep supervision, as for
    every other network, and no bias where the normalisation would remove it. It is the network alone: nnU-Net's
    preprocessing, augmentation and training are not part of the comparison.
    """

    def build(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
        strides = (1, *[2] * (len(widths) - 1))
        return DynUNet(
            spatial_dims,
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
        spatial_dims=(2,),
    )(build)


# Its deepest stages normalise over few pixels, so that it belongs to a size: whole images of 256 confuse a network of
# seven stages that was trained on crops of 96.
_register_nnunet("nnunet_2d", "256x256", (32, 64, 128, 256, 512, 512, 512))
_register_nnunet("nnunet_2d_96", "96x96", (32, 64, 128, 256, 512))
