"""The table of settings is whole, and help and document show it."""

import json
from pathlib import Path

import pytest

from monai_lwmisn.config import resolve
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.settings import STAGES, all_settings, check_value, describe_settings, nearest, settings_table

DOCUMENT = Path(__file__).parent.parent / "docs" / "settings.md"


def test_every_setting_has_a_meaning_and_belongs_to_a_stage() -> None:
    for key, setting in all_settings().items():
        assert setting.meaning and setting.meaning[-1] not in ".:" and len(setting.meaning) < 120, key
        assert setting.stages and set(setting.stages) <= set(STAGES), key
        assert setting.set_in, key


def test_every_default_is_within_its_own_limits() -> None:
    for key, setting in all_settings().items():
        check_value(key, setting.default)
        assert not (setting.required and setting.default is not None)


@pytest.mark.parametrize("stage", ["search", "train", "evaluate"])
def test_the_help_has_every_setting_of_the_stage(stage: str) -> None:
    lines = describe_settings(stage).splitlines()[1:]
    assert [line.split()[0] for line in lines] == [
        key for key, setting in all_settings().items() if stage in setting.set_in
    ]


def test_a_default_is_what_a_run_gets_where_the_preset_is_silent() -> None:
    resolved = resolve("hippocampus_mr")["train"]["train"]
    assert resolved["recalibration_batches"] == all_settings()["train.recalibration_batches"].default
    assert resolved["epochs"] == 15 != all_settings()["train.epochs"].default


def test_the_document_is_the_table() -> None:
    head, _, table = DOCUMENT.read_text(encoding="utf-8").partition("## On top level")
    assert "## On top level" + table == settings_table()
    for key, setting in all_settings().items():
        assert f"| `{key}` |" in table
        if setting.default is not None:
            assert f"`{json.dumps(setting.default)}`" in table


def test_the_nearest_name_is_the_most_alike() -> None:
    assert nearest("train.epoch", ["train.epochs", "search.epochs", "device"]) == "train.epochs"


def test_a_value_that_is_no_choice_is_named_with_the_choices() -> None:
    with pytest.raises(ConfigError, match='data.cache is "tape": use one of memory, disk, none'):
        check_value("data.cache", "tape")


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"data\.in_channels is .*: give a number"):
        check_value("data.in_channels", value)
