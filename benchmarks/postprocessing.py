"""What cleaning, flips, smoothing and separation do to the accuracy of a trained network, to choose them by.

    python benchmarks/postprocessing.py runs/nuclei --split validation --output docs/results/postprocessing_nuclei

writes the tables as .json and .md. The network sees each image once per setting of the flips; each cleaning is then
applied to what it gave. The cleanings are values for the key ``cleaning`` of a preset. Where there are instances, the
parameters of their separation are varied too, with the run's own cleaning and without flips.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monai.bundle import ConfigParser
from monai.data import DataLoader, decollate_batch
from tqdm import tqdm

from monai_lwmisn.config import read_config
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.inference.inferers import build_inferer
from monai_lwmisn.inference.instances import SeparateInstancesd
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.training.metrics import evaluation_metrics
from monai_lwmisn.training.postprocessing import native_prediction

Transforms = list[dict[str, Any]]
METRICS = ("dsc", "miou", "dsc_3d", "f1_50", "aji")


def main() -> None:
    """Measure and write the two files."""
    parser = argparse.ArgumentParser(description="Accuracy of a run by cleaning, flips and smoothing.")
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder with a trained network")
    parser.add_argument(
        "--split",
        choices=PARTS,
        default="validation",
        help="the part to choose on, best not the test part (default: validation)",
    )
    parser.add_argument(
        "--flips",
        type=json.loads,
        nargs="+",
        default=[[], [0, 1]],
        metavar="AXES",
        help="settings of test_time_flips to try, such as [] [0] (default: [] [0,1])",
    )
    parser.add_argument(
        "--slice-smoothing",
        type=float,
        nargs="+",
        default=[0.0],
        metavar="SLICES",
        help="settings of slice_smoothing to try on volumes (default: 0)",
    )
    parser.add_argument("--output", type=Path, default=Path("postprocessing"), help="name of the files, without ending")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    config = ConfigParser(read_config(arguments.run, "evaluate"))
    config["bundle_root"], config["evaluate_split"] = str(arguments.run.absolute()), arguments.split
    cleanings = CLEANINGS_OF_VOLUMES if config["volumetric"] else CLEANINGS_OF_PICTURES
    rows, separations = [], []
    for flips, smoothing in product(arguments.flips, arguments.slice_smoothing):
        samples = predict(config, flips, smoothing)
        for name, cleaning in cleanings.items():
            setting = {"flips": flips, "slice_smoothing": smoothing, "cleaning": name, "transforms": cleaning}
            rows.append({**setting, **score(config, samples, cleaning)})
        if config["instances"] and not flips:
            separations = [
                {"smoothing": smoothing, "depth": depth, **score(config, samples, config["cleaning"], smoothing, depth)}
                for smoothing in SMOOTHINGS
                for depth in DEPTHS
            ]
    result = {
        "run": arguments.run.name,
        "split": arguments.split,
        "images": len(config.get_parsed_content("evaluate#dataset")),
        "rows": rows,
        "separations": separations,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    text = markdown(result)
    arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


@torch.inference_mode()
def predict(config: ConfigParser, flips: list[int], slice_smoothing: float) -> list[dict[str, Any]]:
    """What an evaluation has of each image, with the logits under ``pred`` and the truth under ``label``."""
    network = config.get_parsed_content("network_def").eval()
    load_weights(network, config.get_parsed_content("weights"))
    inferer = build_inferer(
        config["volumetric"],
        config["roi"],
        config["inference_batch_size"],
        flips=flips,
        slice_smoothing=slice_smoothing,
    )
    samples = []
    for batch in tqdm(DataLoader(config.get_parsed_content("evaluate#dataset"), batch_size=1), desc=f"flips {flips}"):
        batch["pred"] = inferer(batch["image"], network)
        (sample,) = decollate_batch(batch)
        kept = {name: sample[name] for name in ("image", "pred", "true_instances") if name in sample}
        samples.append({**kept, "label": sample["truth"]})
    return samples


def score(
    config: ConfigParser, samples: Iterable[dict[str, Any]], cleaning: Transforms, *separation: float
) -> dict[str, float]:
    """The means of the metrics on the native grid after cleaning.

    Args:
        config: of the evaluation.
        samples: what :func:`predict` gives.
        cleaning: transforms as in a configuration.
        separation: smoothing and depth of the separation of instances; by default the run's own.
    """
    instances = config["instances"]
    own = config.get_parsed_content("separation")
    postprocess = native_prediction(
        config.get_parsed_content("spatial"),
        config["out_channels"],
        config["volumetric"],
        cleaning=ConfigParser({"cleaning": cleaning}).get_parsed_content("cleaning"),
        separation=(SeparateInstancesd("pred", "instances", *separation) if separation else own) if instances else None,
    )
    metrics = evaluation_metrics(
        config["out_channels"], config["volumetric"], spacing_is_real=False, instances=instances
    )
    engine = Engine(lambda engine, sample: [postprocess(sample)])
    for name, metric in metrics.items():
        if name in METRICS:
            metric.attach(engine, name)
    engine.run(samples)
    return {name: float(engine.state.metrics[name]) for name in METRICS if name in metrics}


def _smallest(pixels: int) -> dict[str, Any]:
    # Not channel by channel: MONAI would take each class of a label map for one object.
    return {"_target_": "RemoveSmallObjectsd", "keys": "pred", "min_size": pixels, "independent_channels": False}


SMOOTHINGS = (0.5, 1.0, 2.0)
DEPTHS = (0.15, 0.25, 0.5, 1.0, 1000.0)
"""In pixels; no object is as deep as the last, so that with it nothing is separated."""

HOLES = {"_target_": "FillHolesd", "keys": "pred"}
LARGEST = {"_target_": "KeepLargestConnectedComponentd", "keys": "pred"}

CLEANINGS_OF_PICTURES: dict[str, Transforms] = {
    "none": [],
    "holes filled": [HOLES],
    "from 16 pixels": [_smallest(16)],
    "from 32 pixels": [_smallest(32)],
    "from 64 pixels": [_smallest(64)],
    "holes filled, from 16 pixels": [HOLES, _smallest(16)],
    "holes filled, from 32 pixels": [HOLES, _smallest(32)],
    "holes filled, from 64 pixels": [HOLES, _smallest(64)],
}

CLEANINGS_OF_VOLUMES: dict[str, Transforms] = {
    "none": [],
    "holes filled": [HOLES],
    "from 100 voxels": [_smallest(100)],
    "from 1000 voxels": [_smallest(1000)],
    "largest component": [LARGEST],
    "largest component, holes filled": [LARGEST, HOLES],
}


def markdown(result: dict[str, Any]) -> str:
    """The result as a table; the best of each column is bold."""
    rows = result["rows"]
    metrics = [name for name in METRICS if name in rows[0]]
    best = {name: max(row[name] for row in rows) for name in metrics}
    lines = [
        f"Means over the {result['images']} images of the {result['split']} part, on the native grid.",
        "",
        "| flips | slice smoothing | cleaning | " + " | ".join(metrics) + " |",
        "|---" * (3 + len(metrics)) + "|",
    ]
    for row in rows:
        values = [f"**{row[name]:.4f}**" if row[name] == best[name] else f"{row[name]:.4f}" for name in metrics]
        settings = [str(row["flips"] or "none"), str(row["slice_smoothing"] or "none"), row["cleaning"]]
        lines.append(f"| {' | '.join([*settings, *values])} |")
    if result["separations"]:
        lines += ["", "| smoothing | depth | f1_50 | aji |", "|---" * 4 + "|"]
    for row in result["separations"]:
        lines.append(f"| {row['smoothing']:g} | {row['depth']:g} | {row['f1_50']:.4f} | {row['aji']:.4f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
