"""The command ``lwmisn-run``: segments files with ``model_full.onnx``, without torch and MONAI."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .engines import ENGINES
from .errors import LWMISNError, reason_of
from .large.arguments import add_large_options, number_from_one
from .outcomes import Outcome, say_summary, way_on
from .quiet import quieten_libraries
from .run import segment
from .segmentation import FORMATS

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lwmisn-run`.

    Args:
        argv: the arguments; those of the process by default.

    Returns:
        The exit code: 0 for success, 2 for wrong input (one sentence on stderr), 130 for Ctrl-C, 1 for any other
        failure.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file may have a name that the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    progress = _Progress()
    try:
        with warnings.catch_warnings():
            quieten_libraries("lwmisn-run")
            return _segment(arguments, progress)
    except LWMISNError as error:
        return _fail(str(error), 2)
    except OSError as error:
        name = error.filename2 or error.filename or "a file"
        return _fail(f"{name} cannot be read or written ({reason_of(error)}): check its path and permissions.", 2)
    except KeyboardInterrupt:
        return _fail(f"interrupted; {way_on(arguments.output, progress.segmented)}.", 130)
    except Exception as error:
        with tempfile.NamedTemporaryFile(prefix="lwmisn-", suffix=".log", delete=False) as log:
            log.write(traceback.format_exc().encode("utf-8", "backslashreplace"))
        return _fail(f"unexpected error ({reason_of(error)}): report it with {log.name}.", 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lwmisn-run", description="Segment images or volumes with a light-weight network; a mask for each."
    )
    parser.add_argument("--version", action="version", version=f"lwmisn-run {__version__}")
    parser.add_argument(
        "bundle",
        type=Path,
        metavar="BUNDLE_OR_ONNX",
        help="an ONNX file of `lwmisn bundle --onnx`, or a bundle with models/model_full.onnx: its folder, or a zip",
    )
    parser.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="INPUT",
        help="an image, a folder of OME-Zarr, a volume (NIfTI, NRRD, MetaImage), the folder of a DICOM series, or a "
        "folder of such",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="the folder for the masks")
    parser.add_argument(
        "--runtime", choices=tuple(ENGINES), default="onnxruntime", help="what executes the network (%(default)s)"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (%(default)s)"
    )
    parser.add_argument("--threads", type=number_from_one, metavar="N", help="of the network (default: all processors)")
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        help="of the masks: png for images, ome-tiff or ome-zarr for large ones, otherwise one of the others (default: "
        "nifti)",
    )
    parser.add_argument(
        "--structured-report",
        action="store_true",
        help="with dicom-seg: also write a DICOM structured report with the volume of each class",
    )
    parser.add_argument("--series", metavar="UID", help="which series of DICOM folders that hold several")
    parser.add_argument(
        "--slice-axis",
        choices=("auto", "axial", "coronal", "sagittal"),
        default="auto",
        help="how to slice volumes; auto: as the network was trained (%(default)s)",
    )
    parser.add_argument("--table", type=Path, metavar="FILE.csv", help="also measure each class; needs scikit-image")
    parser.add_argument(
        "--overlays", action="store_true", help="also draw the contours on each image; needs scikit-image"
    )
    parser.add_argument(
        "--flag", action="store_true", help="also estimate how good each mask is, and say 'look at this' of low ones"
    )
    parser.add_argument("--flag-below", type=float, metavar="QUALITY", help="the estimate below which --flag says so")
    parser.add_argument(
        "--next-free-name",
        action="store_true",
        help="where another file has the name of a mask, write NAME_2 and so on, instead of a refusal",
    )
    add_large_options(parser)
    return parser


def _segment(arguments: argparse.Namespace, progress: _Progress) -> int:
    outcomes = segment(
        arguments.bundle,
        arguments.inputs,
        arguments.output,
        runtime=arguments.runtime,
        device=arguments.device,
        threads=arguments.threads,
        format=arguments.format,
        series=arguments.series,
        slice_axis=arguments.slice_axis,
        structured_report=arguments.structured_report,
        table=arguments.table,
        overlays=arguments.overlays,
        flag=arguments.flag,
        flag_below=arguments.flag_below,
        next_free_name=arguments.next_free_name,
        plane=arguments.plane,
        geojson=arguments.geojson,
        processes=arguments.processes,
        started=progress.start,
        progress=progress.advance,
        report=progress.report,
    )
    say_summary(outcomes, arguments.output, _say)
    return 0


class _Progress:
    """Prints what is done: a line for each input, and on a terminal how far the present one is."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self.finished = self.total = self.segmented = 0
        self.said: set[str] = set()

    def start(self, total: int) -> None:
        """Take the number of inputs."""
        self.total = total

    def advance(self, done: int, total: int) -> None:
        """Show the slices or windows that are done, and all."""
        if self.is_terminal:
            sys.stderr.write(f"\r\x1b[K{self.finished + 1} of {self.total} inputs: {100 * done // total} %")
            sys.stderr.flush()

    def report(self, outcome: Outcome) -> None:
        """Print the result for an input."""
        self.finished += 1
        if self.is_terminal:
            sys.stderr.write("\r\x1b[K")
        for sentence in outcome.warnings:
            if sentence not in self.said:  # what is missing here is of all inputs
                self.said.add(sentence)
                sys.stderr.write(f"lwmisn-run: warning: {sentence}\n")
        if outcome.error is not None:
            _fail(outcome.error, 2)
            return
        self.segmented += 1
        _say(outcome.to_text())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(sentence: str, code: int) -> int:
    sys.stderr.write(f"lwmisn-run: {sentence}\n")
    return code
