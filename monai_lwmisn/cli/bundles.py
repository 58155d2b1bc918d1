"""The commands about bundles: bundle, verify, convert, segment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monai_lwmisn.cli.arguments import LOOK, MORE, YOUR_DATA, Commands, add_owner, owner_of
from monai_lwmisn.cli.terminal import say, sleep_early
from monai_lwmisn.errors import ConfigError, counted
from monai_lwmisn.light.large.arguments import add_large_options
from monai_lwmisn.locks import only_writer

if TYPE_CHECKING:
    from monai_lwmisn.inference.segment import Outcome


def add_commands(commands: Commands) -> None:
    """Add bundle, segment, verify and convert."""
    with commands.heading(YOUR_DATA):
        _add_bundle(commands)
        _add_segment(commands)
    with commands.heading(LOOK):
        _add_verify(commands)
    with commands.heading(MORE):
        _add_convert(commands)


def _add_bundle(commands: Commands) -> None:
    bundle = commands.add("bundle", _bundle, "make a MONAI Bundle of a trained run, or a zip of a bundle")
    bundle.add_argument(
        "source", type=Path, metavar="RUN_OR_BUNDLE", help="a run folder, trained and best also evaluated; or a bundle"
    )
    bundle.add_argument(
        "-o", "--output", type=Path, metavar="BUNDLE", help="the folder to make of a run; a bundle there is replaced"
    )
    bundle.add_argument(
        "--standalone",
        type=Path,
        metavar="FILE.zip",
        help="a zip to make besides, which segments where MONAI is installed without this package",
    )
    bundle.add_argument(
        "--bioimageio",
        type=Path,
        metavar="FILE.zip",
        help="a package of BioImage.IO to make besides, which Fiji, QuPath, ilastik and others open; installed with "
        "the extra bioimageio",
    )
    bundle.add_argument(
        "--onnx",
        type=Path,
        metavar="FILE.onnx",
        help="an ONNX file to make besides, which takes raw intensities and gives classes; lwmisn-run runs it without "
        "torch and MONAI",
    )
    bundle.add_argument(
        "--int8",
        type=Path,
        metavar="IMAGES",
        help="the network of the ONNX file computes in 8 bits, which is mostly faster; it is calibrated on IMAGES, a "
        "folder of images like those that it will segment, without labels",
    )
    bundle.add_argument(
        "--triton",
        type=Path,
        metavar="FOLDER",
        help="a model repository of NVIDIA Triton to add the network to, as the same ONNX file with its config.pbtxt",
    )
    add_owner(bundle)


def _add_verify(commands: Commands) -> None:
    verification = commands.add(
        "verify", _verify, "check a bundle: MONAI's own checks, the rules of its zoo, and that all runtimes agree"
    )
    verification.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle: its folder, or a zip of it")


def _add_convert(commands: Commands) -> None:
    conversion = commands.add(
        "convert",
        _convert,
        "convert a run, bundle, genotype or weights of the former release; the old one is not changed",
        epilog="Settings are converted. Other changes to the configurations of a run are not.",
    )
    conversion.add_argument(
        "old", type=Path, metavar="OLD", help="a run folder, a bundle's folder, a genotype.json or a file of weights"
    )
    conversion.add_argument("new", type=Path, metavar="NEW", help="the folder or file to write; it must not exist")


def _add_segment(commands: Commands) -> None:
    segmentation = commands.add(
        "segment",
        _segment,
        "segment images or volumes with a bundle; a mask for each",
        way_on=_way_on_to_segment,
        aliases=("predict",),
    )
    segmentation.set_defaults(segmented=0)
    segmentation.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle: its folder, or a zip of it")
    segmentation.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="INPUT",
        help="an image, a folder of OME-Zarr, a volume (NIfTI, NRRD, MetaImage), the folder of a DICOM series, or a "
        "folder of such",
    )
    segmentation.add_argument(
        "-o", "--output", type=Path, metavar="OUT", required=True, help="the folder for the masks"
    )
    segmentation.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (default: %(default)s)"
    )
    segmentation.add_argument(
        "--runtime",
        choices=("torch", "onnxruntime", "openvino"),
        default="torch",
        help="what executes the network; the last two are installed with the extra runtime (default: %(default)s)",
    )
    segmentation.add_argument(
        "--format",
        choices=("nifti", "nrrd", "dicom-seg", "png", "ome-tiff", "ome-zarr"),
        help="of the masks: png for images, ome-tiff or ome-zarr for large ones, otherwise one of the others (default: "
        "nifti); dicom-seg is for DICOM series, and installed with the extra dicom",
    )
    segmentation.add_argument(
        "--structured-report",
        action="store_true",
        help="with dicom-seg: also write a DICOM structured report with the volume of each class: NAME_report.dcm",
    )
    segmentation.add_argument("--series", metavar="UID", help="which series of DICOM folders that hold several")
    segmentation.add_argument(
        "--slice-axis",
        choices=("auto", "axial", "coronal", "sagittal"),
        default="auto",
        help="how to slice volumes; auto: as the network was trained (default: %(default)s)",
    )
    segmentation.add_argument(
        "--table",
        type=Path,
        metavar="FILE.csv",
        help="also measure: objects, area in pixels or volume in ml, diameter and mean intensity of each class; where "
        "objects are told apart, FILE_objects.csv has each",
    )
    segmentation.add_argument(
        "--overlays", action="store_true", help="also draw the contours on each image: NAME_overlay.png"
    )
    segmentation.add_argument(
        "--flag",
        action="store_true",
        help="also estimate from 0 to 1 how good each mask is, from how sure the network is, and say 'look at this' of "
        "low ones; takes no more time",
    )
    segmentation.add_argument(
        "--flag-below",
        type=float,
        metavar="QUALITY",
        help="the estimate below which --flag says so (default: that of the bundle, by its validation part)",
    )
    segmentation.add_argument(
        "--next-free-name",
        action="store_true",
        help="where another file has the name of a mask or of the table, write NAME_2 and so on; without this option "
        "that input is refused",
    )
    add_large_options(segmentation)


def _bundle(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.bundle.bioimageio.write import write_bioimageio
    from monai_lwmisn.bundle.card import Owner
    from monai_lwmisn.bundle.full_onnx import write_full_onnx
    from monai_lwmisn.bundle.standalone import write_standalone
    from monai_lwmisn.bundle.triton import write_triton
    from monai_lwmisn.bundle.write import write_bundle

    wanted = (arguments.output, arguments.standalone, arguments.bioimageio, arguments.onnx, arguments.triton)
    if not any(wanted):
        raise ConfigError(
            "There is nothing to make: give -o BUNDLE, --standalone FILE.zip, --bioimageio FILE.zip, --onnx FILE.onnx "
            "or --triton FOLDER."
        )
    if arguments.int8 is not None and arguments.onnx is None:
        raise ConfigError("--int8 is for the ONNX file: give --onnx FILE.onnx too.")
    source, owner = arguments.source, owner_of(arguments)
    if arguments.output is None and owner != Owner():
        raise ConfigError(
            "--name, --author, --licence, --description and --card are for a bundle that is made: give -o too."
        )
    if arguments.output is not None:
        data = write_bundle(source, arguments.output, owner)
        source = arguments.output
        say(
            f"The bundle: {arguments.output}\n"
            f"Its model card says that it was trained on: {data}\n"
            "If it was not, correct docs/README.md, docs/data_license.txt and configs/metadata.json\n"
            f"Check it: lwmisn verify {arguments.output}"
        )
    if arguments.standalone is not None:
        write_standalone(source, arguments.standalone)
        say(f"The standalone bundle: {arguments.standalone}")
    if arguments.bioimageio is not None:
        write_bioimageio(source, arguments.bioimageio)
        say(f"The package of BioImage.IO, which its own library has tested: {arguments.bioimageio}")
    if arguments.onnx is not None:
        quantised = write_full_onnx(source, arguments.onnx, calibration=arguments.int8).quantised
        if quantised is not None:
            say(
                f"In 8 bits, {100 * quantised['same_pixels']:.2f} % of the pixels have the class of float32, on the "
                f"{counted(int(quantised['images']), 'image')} that the network was calibrated on."
            )
        say(f"The ONNX file: {arguments.onnx}\nTry it: lwmisn-run {arguments.onnx} IMAGES -o MASKS")
    if arguments.triton is not None:
        say(f"The model of Triton: {write_triton(source, arguments.triton)}")


def _verify(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.bundle.verify import raise_for_failures, verify

    findings = []
    for finding in verify(arguments.bundle):
        findings.append(finding)
        say(str(finding))
    raise_for_failures(arguments.bundle, findings)


def _convert(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.convert import convert

    for note in convert(arguments.old, arguments.new):
        say(note)
    say(f"Converted: {arguments.new}")


def _segment(arguments: argparse.Namespace) -> None:
    sleep_early()
    from tqdm import tqdm

    from monai_lwmisn.inference.segment import segment
    from monai_lwmisn.light.outcomes import say_summary

    bar = tqdm(
        total=len(arguments.inputs),
        disable=None,
        leave=False,
        bar_format="{l_bar}{bar}| {n:.1f} of {total} inputs, {remaining} left",
    )
    finished = 0

    def start(inputs: int) -> None:
        bar.reset(inputs)

    def advance(done: int, total: int) -> None:
        bar.n = finished + done / total
        bar.refresh()

    def report(outcome: Outcome) -> None:
        nonlocal finished
        finished += 1
        bar.clear()
        for sentence in outcome.warnings:
            print(f"lwmisn: warning: {sentence}", file=sys.stderr)
        if outcome.error is None:
            arguments.segmented += 1
            say(outcome.to_text())
        else:
            print(f"lwmisn: {outcome.error}", file=sys.stderr)
        bar.n = finished
        bar.refresh()

    with bar, only_writer(arguments.output):
        outcomes = segment(
            arguments.bundle,
            arguments.inputs,
            arguments.output,
            device=arguments.device,
            runtime=arguments.runtime,
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
            started=start,
            progress=advance,
            report=report,
        )
    say_summary(outcomes, arguments.output, say)


def _way_on_to_segment(arguments: argparse.Namespace) -> str:
    from monai_lwmisn.light.outcomes import way_on

    return f"; {way_on(arguments.output, arguments.segmented)}"
