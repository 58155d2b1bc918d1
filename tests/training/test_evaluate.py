"""Evaluation of a run folder, end to end, by the configuration alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import image as pictures

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.workflow.checkpoint import save_atomically
from monai_lwmisn.workflow.config import execute


def evaluate(run: Path, **runtime: object) -> dict:
    genotype = Genotype.load(run / "genotype.json")
    torch.manual_seed(0)
    save_atomically(LWMISN(genotype).state_dict(), run / "models" / "model.pt")
    execute(run / "configs" / "evaluate.json", **runtime)
    return json.loads((run / "evaluation" / "metrics.json").read_text())


@pytest.mark.parametrize("preset", ["nuclei", "liver_ct", "prostate_mr"])
def test_metrics_and_figure_of_each_kind(make_run: Callable[..., Path], preset: str) -> None:
    run = make_run(preset=preset)
    report = evaluate(run)
    test_items = json.loads((run / "datalist.json").read_text())["test"]
    expected = {"dsc", "miou", "dsc_256", "miou_256"}
    if preset != "nuclei":
        expected |= {"dsc_3d"}
    if preset == "liver_ct":
        expected |= {"hd95", "surface_dice"}
    assert set(report["mean"]) == expected
    assert [case["case"] for case in report["cases"]] == [item["case"] for item in test_items]
    assert report["split"] == "test" and report["counts"]["cases"] == len(test_items)
    for case in report["cases"]:
        assert expected <= set(case)
    weights = [case.get("slices", 1) for case in report["cases"]]
    mean = np.average([case["dsc"] for case in report["cases"]], weights=weights)
    assert report["mean"]["dsc"] == pytest.approx(mean)
    figure = pictures.imread(run / "evaluation" / "overlays.png")
    assert figure.shape[0] > 300 and figure.std() > 0.05
