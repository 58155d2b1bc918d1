"""The order of an epoch, and that alpha and the weights move by their own steps."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events

from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import BudgetError, ConfigError, FigureWarning
from monai_lwmisn.nas import SearchTrainer, derive, find_warmup
from monai_lwmisn.nas.trainer import edges_text
from monai_lwmisn.networks import LWMISN, Edge, Genotype
from monai_lwmisn.networks.weights import load_checkpoint
from monai_lwmisn.profiling import parameter_count
from tests.nas.assembly import make_trainer
from tests.nas.tables import SPACE, made_table


def snapshot(trainer: SearchTrainer) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.cat([parameter.detach().flatten() for parameter in trainer.supernet.weight_parameters()])
    return trainer.supernet.alpha.detach().clone(), weights


def changed(before: tuple[torch.Tensor, torch.Tensor], after: tuple[torch.Tensor, torch.Tensor]) -> tuple[bool, bool]:
    return not torch.equal(before[0], after[0]), not torch.equal(before[1], after[1])


def test_alpha_stands_still_in_the_warm_up_and_moves_after_it(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epochs=3, warmup_epochs=2)
    start, seen, rates, losses = snapshot(trainer), [], [], []

    @trainer.on(Events.EPOCH_COMPLETED)
    def look() -> None:
        seen.append(snapshot(trainer))
        rates.append(tuple(each.param_groups[0]["lr"] for each in (trainer.optimizer, trainer.alpha_optimizer)))
        losses.append(trainer.alpha_loss)

    trainer.run()
    moves = [changed(before, after) for before, after in zip([start, *seen], seen, strict=False)]
    assert moves == [(False, True), (False, True), (True, True)]
    assert rates == [pytest.approx(rate) for rate in ((0.005, 0.01), (0.0005, 0.01), (0.00005, 0.005))]
    assert losses[:2] == [None, None] and losses[2] is not None and losses[2] > 0


def test_a_search_that_is_all_warm_up_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="search.warmup_epochs is 3 and search.epochs 3"):
        make_trainer(tmp_path, epochs=3, warmup_epochs=3)


def test_the_step_on_alpha_comes_first_and_each_step_moves_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(tmp_path)
    moves: list[tuple[str, tuple[bool, bool]]] = []
    last = snapshot(trainer)

    def note(name: str) -> None:
        nonlocal last
        now = snapshot(trainer)
        moves.append((name, changed(last, now)))
        last = now

    alpha_step = trainer._alpha_step
    monkeypatch.setattr(trainer, "_alpha_step", lambda: (alpha_step(), note("alpha")))
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: note("weights"))
    trainer.run()
    assert moves == [("alpha", (True, False)), ("weights", (False, True))] * 2


def test_a_step_on_alpha_descends_the_loss_and_the_costs(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epochs=3)
    trainer.objective.lambdas = torch.tensor([100.0, 0.0, 0.0])
    before = trainer.objective.expected_costs()[0].item()
    trainer.run()
    assert trainer.objective.expected_costs()[0].item() < before


def test_batches_for_alpha_begin_anew_when_they_run_out(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epoch_length=5)
    drawn: list[int] = []
    trainer.alpha_data_loader = CountedBatches(trainer.alpha_data_loader, drawn)  # type: ignore[assignment]
    trainer.run()
    assert drawn == [0, 1, 0, 1, 0] and trainer.alpha_loss is not None


class CountedBatches:
    """A loader that notes the number of each batch it gives."""

    def __init__(self, loader: Any, drawn: list[int]) -> None:
        self.loader, self.drawn = loader, drawn

    def __iter__(self) -> Any:
        for index, batch in enumerate(self.loader):
            self.drawn.append(index)
            yield batch


def freeze(trainer: SearchTrainer) -> None:
    """Let nothing happen to alpha."""
    trainer.alpha_optimizer.param_groups[0]["lr"] = 0.0


@pytest.mark.parametrize(("settings", "epochs"), [({"stable_epochs": 3}, 4), ({"stable_epochs": 0}, 6)])
def test_a_search_whose_edges_are_stable_stops(tmp_path: Path, settings: dict[str, int], epochs: int) -> None:
    trainer = make_trainer(tmp_path, epochs=6, **settings)
    freeze(trainer)
    trainer.run()
    assert trainer.state.epoch == epochs == len(read_history(tmp_path / "history.jsonl"))
    assert load_checkpoint(tmp_path / "checkpoint.pt")["epoch"] == epochs


def test_epochs_of_the_warm_up_are_not_stable_ones(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epochs=10, stable_epochs=3, warmup_epochs=2)
    freeze(trainer)
    trainer.run()
    assert trainer.state.epoch == 5


def test_multipliers_follow_the_derived_network_after_the_warm_up(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epochs=2, warmup_epochs=1, budget={"params": 100.0})
    trainer.run()
    first, second = read_history(tmp_path / "history.jsonl")
    assert first["multipliers"] == {"params": 0}
    assert second["multipliers"]["params"] == pytest.approx(0.1 * (second["costs"]["params"] / 100 - 1)) != 0


def test_the_history_says_what_was_derived(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    freeze(trainer)
    with torch.no_grad():
        trainer.supernet.alpha[0, 0, SPACE.index("ghost_conv_3x3")] = 5
    trainer.run()
    (line,) = read_history(tmp_path / "history.jsonl")
    assert set(line) == {"epoch", "of", "seconds", "loss", "alpha_loss", "costs", "multipliers", "alpha", "genotype"}
    assert line["genotype"].startswith("all: 0<-0 ghost_conv_3x3, 0<-1 ") and line["genotype"].count("<-") == 8
    assert len(line["alpha"]) == 14 and set(line["alpha"]["all/3<-4"]) == set(SPACE)
    strongest = line["alpha"]["all/0<-0"]
    assert max(strongest, key=strongest.__getitem__) == "ghost_conv_3x3" and sum(strongest.values()) == pytest.approx(1)


def test_edges_are_written_by_group() -> None:
    edges = {"encoder": (Edge(0, 1, "identity"),), "decoder": (Edge(1, 0, "zero"), Edge(1, 2, "identity"))}
    assert edges_text(edges) == "encoder: 0<-1 identity; decoder: 1<-0 zero, 1<-2 identity"
    assert edges_text({}) == ""


def test_a_resumed_search_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"budget": {"params": 3000.0}, "warmup_epochs": 1, "mode": "pair"}
    whole = make_trainer(tmp_path / "whole", epochs=4, **settings)
    whole.search(tmp_path / "whole.json")
    make_trainer(tmp_path / "parts", epochs=2, **settings).run()
    resumed = make_trainer(tmp_path / "parts", epochs=4, **settings)
    resumed.search(tmp_path / "parts.json", resume=True)
    assert all(map(torch.equal, snapshot(whole), snapshot(resumed)))
    assert resumed.objective.multipliers == whole.objective.multipliers
    assert (tmp_path / "parts.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def seeds_of(trainer: SearchTrainer) -> list[torch.Tensor]:
    """Note the weights at the start of each seed."""
    weights: list[torch.Tensor] = []

    @trainer.on(Events.EPOCH_STARTED)
    def look() -> None:
        if trainer.state.epoch == trainer.seeds.first + 1:
            weights.append(snapshot(trainer)[1])

    return weights


def test_each_seed_begins_anew_and_their_mean_is_derived(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epochs=2, alpha_seeds=3, warmup_epochs=1, mode="pair")
    weights, rates = seeds_of(trainer), []
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: rates.append(trainer.optimizer.param_groups[0]["lr"]))
    trainer.run()
    assert rates == pytest.approx([0.005, 0.0005] * 3)
    assert len(weights) == 3 and all((a != b).any() for a, b in zip(weights, weights[1:], strict=False))
    assert [line["seed"] for line in read_history(tmp_path / "history.jsonl")] == [1, 1, 2, 2, 3, 3]
    strengths = [*trainer.seeds.finished, trainer.supernet.strengths().detach()]
    assert len({tuple(each.flatten().tolist()) for each in strengths}) == 3
    mean = (strengths[0] + strengths[1] + strengths[2]) / 3
    assert trainer.genotype().edges == derive(mean, made_table())


@pytest.mark.parametrize("interrupted_after", [2, 3])
def test_a_search_of_several_seeds_goes_on_exactly(tmp_path: Path, interrupted_after: int) -> None:
    settings: dict[str, Any] = {"epochs": 2, "alpha_seeds": 3, "warmup_epochs": 1, "mode": "pair"}
    whole = make_trainer(tmp_path / "whole", **settings)
    whole.search(tmp_path / "whole.json")
    part = make_trainer(tmp_path / "parts", **settings)
    part.add_event_handler(Events.EPOCH_STARTED(once=interrupted_after + 1), part.terminate)
    part.run()
    resumed = make_trainer(tmp_path / "parts", **settings)
    resumed.search(tmp_path / "parts.json", resume=True)
    assert all(map(torch.equal, snapshot(whole), snapshot(resumed)))
    for name in ("{}.json", "{}/alpha_report.json"):
        first, second = (tmp_path / name.format(run) for run in ("whole", "parts"))
        assert first.read_bytes() == second.read_bytes()


def test_a_stable_seed_makes_room_for_the_next_and_the_last_stays_stopped(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 6, "alpha_seeds": 2, "stable_epochs": 2}
    trainer = make_trainer(tmp_path, **settings)
    trainer._beginning["alpha_optimizer"]["param_groups"][0]["lr"] = 0.0
    freeze(trainer)
    trainer.run()
    assert [line["seed"] for line in read_history(tmp_path / "history.jsonl")] == [1] * 3 + [2] * 3
    again = make_trainer(tmp_path, **settings)
    again.search(tmp_path / "genotype.json", resume=True)
    assert again.state.epoch == 6 and all(map(torch.equal, snapshot(trainer), snapshot(again)))


def test_the_temperature_falls_after_the_warm_up_of_each_seed(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epochs=4, alpha_seeds=2, warmup_epochs=1, mode="pair")
    seen: list[float] = []
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: seen.append(trainer.supernet.temperature))
    trainer.run()
    assert seen == pytest.approx([1, 1, 0.2**0.5, 0.2] * 2)


def test_half_of_the_epochs_are_the_warm_up_unless_a_number_is_given() -> None:
    assert [find_warmup(*each) for each in ((20, None), (3, None), (1, None), (20, 0), (20, 5))] == [10, 1, 0, 0, 5]


def test_a_search_says_whether_alpha_has_decided(tmp_path: Path) -> None:
    said: list[str] = []
    trainer = make_trainer(tmp_path, say=said.append)
    freeze(trainer)
    with pytest.warns(FigureWarning, match="Alpha has not decided, because its entropy is 100.0 % of that of equal"):
        trainer.search(tmp_path / "genotype.json")
    report = json.loads((tmp_path / "alpha_report.json").read_text())
    assert report["entropy"] == pytest.approx(math.log(8), abs=1e-4) and report["random_paths"] == 40
    assert said[0].startswith("Alpha: mean entropy 2.079, and 2.079 (ln 8)") and len(said) == 3


def test_the_saved_genotype_is_the_strongest_that_keeps_the_budget(tmp_path: Path) -> None:
    free = make_trainer(tmp_path).genotype()
    assert free.edges == derive(make_trainer(tmp_path).supernet.probabilities().detach(), made_table())
    limit = parameter_count(LWMISN(free)) - 1.0
    trainer = make_trainer(tmp_path, budget={"params": limit})
    freeze(trainer)
    trainer.search(tmp_path / "genotype.json")
    assert parameter_count(LWMISN(Genotype.load(tmp_path / "genotype.json"))) <= limit


def test_no_genotype_is_written_over_the_budget(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="the smallest has"):
        make_trainer(tmp_path, budget={"params": 100.0}).search(tmp_path / "genotype.json")
    assert not (tmp_path / "genotype.json").exists()
