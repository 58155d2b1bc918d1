"""Makes the loss of search and training."""

from __future__ import annotations

from monai.losses import DiceCELoss


def dice_ce_loss(out_channels: int, batch: bool) -> DiceCELoss:
    """Return the sum of Dice loss and cross-entropy of logits (B, out_channels, H, W) and labels (B, 1, H, W).

    Args:
        out_channels: 1 for one class (sigmoid), otherwise background and classes (softmax, Dice without background).
        batch: whether Dice is computed over the whole batch, which slices without foreground need.
    """
    single = out_channels == 1
    return DiceCELoss(
        sigmoid=single, softmax=not single, to_onehot_y=not single, include_background=single, batch=batch
    )
