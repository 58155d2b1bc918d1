"""A preset with comments says what each setting is and why, and is read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_lwmisn.auto.decisions import preset_of
from monai_lwmisn.auto.preset_file import preset_text, write_preset
from monai_lwmisn.auto.rules import decide
from monai_lwmisn.config import load_preset
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.settings import all_settings
from tests.auto.test_rules import a_fingerprint


@pytest.mark.parametrize("volumetric", [False, True])
def test_every_line_has_its_meaning_and_reason_above_it(volumetric: bool) -> None:
    decisions = decide(a_fingerprint(volumetric))
    lines = preset_text(decisions, "about").splitlines()
    assert max(len(line) for line in lines if line.strip().startswith("//")) <= 100
    for decision in decisions:
        section, _, name = decision.key.partition(".")
        start = lines.index(f'    "{section}": {{')
        place = next(index for index in range(start, len(lines)) if lines[index].startswith(f'        "{name}": '))
        above = place
        while lines[above - 1].strip().startswith("//"):
            above -= 1
        comment = " ".join(line.strip().removeprefix("// ") for line in lines[above:place])
        meaning = all_settings()[decision.key].meaning
        assert comment == f"{meaning[0].upper()}{meaning[1:]}. {decision.reason}"


def test_lines_that_are_no_comments_keep_their_slashes_and_numbers(tmp_path: Path) -> None:
    decisions = decide(a_fingerprint(False))
    file = tmp_path / "mine.json"
    write_preset(decisions, file, "from //server/data, // no comment")
    assert load_preset(str(file)) == {"comment": "from //server/data, // no comment", **preset_of(decisions)}
    text = file.read_text()
    file.write_text(text.replace('"volumetric": false', '"volumetric": fals'))
    line = 1 + text[: text.index('"volumetric": false')].count("\n")
    with pytest.raises(ConfigError, match=rf"mine\.json cannot be read .no JSON in line {line},"):
        load_preset(str(file))
