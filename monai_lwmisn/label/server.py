"""Starts the server as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.label.folder import prepare
from monai_lwmisn.label.onnx_files import TORCH
from monai_lwmisn.light.libraries import is_installed, missing


def server_command(
    folder: Path, names: Iterable[str], studies: str, host: str, port: int, runtime: str = TORCH
) -> list[str]:
    """Return the command that starts monailabel with an app's folder. It downloads nothing.

    Args:
        folder: the folder of the app.
        names: the names of the bundles in it.
        studies: the folder of the images, or the address of a DICOMweb server.
        host: the address to listen on.
        port: the port to listen on.
        runtime: what executes the networks for masks: ``torch``, ``onnxruntime`` or ``openvino``.

    Raises:
        ConfigError: monailabel or the runtime is not installed, or the studies are not there.
    """
    if find_spec("monailabel") is None:
        raise ConfigError("monailabel is not installed here: run `make label-env`, and use .venv-label/bin/lwmisn.")
    if runtime != TORCH and not is_installed(runtime):
        raise ConfigError(missing(runtime, f"--runtime {runtime}"))
    if not studies.startswith(("http://", "https://")):
        if not os.path.isdir(studies):
            raise ConfigError(f"{studies} is no folder: give the one that has the images.")
        studies = os.path.realpath(studies)
    options = {"models": ",".join(names), "sam2": "false", "zoo_source": "ngc", "runtime": runtime}
    conf = [text for key, value in options.items() for text in ("--conf", key, value)]
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(folder), "--studies", studies]
    return [*command, *conf, "--host", host, "--port", str(port)]


def serve(
    studies: str,
    bundles: Iterable[str | os.PathLike[str]],
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    runtime: str = TORCH,
    started: Callable[[], None] = lambda: None,
) -> int:
    """Prepare the app's folder and run the server until it is interrupted.

    Args:
        studies: the folder of the images.
        bundles: folders of bundles.
        folder: the folder of the app.
        host: the address to listen on.
        port: the port to listen on.
        runtime: see :func:`server_command`.
        started: called when the process of the server runs.

    Returns:
        The exit code of the server.

    Raises:
        LWMISNError: see :func:`prepare` and :func:`server_command`.
    """
    server_command(folder, (), studies, host, port, runtime)  # what is missing is said before the folder is made
    names = prepare(folder, bundles, runtime)
    command = server_command(folder.resolve(), names, studies, host, port, runtime)
    with subprocess.Popen(command) as process:
        started()
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
