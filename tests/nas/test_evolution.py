"""A search by short trainings keeps its budget, stops the worse networks, goes on exactly, and learns."""

import csv
import math
import multiprocessing
import statistics
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from optuna.trial import TrialState
from PIL import Image
from torch import nn

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import BudgetError, ConfigError, FigureWarning, TrainingError
from monai_lwmisn.nas import evolution, network_clock
from monai_lwmisn.nas.drawing import widened
from monai_lwmisn.nas.evolution import Evolution, rungs
from monai_lwmisn.nas.evolution_report import importances
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import Timing
from tests.nas.postgresql import postgresql

LIMIT = 250_000
SPACE: dict[str, Any] = {
    "search_space": ["conv_3x3", "identity"], "alpha_groups": "shared", "in_channels": 1, "out_channels": 1
}  # fmt: skip


class KnownTraining:
    """Stands for a training. A network of stem stride 2 is better than others, and wider ones are better."""

    def __init__(self, epochs: int = 9, stop_at_call: int = 0) -> None:
        self.epochs, self.stop_at_call = epochs, stop_at_call
        self.calls: list[tuple[Genotype, int, int]] = []
        self.cleared: list[Path] = []

    def __call__(self, genotype: Genotype, folder: Path, seed: int, until: int) -> float:
        self.calls.append((genotype, seed, until))
        if len(self.calls) == self.stop_at_call:
            raise KeyboardInterrupt
        architecture = genotype.architecture
        quality = math.log2(architecture.node_width[0]) / 20 + 0.3 * (architecture.stem_stride == 2)
        distinct = zlib.crc32(str(genotype.to_dict()).encode()) / 1e12
        return quality + distinct + 0.01 * until + 0.001 * seed

    def clear(self, folder: Path) -> None:
        self.cleared.append(folder)

    def remove_cache(self) -> None:
        self.cache_removed = True


def search(folder: Path, training: KnownTraining | None = None, **settings: Any) -> tuple[Evolution, KnownTraining]:
    training = training or KnownTraining()
    own = {"budget": {"params": LIMIT}, "trials": 18, "finalists": 2, "seeds": 2, **settings}
    made = Evolution(folder, training, own.pop("space", SPACE), **own)  # type: ignore[arg-type]
    made.search(folder / "genotype.json")
    return made, training


def choices(made: Evolution) -> list[tuple[dict[str, Any], TrialState, dict[int, float]]]:
    return [(trial.params, trial.state, trial.intermediate_values) for trial in made.study.get_trials()]


def test_no_network_over_the_budget_is_trained_and_the_best_is_written(tmp_path: Path) -> None:
    made, training = search(tmp_path)
    assert training.calls
    for genotype, _, _ in training.calls:
        assert sum(parameter.numel() for parameter in LWMISN(genotype).parameters()) <= LIMIT
    trained = [trial.user_attrs["genotype"] for trial in made.trained()]
    assert all(trained.count(genotype) == 1 for genotype in trained)
    left = [trial for trial in made.study.get_trials() if not trial.intermediate_values]
    over = [trial for trial in left if trial.user_attrs["genotype"] not in trained]
    assert over and all(trial.user_attrs["costs"]["params"] > LIMIT for trial in over)
    finals: dict[str, list[float]] = {}
    for genotype, seed, until in training.calls:
        if until == 9:
            finals.setdefault(str(genotype.to_dict()), []).append(KnownTraining()(genotype, tmp_path, seed, until))
    best = max((dice for dice in finals.values() if len(dice) == 2), key=statistics.fmean)
    assert finals[str(Genotype.load(tmp_path / "genotype.json").to_dict())] == best


def test_about_a_third_of_the_networks_goes_on(tmp_path: Path) -> None:
    assert rungs(3, 9) == (3, 9) and rungs(1, 10) == (1, 3, 9, 10) and rungs(5, 4) == (4,)
    made, training = search(tmp_path, sampler="random", trials=30)
    first = [genotype for genotype, seed, until in training.calls if until == 3]
    last = [genotype for genotype, seed, until in training.calls if until == 9 and seed == 0]
    assert len(first) == 30 and 6 <= len(last) <= 16  # the first ones are compared with few
    by_rung = [trial.intermediate_values[3] for trial in made.trained() if trial.state == TrialState.PRUNED]
    assert max(by_rung) < max(trial.intermediate_values[3] for trial in made.trained())
    assert len(training.cleared) == 30 + 2


@pytest.mark.parametrize("sampler", ["mutation", "tpe", "nsga2", "random"])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path: Path, sampler: str) -> None:
    whole, _ = search(tmp_path / "whole", sampler=sampler)
    for call in (4, 7, 8):
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "parts", KnownTraining(stop_at_call=call), sampler=sampler)
    parts, training = search(tmp_path / "parts", sampler=sampler)
    assert choices(parts) == choices(whole)
    assert Genotype.load(tmp_path / "parts/genotype.json") == Genotype.load(tmp_path / "whole/genotype.json")
    assert sum(line["seconds"] for line in read_history(tmp_path / "parts/history.jsonl")) > 0
    again, repeated = search(tmp_path / "parts", sampler=sampler)
    assert repeated.calls == [] and choices(again) == choices(whole)


@pytest.mark.parametrize("sampler", ["mutation", "tpe"])
def test_a_sampler_learns_which_stem_is_better(tmp_path: Path, sampler: str) -> None:
    made, _ = search(tmp_path, trials=40, sampler=sampler)
    stems = [trial.params["stem"] for trial in made.trained()][int(evolution.START * 40) :]
    assert stems.count("2") > len(stems) / 2  # a quarter by chance


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/study.db"
        return
    with postgresql(monkeypatch) as url:
        yield url


def test_two_programs_share_a_study(tmp_path: Path, storage: str) -> None:
    context = multiprocessing.get_context("spawn")
    programs = [context.Process(target=_search_shared, args=(tmp_path / str(index), storage)) for index in (0, 1)]
    for program in programs:
        program.start()
    for program in programs:
        program.join(timeout=300)
    assert [program.exitcode for program in programs] == [0, 0]
    made = Evolution(tmp_path / "0", KnownTraining(), SPACE, budget={}, storage=storage)  # type: ignore[arg-type]
    owners = {trial.user_attrs["owner"] for trial in made.trained()}
    assert len(owners) == 2 and 14 <= len(made.trained()) <= 15
    assert all((tmp_path / name / "genotype.json").is_file() for name in ("0", "1"))


def _search_shared(folder: Path, storage: str) -> None:
    torch.set_num_threads(1)
    search(folder, storage=storage, trials=14, sampler="random")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Times are hundred parameters to the millisecond; reliable as the list says."""
    reliable = [True]

    def measured(calls: Mapping[str, nn.Module], rounds: int, clock: object) -> dict[str, Timing]:
        times = {name: sum(each.numel() for each in network.parameters()) / 100 for name, network in calls.items()}
        return {name: Timing(time, time, time, reliable[0]) for name, time in times.items()}

    def called(network: nn.Module, image: torch.Tensor, runtime: str) -> nn.Module:
        assert next(network.parameters()).shape[1] == image.shape[1]
        return network

    monkeypatch.setattr(network_clock, "inference", called)
    monkeypatch.setattr(network_clock, "interleaved_times", measured)
    yield reliable


def test_the_time_of_a_reference_is_the_limit(tmp_path: Path, clock: list[bool]) -> None:
    reference = nn.Conv2d(1, 300, 10)  # 30,300 parameters: 303 ms
    made, _ = search(tmp_path, reference=lambda: reference, trials=4, budget={"params": None})
    assert made.study.user_attrs["limits"]["latency_ms"] == 303 and made.study.user_attrs["by"] == "clock"
    assert all(trial.user_attrs["costs"]["latency_ms"] <= 303 for trial in made.trained())
    clock[0] = False
    with pytest.raises(BudgetError, match="while other programs"):
        search(tmp_path, reference=lambda: reference, trials=5, budget={"params": None})


def test_a_busy_processor_is_said_and_counts_stand_for_times(tmp_path: Path, clock: list[bool]) -> None:
    clock[0] = False
    reference = nn.Conv2d(1, 200, 3, padding=1)  # 1800 multiply-accumulates for each of 65,536 pixels
    with pytest.warns(FigureWarning, match="other programs"):
        made, _ = search(tmp_path, reference=lambda: reference, trials=2, budget={"params": None})
    assert made.study.user_attrs["limits"]["latency_ms"] == pytest.approx(80 * 1800 * 65536 / 1e9)
    for trial in made.trained():
        assert trial.user_attrs["costs"]["macs"] <= 1800 * 65536


def test_the_number_of_slices_is_chosen_timed_and_reported(
    tmp_path: Path, clock: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    class Neighbours(KnownTraining):
        def __call__(self, genotype: Genotype, folder: Path, seed: int, until: int) -> float:
            return super().__call__(genotype, folder, seed, until) + 0.5 * (genotype.architecture.slices == 3)

    space = {**SPACE, "slices": [1, 3]}
    limits = {"params": None, "latency_ms": LIMIT / 100}
    search(tmp_path, Neighbours(), trials=20, sampler="random", space=space, budget=limits)
    assert Genotype.load(tmp_path / "genotype.json").architecture.slices == 3
    rows = list(csv.DictReader((tmp_path / "trials.csv").open()))
    assert {row["slices"] for row in rows} == {"1", "3"}
    assert " instead of " in (said := capsys.readouterr().out) and "slices " in said


def test_a_training_that_fails_counts_as_nothing(tmp_path: Path) -> None:
    class Failing(KnownTraining):
        def __call__(self, genotype: Genotype, folder: Path, seed: int, until: int) -> float:
            if genotype.architecture.stem_stride != 2:
                raise TrainingError("The loss is nan.")
            return super().__call__(genotype, folder, seed, until)

    with pytest.warns(FigureWarning, match="counts as a Dice of 0: The loss is nan"):
        search(tmp_path, Failing(), trials=8)
    assert Genotype.load(tmp_path / "genotype.json").architecture.stem_stride == 2


def test_what_cannot_be_searched_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolution, "FRUITLESS", 10)
    with pytest.raises(ConfigError, match="search.sampler is 'grid'"):
        search(tmp_path, sampler="grid")
    with pytest.raises(ConfigError, match="cannot be opened .*search.storage"):
        search(tmp_path, storage="sqlite:////no/such/folder/study.db")
    for url in ("postgresql://me:se/cret@host/study", "mysql+pymysql://host/study?user=me&password=secret"):
        with pytest.raises(ConfigError, match="search.storage has a password.*PGPASSWORD") as refused:
            search(tmp_path, storage=url)
        assert "cret" not in str(refused.value)
    with pytest.raises(ConfigError, match=r"in host/study cannot be opened .*install the driver.*\[postgresql\]"):
        search(tmp_path, storage="oracle+cx_oracle://me@host/study")
    with pytest.raises(BudgetError, match="in a row keeps the budget and is new"):
        search(tmp_path, budget={"params": 10})
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="without torchrun"):
        search(tmp_path)


def test_the_report_has_every_trained_network_and_says_what_a_choice_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, _ = search(tmp_path, trials=30, sampler="random")
    rows = list(csv.DictReader((tmp_path / "trials.csv").open()))
    assert [int(row["trial"]) for row in rows] == [trial.number for trial in made.trained()]
    assert [float(row["dice_after_3"]) for row in rows] == [trial.intermediate_values[3] for trial in made.trained()]
    with Image.open(tmp_path / "trials.png") as picture:
        assert picture.width > 1000 and len(set(picture.convert("L").getdata())) > 50
    shares = importances(made.trained())
    made_by_all = set.intersection(*(set(trial.params) for trial in made.trained()))
    assert {"stem", "levels", "width", "decoder_width", "width_growth_2", "skip_0", "skip_1"} <= made_by_all
    assert set(shares) == made_by_all
    printed = capsys.readouterr().out
    assert "network 30 of 30" in printed
    own = [float(row["dice_after_3"]) for row in rows if row["stem"] == "2"]
    assert len(own) >= 4 and "stem " in printed and " instead of " in printed


def test_each_network_is_made_as_wide_as_the_budget_lets_it_be(tmp_path: Path) -> None:
    made, training = search(tmp_path, widen=True)
    for trial in made.trained():
        genotype = Genotype.from_dict(trial.user_attrs["genotype"])
        wider = widened(genotype)
        assert trial.user_attrs["costs"]["params"] == parameters(genotype) <= LIMIT
        assert wider is None or parameters(wider) > LIMIT
    without_limit, _ = search(tmp_path / "free", widen=True, budget={}, trials=4)
    for trial in without_limit.trained():
        assert trial.params["width"] == trial.user_attrs["genotype"]["architecture"]["node_width"][0]


def parameters(genotype: Genotype) -> int:
    return sum(parameter.numel() for parameter in LWMISN(genotype).parameters())
