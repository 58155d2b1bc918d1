"""Dice and time of the networks of bundles in float32 and in 8 bits, in ONNX Runtime and OpenVINO.

    python benchmarks/int8.py --output docs/results/int8 --bundle bundles/nuclei_microscopy_lwmisn dsb2018.zip \\
        --bundle bundles/nuclei_microscopy_lwmisn_fast dsb2018.zip --bundle bundles/prostate_mr_lwmisn promise12 \\
        --bundle bundles/lung_ct_lwmisn lung_ct

Each ``--bundle`` is followed by its data set, which is split as for its training. The network is calibrated on images
of the validation part, as `lwmisn bundle --int8` does, and measured on all of it, on the native grid and after the
post-processing. The test part is not read. Times are those of one image of 256x256 pixels. Those of one thread are of
the processor, which other programs disturb less; those of several are of the clock.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, decollate_batch
from monai.metrics import compute_dice
from reports import make_parser, table, write_result
from torch import nn

from monai_lwmisn.bundle.quantisation import calibration_batches, quantise, same_pixels
from monai_lwmisn.config import override_stage, read_config
from monai_lwmisn.inference.runtimes import RUNTIMES
from monai_lwmisn.light.libraries import is_installed
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import onnx_program
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.profiling import Timing, example_image, interleaved_times, processor_name, use_threads

PRECISIONS = ("float32", "int8")


def main() -> None:
    """Measure, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("--bundle", nargs=2, type=Path, action="append", required=True, metavar=("BUNDLE", "DATA"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="CPU threads to time (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of 7 timed inferences each (default: 5)")
    arguments = parser.parse_args()
    bundles = {}
    with torch.inference_mode():
        for bundle, data in arguments.bundle:
            bundles[bundle.name] = measure(bundle, data, arguments.threads, arguments.rounds)
            print(bundle.name, bundles[bundle.name], flush=True)
    result = {
        "processor": processor_name(),
        "instructions": int8_instructions(),
        "versions": {name: version(name) for name in ("torch", *filter(is_installed, RUNTIMES))},
        "rounds": arguments.rounds,
        "bundles": bundles,
    }
    write_result(arguments.output, result, markdown(result))


def measure(bundle: Path, data: Path, threads: list[int], rounds: int) -> dict[str, Any]:
    """Return Dice, times and sizes by runtime and precision."""
    config = override_stage(
        {"evaluate": read_config(bundle, "evaluate")}, "evaluate", {"evaluate.split": "validation"}
    )["evaluate"]
    parsed = ConfigParser({**config, "bundle_root": str(bundle.absolute()), "dataset_dir": str(data.absolute())})
    items = parsed.get_parsed_content("evaluate#dataset#data")
    genotype = Genotype.load(bundle / "genotype.json")
    network = LWMISN(genotype)
    load_weights(network, bundle / "models" / "model.pt")
    channels = genotype.architecture.input_channels
    model = onnx_program(network, channels).model
    batches = calibration_batches(bundle, [item["image"] for item in items])
    models = dict(zip(PRECISIONS, (model, quantise(model, batches)), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in PRECISIONS}
        for name, one in models.items():
            onnx_ir.save(one, files[name])
        dice = {}
        for runtime in filter(is_installed, RUNTIMES):
            networks = {name: RUNTIMES[runtime](file, "cpu") for name, file in files.items()}
            dice[runtime] = validation_dice(parsed, networks)
        return {
            "images": len(items),
            "calibrated_on": len(batches),
            "same_pixels": same_pixels(model, models["int8"], batches),
            "kilobytes": {name: file.stat().st_size / 1e3 for name, file in files.items()},
            "dice": dice,
            "milliseconds": {
                str(count): {name: each._asdict() for name, each in times(files, channels, count, rounds).items()}
                for count in threads
            },
        }


def validation_dice(parsed: ConfigParser, networks: dict[str, nn.Module]) -> dict[str, list[float]]:
    """Return the Dice of each image of the validation part, the mean over classes, by the name of a network."""
    single = parsed["data"]["out_channels"] == 1
    dataset, inferer, postprocess = (
        parsed.get_parsed_content(f"evaluate#{name}") for name in ("dataset", "inferer", "postprocessing")
    )
    dice: dict[str, list[float]] = {name: [] for name in networks}
    for batch in DataLoader(dataset, batch_size=1):
        (sample,) = decollate_batch(batch)
        for name, network in networks.items():
            logits = inferer(sample["image"][None], network)[0]
            found = postprocess({**sample, "pred": logits, "label": sample["truth"]})
            each = compute_dice(
                found["pred"][None], found["label"][None], include_background=single, ignore_empty=False
            )
            dice[name].append(float(each.nanmean()))
    return dice


def times(files: dict[str, Path], channels: int, threads: int, rounds: int) -> dict[str, Timing]:
    """Return the time of one image by runtime and precision, ``onnxruntime float32`` and so on."""
    image = example_image(channels)
    with use_threads(threads):
        calls: dict[str, Callable[[], object]] = {
            f"{runtime} {name}": partial(RUNTIMES[runtime](file, "cpu"), image)
            for runtime in filter(is_installed, RUNTIMES)
            for name, file in files.items()
        }
        return interleaved_times(calls, rounds, time.process_time if threads == 1 else None)


def int8_instructions() -> list[str]:
    """Return which of the processor's instructions for products of 8 bits Linux names."""
    information = Path("/proc/cpuinfo")
    flags = information.read_text(encoding="utf-8").split() if information.exists() else []
    return [name for name in ("avx_vnni", "avx512_vnni", "amx_int8") if name in flags]


def markdown(result: dict[str, Any]) -> list[str]:
    """Return the lines of the page."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    accuracy, speed = [], []
    for name, one in result["bundles"].items():
        for runtime, each in one["dice"].items():
            plain, quantised = (np.array(each[precision]) for precision in PRECISIONS)
            change = 100 * (quantised - plain)
            accuracy.append(
                [
                    name,
                    runtime,
                    one["images"],
                    one["calibrated_on"],
                    f"{plain.mean():.4f}",
                    f"{quantised.mean():.4f}",
                    f"{change.mean():+.2f} ({change.std() / len(change) ** 0.5:.2f})",
                    f"{change.min():+.2f}",
                    f"{100 * one['same_pixels']:.2f}",
                ]
            )
        for threads, taken in one["milliseconds"].items():
            for runtime in one["dice"]:
                plain, quantised = (taken[f"{runtime} {precision}"] for precision in PRECISIONS)
                reliable = plain["reliable"] and quantised["reliable"]
                speed.append(
                    [
                        name,
                        runtime,
                        threads,
                        *(
                            f"{each['milliseconds']:.1f} ({each['low']:.1f} to {each['high']:.1f})"
                            for each in (plain, quantised)
                        ),
                        f"{plain['milliseconds'] / quantised['milliseconds']:.1f}" if reliable else "unreliable",
                    ]
                )
    head = ["bundle", "runtime", "images", "calibrated on", "Dice float32", "int8", "change in points (SE)"]
    return [
        "# Networks in 8 bits",
        "",
        "    python benchmarks/int8.py --output docs/results/int8 --bundle BUNDLE DATA ...",
        "",
        f"{result['processor']} with {', '.join(result['instructions']) or 'no instructions for 8 bits'}, {versions}.",
        "",
        "Dice of the validation part, on the native grid. The shipped networks learned from it, so the figures are",
        "higher than those of new images; the change is what counts. The images of the calibration are among them.",
        "Ranges are by minimum and maximum; percentiles and entropy were not measured.",
        "",
        *table([*head, "worst image", "same pixels %"], accuracy),
        "",
        f"Milliseconds per image of 256x256, medians of {result['rounds']} rounds of 7 (10th to 90th percentile):",
        "of the processor with 1 thread, of the clock with more. Unreliable are those that other programs disturbed.",
        "",
        *table(["bundle", "runtime", "threads", "float32", "int8", "times faster"], speed),
    ]


if __name__ == "__main__":
    main()
