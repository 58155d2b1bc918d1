"""Time per image of a network that was found, beside MONAI's U-nets and UNeXt-S, in one run under several runtimes.

    python benchmarks/inference_speed.py runs/nuclei --output docs/results/inference_speed

writes inference_speed.json and inference_speed.md. The networks take turns, so that a slow moment of the machine hits
all; figures are medians. Weights do not matter for the time and are untrained.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import onnxruntime
import torch
from monai.utils import optional_import
from torch import nn

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import interleaved_ms, multiply_accumulates, parameter_count, processor_name
from monai_lwmisn.studies.baselines import build_baseline

openvino, HAS_OPENVINO = optional_import("openvino")

OURS = "LWMISN"
PEERS = {
    "basic_unet": "MONAI BasicUNet",
    "monai_unet": "MONAI UNet",
    "segresnet": "MONAI SegResNet",
    "unext_s": "UNeXt-S",
}
Inference = Callable[[], object]


def main() -> None:
    """Measure and write the two files."""
    parser = argparse.ArgumentParser(description="Time per image beside MONAI's U-nets.")
    parser.add_argument("genotype", type=Path, metavar="GENOTYPE_OR_RUN")
    parser.add_argument(
        "--output", type=Path, default=Path("inference_speed"), help="name of the files, without ending"
    )
    parser.add_argument("--size", type=int, default=256, help="width and height of the image in pixels (default: 256)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of every runtime (default: 2)")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each, of 7 timed inferences (default: 10)")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    path = arguments.genotype
    genotype = Genotype.load(path / "genotype.json" if path.is_dir() else path)
    image = torch.rand(1, genotype.architecture.in_channels, arguments.size, arguments.size)
    peers = {
        title: build_baseline(name, genotype.architecture.in_channels, genotype.architecture.out_channels).eval()
        for name, title in PEERS.items()
    }
    networks = {OURS: LWMISN(genotype).eval(), **peers}
    runtimes = {
        name: {network: prepare(module, image, arguments.threads) for network, module in networks.items()}
        for name, prepare in RUNTIMES.items()
    }
    with torch.inference_mode():
        milliseconds = {name: interleaved_ms(inferences, arguments.rounds) for name, inferences in runtimes.items()}
    result = {
        "image": list(image.shape),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "processor": processor_name(),
        "versions": {name: version(name) for name in ("torch", "monai", "onnxruntime")},
        "networks": {
            name: {"params": parameter_count(module), "macs": multiply_accumulates(module, image)}
            for name, module in networks.items()
        },
        "milliseconds": milliseconds,
        "times_faster": {
            peer: {name: times[peer] / times[OURS] for name, times in milliseconds.items()}
            for peer in networks
            if peer != OURS
        },
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    text = markdown(result)
    arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def _torch_eager(network: nn.Module, image: torch.Tensor, threads: int) -> Inference:
    return lambda: network(image)


def _torch_channels_last(network: nn.Module, image: torch.Tensor, threads: int) -> Inference:
    network = copy.deepcopy(network).to(memory_format=torch.channels_last)
    image = image.to(memory_format=torch.channels_last)
    return lambda: network(image)


def _torch_compiled(network: nn.Module, image: torch.Tensor, threads: int) -> Inference:
    return _torch_channels_last(torch.compile(network), image, threads)


def _export(network: nn.Module, image: torch.Tensor, folder: str) -> str:
    path = str(Path(folder) / "network.onnx")
    torch.onnx.export(
        network, (image,), path, input_names=["image"], output_names=["logits"], dynamo=True, verbose=False
    )
    return path


def _onnxruntime(network: nn.Module, image: torch.Tensor, threads: int) -> Inference:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    with tempfile.TemporaryDirectory() as folder:
        session = onnxruntime.InferenceSession(
            _export(network, image, folder), options, providers=["CPUExecutionProvider"]
        )
    feed = {"image": image.numpy()}
    return lambda: session.run(None, feed)


def _openvino(network: nn.Module, image: torch.Tensor, threads: int) -> Inference:
    with tempfile.TemporaryDirectory() as folder:
        compiled = openvino.Core().compile_model(
            _export(network, image, folder), "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        )
    request, feed = compiled.create_infer_request(), image.numpy()
    return lambda: request.infer([feed])


RUNTIMES: dict[str, Callable[[nn.Module, torch.Tensor, int], Inference]] = {
    "torch eager": _torch_eager,
    "torch channels_last": _torch_channels_last,
    "torch compiled": _torch_compiled,
    "ONNX Runtime": _onnxruntime,
    **({"OpenVINO": _openvino} if HAS_OPENVINO else {}),
}


def markdown(result: dict) -> str:
    """The result as a table."""
    shape = "x".join(str(length) for length in result["image"])
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    lines = [
        f"Milliseconds per {shape} image, {result['threads']} threads, medians of {result['rounds']} turns of 7, "
        f"{result['processor']}, {versions}.",
        "",
        "| network | params M | GMac | " + " | ".join(result["milliseconds"]) + " |",
        "|---" * (3 + len(result["milliseconds"])) + "|",
    ]
    for name, costs in result["networks"].items():
        times = " | ".join(f"{times[name]:.1f}" for times in result["milliseconds"].values())
        lines.append(f"| {name} | {costs['params'] / 1e6:.3f} | {costs['macs'] / 1e9:.3f} | {times} |")
    for name, ratios in result["times_faster"].items():
        lines.append(f"| LWMISN, times faster than {name} | | | {' | '.join(f'{r:.1f}' for r in ratios.values())} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
