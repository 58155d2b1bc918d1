"""Evaluation of a run folder, end to end, by the configuration alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from matplotlib import image as pictures
from monai.bundle import ConfigParser
from PIL import Image

from monai_lwmisn.config import execute
from monai_lwmisn.data import read_datalist, write_datalist
from monai_lwmisn.errors import CheckpointError, ConfigError, DataError, own_error
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import save_atomically


def evaluate(run: Path, **runtime: object) -> dict:
    network = LWMISN(Genotype.load(run / "genotype.json"))
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    save_atomically(network.state_dict(), run / "models" / "model.pt")
    execute(run / "configs" / "evaluate.json", **runtime)
    return json.loads((run / "evaluation" / "metrics.json").read_text())


@pytest.mark.parametrize("preset", ["nuclei", "liver_ct", "prostate_mr", "hippocampus_mr"])
def test_metrics_and_figure_of_each_kind(make_run: Callable[..., Path], preset: str) -> None:
    run = make_run(preset=preset)
    report = evaluate(run)
    test_items = json.loads((run / "datalist.json").read_text())["test"]
    expected = {"dsc", "miou", "dsc_256", "miou_256"}
    expected |= {"f1_50", "aji"} if preset == "nuclei" else {"dsc_3d"}
    if preset in ("liver_ct", "hippocampus_mr"):
        expected |= {"hd95", "surface_dice"}
    if preset == "hippocampus_mr":
        names = ("anterior_hippocampus", "posterior_hippocampus")
        expected |= {f"{metric}_{name}" for metric in expected for name in names}
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


def test_other_data_and_other_parts(make_run: Callable[..., Path], nuclei_phantom: Path) -> None:
    run = make_run()
    whole = evaluate(run, **{"evaluate::split": "all"})
    other = evaluate(run, **{"evaluate::other_data": str(nuclei_phantom)})
    assert (whole["split"], other["split"]) == ("all", "other")
    assert whole["counts"]["cases"] == other["counts"]["cases"] == 8
    assert whole["mean"] == pytest.approx(other["mean"])
    assert evaluate(run, **{"evaluate::split": "validation"})["counts"]["cases"] < 8
    with pytest.raises(ConfigError, match="no split 'tset'"):
        evaluate(run, **{"evaluate::split": "tset"})


@pytest.mark.parametrize(("preset", "variant"), [("liver_ct", "paper"), ("hippocampus_mr", "light")])
def test_single_slices_are_measured_as_in_their_volume(
    make_run: Callable[..., Path], preset: str, variant: str
) -> None:
    run = make_run(preset=preset, variant=variant)
    datalist = read_datalist(run / "datalist.json")
    (volume,) = datalist["test"][:1]
    datalist["test"] = [volume]
    write_datalist(datalist, run / "datalist.json")
    whole = evaluate(run, **{"inference::slice_smoothing": 0.0})  # single slices have no neighbours to be smoothed with
    parts = []
    for slices in ([0, 2, 3], [1, *range(4, whole["counts"]["images"])]):
        datalist["test"] = [{**volume, "slices": slices}]
        write_datalist(datalist, run / "datalist.json")
        parts.append(evaluate(run))
        assert parts[-1]["counts"]["images"] == len(slices)
        assert not {"dsc_3d", "hd95", "surface_dice"} & set(parts[-1]["mean"])
    weights = [part["counts"]["images"] for part in parts]
    for metric in ("dsc", "miou", "dsc_256"):
        mean = np.average([part["mean"][metric] for part in parts], weights=weights)
        assert mean == pytest.approx(whole["mean"][metric], abs=1e-4)


def test_other_data_are_checked_first(
    make_run: Callable[..., Path], nuclei_phantom: Path, msd_phantom: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(nuclei_phantom, tmp_path / "other"))
    for mask in (other / "stage1_train" / "phantom0001" / "masks").glob("*.png"):
        Image.fromarray(np.zeros((60, 64), np.uint8)).save(mask)
    with pytest.raises(DataError, match=r"phantom0001\.png is 64x64 but its label .* is 64x60"):
        evaluate(make_run(), **{"evaluate::other_data": str(other)})
    one_class = {"data.label_names": {"1": "hippocampus"}}
    run = make_run("volumes", preset="hippocampus_mr", settings=one_class)
    with pytest.raises(DataError, match="has the value 2, but the classes are 0, 1"):
        evaluate(run, **{"evaluate::other_data": str(msd_phantom)})


def test_flips_and_windows_change_the_measurement(make_run: Callable[..., Path]) -> None:
    run = make_run()
    plain = evaluate(run)
    flipped = evaluate(run, **{"inference::test_time_flips": [0, 1], "inference::roi": [48, 48]})
    assert flipped["mean"] != plain["mean"]


def test_costs_are_those_of_the_network_and_can_be_left_out(make_run: Callable[..., Path]) -> None:
    run = make_run()
    costs = {"params", "macs", "latency_ms", "peak_memory_mb"}
    report = evaluate(run)
    network = LWMISN(Genotype.load(run / "genotype.json"))
    assert costs <= set(report) and report["params"] == sum(weights.numel() for weights in network.parameters())
    assert not costs & set(evaluate(run, **{"evaluate::costs": False}))


def test_postprocessing_is_measured(make_run: Callable[..., Path]) -> None:
    """What removes all objects leaves none to be found, but the published size is the network's alone."""
    run = make_run(settings={"inference.postprocessing": []})
    plain = evaluate(run)
    removal = [{"_target_": "RemoveSmallObjectsd", "keys": "pred", "min_size": 64 * 64 + 1}]
    cleaned = evaluate(run, **{"inference::postprocessing": removal, "choice_file": None})
    assert plain["mean"]["dsc"] > 0
    for metric in ("dsc", "miou", "f1_50", "aji"):
        assert cleaned["mean"][metric] == 0
    assert cleaned["mean"]["dsc_256"] == plain["mean"]["dsc_256"] > 0


def test_weights_of_another_network(make_run: Callable[..., Path]) -> None:
    run = make_run()
    save_atomically({"weight": torch.zeros(1)}, run / "models" / "model.pt")
    with pytest.raises(CheckpointError, match="model.pt does not hold the weights of this genotype"):
        execute(run / "configs" / "evaluate.json")
    (run / "models" / "model.pt").unlink()
    with pytest.raises(CheckpointError, match="model.pt does not exist"):
        execute(run / "configs" / "evaluate.json")


@pytest.mark.parametrize(
    ("part", "config", "dataset"),
    [
        ("training", "search", "search#dataset"),
        ("validation", "search", "search#alpha_dataset"),
        ("training", "train", "train#dataset"),
        ("validation", "train", "validate#dataset"),
        ("test", "evaluate", "evaluate#dataset"),
    ],
)
def test_a_label_that_was_changed_after_the_search_is_refused_by_every_stage(
    make_run: Callable[..., Path], tmp_path: Path, part: str, config: str, dataset: str
) -> None:
    run = make_run(preset="hippocampus_mr", settings={"data.cache": "disk"})
    datalist = read_datalist(run / "datalist.json")
    item = datalist[part][0]  # type: ignore[literal-required]
    stored = nibabel.load(item["label"])
    values = np.asarray(stored.dataobj)
    item["label"] = str(tmp_path / "label.nii.gz")
    write_datalist(datalist, run / "datalist.json")

    def read(changed: np.ndarray, affine: np.ndarray) -> None:
        nibabel.save(nibabel.Nifti1Image(changed, affine), item["label"])
        parser = ConfigParser(json.loads((run / "configs" / f"{config}.json").read_text()))
        try:
            samples = parser.get_parsed_content(dataset)
            for index in range(len(samples)):
                samples[index]
        except Exception as error:
            raise own_error(error) or error from error

    read(values, stored.affine)
    extra = values.copy()
    extra[0, 0, 0] = 7
    with pytest.raises(DataError, match="has the value 7, but the classes are 0, 1, 2"):
        read(extra, stored.affine)
    with pytest.raises(DataError, match="corners are up to 12 mm apart"):
        read(values, stored.affine + 12 * np.eye(4, k=3))
    with pytest.raises(DataError, match="but its label .*: give both the same size"):
        read(values[:-1], stored.affine)
