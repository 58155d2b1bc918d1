"""Parameters, multiply-accumulates and times of the networks that a comparison knows, all in one run.

    python benchmarks/network_costs.py --output docs/results/search_nuclei/costs \\
        --models shipped_nuclei,shipped_nuclei_fast,unext_s,xtinyunet_8_96,basic_unet

The networks need no training: weights have no effect on the time and are random. A network that a search finds is not
known before it; the networks of the shipped bundles are. Times are medians, timed in turn.
"""

from __future__ import annotations

import os

from reports import make_parser, table, write_result

from monai_lwmisn.config import load_preset
from monai_lwmisn.profiling import THREADS
from monai_lwmisn.studies.costs import measure
from monai_lwmisn.studies.models import build_network, find_models, input_channels

TIMES = {"latency": "torch, channels last", "latency_onnx": "ONNX Runtime", "latency_openvino": "OpenVINO"}
REFERENCE = "unext_s"


def main() -> None:
    """Measure the networks and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("--preset", default="nuclei", help="preset that decides the channels (default: nuclei)")
    parser.add_argument("--models", required=True, help="names of lwmisn compare, with commas between them")
    arguments = parser.parse_args()
    data = load_preset(arguments.preset, "light")["data"]
    networks, channels = {}, {}
    for model in find_models(arguments.models.split(","), arguments.preset):
        genotype = model.shipped_genotype() if model.bundle else None
        networks[model.name] = build_network(model, genotype, data["in_channels"], data["out_channels"]).eval()
        channels[model.name] = input_channels(genotype, data["in_channels"])
    costs = measure(networks, channels)
    one = next(iter(costs.values()))
    head = ["network", "parameters", "GMac", *(f"{title}, ms" for title in TIMES.values())]
    head += [f"times {REFERENCE}'s"] if REFERENCE in costs else []
    lines = [
        f"Milliseconds per image of 256x256 pixels, {THREADS} threads, medians (10th to 90th percentile),",
        f"{one['processor']}, {one['software']}.",
        f"The load of the machine at the end was {os.getloadavg()[0]:.1f}.",
        "",
        *table(head, [_row(name, cost, costs.get(REFERENCE)) for name, cost in costs.items()]),
    ]
    write_result(arguments.output, costs, lines)


def _row(name: str, cost: dict, reference: dict | None) -> list[str]:
    cells = [f"`{name}`", f"{cost['params']:,}", f"{cost['macs'] / 1e9:.3f}"]
    for time in TIMES:
        if cost[f"{time}_ms"] is None:
            cells.append("-")
            continue
        low, high = cost[f"{time}_range_ms"]
        mark = "" if cost[f"{time}_reliable"] else ", unreliable"
        cells.append(f"{cost[f'{time}_ms']:.1f} ({low:.1f} to {high:.1f}{mark})")
    if reference is not None:
        known = [time for time in TIMES if cost[f"{time}_ms"] is not None]
        cells.append(", ".join(f"{cost[f'{time}_ms'] / reference[f'{time}_ms']:.2f}" for time in known))
    return cells


if __name__ == "__main__":
    main()
