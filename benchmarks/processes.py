"""Time and memory of a command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

_SMALL_PARENT = """
import os, sys, time
begin = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, used = os.wait4(pid, 0)
print(time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(status != 0)
"""
"""Starts the command: the peak of a process is at least the memory of the one that starts it."""


def measured_run(command: Sequence[str]) -> dict[str, float]:
    """Run a command, and return its ``seconds``, ``processor`` seconds and ``peak_mib``.

    Raises:
        subprocess.CalledProcessError: its exit code is not 0.
    """
    started = [sys.executable, "-S", "-c", _SMALL_PARENT, *command]
    done = subprocess.run(started, capture_output=True, text=True, check=True)
    seconds, processor, peak_mib = map(float, done.stdout.split()[-3:])
    return {"seconds": seconds, "processor": processor, "peak_mib": peak_mib}
