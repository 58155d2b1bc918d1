"""The post-processing is what helps on the validation part, for each class, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import FillHolesd, KeepLargestConnectedComponentd, RemoveSmallObjectsd

from monai_lwmisn.bundle.configs import chosen_inference
from monai_lwmisn.cli.text import format_choice
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.postprocessing import OfClassesd
from monai_lwmisn.training.postprocessing import step_name
from monai_lwmisn.training.postprocessing_choice import choose_postprocessing

FILE = "train/postprocessing.json"

FILL = FillHolesd("pred")
SMALL = RemoveSmallObjectsd("pred", min_size=4, independent_channels=False)


def chosen(run: Path, steps: list[dict[str, Any]]) -> list[Any]:
    return chosen_inference(run, {"choice_file": FILE, "inference": {"postprocessing": steps}})["postprocessing"]


class Network(torch.nn.Module):
    """Finds what the image says; the weight lets it have a file of weights."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if self.classes == 1:
            return 20 * image - 10
        return 20 * torch.nn.functional.one_hot(image[:, 0].long(), self.classes + 1).movedim(-1, 1).float()


def choose(run: Path, pairs: list[tuple[np.ndarray, np.ndarray]], steps: list, **changed: Any) -> list:
    """Choose for pairs of what is found and what is true."""
    classes = changed.pop("classes", 1)
    network = Network(classes)
    (run / "models").mkdir(parents=True, exist_ok=True)
    if not (run / "models" / "model.pt").exists():
        torch.save(network.state_dict(), run / "models" / "model.pt")

    def dataset(data: list[int]) -> list[dict[str, Any]]:
        tensors = [[torch.tensor(mask)[None].float() for mask in pairs[index]] for index in data]
        return [{"image": found, "truth": truth, "true_instances": truth} for found, truth in tensors]

    settings = {
        "root": run,
        "weights": run / "models" / "model.pt",
        "network": network,
        "inferer": lambda image, network: network(image),
        "items": lambda: list(range(len(pairs))),
        "dataset": dataset,
        "spatial": [],
        "label_names": {str(value): f"class {value}" for value in range(1, classes + 1)},
        "out_channels": 1 if classes == 1 else classes + 1,
        "instances": False,
        "device": torch.device("cpu"),
    }
    return choose_postprocessing(changed.pop("file", FILE), steps, **{**settings, **changed})


def net(size: int = 21) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[::5] = mask[:, ::5] = 1
    return mask


def speckled(mask: np.ndarray) -> np.ndarray:
    found = np.pad(mask, 6)
    found[1, 1] = found[-2, 2] = 1
    return found


def test_holes_of_membranes_stay_and_specks_go(tmp_path: Path) -> None:
    truth = np.pad(net(), 6)
    assert choose(tmp_path, [(speckled(net()), truth)], [FILL, SMALL]) == [SMALL]
    choice = read_json(tmp_path / FILE)
    filled = np.pad(np.ones((21, 21)), 6)
    both = 2 * (filled * truth).sum() / (filled.sum() + truth.sum())
    none = 2 * truth.sum() / (2 * truth.sum() + 2)
    assert choice["all_score"] == pytest.approx(both) and choice["none_score"] == pytest.approx(none)
    assert choice["chosen_score"] == pytest.approx(1)
    assert format_choice(read_json(tmp_path / FILE)) == (
        "Post-processing chosen on the validation part (1 image): remove small objects. "
        f"Dice 1.0000 (fill holes, remove small objects: {both:.4f}; none: {none:.4f})."
    )
    assert format_choice({**choice, "steps": ["remove small objects"], "all_score": 1.0}) == (
        "Post-processing chosen on the validation part (1 image): remove small objects. "
        f"Dice 1.0000 (none: {none:.4f})."
    )


def test_what_changes_nothing_is_left_out(tmp_path: Path) -> None:
    solid = np.pad(np.ones((5, 5), np.uint8), 3)
    assert choose(tmp_path, [(solid, solid)], [FILL, SMALL]) == []
    assert "(1 image): none. Dice 1.0000" in format_choice(read_json(tmp_path / FILE))


def test_a_step_is_taken_for_the_classes_that_it_helps(tmp_path: Path) -> None:
    truth = np.zeros((20, 40), np.uint8)
    truth[2:18, 2:18] = 1  # one solid square, and a ring
    truth[2:18, 22:38] = 2
    truth[6:14, 26:34] = 0
    found = truth.copy()
    found[8:11, 8:11] = 0
    (step,) = choose(tmp_path, [(found, truth)], [FILL], classes=2)
    assert isinstance(step, OfClassesd) and step.classes == (1,) and step_name(step) == "fill holes of class 1"
    np.testing.assert_array_equal(step({"pred": torch.tensor(found)[None]})["pred"][0], truth)
    assert "fill holes (class 1). Dice 1.0000" in format_choice(read_json(tmp_path / FILE))
    config = {"_target_": "FillHolesd", "keys": "pred"}
    assert chosen(tmp_path, [config]) == [
        {
            "_target_": "monai_lwmisn.inference.postprocessing.OfClassesd",
            "keys": "pred",
            "transform": config,
            "classes": [1],
        }
    ]


def test_objects_count_where_they_are_told_apart(tmp_path: Path) -> None:
    truth = np.zeros((30, 30), np.uint8)
    truth[2:14, 2:14], truth[16:28, 16:28] = 1, 2
    truth[4, 4] = 0  # a real hole, that no one would miss
    found = (truth > 0).astype(np.uint8)
    found[0, 28:30] = 1
    pairs = [(found, truth)]
    assert choose(tmp_path, pairs, [SMALL], instances=True, label_names={"1": "nucleus"}) == [SMALL]
    assert format_choice(read_json(tmp_path / FILE)).count("Mean of Dice and F1 of objects") == 1


def test_the_choice_is_kept_until_the_weights_change(tmp_path: Path) -> None:
    solid = np.pad(np.ones((5, 5), np.uint8), 6)
    specks = [(speckled(np.ones((5, 5), np.uint8)), solid)]
    assert choose(tmp_path, specks, [SMALL]) == [SMALL]
    assert choose(tmp_path, [], [SMALL]) == [SMALL]
    assert chosen(tmp_path, [{"one": 1}]) == [{"one": 1}]
    torch.save({"weight": torch.zeros(1)}, tmp_path / "models" / "model.pt")
    with pytest.raises(ConfigError, match="chosen for other weights: run lwmisn evaluate"):
        chosen(tmp_path, [{"one": 1}])
    assert choose(tmp_path, [(solid, solid)], [SMALL]) == []


def test_the_steps_of_a_bundle_are_those_that_were_chosen_for_it(tmp_path: Path) -> None:
    assert choose(tmp_path, [], [FILL, SMALL], file=None) == [FILL, SMALL]
    assert not (tmp_path / FILE).exists()
    assert chosen(tmp_path, [{"one": 1}]) == [{"one": 1}]


def test_of_many_steps_all_or_none_are_taken(tmp_path: Path) -> None:
    steps = [FILL, SMALL, KeepLargestConnectedComponentd("pred"), FILL]
    truth = np.pad(np.ones((7, 7), np.uint8), 6)
    assert choose(tmp_path, [(speckled(np.ones((7, 7), np.uint8)), truth)], steps) == steps
