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


NNUNET = (
    "Isensee et al., 'nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation', "
    "Nature Methods 2021"
)
XTINYUNET = (
    "Kimbowa et al., 'XTinyU-Net: Training-Free U-Net Scaling via Initialization-Time Sensitivity', MICCAI 2026, arXiv "
    "2605.09639"
)


def _register_nnunet(name: str, patch: int, stages: int, cap: int, source: str, licence: str) -> None:
    """Register the plain 2D U-Net that nnU-Net (version 2) plans for square patches.

    Its planner halves each axis while the result is a whole number of at least 4 pixels. Widths start at 32 and double,
    to at most ``cap``: 512 in 2D, and 8, 16 or 32 in XTinyU-Net, which has the same width at every stage then. A stage
    has two 3x3 convolutions, each with instance normalisation and a leaky ReLU of slope 0.01; the first has the stride.
    The decoder has transposed 2x2 convolutions. As for every network here, there is no deep supervision. There is no
    bias before a normalisation, which would remove it. This is the network alone: nnU-Net's preprocessing, augmentation
    and training are not part of the comparison. Neither is the measure by which XTinyU-Net chooses a cap without a
    training: here each cap is a network of its own.
    """

    def build(in_channels: int, out_channels: int) -> nn.Module:
        strides = (1, *[2] * (stages - 1))
        return DynUNet(
            2,
            in_channels,
            out_channels,
            kernel_size=[3] * stages,
            strides=strides,
            upsample_kernel_size=strides[1:],
            filters=[min(32 * 2**stage, cap) for stage in range(stages)],
            norm_name=("instance", {"affine": True}),
            act_name=("leakyrelu", {"inplace": True, "negative_slope": 0.01}),
            trans_bias=True,
        )

    baseline(
        name,
        source=f"{source}, as planned for {patch}x{patch}; monai.networks.nets.DynUNet",
        licence=licence,
        multiple=2**stages,
    )(build)


# The deepest stages normalise over few pixels, so a network fits one size of image: after a training on crops of 96x96,
# the seven-stage networks fail on whole images of 256x256. Slices of the hippocampus are about 36x50.
for _patch, _stages, _ending in ((256, 7, ""), (96, 5, "_96"), (48, 4, "_48")):
    _register_nnunet(f"nnunet_2d{_ending}", _patch, _stages, 512, NNUNET, "Apache-2.0")
    for _cap in (8, 16, 32):
        _register_nnunet(f"xtinyunet_{_cap}{_ending}", _patch, _stages, _cap, XTINYUNET, "research only")
