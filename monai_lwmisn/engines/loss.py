"""Makes the loss of search and training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.losses import DiceCELoss, SoftclDiceLoss
from torch import nn

from monai_lwmisn.errors import ConfigError


def dice_ce_loss(
    out_channels: int, batch: bool, class_weights: Sequence[float] | None = None, centreline_weight: float = 0.0
) -> nn.Module:
    """Return the sum of Dice loss and cross-entropy of logits (B, out_channels, H, W) and labels (B, 1, H, W).

    Args:
        out_channels: 1 for one class (sigmoid), otherwise background and classes (softmax, Dice without background).
        batch: whether Dice is computed over the whole batch, which slices without foreground need.
        class_weights: weight of each class in both terms, without the background; None for equal ones.
        centreline_weight: weight of a third term, the Dice of centrelines (clDice, arXiv:2003.07311).

    Raises:
        ConfigError: there are not as many weights as classes.
    """
    single = out_channels == 1
    weights = None
    if class_weights is not None:
        if len(class_weights) != max(1, out_channels - 1):
            raise ConfigError(
                f"train.class_weights has {len(class_weights)} numbers: give one for each of the "
                f"{max(1, out_channels - 1)} classes."
            )
        weights = torch.tensor([*([] if single else [1.0]), *class_weights], dtype=torch.float32)
    activation: dict[str, Any] = {"sigmoid": single, "softmax": not single, "to_onehot_y": not single}
    overlap = DiceCELoss(batch=batch, weight=weights, include_background=single, **activation)
    if not centreline_weight:
        return overlap
    return CentrelineLoss(overlap, SoftclDiceLoss(include_background=single, **activation), centreline_weight)


class CentrelineLoss(nn.Module):
    """Adds the Dice of centrelines to another loss.

    Args:
        overlap: the other loss.
        centrelines: MONAI's loss of centrelines.
        weight: of the second.
    """

    def __init__(self, overlap: nn.Module, centrelines: nn.Module, weight: float) -> None:
        super().__init__()
        self.overlap, self.centrelines, self.weight = overlap, centrelines, weight

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss of logits (B, C, H, W) and labels (B, 1, H, W)."""
        return self.overlap(logits, labels) + self.weight * self.centrelines(logits, labels.float())
