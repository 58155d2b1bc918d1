"""The runtimes report nothing to their makers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from monai_lwmisn.networks.export import export_onnx

CODE = """
import sys
names = []
sys.addaudithook(lambda event, arguments: names.append(event) if event.startswith("socket.") else None)
from monai_lwmisn.light.engines import onnxruntime_session, openvino_model
{call}({file!r})
assert not names, names
assert "openvino_telemetry" not in sys.modules
import openvino_telemetry  # another library may use it
"""


@pytest.mark.parametrize("call", ["onnxruntime_session", "openvino_model"])
def test_nothing_is_sent(call: str, tmp_path: Path) -> None:
    pytest.importorskip("openvino_telemetry")
    file, home = tmp_path / "network.onnx", tmp_path / "home"
    export_onnx(torch.nn.Conv2d(1, 1, 3), 1, file)
    home.mkdir()
    # Reporting is off where CI is set, so the test must not run like that.
    settings = {key: value for key, value in os.environ.items() if key not in ("CI", "TF_BUILD", "JENKINS_URL")}
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(call=call, file=str(file))],
        env={**settings, "HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not list(home.iterdir())
