"""The masks of `lwmisn bundle --onnx` beside those of torch, pixel by pixel, on images of a data set.

    unzip -j dsb2018.zip '*/images/*.png' -d pictures
    python benchmarks/onnx_equality.py --output docs/results/onnx_equality \\
        --bundle bundles/nuclei_microscopy_lwmisn pictures --bundle bundles/nuclei_microscopy_lwmisn_fast pictures \\
        --bundle bundles/prostate_mr_lwmisn promise12/Case??.mhd \\
        --bundle bundles/hippocampus_mr_lwmisn Task04_Hippocampus/imagesTr \\
        --bundle bundles/liver_ct_slices_lwmisn liver_ct_slices/images \\
        --bundle bundles/lung_ct_lwmisn lung_ct/images lung_ct_native/case_01 chaos_ct/Train_Sets/CT/3/DICOM_anon \\
        --bundle bundles/liver_ct_lwmisn lung_ct/images chaos_ct/Train_Sets/CT/3/DICOM_anon

Each ``--bundle`` is followed by its inputs: files, or folders of images without labels. Of many inputs some are taken,
evenly spaced in the order of their file size, so that they have several sizes and kinds. The margin of a pixel is the
difference between the two highest probabilities of torch. A pixel that differs and has almost none is a tie, which
rounding decides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose
from reports import make_parser, table, write_result

from monai_lwmisn.bundle.full_onnx import write_full_onnx
from monai_lwmisn.inference.bundle_files import read_bundle
from monai_lwmisn.inference.postprocessing import native_probabilities
from monai_lwmisn.light.engines import ENGINES
from monai_lwmisn.light.inputs import find_inputs
from monai_lwmisn.light.libraries import is_installed
from monai_lwmisn.light.postprocessing import postprocess
from monai_lwmisn.light.predictor import LightPredictor, load
from monai_lwmisn.profiling import processor_name, use_threads


class Masks(NamedTuple):
    """The masks of one input, (x, y) or (x, y, z): of the most probable class, and after the post-processing."""

    before: np.ndarray
    after: np.ndarray


def main() -> None:
    """Compare, and write the result."""
    parser = make_parser(__doc__)
    parser.add_argument("--bundle", nargs="+", type=Path, action="append", required=True, metavar="BUNDLE INPUT")
    parser.add_argument("--images", type=int, default=40, help="inputs of each bundle, at most (default: 40)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of every runtime (default: 1)")
    arguments = parser.parse_args()
    with use_threads(arguments.threads):
        bundles = {
            bundle.name: compare(bundle, inputs, arguments.images, arguments.threads)
            for bundle, *inputs in arguments.bundle
        }
    result = {
        "processor": processor_name(),
        "versions": {name: version(name) for name in ("torch", "monai", *filter(is_installed, ENGINES))},
        "bundles": bundles,
    }
    write_result(arguments.output, result, markdown(result))


@torch.inference_mode()
def compare(bundle: Path, paths: list[Path], most: int, threads: int) -> dict[str, Any]:
    """Return the number of inputs, slices and pixels, and by runtime what :func:`summarise` gives."""
    config = read_bundle(bundle, bundle)
    data = config["data"]
    inputs = choose([Path(item["image"]) for item in find_inputs(paths, data["volumetric"], data["in_channels"])], most)
    rows: dict[str, list[dict[str, Any]]] = {}
    pixels = slices = 0
    torch_masks = torch_runtime(bundle, config)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model_full.onnx"
        write_full_onnx(bundle, file)
        runtimes = {
            name: partial(light_masks, load(file, runtime=name, device="cpu", threads=threads))
            for name in filter(is_installed, ENGINES)
        }
        for path in inputs:
            expected, margin = torch_masks(path)
            pixels += margin.size
            slices += margin.shape[-1] if data["volumetric"] else 1
            for name, masks in runtimes.items():
                found = masks(path)
                differs = found.before != expected.before
                row = {
                    "input": path.name,
                    "pixels": margin.size,
                    "different": int(differs.sum()),
                    "different_after": int((found.after != expected.after).sum()),
                    "largest_margin": float(margin[differs].max(initial=0)),
                }
                rows.setdefault(name, []).append(row)
            print(bundle.name, path.name, {name: each[-1]["different"] for name, each in rows.items()}, flush=True)
    return {
        "inputs": len(inputs),
        "slices": slices,
        "pixels": pixels,
        "runtimes": {name: summarise(each) for name, each in rows.items()},
    }


def choose(paths: list[Path], most: int) -> list[Path]:
    """Return at most so many of the inputs, evenly spaced in the order of their file size."""
    ordered = sorted(paths, key=lambda path: (path.stat().st_size, path.name))
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


def torch_runtime(bundle: Path, config: dict[str, Any]) -> Callable[[Path], tuple[Masks, np.ndarray]]:
    """Return a function that gives the masks of an input as `predict` makes them, and the margin of each pixel."""
    data = config["data"]
    parser = ConfigParser({**config, "bundle_root": str(bundle.absolute()), "device": "cpu"})
    parser.get_parsed_content("load")
    preprocessing, evaluator = (parser.get_parsed_content(name) for name in ("preprocessing", "evaluator"))
    probable = Compose(native_probabilities(preprocessing, data["out_channels"]))

    def masks(path: Path) -> tuple[Masks, np.ndarray]:
        item = preprocessing({"image": str(path)})
        item["pred"] = evaluator.logits(item["image"])
        probabilities = probable(dict(item))["pred"].numpy()
        if len(probabilities) == 1:
            before, margin = probabilities[0] >= 0.5, np.abs(2 * probabilities[0] - 1)
        else:
            before, ordered = probabilities.argmax(axis=0), np.sort(probabilities, axis=0)
            margin = ordered[-1] - ordered[-2]
        return Masks(before, evaluator.postprocessing(item)["pred"].numpy().reshape(before.shape)), margin

    return masks


def light_masks(predictor: LightPredictor, path: Path) -> Masks:
    """Return the masks of an input as `lwmisn-run` makes them."""
    facts = predictor.facts
    predictor.facts = replace(facts, postprocessing=[], instances=False)
    before = predictor(path).labels
    predictor.facts = facts
    before = before if facts.volumetric else before.T
    return Masks(before, postprocess(before.copy(), facts.postprocessing))


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the shares of equal pixels, that of the worst input, and the largest margin of a pixel that differs."""
    pixels = sum(row["pixels"] for row in rows)
    worst = max(rows, key=lambda row: row["different_after"] / row["pixels"])
    return {
        "different": sum(row["different"] for row in rows),
        "equal": 1 - sum(row["different"] for row in rows) / pixels,
        "equal_after": 1 - sum(row["different_after"] for row in rows) / pixels,
        "worst_input": worst["input"],
        "worst_equal_after": 1 - worst["different_after"] / worst["pixels"],
        "largest_margin": max(row["largest_margin"] for row in rows),
        "inputs": rows,
    }


def markdown(result: dict[str, Any]) -> list[str]:
    """Return the lines of the page."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    rows = [
        [
            name,
            runtime,
            one["inputs"],
            one["slices"],
            f"{one['pixels'] / 1e6:.2f}",
            f"{100 * each['equal']:.5f}",
            f"{100 * each['equal_after']:.5f}",
            f"{100 * each['worst_equal_after']:.5f}",
            each["different"],
            f"{each['largest_margin']:.1e}" if each["different"] else "",
        ]
        for name, one in result["bundles"].items()
        for runtime, each in one["runtimes"].items()
    ]
    head = [
        "bundle",
        "runtime",
        "inputs",
        "slices",
        "megapixels",
        "equal %",
        "after post-processing %",
        "worst input %",
    ]
    return [
        "# The ONNX file beside torch",
        "",
        "The masks of the file that `lwmisn bundle --onnx` writes beside those of `predict` with torch.",
        f"{result['processor']}, {versions}. The command is in",
        "[benchmarks/onnx_equality.py](../../benchmarks/onnx_equality.py), the figures of each input are in",
        "[onnx_equality.json](onnx_equality.json).",
        "",
        "Pixels that differ before the post-processing are counted in *different*. Their margin is the difference",
        "between the two highest probabilities of torch: where that is almost 0, the classes are tied.",
        "",
        *table([*head, "different", "largest margin"], rows),
    ]


if __name__ == "__main__":
    main()
