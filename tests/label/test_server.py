"""Every bundle of the repository in a real server, on made images."""

from pathlib import Path

import pytest

from monai_lwmisn.label.check import CHECKS, check_label

BUNDLES = sorted((Path(__file__).parents[2] / "bundles").iterdir())


@pytest.mark.label
@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_a_server_does_what_annotators_need(bundle: Path) -> None:
    findings = list(check_label(bundle))
    assert len(findings) == len(CHECKS)
    assert not [f"{finding.check}: {finding.detail}" for finding in findings if not finding.passed]
