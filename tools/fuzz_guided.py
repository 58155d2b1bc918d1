"""Breaks files of one kind, guided by the coverage of the readers: needs ``pip install atheris``.

    python -m tools.fuzz_guided nifti FOLDER -max_total_time=600 -timeout=30 -rss_limit_mb=4096

FOLDER keeps the files that reach new code, so that a later call goes on from them. Arguments from FOLDER on are those
of libFuzzer. A file that raises anything but an error of `monai_lwmisn.errors` ends the call and is kept as
``crash-...`` in the current folder.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["monai_lwmisn", "nibabel", "pydicom", "tifffile"]):
    from tests.inputs.targets import WHOLE, Predictors, read

SINGLE = ("nifti", "metaimage", "nrrd", "png", "tiff", "jpeg and bmp", "genotype")
"""The kinds whose files are one each; those of a DICOM series are broken by ``tools.fuzz``."""


def main() -> None:
    """Write whole files to the folder, and break them until the time is over."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind not in SINGLE:
        raise SystemExit(f"There is no kind {kind!r}: use one of {', '.join(SINGLE)}.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        predictors = Predictors(Path(place) / "bundles")
        suffixes = []
        for number, make in enumerate(WHOLE[kind]):
            made = Path(place) / str(number)
            made.mkdir()
            whole = make(made)
            suffixes.append("".join(whole.suffixes))
            (folder / f"whole_{number}").write_bytes(whole.read_bytes())

        def once(data: bytes) -> None:
            # The ending follows from the content alone, so that a kept file always means the same.
            path = Path(place) / f"broken{suffixes[len(data) % len(suffixes)]}"
            path.write_bytes(data)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(kind, path, predictors)

        atheris.Setup([sys.argv[0], *sys.argv[2:]], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
