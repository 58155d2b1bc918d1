"""What libraries say to programmers stays away from users; what we say to users does not."""

import os
import subprocess
import sys
from pathlib import Path

import itk
import numpy as np
import pytest

from monai_lwmisn.errors import DataError
from monai_lwmisn.light.volumes import read_volume

PROGRAM = """
import logging, warnings
from monai_lwmisn.errors import FigureWarning, InputWarning
from monai_lwmisn.light.quiet import quieten_libraries
quieten_libraries("lwmisn-run")
warnings.warn("deprecated", DeprecationWarning)
warnings.simplefilter("always")  # as some libraries do
warnings.warn("of a library")
logging.getLogger("ignite.engine.engine.Engine").error("terminating")
logging.getLogger("some.library").warning("falling back")
for _ in range(2):
    with warnings.catch_warnings():  # forgets what was shown
        warnings.warn("a.nii looks like CT.", InputWarning)
        warnings.warn("There are few cases.", FigureWarning)
"""


def test_of_all_messages_our_own_are_left() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    ours = ["lwmisn-run: warning: a.nii looks like CT.", "lwmisn-run: warning: There are few cases."]
    assert done.stderr.splitlines() == ours and done.stdout == ""
    others = {**os.environ, "RANK": "1"}
    again = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=others)
    assert again.stderr == ""


def test_what_a_library_prints_by_itself_is_not_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "short.mha"
    itk.imwrite(itk.image_from_array(np.zeros((5, 6, 7), np.int16)), str(path))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(RuntimeError):
        itk.imread(str(path))
    assert "data not read completely" in capfd.readouterr().err
    with pytest.raises(DataError, match=r"short\.mha"):
        read_volume(path)
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"
