"""The tables in the help have keys that exist and the values that a run gets."""

import json

import pytest

from monai_lwmisn.config import resolve
from monai_lwmisn.settings import MEANINGS, describe_settings


@pytest.mark.parametrize("workflow", MEANINGS)
def test_the_defaults_in_the_help_are_those_of_a_run(workflow: str) -> None:
    config = resolve("nuclei")[workflow]
    rows = {line.split()[0]: line for line in describe_settings(workflow).splitlines()[1:-1]}
    assert set(rows) == set(MEANINGS[workflow]) <= set(config)
    for key, row in rows.items():
        value, _, meaning = row.strip().removeprefix(key).strip().partition("  ")
        assert meaning.strip() == MEANINGS[workflow][key]
        if not str(config[key]).startswith("$"):
            assert value == config[key] or json.loads(value) == config[key]
