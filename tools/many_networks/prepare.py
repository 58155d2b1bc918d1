"""Caches the prepared images of a run: those of its training and validation part, with its own transforms.

    python -m tools.many_networks.prepare RUN --output CACHES/NAME.npz

RUN is a folder that ``lwmisn search --preset P --data D --genotype G --out RUN`` has made. Loading, spatial and
intensity transforms are those of RUN/configs/train.json, and the parts those of RUN/datalist.json. An image of the test
part is loaded only if ``--parts`` names that part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.bundle import ConfigParser
from tqdm import tqdm

from monai_lwmisn.config import read_config
from monai_lwmisn.data import build_dataset, split_datalist
from monai_lwmisn.data.datalist import PARTS, read_datalist
from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.errors import ConfigError, DataError, LWMISNError
from tools.many_networks.cache import Cache, Case, write_cache


def main() -> None:
    """Read the arguments, prepare and write the cache."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run folder")
    parser.add_argument("--output", type=Path, required=True, help="the file to write, CACHES/NAME.npz")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS[:2], help="what to load (default: training validation)"
    )
    parser.add_argument(
        "--range",
        nargs=2,
        type=float,
        default=(0.0, 1.0),
        metavar=("LOW", "HIGH"),
        help="the prepared values that are stored as 0 and 255; those beyond are cut off (default: 0 1)",
    )
    parser.add_argument("--quality", type=int, default=91, help="of the JPEGs, 1 to 100 (default: %(default)s)")
    parser.add_argument("--colour-quality", type=int, help="of the JPEGs of coloured pictures (default: as --quality)")
    parser.add_argument(
        "--chunks",
        type=int,
        metavar="N",
        help="deal the training part out into N chunks, for networks that learn without one of them",
    )
    parser.add_argument(
        "--grey", action="store_true", help="keep one channel of pictures, all of which are grey, as volumes have it"
    )
    arguments = parser.parse_args()
    try:
        cache = prepare(arguments.run, arguments.parts, tuple(arguments.range), arguments.chunks, arguments.grey)
        write_cache(cache, arguments.output, arguments.quality, arguments.colour_quality or arguments.quality)
    except LWMISNError as error:
        sys.exit(str(error))
    print(f"{arguments.output}: {len(cache.cases)} cases, {arguments.output.stat().st_size / 2**20:.1f} MiB")


def prepare(
    run: Path,
    parts: Sequence[str] = PARTS[:2],
    scale: tuple[float, float] = (0.0, 1.0),
    chunks: int | None = None,
    grey: bool = False,
) -> Cache:
    """Load the cases of a run and apply its deterministic transforms.

    Args:
        run: a run folder.
        parts: the parts of its split to load.
        scale: the image values that are stored as 0 and as 255.
        chunks: number of chunks that the training part is dealt out into, by case or group and evenly over strata.

        grey: whether a network gets one channel of grey pictures, and not three equal ones.

    Raises:
        ConfigError, DataError: the run or its data cannot be used.
    """
    config = read_config(run, "train")
    data = config["data"]
    if data["volumetric"] and data["in_channels"] != 1:
        raise ConfigError(f"{run} has volumes of {data['in_channels']} channels: give a run with one channel.")
    datalist = read_datalist(run / "datalist.json")
    chunk_of = {} if chunks is None else deal_out(datalist["training"], chunks)
    items = [(part, item) for part in parts for item in datalist[part]]
    for _, item in items:
        if "slices" in item:
            raise DataError(f"{run} has single slices of volumes in its parts: set data.split_by to case.")
    if len({item["case"] for _, item in items}) < len(items):
        raise DataError(f"{run} has several images of one case: give each a case of its own, and the case as group.")
    parser = ConfigParser(config)
    transforms = [parser.get_parsed_content(f"data#{kind}") for kind in ("loading", "spatial", "intensity")]
    prepared = build_dataset([item for _, item in items], transforms, cache="none")
    planes_of = volume_planes if data["volumetric"] else picture_planes
    cases, beyond = [], 0.0
    for (part, item), sample in zip(items, tqdm(prepared, desc="prepare", unit="image", disable=None), strict=True):
        image, label = (sample[key].numpy() for key in ("image", "label"))
        beyond = max(beyond, float(((image < scale[0]) | (image > scale[1])).mean()))
        image, label = planes_of(to_bytes(image, scale), label)
        if grey and len(image) > 1 and not data["volumetric"]:
            raise DataError(f"{item['case']} of {run} is coloured: leave --grey out.")
        chunk = chunk_of.get(item["case"], -1) if part == "training" else -1
        cases.append(Case(item["case"], part, str(item.get("stratum", "")), chunk, image, label))
    print(f"at most {100 * beyond:.2f} % of an image's values are beyond {scale[0]:g} to {scale[1]:g}")
    channels = 1 if grey else data["in_channels"]
    return Cache(data["volumetric"], channels, data["out_channels"], scale, cases)


def picture_planes(image: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the planes (P, x, y) and the label (1, x, y) of a picture (C, x, y); equal colours become one plane."""
    return image[:1] if (image == image[:1]).all() else image, label[:1].astype(np.uint8)


def volume_planes(image: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slices (z, x, y) of a volume (1, x, y, z), and those of its label."""
    return np.moveaxis(image[0], -1, 0), np.moveaxis(label[0], -1, 0).astype(np.uint8)


def to_bytes(image: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Return image values as uint8, where 0 and 255 are the values of ``scale``."""
    low, high = scale
    return np.round((np.clip(image, low, high) - low) / (high - low) * 255).astype(np.uint8)


def deal_out(items: Sequence[Item], chunks: int) -> Mapping[str, int]:
    """Return the chunk, 0 to ``chunks - 1``, of each case: the folds of the package's own split with seed 0."""
    chunk_of: dict[str, int] = {}
    for fold in range(chunks):
        split: dict[str, Any] = split_datalist(items, validation_fraction=0.2, seed=0, folds=chunks, fold=fold)
        chunk_of |= {item["case"]: fold for item in split["test"]}
    return chunk_of


if __name__ == "__main__":
    main()
