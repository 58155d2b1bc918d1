"""Verify a bundle: MONAI's own checks, the rules of its Model Zoo, and that all runtimes agree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from monai_lwmisn.errors import ConfigError

MARK = "\x1e"
"""Begins the lines of :mod:`.checks` among what libraries print."""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: its name.
        passed: whether all is well.
        detail: what was seen, or what is wrong.
    """

    check: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'}  {self.check}: {self.detail}"


def verify(bundle: Path) -> Iterator[Finding]:
    """Run the checks of :mod:`.checks` one by one, in a process of its own: they run the bundle's code.

    Raises:
        ConfigError: ``bundle`` is no bundle, or its code ended the process.
    """
    if not (bundle / "configs" / "metadata.json").is_file():
        raise ConfigError(
            f"{bundle} is no bundle, it has no configs/metadata.json: give one that `lwmisn bundle` wrote."
        )
    command = [sys.executable, "-W", "ignore", "-m", "monai_lwmisn.bundle.bundle_checks", str(bundle.resolve())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(MARK):
                yield Finding(**json.loads(line.removeprefix(MARK)))
    if process.returncode:
        raise ConfigError(
            f"The checks of {bundle} ended with code {process.returncode}, so its code is not to be relied on."
        )


def raise_for_failures(bundle: Path, findings: Sequence[Finding]) -> None:
    """Raise ConfigError where a check failed."""
    failed = [finding.check for finding in findings if not finding.passed]
    if failed:
        raise ConfigError(f"{bundle} failed {len(failed)} of {len(findings)} checks ({', '.join(failed)}): see above.")
