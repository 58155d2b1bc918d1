"""The commands about bundles: bundle, verify, convert, segment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from monai_lwmisn.cli.arguments import Commands
from monai_lwmisn.cli.terminal import say, sleep_early
from monai_lwmisn.errors import ConfigError, DataError, counted
from monai_lwmisn.locks import only_writer


def add_commands(commands: Commands) -> None:
    """Add bundle, verify, convert and segment."""
    bundle = commands.add("bundle", _bundle, "make a MONAI Bundle of a trained run, or a standalone zip of a bundle")
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

    verification = commands.add(
        "verify", _verify, "check a bundle: MONAI's own checks, the rules of its zoo, and that all runtimes agree"
    )
    verification.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle: its folder, or a zip of it")

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

    segmentation = commands.add("segment", _segment, "segment images or volumes with a bundle; a mask for each")
    segmentation.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle: its folder, or a zip of it")
    segmentation.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="INPUT",
        help="an image, a volume (NIfTI, NRRD, MetaImage), the folder of a DICOM series, or a folder of such",
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
        choices=("nifti", "nrrd", "dicom-seg", "png"),
        help="of the masks: png for images, otherwise one of the others (default: nifti); dicom-seg is for DICOM "
        "series, and installed with the extra dicom",
    )
    segmentation.add_argument("--series", metavar="UID", help="which series of DICOM folders that hold several")
    segmentation.add_argument(
        "--slice-axis",
        choices=("auto", "axial", "coronal", "sagittal"),
        default="auto",
        help="how to slice volumes; auto: as the network was trained (default: %(default)s)",
    )


def _bundle(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.bundle.standalone import write_standalone
    from monai_lwmisn.bundle.write import write_bundle

    if arguments.output is None and arguments.standalone is None:
        raise ConfigError("There is nothing to make: give -o BUNDLE, --standalone FILE.zip or both.")
    source = arguments.source
    if arguments.output is not None:
        data = write_bundle(source, arguments.output)
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

    from monai_lwmisn.inference.segment import Outcome, segment

    bar = tqdm(disable=None, leave=False)

    def advance(done: int, total: int) -> None:
        bar.total, bar.n = total, done
        bar.refresh()

    def report(outcome: Outcome) -> None:
        bar.clear()
        for sentence in outcome.warnings:
            print(f"lwmisn: warning: {sentence}", file=sys.stderr)
        if outcome.error is None:
            say(f"{outcome.image}: {', '.join(map(str, outcome.masks))}")
        else:
            print(f"lwmisn: {outcome.error}", file=sys.stderr)

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
            progress=advance,
            report=report,
        )
    failed = sum(outcome.error is not None for outcome in outcomes)
    if failed:
        rest = "there is no mask" if failed == len(outcomes) else f"masks are in {arguments.output}"
        raise DataError(f"{failed} of {counted(len(outcomes), 'input')} could not be segmented; {rest}.")
    say(f"Segmented {counted(len(outcomes), 'input')}; masks are in {arguments.output}")
