"""`lwmisn`: reads arguments, calls one function, prints what it gives."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from monai_lwmisn import __version__
from monai_lwmisn.errors import ComparisonError, DataError, LWMISNError
from monai_lwmisn.files import check_writable, write_atomically
from monai_lwmisn.workflow.settings import describe_settings

# Libraries are imported by the commands that need them, so that --help answers at once.

PRESET_HELP = "nuclei, liver_ct, prostate_mr, hippocampus_mr, or the path of a preset of your own (JSON)"
DATA_HELP = "the data set as downloaded: a folder, or for the layout dsb2018 (nuclei) also its zip"
SET_HELP = (
    "set a value of the configuration, as JSON; may be repeated; '::' leads into a value, as in loading::0::reader"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lwmisn` with the given arguments, those of the process by default.

    Returns:
        The exit code: 0 done, 2 wrong input (one sentence on stderr), 130 interrupted
        (143 by SIGTERM, as clusters do), 1 anything else that failed.
    """
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            if not arguments.debug:
                _quieten_libraries()
            with _interruptible():
                arguments.command(arguments)
    except ComparisonError as error:
        return _fail(arguments, str(error), code=1)
    except LWMISNError as error:
        return _fail(arguments, str(error), code=2)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to say when Python closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(arguments, _system_sentence(error), code=2)
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        return _fail(arguments, f"interrupted{_way_on(arguments)}.", code=128 + number)
    except Exception as error:
        with tempfile.NamedTemporaryFile("w", prefix="lwmisn-", suffix=".log", delete=False, encoding="utf-8") as log:
            log.write(traceback.format_exc())
        reason = (str(_origin(error)) or "no reason given").splitlines()[0]
        return _fail(
            arguments, f"stopped by {type(_origin(error)).__name__} ({reason}); the details are in {log.name}.", code=1
        )
    return 0


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, whose number it holds, as a class of its own.

    MONAI evaluates the expressions of a workflow. When a plain KeyboardInterrupt leaves one, Python ends by a signal
    whatever code is returned; it looks for that very class.
    """


@contextmanager
def _interruptible() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _Interrupted(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lwmisn", description="Search, train and measure light-weight medical image segmentation networks."
    )
    parser.add_argument("--version", action="version", version=f"lwmisn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show where an error comes from, not just its sentence")

    def add(name: str, command: Any, summary: str, epilog: str | None = None) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            parents=[common],
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(command=command)
        return added

    search = add(
        "search",
        _search,
        "search a network on a data set; makes a run folder with its genotype.json",
        describe_settings("search"),
    )
    search.add_argument("--preset", help=PRESET_HELP)
    search.add_argument(
        "--variant",
        help="light: smaller, faster, better; paper: the published hyper-parameters (default: light)",
    )
    search.add_argument("--data", type=Path, metavar="PATH", help=f"{DATA_HELP}; with --resume only if it has moved")
    search.add_argument("--out", type=Path, metavar="RUN", required=True, help="the run folder, made anew")
    search.add_argument(
        "--strategy", choices=("differentiable", "random"), help="how to search; the preset's where left out"
    )
    search.add_argument(
        "--genotype",
        type=Path,
        metavar="FILE",
        help="search nothing: make the run with this genotype.json, to train it",
    )
    search.add_argument(
        "--budget",
        metavar="LIMITS",
        help="limits that the network keeps, as in params=0.1M,macs=0.5G,latency=20ms: parameters (k, M), "
        "multiply-accumulates (M, G) and milliseconds per 256x256 image; any of the three; the preset's where left out",
    )
    _add_set(search)
    _add_resume(
        search,
        "; preset, variant, strategy and settings are those of the run, and --set, --budget and --data change them",
    )

    train = add(
        "train",
        _train,
        "train the network that a search found; makes RUN/models/model.pt",
        describe_settings("train"),
    )
    train.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    _add_set(train)
    _add_resume(train, "; settings are those of the run, and --set changes them")

    evaluate = add(
        "evaluate",
        _evaluate,
        "measure a trained network; makes RUN/evaluation with metrics.json and pictures",
        describe_settings("evaluate"),
    )
    evaluate.add_argument("run", type=Path, metavar="RUN", help="a run folder, or a bundle")
    evaluate.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="another data set than the run's, in the same layout, all of which is measured",
    )
    evaluate.add_argument(
        "--split",
        choices=("test", "validation", "training", "all"),
        default="test",
        help="the part of the run's own images to measure on, not for --data (default: %(default)s)",
    )
    evaluate.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="also write the figures to FILE: Dice and IoU from 0 to 1, hd95 in mm, latency in ms, memory in MB",
    )
    _add_set(evaluate)

    bundle = add("bundle", _bundle, "make a MONAI Bundle of a trained run, which runs wherever MONAI is installed")
    bundle.add_argument("run", type=Path, metavar="RUN", help="a run folder, trained and best also evaluated")
    bundle.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="BUNDLE",
        required=True,
        help="the folder to make; a bundle there is replaced",
    )

    verify = add(
        "verify", _verify, "check a bundle: MONAI's own checks, the rules of its zoo, and that all runtimes agree"
    )
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's folder; its code is run")

    segmentation = add("segment", _segment, "segment images or volumes with a bundle; a mask for each")
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
        help="what executes the network; the last two are installed with [runtime] (default: %(default)s)",
    )
    segmentation.add_argument(
        "--format",
        choices=("nifti", "nrrd", "dicom-seg", "png"),
        help="of the masks: png for images, otherwise one of the others (default: nifti); dicom-seg is for DICOM "
        "series and installed with [dicom]",
    )
    segmentation.add_argument("--series", metavar="UID", help="which series of DICOM folders that hold several")
    segmentation.add_argument(
        "--slice-axis",
        choices=("auto", "axial", "coronal", "sagittal"),
        default="auto",
        help="how to slice volumes; auto: as the network was trained (default: %(default)s)",
    )

    label = add("label", _label, "MONAI Label: serve bundles to annotators, and learn from what they label")
    actions = label.add_subparsers(metavar="ACTION", required=True)
    serve = actions.add_parser("serve", parents=[common], help="start a server for 3D Slicer, OHIF and other clients")
    serve.set_defaults(action=_label_serve)
    serve.add_argument("--studies", type=Path, metavar="FOLDER", required=True, help="the images; labels go there too")
    serve.add_argument(
        "--bundle",
        type=Path,
        nargs="+",
        metavar="BUNDLE",
        default=[],
        help="folders of bundles, which are copied; may be left out where the app's folder has some already",
    )
    serve.add_argument(
        "--app",
        type=Path,
        metavar="FOLDER",
        default=Path("label-app"),
        help="the app's folder, with the copies of the bundles and what they learn (default: %(default)s)",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    restore = actions.add_parser("restore", parents=[common], help="serve the weights again that a bundle came with")
    restore.set_defaults(action=_label_restore)
    restore.add_argument("name", metavar="NAME", help="the bundle's name")
    restore.add_argument(
        "--app", type=Path, metavar="FOLDER", default=Path("label-app"), help="the app's folder (default: %(default)s)"
    )
    acceptance = actions.add_parser("check", parents=[common], help="start a server on made images, and check it")
    acceptance.set_defaults(action=_label_check)
    acceptance.add_argument("--bundle", type=Path, nargs="+", metavar="BUNDLE", required=True, help="bundles to check")

    show = add("show", _show, "show a network: parameters, multiply-accumulates, time, memory, and its cells drawn")
    show.add_argument("genotype", type=Path, metavar="GENOTYPE_OR_RUN", help="a genotype.json, or a run folder")
    show.add_argument(
        "--json", action="store_true", help="print JSON: counts as plain numbers, latency_ms, peak_memory_mb"
    )
    show.add_argument("-o", "--output", type=Path, metavar="FILE", help="draw the cells to FILE (.svg, .png or .pdf)")
    show.add_argument("--threads", type=_threads, default=2, help="CPU threads for the latency (default: %(default)s)")

    table1 = add("table1", _table1, "table 1 of the paper: the cost of each operation, ours beside the published")
    table1.add_argument(
        "--json", action="store_true", help="print JSON: parameters and multiply-accumulates, plain numbers"
    )

    baselines = add("baselines", _baselines, "the networks that ours is compared with: their costs and sources")
    baselines.add_argument(
        "--json", action="store_true", help="print JSON: parameters and multiply-accumulates, plain numbers"
    )

    compare = add(
        "compare",
        _compare,
        "search, train and measure networks under one protocol; a network that fails does not end the others",
    )
    compare.add_argument("--preset", required=True, help="nuclei, liver_ct or prostate_mr")
    compare.add_argument("--data", type=Path, metavar="PATH", required=True, help=DATA_HELP)
    compare.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="for all results, made anew")
    compare.add_argument(
        "--protocol",
        choices=("full", "small"),
        default="full",
        help="full: 256x256, 30 epochs, for a GPU; small: crops of 96x96 and 10 epochs, for all networks alike "
        "(default: %(default)s)",
    )
    compare.add_argument(
        "--models",
        metavar="NAMES",
        default="all",
        help="all, or names with commas between: those of lwmisn baselines, and lwmisn, lwmisn_fast, random_1 and "
        "others of ours (docs/comparison.md) (default: %(default)s)",
    )
    compare.add_argument("--epochs", type=int, metavar="N", help="of each training; the protocol's where left out")
    compare.add_argument(
        "--seeds", type=int, metavar="N", help="trainings of each network; the protocol's where left out"
    )
    compare.add_argument(
        "--budget-hours", type=float, metavar="H", help="each training ends with the epoch that goes beyond H hours"
    )
    compare.add_argument(
        "--validation-only",
        action="store_true",
        help="leave the test part alone, for a later call to look at",
    )
    _add_set(compare)
    compare.add_argument(
        "--resume",
        action="store_true",
        help="go on in FOLDER; what is done with the same settings is not repeated",
    )

    report = add("report", _report, "write the tables and figures of a comparison")
    report.add_argument("comparison", type=Path, metavar="FOLDER", help="a folder that `lwmisn compare` wrote")
    report.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help="the markdown file; the tables as CSV and the figures are written beside it",
    )

    check = add("check-data", _check_data, "say what was found in a data set, and what is wrong with it")
    check.add_argument("--preset", required=True, help=PRESET_HELP)
    check.add_argument("--variant", default="light", help="light or paper (default: %(default)s)")
    check.add_argument("--data", type=Path, metavar="PATH", required=True, help=DATA_HELP)
    check.add_argument("--json", action="store_true", help="print JSON")
    _add_set(check)

    phantom = add("phantom", _phantom, "make a data set of artificial images in the kind's native raw layout")
    phantom.add_argument("out", type=Path, metavar="OUT", help="the folder to make")
    phantom.add_argument(
        "--kind", choices=("nuclei", "ct", "mr"), default="nuclei", help="what to imitate (default: %(default)s)"
    )
    phantom.add_argument(
        "--cases", type=int, metavar="N", default=12, help="number of images or volumes (default: %(default)s)"
    )
    phantom.add_argument(
        "--size", type=int, metavar="PIXELS", help="width and height; 256 for nuclei and 128 for volumes where left out"
    )
    phantom.add_argument(
        "--seed", type=_seed, metavar="S", default=0, help="the same seed gives the same images (default: %(default)s)"
    )
    return parser


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", action="append", metavar="KEY=VALUE", default=[], help=SET_HELP)


def _add_resume(parser: argparse.ArgumentParser, settings: str) -> None:
    parser.add_argument(
        "--resume", action="store_true", help=f"go on from the last finished epoch of an interrupted run{settings}"
    )


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no seed: give a whole number from 0 on")
    return int(text)


def _threads(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no number of threads: give a whole number from 1 on")
    return int(text)


def _search(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.workflow import config, run_folder

    overrides = config.parse_overrides(arguments.set)
    if arguments.budget:
        overrides |= config.parse_budget(arguments.budget)
    if arguments.strategy:
        overrides["strategy"] = arguments.strategy
    if arguments.genotype:
        overrides |= {"strategy": "given", "given_genotype": os.path.abspath(arguments.genotype)}
    run_folder.search(
        arguments.out,
        preset=arguments.preset,
        variant=arguments.variant,
        data=arguments.data,
        overrides=overrides,
        resume=arguments.resume,
    )
    _say(f"The network found: {arguments.out / 'genotype.json'}\nTrain it: lwmisn train {arguments.out}")


def _train(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.workflow import config, run_folder

    run_folder.train(arguments.run, overrides=config.parse_overrides(arguments.set), resume=arguments.resume)
    _say(f"The weights: {arguments.run / 'models' / 'model.pt'}\nMeasure them: lwmisn evaluate {arguments.run}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.report.text import format_metrics
    from monai_lwmisn.workflow import config
    from monai_lwmisn.workflow.evaluation import evaluate, evaluation_folder

    if arguments.json:
        check_writable(arguments.json)
    metrics = evaluate(
        arguments.run,
        data=arguments.data,
        split=arguments.split,
        overrides=config.parse_overrides(arguments.set),
    )
    if arguments.json:
        write_atomically((json.dumps(metrics, indent=2) + "\n").encode(), arguments.json)
    folder = evaluation_folder(arguments.run, data=arguments.data, split=arguments.split)
    _say(f"{format_metrics(metrics)}\nThe figures of each case, and pictures: {folder}")


def _bundle(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.bundle.write import write_bundle

    data = write_bundle(arguments.run, arguments.output)
    _say(
        f"The bundle: {arguments.output}\n"
        f"It says that it learned from: {data}\n"
        "Where that is not so, put it right in its docs/README.md, docs/data_license.txt and configs/metadata.json\n"
        f"Check it: lwmisn verify {arguments.output}"
    )


def _verify(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.bundle.verify import raise_for_failures, verify

    findings = []
    for finding in verify(arguments.bundle):
        findings.append(finding)
        _say(str(finding))
    raise_for_failures(arguments.bundle, findings)


def _segment(arguments: argparse.Namespace) -> None:
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
            _say(f"{outcome.image}: {', '.join(map(str, outcome.masks))}")
        else:
            print(f"lwmisn: {outcome.error}", file=sys.stderr)

    with bar:
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
        raise DataError(f"{failed} of {len(outcomes)} inputs could not be segmented; {rest}.")
    _say(f"Segmented {len(outcomes)} inputs; masks are in {arguments.output}")


def _label(arguments: argparse.Namespace) -> None:
    arguments.action(arguments)


def _label_serve(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.label.server import serve

    _say(f"The server: http://{arguments.host}:{arguments.port}, in a minute; Ctrl-C ends it.")
    if serve(arguments.studies, arguments.bundle, arguments.app, arguments.host, arguments.port):
        raise LWMISNError("The server has ended by itself: see above.")


def _label_restore(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.label.folder import restore

    restore(arguments.app, arguments.name)
    _say(f"{arguments.name} has its published weights again.")


def _label_check(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.bundle.verify import raise_for_failures
    from monai_lwmisn.label.check import check_label

    for bundle in arguments.bundle:
        findings = []
        for finding in check_label(bundle):
            findings.append(finding)
            _say(str(finding))
        raise_for_failures(bundle, findings)


def _show(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.networks import Genotype
    from monai_lwmisn.networks.complexity import network_report
    from monai_lwmisn.report.text import format_network

    if arguments.output:
        check_writable(arguments.output)
    path = arguments.genotype
    genotype = Genotype.load(path / "genotype.json" if path.is_dir() else path)
    if arguments.output:
        from monai_lwmisn.report.drawing import draw_cells

        draw_cells(genotype, arguments.output)
    report = network_report(genotype, threads=arguments.threads)
    _say(json.dumps(report, indent=2) if arguments.json else format_network(report))


def _table1(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.report.table1 import format_table1, table1

    rows = table1()
    _say(json.dumps(rows, indent=2) if arguments.json else format_table1(rows))


def _baselines(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.report.baselines import baseline_rows, format_baselines

    rows = baseline_rows()
    _say(json.dumps(rows, indent=2) if arguments.json else format_baselines(rows))


def _compare(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.comparison.compare import Comparison
    from monai_lwmisn.comparison.entrants import find_entrants
    from monai_lwmisn.comparison.protocol import load_protocol
    from monai_lwmisn.workflow import config

    entrants = find_entrants(arguments.models.split(","))
    protocol = load_protocol(
        arguments.preset,
        arguments.protocol,
        epochs=arguments.epochs,
        seeds=arguments.seeds,
        budget_hours=arguments.budget_hours,
        overrides=config.parse_overrides(arguments.set),
    )
    comparison = Comparison(arguments.out, protocol, arguments.data, not arguments.validation_only, _say)
    comparison.prepare(resume=arguments.resume)
    failures = comparison.run(entrants)
    _say(f"The results: {arguments.out / 'cells'}\nTables and figures: lwmisn report {arguments.out} -o FILE.md")
    if failures:
        raise ComparisonError(f"{len(failures)} of {len(entrants)} networks failed: {', '.join(failures)}; see above.")


def _report(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.report.comparison import write_report

    _say("\n".join(map(str, write_report(arguments.comparison, arguments.output))))


def _check_data(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.data.checks import check_data
    from monai_lwmisn.workflow import config

    preset = config.load_preset(arguments.preset, arguments.variant)
    preset = config.override({"preset": preset}, config.parse_overrides(arguments.set))["preset"]
    report = check_data(preset["layout"], arguments.data, label_values=preset["label_names"])
    _say(json.dumps(dataclasses.asdict(report), indent=2) if arguments.json else report.to_text())
    report.raise_for_problems()


def _phantom(arguments: argparse.Namespace) -> None:
    from monai_lwmisn.data.phantom import write_phantom

    folder = write_phantom(arguments.out, arguments.kind, arguments.cases, arguments.seed, arguments.size)
    _say(f"Made {arguments.cases} cases in {folder}")


def _say(text: str) -> None:
    """Print, in a run of several processes only from the first."""
    if int(os.environ.get("RANK", 0)) == 0:
        print(text, flush=True)


def _quieten_libraries() -> None:
    """Keep remarks for programmers off the terminal of a user."""
    warnings.simplefilter("ignore")
    # MONAI tries a GPU decoder for every DICOM reader that it makes, and says each time that there is none.
    logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)


def _fail(arguments: argparse.Namespace, sentence: str, code: int) -> int:
    if arguments.debug:
        traceback.print_exc()
    print(f"lwmisn: {sentence}", file=sys.stderr)
    return code


def _system_sentence(error: OSError) -> str:
    file, reason = error.filename or "a file", error.strerror or error
    if error.filename is None or error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{file} cannot be written or read ({reason}): free some space or mend the permissions, then try again."
    return f"{file} cannot be read or written ({reason}): check its path and permissions, or give another."


def _origin(error: BaseException) -> BaseException:
    """The error that others were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _way_on(arguments: argparse.Namespace) -> str:
    if arguments.command is _search and (arguments.out / "search" / "checkpoint.pt").exists():
        return f"; the last finished epoch is kept, go on with: lwmisn search --out {arguments.out} --resume"
    if arguments.command is _compare and (arguments.out / "comparison.json").exists():
        return "; what is done is kept, go on with the same command and --resume"
    if arguments.command is _train and (arguments.run / "train" / "checkpoint.pt").exists():
        return f"; the last finished epoch is kept, go on with: lwmisn train {arguments.run} --resume"
    return ""
