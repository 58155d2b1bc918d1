"""Time per image of a network, beside MONAI's U-nets and UNeXt-S, under several runtimes.

    python benchmarks/inference_speed.py runs/nuclei --output docs/results/inference_speed

The timing of the networks is interleaved, so that a slow moment of the machine affects all of them. Times are medians.
Weights have no effect on the time and are random.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from reports import make_parser, table, write_result
from torch import nn

from monai_lwmisn.inference.runtimes import RUNTIMES
from monai_lwmisn.light.libraries import is_installed
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import export_onnx
from monai_lwmisn.profiling import (
    UNRELIABLE,
    interleaved_times,
    multiply_accumulates,
    parameter_count,
    processor_name,
    torch_inference,
    use_threads,
)
from monai_lwmisn.studies.baselines import build_baseline

OURS = "LWMISN"
PEERS = {
    "basic_unet": "MONAI BasicUNet",
    "monai_unet": "MONAI UNet",
    "segresnet": "MONAI SegResNet",
    "unext_s": "UNeXt-S",
}
Inference = Callable[[], object]


def main() -> None:
    """Measure the times and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("genotype", type=Path, metavar="GENOTYPE_OR_RUN")
    parser.add_argument("--size", type=int, default=256, help="width and height of the image in pixels (default: 256)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of every runtime (default: 2)")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of 7 timed inferences each (default: 10)")
    arguments = parser.parse_args()

    path = arguments.genotype
    genotype = Genotype.load(path / "genotype.json" if path.is_dir() else path)
    channels = genotype.architecture.input_channels, genotype.architecture.out_channels
    image = torch.rand(1, channels[0], arguments.size, arguments.size)
    peers = {title: build_baseline(name, *channels).eval() for name, title in PEERS.items()}
    networks = {OURS: LWMISN(genotype).eval(), **peers}
    with use_threads(arguments.threads), torch.inference_mode():
        timings = {
            name: interleaved_times(
                {network: prepare(copy.deepcopy(module), image) for network, module in networks.items()},
                arguments.rounds,
            )
            for name, prepare in preparations().items()
        }
    milliseconds = {
        name: {network: timing.milliseconds for network, timing in times.items()} for name, times in timings.items()
    }
    result = {
        "image": list(image.shape),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "processor": processor_name(),
        "versions": {name: version(name) for name in ("torch", "monai", *filter(is_installed, RUNTIMES))},
        "networks": {
            name: {"params": parameter_count(module), "macs": multiply_accumulates(module, image)}
            for name, module in networks.items()
        },
        "milliseconds": milliseconds,
        "ranges": {
            name: {network: [timing.low, timing.high] for network, timing in times.items()}
            for name, times in timings.items()
        },
        "unreliable": sorted(
            f"{network} under {name}"
            for name, times in timings.items()
            for network, timing in times.items()
            if not timing.reliable
        ),
        "times_faster": {
            peer: {name: times[peer] / times[OURS] for name, times in milliseconds.items()} for peer in peers
        },
    }
    write_result(arguments.output, result, markdown(result))


def preparations() -> dict[str, Callable[[nn.Module, torch.Tensor], Inference]]:
    """Return the functions that prepare the inference of a network for one image, by runtime."""
    titles = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
    return {
        "torch eager": lambda network, image: partial(network, image),
        "torch channels_last": torch_inference,
        "torch compiled": lambda network, image: torch.compile(torch_inference(network, image)),
        **{titles[name]: partial(_exported, name) for name in filter(is_installed, RUNTIMES)},
    }


def _exported(runtime: str, network: nn.Module, image: torch.Tensor) -> Inference:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        export_onnx(network, image.shape[1], file)
        return partial(RUNTIMES[runtime](file, "cpu"), image)


def markdown(result: dict) -> list[str]:
    """Return the lines of the table."""
    shape = "x".join(str(length) for length in result["image"])
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    milliseconds = result["milliseconds"]
    rows = [
        [name, f"{costs['params'] / 1e6:.3f}", f"{costs['macs'] / 1e9:.3f}"]
        + [
            f"{times[name]:.1f} ({result['ranges'][runtime][name][0]:.1f} to {result['ranges'][runtime][name][1]:.1f})"
            for runtime, times in milliseconds.items()
        ]
        for name, costs in result["networks"].items()
    ]
    rows += [
        [f"LWMISN, times faster than {name}", "", "", *(f"{ratio:.1f}" for ratio in ratios.values())]
        for name, ratios in result["times_faster"].items()
    ]
    unreliable = [f"{UNRELIABLE.capitalize()}: {', '.join(result['unreliable'])}.", ""] if result["unreliable"] else []
    return [
        f"Milliseconds per {shape} image, {result['threads']} threads, medians of {result['rounds']} rounds of 7",
        f"(10th to 90th percentile), {result['processor']}, {versions}.",
        "",
        *unreliable,
        *table(["network", "params M", "GMac", *milliseconds], rows),
    ]


if __name__ == "__main__":
    main()
