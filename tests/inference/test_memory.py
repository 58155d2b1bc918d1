"""The process keeps memory that it frees, so that its next arrays cause no faults of pages."""

import platform
import resource
import subprocess
import sys

import pytest

COUNT = """
import resource, sys
import numpy as np
from monai_lwmisn.inference.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def work():
    for _ in range(5):
        arrays = [np.ones(2_000_000, np.uint8) for _ in range(40)]
        del arrays
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library is asked")
def test_freed_arrays_are_used_again_without_faults() -> None:
    faults = {
        mode: int(
            subprocess.run([sys.executable, "-c", COUNT, mode], capture_output=True, text=True, check=True).stdout
        )
        for mode in ("keep", "default")
    }
    assert faults["default"] > 0.5 * 5 * 40 * 2_000_000 / resource.getpagesize()
    assert faults["keep"] < 0.1 * faults["default"]
