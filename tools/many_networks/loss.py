"""The loss: soft Dice with hard labels, and cross-entropy with a mixture of hard and soft labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F

SMOOTHING = 1e-5
"""Of the Dice loss, as MONAI has it."""


def dice_ce(
    logits: torch.Tensor,
    hard: torch.Tensor,
    soft: torch.Tensor | None = None,
    share: float = 0.0,
    per_image: bool = False,
) -> torch.Tensor:
    """Return the sum of both terms.

    With hard labels alone this is ``monai.losses.DiceCELoss``, which takes one target for both terms.

    Args:
        logits: (B, 1, H, W) of one class, otherwise (B, 1 + K, H, W) with the background first.
        hard: maps of 0 and 1 (B, K, H, W).
        soft: probabilities of the classes (B, K, H, W); None if there are none.
        share: of the soft labels in the target of the cross-entropy.
        per_image: whether Dice is computed for each image, and with 1 added to both sides of its fraction; otherwise
            over the whole batch, which slices without foreground need.
    """
    logits = logits.float()
    target = hard if soft is None or share == 0 else torch.lerp(hard, soft, share)
    if hard.shape[1] == 1:
        entropy = F.binary_cross_entropy_with_logits(logits, target)
        probability = torch.sigmoid(logits)
    else:
        complete = torch.cat([1 - target.sum(1, keepdim=True), target], 1)
        entropy = -(complete * F.log_softmax(logits, 1)).sum(1).mean()
        probability = torch.softmax(logits, 1)[:, 1:]
    axes = (2, 3) if per_image else (0, 2, 3)
    added = SMOOTHING + per_image
    dice = (2 * (probability * hard).sum(axes) + added) / (probability.sum(axes) + hard.sum(axes) + added)
    return entropy + 1 - dice.mean()
