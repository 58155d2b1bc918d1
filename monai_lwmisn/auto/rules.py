"""Decides how to learn from data by their fingerprint: settings, each with the reason in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from monai_lwmisn.auto.augmentation import augmentation, mirror_axes
from monai_lwmisn.auto.decisions import Decision, Wishes, as_asked
from monai_lwmisn.auto.estimate import duration
from monai_lwmisn.auto.fingerprint import Fingerprint
from monai_lwmisn.auto.grid import Grid, choose_grid
from monai_lwmisn.auto.intensity import choose_intensity
from monai_lwmisn.errors import SplitError, counted
from monai_lwmisn.settings import channels_for

__all__ = ["decide"]

SEARCH_SHARE = 0.3
"""Share of the time for the search, where there is one."""

FEWEST_TRIALS, MOST_TRIALS, EPOCHS_OF_TRIAL = 12, 40, 7.0
"""Trials of the strategy evolve; and the epochs that one takes in the mean, with those of the finalists."""

BRIEF = 600.0
"""Seconds for each network below which a training is brief."""

LEAST_EPOCHS = 10
"""Epochs that a network is trained for, however short the time."""

STEP, MEGAPIXEL, SLOWER_SEARCH = 0.15, 3.0, 2.5
"""Seconds of a step of a training, and for each million of pixels in it, on two cores; and how much slower a search is.

They are a first guess; the pace that :func:`decide` is given replaces them.
"""

FEW_CASES, FOLDS = 30, 5
"""Below so many cases all are tested, by a cross-validation of so many folds."""

RARE, THIN = 0.08, 4.0
"""Share of the foreground below which a class is rare; pixels of width below which it is thin."""

BUDGETS = ((0.06e6, (8, 12, 16, 24)), (0.2e6, (12, 16, 24, 36)), (0.5e6, (16, 24, 36, 56)))
"""Up to so many parameters, the channels at each level; larger networks have twice the last."""

SEEN_SLICES = ((4.0, (1, 3, 5)), (8.0, (1, 3)))
"""Up to so many times the in-plane spacing between slices, the numbers of slices that a network may see.

Beyond it, what is in the next slice tells little of what is in this one.
"""

VARIOUS_SLICES = 2.0
"""Ratio of the largest to the least distance of slices above which the next slice is at another place each time."""

PARAMETERS, MULTIPLY_ACCUMULATES = 150_000, 600_000_000


@dataclass(frozen=True)
class _Case:
    """What the rules look at."""

    fingerprint: Fingerprint
    wishes: Wishes
    mirrored: list[int]
    pace: float | None
    search_share: float

    @property
    def folds(self) -> int | None:
        """Folds of the cross-validation; None for one split."""
        cases, given = self.fingerprint.cases, "test" in self.fingerprint.given or self.wishes.test
        if self.wishes.folds is not None:
            return self.wishes.folds if self.wishes.folds > 1 else None
        return min(FOLDS, cases) if cases < FEW_CASES and not given else None

    @cached_property
    def grid(self) -> Grid:
        """What the network sees."""
        return choose_grid(self.fingerprint, brief=self.wishes.seconds / (self.folds or 1) < BRIEF)

    @property
    def fine(self) -> bool:
        """Whether half the resolution would lose something: the images are small, or a class is thin."""
        width = min(facts.width for facts in self.fingerprint.classes)
        return min(self.grid.crop) < 80 or width * self.grid.scale < THIN

    @property
    def steps(self) -> float:
        """Steps of an epoch of a training, about."""
        data, images = self.fingerprint, self.fingerprint.images - self.fingerprint.given.get("test", 0)
        samples = data.slices * images / data.images if data.volumetric else images
        share = 0.85 if data.given.get("test") else 0.85 * (1 - 1 / self.folds if self.folds else 0.8)
        return max(1.0, samples * share / self.grid.batch)

    @property
    def step_seconds(self) -> float:
        """Seconds of a step of a training."""
        pixels = self.grid.batch * self.grid.crop[0] * self.grid.crop[1] * (4 if self.fine else 1)
        return STEP + MEGAPIXEL * pixels / 1e6 if self.pace is None else self.pace

    def epochs(self, share: float, networks: int, slower: float, least: int, most: int) -> int:
        """Epochs that a share of the time is enough for, of each of some networks."""
        seconds = self.wishes.seconds * share / networks
        return int(min(most, max(least, seconds / (self.steps * self.step_seconds * slower))))


def decide(
    fingerprint: Fingerprint,
    wishes: Wishes | None = None,
    pace: float | None = None,
    search_share: float = SEARCH_SHARE,
) -> list[Decision]:
    """Decide on every setting that the data or the wishes tell something about.

    Args:
        fingerprint: of the data.
        wishes: what the user asks for.
        pace: measured seconds of a step of a training; None for a guess.
        search_share: share of the time for the search.

    Raises:
        SplitError: there are too few cases for training, validation and test.
        ConfigError: a setting that is asked for has no such value.
    """
    wishes = wishes or Wishes()
    needed = 2 if "test" in fingerprint.given else 3
    if fingerprint.cases < needed:
        raise SplitError(
            f"{fingerprint.path} has {counted(fingerprint.cases, 'independent case')}, and at least {needed} are "
            "needed to learn, to choose and to test: add cases, or say what belongs together by --set data.group_by=..."
        )
    if (wishes.folds or 0) > fingerprint.cases:
        raise SplitError(
            f"{wishes.folds} folds are asked for, and {fingerprint.path} has "
            f"{counted(fingerprint.cases, 'independent case')}: ask for at most as many folds as cases."
        )
    case = _Case(fingerprint, wishes, mirror_axes(fingerprint), pace, search_share)
    return as_asked([decision for rule in RULES for decision in rule(case)], wishes)


def _reading(case: _Case) -> Iterator[Decision]:
    data = case.fingerprint
    kind = "volumes" if data.volumetric else "pictures"
    yield Decision("data.dataset", data.dataset, "The folder has files of this form.")
    why = {
        "CT": "The values reach down to air at -1000, or the data set says so.",
        "MR": "No values reach down to air at -1000 as those of a CT do; all volumes but CT are treated like MR.",
        "microscopy": "The pictures have many blobs each, as cells are.",
        "other": "The pictures have few objects each, or long ones.",
    }
    yield Decision("data.modality", data.modality, why[data.modality])
    yield Decision("data.volumetric", data.volumetric, f"The files are {kind}.")
    files = f", {data.channel_files} files each" if data.channel_files > 1 else ""
    grey = "" if data.volumetric else "; grey pictures count as 3"
    yield Decision("data.in_channels", data.channels, f"An image has so many channels{files}{grey}.")
    yield Decision(
        "data.label_names", data.label_names, f"The labels have {counted(len(data.label_names), 'class', 'classes')}."
    )
    if data.label_colours is not None:
        in_grey = all(colour[1:3] == colour[3:5] == colour[5:7] for colour in data.label_colours)
        kinds = "The labels have levels of grey" if in_grey else "The labels are in colour"
        background = "white" if 0 in data.label_colours.values() else "black"
        yield Decision("data.label_colours", data.label_colours, f"{kinds}, and {background} is the background.")
    yield Decision("data.out_channels", channels_for(data.label_names), "It follows from the classes.")
    yield Decision(
        "data.instances", data.instances,
        "The values of the labels number objects." if data.instances else "The values of the labels are classes.",
    )  # fmt: skip
    if data.volumetric:
        spacing = " x ".join(f"{length:g}" for length in data.spacing_mm["median"])
        axis = ("sagittal", "coronal", "auto")[data.slice_axis]
        yield Decision(
            "data.slice_axis", axis, f"The voxels have {spacing} mm: slices are taken across the largest, else axial."
        )


def _grid(case: _Case) -> Iterator[Decision]:
    yield Decision("data.spatial", case.grid.transforms, case.grid.reason)


def _intensity(case: _Case) -> Iterator[Decision]:
    steps, reason = choose_intensity(case.fingerprint)
    yield Decision("data.intensity", steps, reason)


def _augmentation(case: _Case) -> Iterator[Decision]:
    data, crop = case.fingerprint, case.grid.crop
    reason = f"The network sees {crop[0]}x{crop[1]} pixels of an image of {case.grid.size[0]}x{case.grid.size[1]}."
    refused = [
        words for axis, words in data.sides.items() if int(axis) in data.plane and (not data.volumetric or axis == "0")
    ]
    reason += (
        f" No mirror images: {'; '.join(refused)}."
        if refused
        else " Mirror images look alike."
        if case.mirrored
        else ""
    )
    yield Decision("data.augmentation", augmentation(data, case.grid, case.mirrored), reason)


def _split(case: _Case) -> Iterator[Decision]:
    data, folds = case.fingerprint, case.folds
    cases = counted(data.cases, "independent case")
    if "test" in data.given:
        yield Decision(
            "data.test_fraction", 0.2, f"Not used: {counted(data.given['test'], 'image')} for the test are given."
        )
    else:
        yield Decision("data.test_fraction", 0.2, f"There are {cases}.")
    yield Decision("data.validation_fraction", 0.15 if data.cases >= 20 else 0.2, f"There are {cases} for all parts.")
    if folds is not None:
        asked = "as asked" if case.wishes.folds else f"fewer than {FEW_CASES}, so every case is tested once"
        yield Decision("data.folds", folds, f"There are {cases}, {asked}.")
        yield Decision("data.fold", 0, "The first of the folds; the others are runs of their own.")


def _architecture(case: _Case) -> Iterator[Decision]:
    crop, size = case.grid.crop, case.wishes.size or PARAMETERS
    width = next((width for most, width in BUDGETS if size <= most), (24, 36, 56, 80))
    small = min(crop) < 80
    thinnest = min(case.fingerprint.classes, key=lambda facts: facts.width)
    fine = case.fine
    seen = f"The network sees {crop[0]}x{crop[1]} pixels"
    levels = 2 if small else 3
    yield Decision("architecture.cells", {"encoder": levels, "middle": 2, "decoder": levels}, f"{seen}.")
    yield Decision("architecture.node_width", [*width[:levels], width[-1]], f"It may have {size / 1e6:g} M parameters.")
    why = f"{thinnest.name} is {thinnest.width:.1f} pixels wide"
    yield Decision("architecture.stem_stride", 1 if fine else 2, f"{seen}, and {why}.")


def _search(case: _Case) -> Iterator[Decision]:
    wishes = case.wishes
    epochs = case.epochs(case.search_share, 1, 1.0, least=1, most=10**6)
    trials = min(MOST_TRIALS, int(epochs / EPOCHS_OF_TRIAL))
    time = f"The search has {duration(wishes.seconds * case.search_share)}"
    if trials >= FEWEST_TRIALS:
        yield Decision("search.strategy", "evolve", f"{time}: enough for {trials} short trainings of whole networks.")
        yield Decision("search.trials", trials, f"{time}.")
    else:
        epochs = case.epochs(case.search_share, 1, SLOWER_SEARCH, least=3, most=40)
        yield Decision(
            "search.strategy", "differentiable", f"{time}: too little for short trainings of whole networks."
        )
        yield Decision("search.epochs", epochs, f"{time}.")
        # All operations at once, at the full resolution, would take more than 4 GiB.
        yield Decision("search.batch_size", max(1, case.grid.batch // (2 if case.fine else 1)), _area(case))
        yield Decision("search.lambda_latency", 0.0005, "A little faster is better where accuracy is equal.")
    asked = "as asked" if wishes.size else "so that the network runs anywhere"
    yield Decision("search.budget_params", int(wishes.size or PARAMETERS), f"The limit of parameters, {asked}.")
    if wishes.latency_ms is not None:
        yield Decision("search.budget_latency_ms", float(wishes.latency_ms), "As asked.")
    else:
        macs = MULTIPLY_ACCUMULATES * (2 if case.fine else 1) * max(1.0, (wishes.size or 0) / PARAMETERS)
        yield Decision("search.budget_macs", int(macs), "No limit of milliseconds was asked for.")
    if case.fingerprint.volumetric and trials >= FEWEST_TRIALS:
        yield _slices(case)


def _slices(case: _Case) -> Decision:
    """The numbers of neighbouring slices among which a search chooses. A given network keeps its own."""
    data = case.fingerprint
    least, median, most = (data.spacing_mm[name] for name in ("least", "median", "most"))
    axis = data.slice_axis
    ratio = median[axis] / max(median[other] for other in data.plane)
    fewest = data.size["least"][axis]
    if most[axis] > VARIOUS_SLICES * least[axis]:
        why = f"The slices are {least[axis]:g} to {most[axis]:g} mm apart, so neighbours are at other places each time."
        return Decision("search.slices", [1], why)
    for furthest, numbers in SEEN_SLICES:
        if ratio <= furthest:
            seen = [number for number in numbers if number <= fewest]
            break
    else:
        seen = [1]
    why = f"The slices are {median[axis]:g} mm apart, {ratio:.1f} times the spacing in them: "
    near = "their neighbours may help" if len(seen) > 1 else "their neighbours tell too little"
    return Decision("search.slices", seen, f"{why}{near}.")


def _training(case: _Case) -> Iterator[Decision]:
    networks = (case.folds or 1) + case.wishes.shares
    epochs = case.epochs(1 - case.search_share, networks, 1.0, least=LEAST_EPOCHS, most=1000)
    steps = int(epochs * case.steps)
    seconds = case.wishes.seconds * (1 - case.search_share)
    of_each = f", for {networks} networks" if networks > 1 else ""
    yield Decision("train.epochs", epochs, f"The training has {duration(seconds)}{of_each}: about {steps} steps.")
    yield Decision("train.batch_size", case.grid.batch, _area(case))
    yield Decision("train.warmup_epochs", round(min(3.0, epochs / 10), 1), "A tenth of the epochs, at most 3.")
    decay = 0.99 if steps < 1000 else 0.995 if steps < 4000 else 0.9975
    yield Decision("train.ema_decay", decay, f"There are about {steps} steps to average over.")
    yield Decision("train.val_interval", max(1, epochs // 10), "About 10 validations in all.")
    strata = len(case.fingerprint.strata)
    if strata > 1:
        yield Decision("train.balance_strata", 0.5, f"The images are of {strata} kinds, of which some are rare.")


def _loss(case: _Case) -> Iterator[Decision]:
    classes = case.fingerprint.classes
    thinnest, rarest = (
        min(classes, key=lambda facts: facts.width),
        min(classes, key=lambda facts: facts.share_of_foreground),
    )
    # Both cost other classes more than they gained in short trainings (nuclei and their borders), so they stay off.
    if thinnest.width * case.grid.scale < THIN:
        why = f"{thinnest.name} is thin; try 0.5 if it comes out in pieces, which may cost the Dice of others."
        yield Decision("train.centreline_weight", 0.0, why)
    if rarest.share_of_foreground < RARE:
        share = f"{100 * rarest.share_of_foreground:.2g} % of the foreground"
        why = f"{rarest.name} has {share}; give it a larger weight if it is missed, which may cost the Dice of others."
        yield Decision("train.class_weights", [1.0] * len(classes), why)


def _inference(case: _Case) -> Iterator[Decision]:
    data = case.fingerprint
    if not data.volumetric:
        yield Decision("inference.roi", [2048, 2048], "Larger pictures are taken in windows.")
        yield Decision("inference.batch_size", 1, "Pictures may be large.")
    flips = case.mirrored[-1:]
    why = "Mirror images look alike; each doubles the time." if flips else "Mirror images are not alike."
    yield Decision("inference.test_time_flips", flips, why)
    if data.volumetric:
        smooth = data.anisotropy <= 4
        yield Decision("inference.slice_smoothing", 0.8 if smooth else 0.0,
                       f"The largest voxel spacing is {data.anisotropy:.1f} times the smallest.")  # fmt: skip
    yield _postprocessing(data)


def _postprocessing(data: Fingerprint) -> Decision:
    steps: list[dict[str, Any]] = []
    reasons = []
    if all(facts.holes < 0.01 for facts in data.classes):
        steps.append({"_target_": "FillHolesd", "keys": "pred"})
        reasons.append("the labels have no holes")
    if data.volumetric and all(facts.single > 0.95 for facts in data.classes):
        steps.append({"_target_": "KeepLargestConnectedComponentd", "keys": "pred"})
        reasons.append("each class is one piece")
    else:
        smallest = min(facts.smallest for facts in data.classes)
        if smallest >= 8:
            steps.append({"_target_": "RemoveSmallObjectsd", "keys": "pred", "min_size": int(smallest / 2),
                          "independent_channels": False})  # fmt: skip
            reasons.append(f"nearly all pieces are larger than {smallest:.0f}")
    why = ", and ".join(reasons)
    sentence = f"Tried, and used where the validation gains: {why}." if reasons else "The labels suggest none."
    return Decision("inference.postprocessing", steps, sentence)


def _evaluation(case: _Case) -> Iterator[Decision]:
    data = case.fingerprint
    if data.volumetric:
        tolerance = round(max(1.0, max(data.spacing_mm["median"][axis] for axis in data.plane)), 1)
        yield Decision("evaluate.surface_tolerance_mm", tolerance, "About a voxel, at least 1 mm.")


RULES: Sequence[Callable[[_Case], Iterator[Decision]]] = (
    _reading,
    _grid,
    _intensity,
    _augmentation,
    _split,
    _architecture,
    _search,
    _training,
    _loss,
    _inference,
    _evaluation,
)
"""What is decided, in the order of the preset."""


def _area(case: _Case) -> str:
    return f"The network sees {case.grid.crop[0]}x{case.grid.crop[1]} pixels at a time."
