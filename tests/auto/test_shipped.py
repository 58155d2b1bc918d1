"""The shipped network that others begin with is the lightest of those that keep the limits."""

from __future__ import annotations

from typing import Any

import pytest

from monai_lwmisn.auto.decisions import Wishes, preset_of, with_value
from monai_lwmisn.auto.rules import decide
from monai_lwmisn.auto.shipped import nearest_start
from tests.auto.test_rules import a_fingerprint


def chosen(stem_stride: int, **wishes: Any) -> str | None:
    data = a_fingerprint(volumetric=False)
    decisions = with_value(decide(data), "architecture.stem_stride", stem_stride, "As the test wants it.")
    start = nearest_start(data, preset_of(decisions), Wishes(**wishes))
    return None if start is None else start.folder.name


def test_the_lightest_network_is_taken() -> None:
    assert chosen(stem_stride=2) == chosen(stem_stride=1) == "nuclei_microscopy_lwmisn_fast"


@pytest.mark.parametrize(
    ("size", "name"),
    [(0.2e6, "nuclei_microscopy_lwmisn_fast"), (0.1e6, "nuclei_microscopy_lwmisn_fast"), (0.05e6, None)],
)
def test_a_limit_of_parameters_is_kept(size: float, name: str | None) -> None:
    assert chosen(stem_stride=1, size=size) == name
