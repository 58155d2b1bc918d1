"""Decisions follow from the fingerprint, and every fingerprint gives a preset that can be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from monai.bundle import ConfigParser
from monai.transforms import Compose

from monai_lwmisn.auto.decisions import EFFORTS, Wishes, parse_time, preset_of, with_value
from monai_lwmisn.auto.fingerprint import ClassFacts, Fingerprint
from monai_lwmisn.auto.preset_file import write_preset
from monai_lwmisn.auto.rules import decide
from monai_lwmisn.config import load_preset, resolve
from monai_lwmisn.errors import ConfigError, SplitError
from monai_lwmisn.networks import Architecture

PERCENTS = {"0.5": -900.0, "5": -500.0, "50": 20.0, "95": 90.0, "99.5": 180.0}
INSIDE = {"0.5": 0.0, "5": 20.0, "50": 60.0, "95": 100.0, "99.5": 120.0}


def a_class(value: int = 1, **changed: Any) -> ClassFacts:
    facts = ClassFacts(
        value=value, name=f"class {value}", images=1.0, share=0.1, share_of_foreground=0.5, width=12.0, diameter=20.0,
        pieces=9.0, single=0.0, holes=0.0, smallest=40.0,
    )  # fmt: skip
    return replace(facts, **changed)


def a_fingerprint(volumetric: bool, count: int = 1, **changed: Any) -> Fingerprint:
    size = [200, 240, 40] if volumetric else [256, 256]
    found = Fingerprint(
        dataset="folder", path="/data", volumetric=volumetric, modality="MR" if volumetric else "microscopy", images=40,
        cases=40, channels=1 if volumetric else 3, channel_files=1, stored_type="int16", coloured=0.0,
        size=dict.fromkeys(("least", "median", "most"), size),
        label_names={str(value): f"class {value}" for value in range(1, count + 1)}, instances=False,
        classes=[a_class(value) for value in range(1, count + 1)], values=[PERCENTS], foreground_values=[INSIDE],
        spread=2.0, outliers=1.2, empty=0.0, bright_background=0.0, dark_foreground=0.0,
        spacing_mm=dict.fromkeys(("least", "median", "most"), [0.9, 0.9, 3.2]) if volumetric else {},
        slices=1600 if volumetric else 0, slices_with_foreground=800 if volumetric else 0,
    )  # fmt: skip
    return replace(found, **changed)


def settings_of(fingerprint: Fingerprint, wishes: Wishes | None = None) -> dict[str, Any]:
    return {decision.key: decision.value for decision in decide(fingerprint, wishes)}


def names_of(transforms: list[dict[str, Any]]) -> list[str]:
    return [transform["_target_"].rpartition(".")[2] for transform in transforms]


NUMBERS = st.floats(0.01, 400)


@st.composite
def fingerprints(draw: st.DrawFn) -> Fingerprint:
    volumetric = draw(st.booleans())
    axes = 3 if volumetric else 2
    count = draw(st.integers(1, 4))
    triples = st.lists(st.integers(8, 3000), min_size=3, max_size=3).map(sorted)
    size = dict(zip(("least", "median", "most"), zip(*[draw(triples) for _ in range(axes)], strict=True), strict=True))
    spacings = st.lists(st.floats(0.05, 9), min_size=3, max_size=3).map(sorted)
    spacing = zip(*[draw(spacings) for _ in range(axes)], strict=True)
    share = st.floats(0, 1)
    facts = [
        a_class(
            value, images=draw(share), share=draw(share), share_of_foreground=draw(share),
            width=draw(st.floats(1, 300)),
            diameter=draw(st.floats(1, 2500)), single=draw(share), holes=draw(share), smallest=draw(NUMBERS),
        )
        for value in range(1, count + 1)
    ]  # fmt: skip
    images = draw(st.integers(3, 3000))
    return a_fingerprint(
        volumetric, count,
        modality=draw(st.sampled_from(["CT", "MR"] if volumetric else ["microscopy", "other"])),
        images=images, cases=draw(st.integers(3, images)), size={name: list(row) for name, row in size.items()},
        spacing_mm={name: list(row) for name, row in zip(size, spacing, strict=True)} if volumetric else {},
        classes=facts, coloured=draw(share), outliers=draw(st.floats(1, 50)), empty=draw(share),
        bright_background=draw(share), dark_foreground=draw(share), slices=images * 20 if volumetric else 0,
        sides=draw(st.sampled_from([{}, {"0": "left and right"}, {"0": "a", "1": "b"}])),
        given=draw(st.sampled_from([{}, {"training": images - 1, "test": 1}])),
        strata=draw(st.sampled_from([{}, {"a": 1, "b": 2}])),
        instances=count == 1 and not volumetric and draw(st.booleans()),
    )  # fmt: skip


WISHES = st.builds(
    Wishes,
    time=st.none() | st.floats(1, 1e6),
    latency_ms=st.none() | st.floats(0.1, 100),
    size=st.none() | st.floats(3e4, 5e6),
    effort=st.sampled_from(sorted(EFFORTS)),
    folds=st.none() | st.integers(1, 9),
    test=st.booleans(),
)


@given(fingerprint=fingerprints(), wishes=WISHES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_fingerprint_gives_a_preset_that_works(tmp_path: Path, fingerprint: Fingerprint, wishes: Wishes) -> None:
    if (wishes.folds or 0) > fingerprint.cases:
        with pytest.raises(SplitError, match="at most as many folds as cases"):
            decide(fingerprint, wishes)
        return
    decisions = decide(fingerprint, wishes)
    assert len({decision.key for decision in decisions}) == len(decisions)
    assert all(decision.reason.strip().endswith(".") for decision in decisions)
    file = tmp_path / "preset.json"
    write_preset(decisions, file, "made")
    assert load_preset(str(file)) == {"comment": "made", **preset_of(decisions)}
    configs = resolve(str(file))
    Architecture(
        **preset_of(decisions)["architecture"],
        in_channels=fingerprint.channels,
        out_channels=configs["train"]["data"]["out_channels"],
    )
    fingerprint.to_text()


@given(fingerprint=fingerprints())
@settings(max_examples=25, deadline=None)
def test_the_transforms_give_what_a_batch_needs(fingerprint: Fingerprint) -> None:
    """Two images of other sizes and values come out alike in size, with the classes that they had."""
    fingerprint = replace(
        fingerprint, size={name: [min(length, 700) for length in row] for name, row in fingerprint.size.items()}
    )
    chosen = settings_of(fingerprint)
    parser = ConfigParser(
        {"spatial": [] if fingerprint.volumetric else chosen["data.spatial"], "intensity": chosen["data.intensity"],
         "augmentation": chosen["data.augmentation"]}
    )  # fmt: skip
    run = Compose(
        [step for part in ("spatial", "intensity", "augmentation") for step in parser.get_parsed_content(part)]
    )
    shapes = []
    for name in ("least", "most"):
        size = [fingerprint.size[name][axis] for axis in fingerprint.plane]
        label = torch.randint(0, len(fingerprint.classes) + 1, (1, *size), dtype=torch.uint8)
        image = torch.rand(fingerprint.channels, *size) * 500 - 200
        result = run({"image": image, "label": label})
        assert torch.isfinite(torch.as_tensor(result["image"])).all()
        assert set(torch.unique(torch.as_tensor(result["label"])).tolist()) <= {
            0.0,
            *range(1, len(fingerprint.classes) + 1),
        }
        shapes.append((*result["image"].shape[1:], *result["label"].shape[1:]))
    assert shapes[0] == shapes[1] and shapes[0][:2] == shapes[0][2:]


def test_a_window_of_ct_holds_the_values_of_the_classes() -> None:
    (window,) = settings_of(a_fingerprint(True, modality="CT"))["data.intensity"]
    assert window["a_min"] < INSIDE["0.5"] and window["a_max"] > INSIDE["99.5"] and window["clip"]
    assert window["a_min"] > -200 and window["a_max"] < 300


def test_mr_is_normalised_by_volume_and_empty_voxels_are_left_out() -> None:
    plain = settings_of(a_fingerprint(True))["data.intensity"]
    masked = settings_of(a_fingerprint(True, empty=0.6, outliers=5.0))["data.intensity"]
    assert names_of(plain) == ["NormalizeIntensityd"] and not plain[0]["nonzero"] and plain[0]["channel_wise"]
    assert names_of(masked) == ["ScaleIntensityRangePercentilesd", "NormalizeIntensityd"] and masked[1]["nonzero"]


@pytest.mark.parametrize(
    ("bright", "dark", "turned"), [(0.0, 0.0, False), (1.0, 1.0, False), (0.3, 0.3, True), (0.3, 0.9, False)]
)
def test_pictures_are_inverted_only_where_kinds_are_mixed(bright: float, dark: float, turned: bool) -> None:
    found = settings_of(a_fingerprint(False, bright_background=bright, dark_foreground=dark))["data.intensity"]
    assert ("BrightForegroundd" in names_of(found)) == turned


def test_left_and_right_forbid_mirror_images_everywhere() -> None:
    free = settings_of(a_fingerprint(True))
    sided = settings_of(a_fingerprint(True, sides={"0": "left and right"}))
    assert "RandFlipd" in names_of(free["data.augmentation"]) and free["inference.test_time_flips"] == [0]
    assert "RandFlipd" not in names_of(sided["data.augmentation"]) and sided["inference.test_time_flips"] == []
    pictures = settings_of(a_fingerprint(False, sides={"1": "above and below"}))["data.augmentation"]
    assert [step["spatial_axis"] for step in pictures if step["_target_"] == "RandFlipd"] == [0]
    assert "RandRotate90d" not in names_of(pictures)
    posed = names_of(settings_of(a_fingerprint(False, sides={"0": "left and right"}))["data.augmentation"])
    assert "RandFlipd" not in posed and "RandAffined" in posed


def test_slices_follow_the_largest_spacing() -> None:
    spacing = dict.fromkeys(("least", "median", "most"), [0.9, 4.0, 0.9])
    found = settings_of(a_fingerprint(True, spacing_mm=spacing))
    assert found["data.slice_axis"] == "coronal"
    assert found["data.augmentation"][0]["spatial_size"] == [200, 40]
    assert settings_of(a_fingerprint(True))["data.slice_axis"] == "auto"


def test_spacings_that_differ_are_made_one() -> None:
    spacing = {"least": [0.5, 0.5, 3.0], "median": [0.8, 0.8, 3.0], "most": [1.0, 1.0, 3.0]}
    (step,) = settings_of(a_fingerprint(True, spacing_mm=spacing))["data.spatial"]
    assert step["_target_"] == "Spacingd" and step["pixdim"][:2] == [0.8, 0.8] and step["pixdim"][2] < 0
    assert settings_of(a_fingerprint(True))["data.spatial"] == []


def test_large_slices_and_pictures_are_made_smaller_unless_a_class_is_thin() -> None:
    size = dict.fromkeys(("least", "median", "most"), [512, 512, 90])
    (step,) = settings_of(a_fingerprint(True, size=size))["data.spatial"]
    assert step["spatial_size"] == [256, 256, -1]
    assert settings_of(a_fingerprint(True, size=size, classes=[a_class(width=4.0)]))["data.spatial"] == []
    size = dict.fromkeys(("least", "median", "most"), [1500, 2000])
    (step,) = settings_of(a_fingerprint(False, size=size, classes=[a_class(diameter=600.0, width=200.0)]))[
        "data.spatial"
    ]
    assert step["size_mode"] == "longest" and 256 <= step["spatial_size"] < 600
    assert (
        settings_of(a_fingerprint(False, size=size, classes=[a_class(diameter=600.0, width=3.0)]))["data.spatial"] == []
    )


def test_few_cases_are_tested_in_folds_and_given_tests_are_used() -> None:
    assert settings_of(a_fingerprint(False, images=12, cases=12))["data.folds"] == 5
    assert settings_of(a_fingerprint(False, images=12, cases=4))["data.folds"] == 4
    for other in (
        a_fingerprint(False),
        a_fingerprint(False, images=12, cases=12, given={"training": 8, "test": 4}),
    ):
        assert "data.folds" not in settings_of(other)
    assert "data.folds" not in settings_of(a_fingerprint(False, cases=12), Wishes(test=True))
    assert settings_of(a_fingerprint(False), Wishes(folds=3))["data.folds"] == 3
    assert "data.folds" not in settings_of(a_fingerprint(False, cases=12), Wishes(folds=1))
    with pytest.raises(SplitError, match="2 independent cases, and at least 3"):
        decide(a_fingerprint(False, cases=2))


def test_wishes_become_budgets_and_more_time_more_epochs() -> None:
    found = settings_of(a_fingerprint(False), Wishes(latency_ms=5.0, size=1e5))
    assert (found["search.budget_latency_ms"], found["search.budget_params"]) == (5.0, 100_000)
    assert "search.budget_macs" not in found
    epochs = [settings_of(a_fingerprint(False), Wishes(time=time))["train.epochs"] for time in (120, 600, 2400)]
    assert epochs == sorted(set(epochs))
    paces = [{d.key: d.value for d in decide(a_fingerprint(False), pace=pace)}["train.epochs"] for pace in (0.4, 1.6)]
    assert paces[0] == pytest.approx(4 * paces[1], rel=0.1)
    for wrong in ({"effort": "more"}, {"time": 0.0}, {"size": float("nan")}, {"folds": 0}):
        with pytest.raises(ConfigError):
            Wishes(**wrong)


def test_the_network_sees_pictures_of_few_objects_whole() -> None:
    for pieces, seen in ((1.0, [256, 256]), (30.0, [160, 160])):
        chosen = settings_of(a_fingerprint(False, classes=[a_class(pieces=pieces)]))["data.augmentation"]
        assert [step["roi_size"] for step in chosen if step["_target_"] == "RandSpatialCropd"][-1] == seen


def test_whole_networks_are_compared_where_time_allows() -> None:
    long, short = (settings_of(a_fingerprint(False), Wishes(time=time)) for time in (7200, 200))
    assert long["search.strategy"] == "evolve" and 12 <= long["search.trials"] <= 40
    assert short["search.strategy"] == "differentiable" and short["search.epochs"] >= 3


@pytest.mark.parametrize(
    ("least", "median", "most", "slices"),
    [
        ([1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 3, 5]),
        ([0.9, 0.9, 3.2], [0.9, 0.9, 3.2], [0.9, 0.9, 3.2], [1, 3, 5]),
        ([0.9, 0.9, 5], [0.9, 0.9, 5], [0.9, 0.9, 5], [1, 3]),
        ([0.5, 0.5, 6], [0.5, 0.5, 6], [0.5, 0.5, 6], [1]),
        ([4, 1, 1], [4, 1, 1], [4, 1, 1], [1, 3, 5]),
        ([1, 1, 1], [1, 1, 2], [1, 1, 5], [1]),
    ],
)
def test_neighbouring_slices_are_tried_where_they_are_near(
    least: list[float], median: list[float], most: list[float], slices: list[int]
) -> None:
    data = a_fingerprint(True, spacing_mm={"least": least, "median": median, "most": most})
    assert settings_of(data, Wishes(time=1e6))["search.slices"] == slices
    assert "search.slices" not in settings_of(data, Wishes(time=1))
    assert "search.slices" not in settings_of(a_fingerprint(False), Wishes(time=1e6))


def test_volumes_of_few_slices_are_not_read_beyond_them() -> None:
    size = {"least": [200, 240, 3], "median": [200, 240, 9], "most": [200, 240, 9]}
    assert settings_of(a_fingerprint(True, size=size), Wishes(time=1e6))["search.slices"] == [1, 3]


def test_thin_classes_keep_the_resolution() -> None:
    assert settings_of(a_fingerprint(False, classes=[a_class(width=2.0)]))["architecture.stem_stride"] == 1
    assert settings_of(a_fingerprint(False))["architecture.stem_stride"] == 2


def test_postprocessing_follows_from_the_labels() -> None:
    one = settings_of(a_fingerprint(True, classes=[a_class(single=1.0)]))["inference.postprocessing"]
    assert names_of(one) == ["FillHolesd", "KeepLargestConnectedComponentd"]
    rings = settings_of(a_fingerprint(False, classes=[a_class(holes=0.5, smallest=3.0)]))["inference.postprocessing"]
    assert rings == []


def test_a_decision_can_be_replaced_and_added() -> None:
    decisions = decide(a_fingerprint(False))
    changed = with_value(decisions, "train.epochs", 7, "Measured.")
    added = with_value(changed, "train.seed", 3, "Asked.")
    assert preset_of(added)["train"]["epochs"] == 7 and preset_of(added)["train"]["seed"] == 3
    assert len(changed) == len(decisions) == len(added) - 1


def test_a_setting_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    wishes = Wishes(settings={"train.class_weights": [2.0], "train.epochs": 7, "search.strategy": "evolve"})
    preset = preset_of(decide(a_fingerprint(volumetric=False), wishes, pace=0.001))
    assert preset["train"]["class_weights"] == [2.0]
    assert preset["train"]["epochs"] == 7
    assert preset["search"]["strategy"] == "evolve"


def test_a_setting_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no setting 'train\.epoch'.*'train\.epochs'"):
        Wishes(settings={"train.epoch": 7})
    with pytest.raises(ConfigError, match="use --folds"):
        Wishes(settings={"data.folds": 3})
    with pytest.raises(ConfigError, match=r"train\.epochs cannot be set"):
        decide(a_fingerprint(volumetric=False), Wishes(settings={"train.epochs": "many"}))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5 hours", 5400)])
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "0m", "-5m", "m"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write for example 90s, 30m or 2h"):
        parse_time(text)


def test_little_time_is_spent_on_small_parts_of_pictures() -> None:
    pictures = a_fingerprint(volumetric=False)
    for wishes, sides, batch in ((Wishes(time=120), 96, 4), (Wishes(), 160, 4), (Wishes(folds=5), 96, 4)):
        preset = settings_of(pictures, wishes)
        crops = [one["roi_size"] for one in preset["data.augmentation"] if one["_target_"] == "RandSpatialCropd"]
        assert crops[-1] == [sides, sides]
        assert preset["train.batch_size"] == batch


def test_small_bright_objects_are_not_cut_off_with_the_outliers() -> None:
    for share, upper in ((0.1, 99.9), (0.0008, 99.992)):
        (scale,) = settings_of(a_fingerprint(False, classes=[a_class(share=share)]))["data.intensity"]
        assert scale["upper"] == pytest.approx(upper)
        assert scale["lower"] == pytest.approx(100 - upper)
