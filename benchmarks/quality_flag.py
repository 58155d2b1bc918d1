"""The estimated quality of `lwmisn segment --flag` beside the true Dice coefficient, on images with labels.

    python benchmarks/quality_flag.py runs/nuclei --output docs/results/quality_nuclei
    python benchmarks/quality_flag.py bundles/nuclei_microscopy_lwmisn --data dsb2018.zip --images 40 --output FILE

Spearman's rho says whether worse masks get lower estimates. The worst tenth has the lowest Dice coefficients. Its
recall is the share of it that is also in the tenth of the lowest estimates, or that gets `look at this`.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, decollate_batch
from monai.metrics import compute_dice
from reports import make_parser, table, write_result
from scipy.stats import spearmanr
from tqdm import tqdm

from monai_lwmisn.config import override_stage, read_config
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.inference.quality import LOOK_AT_THIS, estimate_quality
from monai_lwmisn.networks.weights import load_weights


def main() -> None:
    """Estimate and measure each image, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_OR_BUNDLE", help="a trained run, or a bundle with --data")
    parser.add_argument("--data", type=Path, help="of a bundle: its data set, which is split as for its training")
    parser.add_argument("--datalist", type=Path, help="of a bundle: a datalist.json in place of --data")
    parser.add_argument("--split", choices=PARTS, default="test", help="the part to measure (default: test)")
    parser.add_argument("--images", type=int, metavar="N", help="evenly spaced images of the part (default: all)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = measure(arguments)
    result = {"source": arguments.run.name, "split": arguments.split, **summarise(rows), "cases": rows}
    write_result(arguments.output, result, markdown(result))


@torch.inference_mode()
def measure(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return ``case``, ``quality`` and ``dice``, the mean over classes on the native grid, of each image."""
    config = override_stage(
        {"evaluate": read_config(arguments.run, "evaluate")}, "evaluate", {"evaluate.split": arguments.split}
    )["evaluate"]
    config["bundle_root"] = str(arguments.run.absolute())
    config |= {"dataset_dir": str(arguments.data.absolute())} if arguments.data else {}
    config |= {"datalist_file": str(arguments.datalist.absolute())} if arguments.datalist else {}
    single = config["data"]["out_channels"] == 1
    parsed = ConfigParser(config)
    network = parsed.get_parsed_content("network_def").eval()
    load_weights(network, parsed.get_parsed_content("weights_file"))
    dataset, inferer, postprocess = (
        parsed.get_parsed_content(f"evaluate#{name}") for name in ("dataset", "inferer", "postprocessing")
    )
    chosen = np.linspace(0, len(dataset) - 1, min(arguments.images or len(dataset), len(dataset))).round().astype(int)
    rows = []
    for batch in tqdm(DataLoader(torch.utils.data.Subset(dataset, chosen.tolist()), batch_size=1)):
        (sample,) = decollate_batch(batch)
        logits = inferer(sample["image"][None], network)[0]
        found = postprocess({**sample, "pred": logits, "label": sample["truth"]})
        dice = compute_dice(found["pred"][None], found["label"][None], include_background=single, ignore_empty=False)
        rows.append({"case": str(sample["case"]), "quality": estimate_quality(logits), "dice": float(dice.nanmean())})
    return rows


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the table."""
    quality, dice = (np.array([row[name] for row in rows]) for name in ("quality", "dice"))
    tenth = math.ceil(len(rows) / 10)
    worst, lowest = (set(np.argsort(values, kind="stable")[:tenth].tolist()) for values in (dice, quality))
    flagged = set(np.flatnonzero(quality < LOOK_AT_THIS).tolist())
    return {
        "images": len(rows),
        "rho": float(spearmanr(quality, dice).statistic),
        "recall_in_lowest_tenth": len(worst & lowest) / tenth,
        "recall_of_flag": len(worst & flagged) / tenth,
        "flagged": len(flagged) / len(rows),
        "mean_difference": float((quality - dice).mean()),
        "mean_dice": float(dice.mean()),
        "mean_dice_of_flagged": float(dice[sorted(flagged)].mean()) if flagged else None,
    }


def markdown(result: dict[str, Any]) -> list[str]:
    """Return the lines of the tables: the figures, and the ten images with the lowest estimates."""
    figures = [(name.replace("_", " "), f"{value:.3f}") for name, value in result.items() if isinstance(value, float)]
    lowest = sorted(result["cases"], key=lambda row: row["quality"])[:10]
    cases = [(row["case"], f"{row['quality']:.3f}", f"{row['dice']:.3f}") for row in lowest]
    return [
        f"{result['source']}: {result['images']} images of the {result['split']} part; `look at this` is said below "
        f"{LOOK_AT_THIS}.",
        "",
        *table(["figure", "value"], figures),
        "",
        *table(["image", "estimate", "Dice"], cases),
    ]


if __name__ == "__main__":
    main()
