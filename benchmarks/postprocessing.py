"""Accuracy of a trained network by post-processing, test-time flips, slice smoothing and separation of instances.

    python benchmarks/postprocessing.py runs/nuclei --split validation --output docs/results/postprocessing_nuclei

The network runs once per image and setting of flips and smoothing. Each post-processing is applied to the same logits.
The table of post-processings below has values for the setting `inference.postprocessing`. For data with instances, the
parameters of their separation are varied too, with the run's own post-processing and without flips.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monai.bundle import ConfigParser
from monai.data import DataLoader, decollate_batch
from monai.transforms import Compose, CopyItemsd
from reports import make_parser, table, write_result
from tqdm import tqdm

from monai_lwmisn.config import override_stage, read_config
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.inference.instances import SeparateInstancesd
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.training.metrics import evaluation_metrics
from monai_lwmisn.training.postprocessing import native_prediction

Transforms = list[dict[str, Any]]
METRICS = ("dsc", "miou", "dsc_3d", "f1_50", "aji")


def main() -> None:
    """Measure all settings and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder with a trained network")
    parser.add_argument(
        "--split",
        choices=PARTS,
        default="validation",
        help="the part to choose on; the test part should not be used to choose (default: validation)",
    )
    parser.add_argument(
        "--flips",
        type=json.loads,
        nargs="+",
        default=[[], [0, 1]],
        metavar="AXES",
        help="values of inference.test_time_flips, such as [] [0] (default: [] [0,1])",
    )
    parser.add_argument(
        "--slice-smoothing",
        type=float,
        nargs="+",
        default=[0.0],
        metavar="SLICES",
        help="values of inference.slice_smoothing for volumes (default: 0)",
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    config = override_stage(
        {"evaluate": read_config(arguments.run, "evaluate")}, "evaluate", {"evaluate.split": arguments.split}
    )["evaluate"]
    config["bundle_root"] = str(arguments.run.absolute())
    data, own = config["data"], config["inference"]["postprocessing"]
    rows, separations = [], []
    for flips, smoothing in product(arguments.flips, arguments.slice_smoothing):
        config["inference"] |= {"test_time_flips": flips, "slice_smoothing": smoothing}
        samples = predict(ConfigParser(config))
        for name, transforms in (OF_VOLUMES if data["volumetric"] else OF_PICTURES).items():
            setting = {"flips": flips, "slice_smoothing": smoothing, "postprocessing": name, "transforms": transforms}
            rows.append({**setting, **score(ConfigParser(config), samples, transforms)})
        if data["instances"] and not flips:
            separations = [
                {"smoothing": sigma, "depth": depth, **score(ConfigParser(config), samples, own, sigma, depth)}
                for sigma in SMOOTHINGS
                for depth in DEPTHS
            ]
    result = {
        "run": arguments.run.name,
        "split": arguments.split,
        "images": len(samples),
        "rows": rows,
        "separations": separations,
    }
    write_result(arguments.output, result, markdown(result))


@torch.inference_mode()
def predict(config: ConfigParser) -> list[dict[str, Any]]:
    """Return the samples of an evaluation, with the logits under ``pred`` and the truth under ``label``."""
    network = config.get_parsed_content("network_def").eval()
    load_weights(network, config.get_parsed_content("weights_file"))
    inferer = config.get_parsed_content("evaluate#inferer")
    samples = []
    for batch in tqdm(DataLoader(config.get_parsed_content("evaluate#dataset"), batch_size=1)):
        batch["pred"] = inferer(batch["image"], network)
        (sample,) = decollate_batch(batch)
        kept = {name: sample[name] for name in ("image", "pred", "true_instances") if name in sample}
        samples.append({**kept, "label": sample["truth"]})
    return samples


def score(
    config: ConfigParser, samples: Iterable[dict[str, Any]], transforms: Transforms, *separation: float
) -> dict[str, float]:
    """Return the means of the metrics on the native grid after a post-processing.

    Args:
        config: the configuration of the evaluation.
        samples: the result of :func:`predict`.
        transforms: the post-processing, as in a configuration.
        separation: smoothing and depth of the separation of instances; by default those of the package.
    """
    data = config["data"]
    postprocess = native_prediction(
        config.get_parsed_content("data#spatial"),
        data["out_channels"],
        data["volumetric"],
        postprocessing=ConfigParser({"transforms": transforms}).get_parsed_content("transforms"),
        instances=data["instances"] and not separation,
    )
    if separation:
        instances = CopyItemsd("true_instances", names="label_instances")
        postprocess = Compose([postprocess, SeparateInstancesd("pred", "instances", *separation), instances])
    metrics = evaluation_metrics(
        data["out_channels"], data["volumetric"], spacing_is_real=False, instances=data["instances"]
    )
    engine = Engine(lambda engine, sample: [postprocess(sample)])
    for name, metric in metrics.items():
        if name in METRICS:
            metric.attach(engine, name)
    engine.run(samples)
    return {name: float(engine.state.metrics[name]) for name in METRICS if name in metrics}


def _smallest(pixels: int) -> dict[str, Any]:
    # With independent channels, MONAI would take each class of a label map for one object.
    return {"_target_": "RemoveSmallObjectsd", "keys": "pred", "min_size": pixels, "independent_channels": False}


SMOOTHINGS = (0.5, 1.0, 2.0)
DEPTHS = (0.15, 0.25, 0.5, 1.0, 1000.0)
"""Pixels. No object is as deep as the last, so it separates nothing."""

HOLES = {"_target_": "FillHolesd", "keys": "pred"}
LARGEST = {"_target_": "KeepLargestConnectedComponentd", "keys": "pred"}

OF_PICTURES: dict[str, Transforms] = {
    "none": [],
    "holes filled": [HOLES],
    "from 16 pixels": [_smallest(16)],
    "from 32 pixels": [_smallest(32)],
    "from 64 pixels": [_smallest(64)],
    "holes filled, from 16 pixels": [HOLES, _smallest(16)],
    "holes filled, from 32 pixels": [HOLES, _smallest(32)],
    "holes filled, from 64 pixels": [HOLES, _smallest(64)],
}

OF_VOLUMES: dict[str, Transforms] = {
    "none": [],
    "holes filled": [HOLES],
    "from 100 voxels": [_smallest(100)],
    "from 1000 voxels": [_smallest(1000)],
    "largest component": [LARGEST],
    "largest component, holes filled": [LARGEST, HOLES],
}


def markdown(result: dict[str, Any]) -> list[str]:
    """Return the lines of the tables. The best value of each column is bold."""
    rows = result["rows"]
    metrics = [name for name in METRICS if name in rows[0]]
    best = {name: max(row[name] for row in rows) for name in metrics}
    values = [
        [row["flips"] or "none", row["slice_smoothing"] or "none", row["postprocessing"]]
        + [f"**{row[name]:.4f}**" if row[name] == best[name] else f"{row[name]:.4f}" for name in metrics]
        for row in rows
    ]
    lines = [
        f"Means over the {result['images']} images of the {result['split']} part, on the native grid.",
        "",
        *table(["flips", "slice smoothing", "post-processing", *metrics], values),
    ]
    if result["separations"]:
        separations = [
            (f"{row['smoothing']:g}", f"{row['depth']:g}", f"{row['f1_50']:.4f}", f"{row['aji']:.4f}")
            for row in result["separations"]
        ]
        lines += ["", *table(["smoothing", "depth", "f1_50", "aji"], separations)]
    return lines


if __name__ == "__main__":
    main()
