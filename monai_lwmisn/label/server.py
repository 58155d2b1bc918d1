"""The server as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from monai_lwmisn.errors import ConfigError, LWMISNError
from monai_lwmisn.label.folder import prepare


def server_command(folder: Path, names: Iterable[str], studies: Path, host: str, port: int) -> list[str]:
    """The command that starts monailabel with an app's folder, without downloading anything.

    Raises:
        ConfigError: monailabel is not installed, or the studies are not there.
    """
    if find_spec("monailabel") is None:
        raise ConfigError("monailabel is not installed here: run `make label-env`, and use .venv-label/bin/lwmisn.")
    if not studies.is_dir():
        raise ConfigError(f"{studies} is no folder: give the one that has the images.")
    options = {"models": ",".join(names), "sam2": "false", "zoo_source": "ngc"}
    conf = [text for key, value in options.items() for text in ("--conf", key, value)]
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(folder), "--studies", str(studies)]
    return [*command, *conf, "--host", host, "--port", str(port)]


def serve(
    studies: Path, bundles: Iterable[str | os.PathLike[str]], folder: Path, host: str = "127.0.0.1", port: int = 8000
) -> int:
    """Prepare the app's folder and run the server until it is interrupted.

    Returns:
        The server's exit code.

    Raises:
        ConfigError: see :func:`prepare` and :func:`server_command`.
    """
    command = server_command(folder.resolve(), prepare(folder, bundles), studies.resolve(), host, port)
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise


@contextmanager
def running(
    studies: Path, bundles: Iterable[str | os.PathLike[str]], folder: Path, port: int, log: Path, seconds: float = 180
) -> Iterator[str]:
    """A server in the background, and its address; it is ended afterwards.

    Args:
        studies: the folder of the images.
        bundles: folders of bundles.
        folder: the app's.
        port: on the loopback address.
        log: file for what the server prints.
        seconds: how long it may take to start.

    Raises:
        LWMISNError: it does not start.
    """
    command = server_command(folder.resolve(), prepare(folder, bundles), studies.resolve(), "127.0.0.1", port)
    address = f"http://127.0.0.1:{port}"
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True) as process:
        try:
            end = time.monotonic() + seconds
            while not _answers(address):
                if process.poll() is not None or time.monotonic() > end:
                    raise LWMISNError(f"The server does not start: see {log}.")
                time.sleep(0.5)
            yield address
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/info/", timeout=60) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
