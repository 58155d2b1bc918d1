"""The step of a network against torch's optimiser and MONAI's loss; the average and the learning rate as formulas."""

import math

import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss
from torch import nn

from tools.many_networks.clock import rate_factor
from tools.many_networks.loss import dice_ce
from tools.many_networks.trainer import Trainer


def small_network() -> nn.Module:
    torch.manual_seed(0)
    # A bias before a normalisation would have no gradient but rounding errors, which AdamW makes large.
    return nn.Sequential(nn.Conv2d(1, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 1, 3))


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor, None]]:
    generator = torch.Generator().manual_seed(1)
    drawn = [torch.rand(2, 1, 12, 12, generator=generator) for _ in range(count)]
    return [(image, (image[..., 2:-2, 2:-2] > 0.5).float(), None) for image in drawn]


@pytest.mark.parametrize("factor", [1.0, 1000.0])
def test_steps_are_those_of_adamw_with_clipped_gradients(factor: float) -> None:
    def loss(output: torch.Tensor, hard: torch.Tensor, _: None) -> torch.Tensor:
        return factor * nn.functional.binary_cross_entropy_with_logits(output, hard)

    data = batches(6)
    network, expected = small_network(), small_network()
    groups = [
        {"params": [p for p in expected.parameters() if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in expected.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.03)
    remaining = iter(data)
    trainer = Trainer(network, lambda: next(remaining), loss, learning_rate=0.06)
    trainer.set_rate(0.5)
    losses = []
    for image, hard, _ in data:
        trainer.step()
        optimizer.zero_grad()
        value = loss(expected(image), hard, None)
        value.backward()
        nn.utils.clip_grad_norm_(expected.parameters(), 5.0)
        optimizer.step()
        losses.append(value.item())
    for found, wanted in zip(network.state_dict().values(), expected.state_dict().values(), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert trainer.mean_loss() == pytest.approx(sum(losses) / 6, rel=1e-4)


def test_the_average_keeps_995_of_1000_parts_of_itself_and_begins_anew() -> None:
    remaining = iter(batches(5))
    trainer = Trainer(small_network(), lambda: next(remaining), dice_ce, learning_rate=0.1)
    trainer.set_rate(1.0)
    trainer.step()
    trainer.restart_average()

    def state(network: nn.Module) -> dict[str, torch.Tensor]:
        return {key: value.clone() for key, value in network.state_dict().items() if value.is_floating_point()}

    average = state(trainer.network)
    for _ in range(4):
        trainer.step()
        weights = state(trainer.network)
        average = {key: 0.995 * value + 0.005 * weights[key] for key, value in average.items()}
    for key, value in state(trainer.average).items():
        torch.testing.assert_close(value, average[key])
        assert not torch.equal(value, weights[key])


@pytest.mark.parametrize("progress", [0.0, 0.01, 0.0379, 0.04, 0.1, 0.5, 0.999, 1.0, 1.1])
def test_the_learning_rate_rises_over_4_hundredths_and_falls_as_a_half_cosine(progress: float) -> None:
    cosine = math.cos(math.pi * min(progress, 1) / 2) ** 2
    rise = 0.05 + 25 * progress if progress < 0.038 else 1.0
    assert rate_factor(progress) == pytest.approx(rise * cosine, abs=1e-12)


@pytest.mark.parametrize("classes", [1, 2])
def test_the_loss_with_hard_labels_is_monais(classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, classes + (classes > 1), 8, 8, generator=generator)
    label = torch.randint(0, classes + 1, (3, 1, 8, 8), generator=generator)
    hard = torch.cat([label == k + 1 for k in range(classes)], 1).float()
    single = classes == 1
    kind = {"sigmoid": single, "softmax": not single, "to_onehot_y": not single, "include_background": single}
    expected = DiceCELoss(batch=True, **kind)(logits, label.float())
    torch.testing.assert_close(dice_ce(logits, hard), expected)
    torch.testing.assert_close(dice_ce(logits, hard, soft=hard, share=0.7), expected)


def test_soft_labels_enter_the_cross_entropy_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, soft = torch.randn(2, 1, 8, 8, generator=generator), torch.rand(2, 1, 8, 8, generator=generator)
    hard = (soft > 0.4).float()
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, 0.3 * hard + 0.7 * soft)
    dice = DiceLoss(sigmoid=True, smooth_nr=1 + 1e-5, smooth_dr=1 + 1e-5)(logits, hard)
    torch.testing.assert_close(dice_ce(logits, hard, soft, share=0.7, per_image=True), entropy + dice)
