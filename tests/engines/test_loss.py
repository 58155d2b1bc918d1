"""The loss is the sum of its terms, each by its own formula."""

from __future__ import annotations

import pytest
import torch
from monai.losses import SoftclDiceLoss
from torch.nn import functional

from monai_lwmisn.engines.loss import dice_ce_loss
from monai_lwmisn.errors import ConfigError

LABELS = torch.randint(0, 3, (2, 1, 12, 12), generator=torch.Generator().manual_seed(0)).float()


def logits(channels: int) -> torch.Tensor:
    return torch.randn(2, channels, 12, 12, generator=torch.Generator().manual_seed(1))


def soft_dice_loss(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """1 - Dice of probabilities and truth (B, C, H, W), for each image and class."""
    both = (found * true).sum(dim=(2, 3))
    return 1 - (2 * both + 1e-5) / (found.sum(dim=(2, 3)) + true.sum(dim=(2, 3)) + 1e-5)


def test_weights_multiply_both_terms_of_their_classes() -> None:
    weights = torch.tensor([1.0, 2.0, 5.0])
    found = dice_ce_loss(3, batch=False, class_weights=weights[1:].tolist())(logits(3), LABELS)
    true = functional.one_hot(LABELS[:, 0].long(), 3).permute(0, 3, 1, 2)
    dice = soft_dice_loss(logits(3).softmax(1), true)[:, 1:] * weights[1:]
    entropy = functional.cross_entropy(logits(3), LABELS[:, 0].long(), weight=weights)
    assert float(found) == pytest.approx(float(dice.mean() + entropy), rel=1e-5)


def test_a_weight_of_one_class_counts_its_pixels_more() -> None:
    labels = (LABELS > 0).float()
    plain, weighted = (dice_ce_loss(1, False, weights)(logits(1), labels) for weights in (None, [3.0]))
    more = functional.binary_cross_entropy_with_logits(logits(1), labels, pos_weight=torch.tensor(3.0))
    assert float(weighted - plain) == pytest.approx(
        float(more - functional.binary_cross_entropy_with_logits(logits(1), labels)), rel=1e-4
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_the_term_of_centrelines_is_added(channels: int) -> None:
    labels = LABELS if channels == 3 else (LABELS > 0).float()
    plain, with_it = (dice_ce_loss(channels, False, None, weight)(logits(channels), labels) for weight in (0.0, 0.5))
    if channels == 1:
        term = SoftclDiceLoss(sigmoid=True)(logits(1), labels)
    else:
        true = functional.one_hot(LABELS[:, 0].long(), 3).permute(0, 3, 1, 2).float()
        term = SoftclDiceLoss()(logits(3).softmax(1)[:, 1:], true[:, 1:])
    assert float(with_it - plain) == pytest.approx(0.5 * float(term), rel=1e-4)


def test_as_many_weights_as_classes_are_needed() -> None:
    with pytest.raises(ConfigError, match="class_weights has 1 numbers: give one for each of the 2 classes"):
        dice_ce_loss(3, False, [1.0])
