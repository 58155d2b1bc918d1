"""A model card says how a network was found and measured, so that it can be done again."""

from typing import Any

from monai_lwmisn.bundle.card import load_card, model_card
from monai_lwmisn.config import resolve

METRICS = {"mean": {"dsc": 0.5, "miou": 0.4}, "counts": {"cases": 2, "images": 3}, "split": "test"}
SPLIT = {"by": "case", "seed": 0, "items": {"training": 5, "validation": 2, "test": 3}}


def card_of(settings: dict[str, Any]) -> str:
    config = resolve("nuclei", "light", settings)["evaluate"]
    facts = {"params": 1, "macs": 1, "macs_of": [1, 3, 256, 256], "settings": settings}
    metadata = {"lwmisn": facts, "data_type": "PNG", "references": ["A paper"]}
    return model_card("mine", load_card("nuclei", config), metadata, config, METRICS, SPLIT)


def test_the_commands_have_the_settings() -> None:
    text = card_of({"train_epochs": 7})
    assert "    lwmisn search --preset nuclei --data DATA --out RUN --set train_epochs=7\n" in text
    assert "5 training, 2 validation, 3 test. An image" in text


def test_a_genotype_that_was_given_is_that_of_the_bundle() -> None:
    assert "--data DATA --out RUN --genotype genotype.json --set train_epochs=7\n" in card_of(
        {"strategy": "given", "train_epochs": 7}
    )


def test_learning_from_the_validation_part_is_said() -> None:
    assert "The validation part was learned from too." in card_of({"train_parts": ["training", "validation"]})
    assert "learned from too" not in card_of({})
