"""Time per image of the networks of all shipped bundles, beside UNeXt-S, under three runtimes.

    python benchmarks/shipped_networks.py --output docs/results/shipped_networks

A bundle that averages mirror images is timed with all of them. UNeXt-S has the channels of the bundle's network, takes
the same image and is timed in turn with it. Times are medians. Weights have no effect on the time.
"""

from __future__ import annotations

import copy
from importlib.metadata import version

import torch
from inference_speed import preparations
from reports import make_parser, table, write_result

from monai_lwmisn.config import read_config
from monai_lwmisn.inference.runtimes import RUNTIMES
from monai_lwmisn.light.libraries import is_installed
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import (
    interleaved_times,
    multiply_accumulates,
    parameter_count,
    processor_name,
    use_threads,
)
from monai_lwmisn.shipped import shipped_bundles
from monai_lwmisn.studies.baselines import build_baseline

SIZES = {"hippocampus": (36, 50), "prostate": (128, 128)}
"""Height and width of an image of the bundle's data, where they are not 256."""

LEFT_OUT = "torch compiled"


def main() -> None:
    """Measure the times and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of every runtime (default: 2)")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of 7 timed inferences each (default: 10)")
    arguments = parser.parse_args()
    runtimes = {name: prepare for name, prepare in preparations().items() if name != LEFT_OUT}
    bundles = {}
    with use_threads(arguments.threads), torch.inference_mode():
        for folder in shipped_bundles():
            genotype = Genotype.load(folder / "genotype.json")
            shape = genotype.architecture
            image = torch.rand(1, shape.input_channels, *SIZES.get(folder.name.split("_")[0], (256, 256)))
            networks = {
                "ours": LWMISN(genotype).eval(),
                "unext_s": build_baseline("unext_s", shape.input_channels, shape.out_channels).eval(),
            }
            passes = 2 ** len(read_config(folder, "inference")["inference"]["test_time_flips"])
            times = {
                name: interleaved_times(
                    {key: prepare(copy.deepcopy(network), image) for key, network in networks.items()}, arguments.rounds
                )
                for name, prepare in runtimes.items()
            }
            bundles[folder.name] = {
                "image": list(image.shape),
                "params": parameter_count(networks["ours"]),
                "macs": multiply_accumulates(networks["ours"], image),
                "passes": passes,
                "milliseconds": {
                    name: {key: timing.milliseconds * (passes if key == "ours" else 1) for key, timing in each.items()}
                    for name, each in times.items()
                },
                "reliable": all(timing.reliable for each in times.values() for timing in each.values()),
            }
    result = {
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "processor": processor_name(),
        "versions": {name: version(name) for name in ("torch", "monai", *filter(is_installed, RUNTIMES))},
        "bundles": bundles,
    }
    write_result(arguments.output, result, markdown(result))


def markdown(result: dict) -> list[str]:
    """Return the lines of the table."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    runtimes = list(next(iter(result["bundles"].values()))["milliseconds"])
    rows = [
        [
            f"{name}{'' if each['reliable'] else ' (unreliable)'}",
            "x".join(map(str, each["image"])),
            f"{each['params'] / 1e6:.3f}",
            f"{each['macs'] / 1e9:.3f}",
            str(each["passes"]),
            *(
                f"{times['ours']:.1f} / {times['unext_s']:.1f} = {times['ours'] / times['unext_s']:.2f}"
                for times in (each["milliseconds"][runtime] for runtime in runtimes)
            ),
        ]
        for name, each in result["bundles"].items()
    ]
    return [
        f"Milliseconds per image of the bundle's network / of UNeXt-S, and their ratio. {result['threads']} threads,",
        f"medians of {result['rounds']} rounds of 7, {result['processor']}, {versions}.",
        "",
        *table(["bundle", "image", "params M", "GMac", "passes", *runtimes], rows),
    ]


if __name__ == "__main__":
    main()
