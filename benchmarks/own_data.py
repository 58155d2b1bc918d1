"""`lwmisn auto` on folders of images, beside a preset by hand and MONAI's BasicUNet with as many minutes.

    python benchmarks/own_data.py SETS --time 6m --runs runs/own --output docs/results/own_data

SETS has a folder for each data set. By hand means: the preset of the same kind of images (nuclei or hippocampus_mr),
the network of its shipped bundle with random weights, the classes and channels of the data, and as many epochs as fit
into the minutes. All three have the same parts, and the test part is measured once for each. An interrupted benchmark
is resumed by the same command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reports import make_parser, table, write_result

from monai_lwmisn import run as stages
from monai_lwmisn.auto.decisions import Wishes, parse_time
from monai_lwmisn.auto.estimate import measure_pace
from monai_lwmisn.auto.fingerprint import Fingerprint
from monai_lwmisn.auto.page import summary
from monai_lwmisn.auto.pipeline import auto
from monai_lwmisn.auto.scores import scores
from monai_lwmisn.config import load_preset, read_config
from monai_lwmisn.files import read_json
from monai_lwmisn.rollback import find_state
from monai_lwmisn.run import SPLIT_SETTINGS
from monai_lwmisn.shipped import shipped_bundles
from monai_lwmisn.training.epochs_done import read_epochs_done


def main() -> None:
    """Run what is not finished, and write the table."""
    parser = make_parser(__doc__)
    parser.add_argument("sets", type=Path)
    parser.add_argument("--names", nargs="*", help="some of the sets (default: all)")
    parser.add_argument("--time", default="6m", help="minutes of search and training of each (default: %(default)s)")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the results of each set")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.name for path in arguments.sets.iterdir() if path.is_dir())
    results = {}
    for name in names:
        data, out = arguments.sets / name, arguments.runs / name
        found = auto(data, out / "auto", Wishes(time=parse_time(arguments.time), compare=True))
        results[name] = {**_row(out / "auto", found), "by_hand": _by_hand(data, out)}
    _write(results, arguments.output)


def _by_hand(data: Path, out: Path) -> float | None:
    """Return the Dice of the preset by hand, over the folds where there are several."""
    fingerprint = Fingerprint.load(out / "auto" / "fingerprint.json")
    folds = sorted((out / "auto" / "folds").glob("fold_*")) or [out / "auto" / "run"]
    times = read_json(out / "auto" / "times.json")
    preset = _write_preset(fingerprint, folds[0], out / "hand.json")
    name = "hippocampus_mr" if fingerprint.volumetric else "nuclei"
    genotype = next(path for path in shipped_bundles() if path.name.startswith(name)) / "genotype.json"
    measured = []
    for number, fold in enumerate(folds):
        run = out / "hand" / fold.name
        seconds = times.get("search", 0.0) / len(folds) + times[f"train_{number}"]
        if not (run / "genotype.json").exists():
            given: dict[str, Any] = {"search.strategy": "given", "search.genotype": str(genotype)}
            if len(folds) > 1:
                given["data.fold"] = number
            stages.search(run, preset=str(preset), data=data, settings=given)
        done = read_epochs_done(run)
        if done is None or not done.is_finished:
            settings = {}
            if done is None:
                settings = {"train.epochs": _epochs(run, out / ".pace", preset, data, genotype, seconds)}
            stages.train(run, settings=settings, resume=find_state(run, "train") is not None)
        measured.append(stages.evaluate(run, settings={"evaluate.costs": False}))
    return scores(measured, list(fingerprint.label_names.values()), fingerprint.volumetric)["dice"]


def _write_preset(fingerprint: Fingerprint, run: Path, file: Path) -> Path:
    preset = load_preset("hippocampus_mr" if fingerprint.volumetric else "nuclei")
    own = read_config(run, "evaluate")["data"]
    same = [key.partition(".")[2] for key in SPLIT_SETTINGS] + ["in_channels", "out_channels", "instances"]
    preset["data"] = {**preset["data"], **{key: own[key] for key in same if key != "fold"}}
    file.write_text(json.dumps(preset, indent=1), encoding="utf-8")
    return file


def _epochs(run: Path, work: Path, preset: Path, data: Path, genotype: Path, seconds: float) -> int:
    pace, train = measure_pace(work, preset, data, genotype), read_config(run, "train")["train"]
    steps = max(1, pace.samples["training"] // train["batch_size"])
    return max(1, int(seconds / (steps * pace.per_step({"train": train}))))


def _row(out: Path, found: dict[str, Any]) -> dict[str, Any]:
    decisions = {one["key"]: one["value"] for one in json.loads((out / "decisions.json").read_text(encoding="utf-8"))}
    plan, estimate = read_json(out / "plan.json"), read_json(out / "estimate.json")
    return {
        "about": summary(Fingerprint.load(out / "fingerprint.json")),
        "network": "searched" if plan["search"] else f"that of {plan['start']['bundle']}",
        "weights": "of that bundle" if plan["weights"] else "random",
        "folds": plan["folds"],
        "epochs": decisions["train.epochs"],
        "params": found["bundle"]["params"],
        "minutes": sum(found["times"].values()) / 60,
        "estimated_minutes": estimate["seconds"] / 60,
        "classes": {name: one["dice"] for name, one in found["scores"]["classes"].items()},
        "auto": found["scores"]["dice"],
        "basic_unet": found["basic_unet"],
        "otsu": found["baseline"],
    }


def _write(results: dict[str, Any], output: Path) -> None:
    head = ["set", "network", "weights", "M parameters", "minutes (estimate)", "auto", "by hand", "BasicUNet", "Otsu"]
    rows = [
        [
            name,
            one["network"],
            one["weights"],
            f"{one['params'] / 1e6:.3f}",
            f"{one['minutes']:.0f} ({one['estimated_minutes']:.0f})",
            *(f"{one[key]:.3f}" for key in ("auto", "by_hand", "basic_unet", "otsu")),
        ]
        for name, one in results.items()
    ]
    write_result(output, results, table(head, rows))


if __name__ == "__main__":
    main()
