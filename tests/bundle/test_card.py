"""A model card says how a network was found and measured, so that it can be done again."""

import json
from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn.bundle.card import (
    TEXTS,
    WIDTH,
    Owner,
    load_card,
    measured_text,
    model_card,
    read_card,
    wrap_markdown,
)
from monai_lwmisn.config import resolve
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.training.epochs_done import EpochsDone

METRICS = {"mean": {"dsc": 0.5, "miou": 0.4}, "counts": {"cases": 2, "images": 3}, "split": "test"}
SPLIT = {"by": "case", "seed": 0, "items": {"training": 5, "validation": 2, "test": 3}}


def card_of(settings: dict[str, Any], training: EpochsDone | None = None) -> str:
    config = resolve("nuclei", "light")["evaluate"]
    facts = {"params": 1, "macs": 1, "macs_of": [1, 3, 256, 256], "preset": "nuclei", "variant": "light"}
    metadata = {"lwmisn": {**facts, "settings": settings}, "data_type": "PNG", "references": ["A paper"]}
    measured = measured_text(config, metadata["lwmisn"], METRICS, SPLIT, training)
    return model_card("mine", load_card("nuclei", config), metadata, config, measured, training)


def test_the_commands_have_the_settings() -> None:
    text = card_of({"train.epochs": 7})
    assert "    lwmisn search --preset nuclei --data DATA --out RUN --set train.epochs=7\n" in text
    assert "5 training, 2 validation, 3 test. " in text.replace("\n", " ")


def test_a_genotype_that_was_given_is_that_of_the_bundle() -> None:
    words = card_of({"search.strategy": "given", "train.epochs": 7}).split()
    start = words.index("--genotype")
    assert [word for word in words[start : start + 5] if word != "\\"][:4] == [
        "--genotype",
        "genotype.json",
        "--set",
        "train.epochs=7",
    ]
    assert not any("search.strategy" in word for word in words)


def test_learning_from_the_validation_part_is_said() -> None:
    assert "The network was trained on the validation part too." in plain({"train.parts": ["training", "validation"]})
    assert "validation part too" not in plain({})


def plain(settings: dict[str, Any]) -> str:
    return card_of(settings).replace("\n", " ")


def test_how_many_epochs_were_learned_is_said_and_first_if_some_are_missing() -> None:
    finished = card_of({}, EpochsDone(done=60, last=60, asked=60, kept=50)).replace("\n", " ")
    assert finished.count("The training had 60 epochs, and the weights are those of epoch 50.") == 1
    assert "not finished" not in finished
    broken = card_of({}, EpochsDone(done=7, last=60, asked=60, kept=5)).replace("\n", " ")
    said = (
        "The training is not finished: it was interrupted after 7 of 60 epochs, and the weights are those of epoch 5."
    )
    assert broken.count(said) == 2 and broken.index(said) < broken.index("## Use")


def test_the_table_has_the_figures_of_whole_volumes_first_and_says_what_empty_slices_count() -> None:
    config = resolve("hippocampus_mr", "light")["evaluate"]
    labels = config["data"]["label_names"].values()
    mean = {"dsc": 0.9, "dsc_3d": 0.7, **{f"dsc_3d_{name.replace(' ', '_')}": 0.7 for name in labels}}
    classes = {name: {"cases": 2, "found": 2, "invented": 0} for name in labels}
    metrics = {**METRICS, "mean": mean, "classes": classes, "empty_images": "one"}
    metrics["counts"] = {**METRICS["counts"], "empty_images": 1}
    text = measured_text(config, {"preset": None, "settings": {}}, metrics, None)
    assert [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][1:] == [
        "| Dice per case in 3D",
        *(f"| of which {name}" for name in labels),
        "| Dice per slice (empty slices count as 1)",
    ]
    assert "1 of 3 slices are without foreground: each counts as 1 where none is predicted, otherwise as 0." in text


def test_no_line_of_text_or_command_is_longer_than_a_screen_is_wide() -> None:
    text = card_of({f"data.setting_{index}": index for index in range(9)})
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    assert max(map(len, lines)) <= WIDTH
    command = text.split("    lwmisn search")[1].split("\n    lwmisn train")[0]
    assert command.count(" \\\n") >= 1 and command.count("--set") == 9


def test_wrapping_keeps_the_words_and_indents_a_list() -> None:
    text = "- " + "word " * 40 + "end\n\n| a table " + "x" * 120 + " |\n"
    wrapped = wrap_markdown(text)
    assert wrapped.split() == text.split()
    assert wrapped.splitlines()[1].startswith("  word") and wrapped.splitlines()[-1] == text.splitlines()[-1]


def test_what_the_owner_says_takes_the_place_of_what_the_preset_says() -> None:
    config = resolve("nuclei")["evaluate"]
    plain, own = load_card("nuclei", config), load_card("nuclei", config, Owner(name="Mine", licence="CC0"))
    assert own["title"] == "Mine"
    assert own["weights_terms"] == "The terms of the weights: CC0."
    assert {key for key in own if own[key] != plain.get(key)} == {"title", "weights_terms"}


def a_card(tmp_path: Path, **changed: Any) -> Path:
    card = {key: f"The {key}." for key in TEXTS} | {"limits": ["It was never tried."]} | changed
    file = tmp_path / "card.json"
    file.write_text(json.dumps({key: text for key, text in card.items() if text is not None}))
    return file


def test_the_owners_card_takes_the_place_of_the_presets(tmp_path: Path) -> None:
    config = resolve("nuclei", "light")["evaluate"]
    card = load_card("nuclei", config, Owner(name="Mine", card=a_card(tmp_path, measured="Others have 0.9.")))
    assert (
        card["title"] == "Mine" and card["data_name"] == "The data_name." and card["limits"] == ["It was never tried."]
    )
    facts = {"preset": "nuclei", "variant": "light", "settings": {}}
    assert measured_text(config, facts, None, None, card=card) == "Others have 0.9."
    assert "lwmisn search" in measured_text(config, facts, METRICS, SPLIT, card=card)
    learned = {**card, "trained": "It was learned elsewhere."}
    assert "lwmisn search" not in measured_text(config, facts, METRICS, SPLIT, card=learned)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"title": None}, "has no title: give a text for each"),
        ({"limits": "none"}, "has no limits"),
        ({"trained": 3}, "has no trained"),
        ({"titel": "Nuclei"}, "has titel, which no card knows: use title, task"),
    ],
)
def test_a_card_that_cannot_be_used_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_card(a_card(tmp_path, **changed))
