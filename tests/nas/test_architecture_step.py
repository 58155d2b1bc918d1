"""Alpha moves by its own optimizer, on its own batches, after the warm-up; the weights by theirs."""

from typing import Any

import pytest
import torch
from ignite.engine import Events

from monai_lwmisn.errors import ConfigError
from tests.nas.assembly import Search, make_search


def snapshot(search: Search) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.cat([parameter.detach().flatten() for parameter in search.supernet.weight_parameters()])
    return search.supernet.alpha.detach().clone(), weights


def test_alpha_stands_still_in_the_warm_up_and_moves_after_it() -> None:
    search = make_search(epochs=3, warmup_epochs=2)
    start, seen, rates, losses = snapshot(search), [], [], []

    @search.trainer.on(Events.EPOCH_COMPLETED)
    def look() -> None:
        seen.append(snapshot(search))
        rates.append(search.step.optimizer.param_groups[0]["lr"])
        losses.append(search.step.last_loss)

    search.trainer.run()
    assert torch.equal(seen[0][0], start[0]) and torch.equal(seen[1][0], start[0])
    assert not torch.equal(seen[2][0], start[0])
    assert all(not torch.equal(before[1], after[1]) for before, after in zip([start, *seen], seen, strict=False))
    assert rates == pytest.approx([0.01, 0.01, 0.005])
    assert losses[:2] == [None, None] and losses[2] > 0


def test_a_search_that_is_all_warm_up_is_refused() -> None:
    with pytest.raises(ConfigError, match="search_warmup_epochs is 3 and search_epochs 3"):
        make_search(epochs=3, warmup_epochs=3)


def test_each_step_moves_only_what_is_its_own() -> None:
    search = make_search()
    changes: list[tuple[str, bool, bool]] = []
    state: dict[str, Any] = {"last": snapshot(search)}

    def note(name: str) -> None:
        before, after = state["last"], snapshot(search)
        changes.append((name, not torch.equal(before[0], after[0]), not torch.equal(before[1], after[1])))
        state["last"] = after

    # Registered after the step on alpha, which is a handler of the same event.
    search.trainer.add_event_handler(Events.ITERATION_STARTED, lambda: note("alpha"))
    search.trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: note("weights"))
    search.trainer.run()
    assert changes == [("alpha", True, False), ("weights", False, True)] * 2


def test_a_step_on_alpha_descends_the_loss_and_the_price_of_complexity() -> None:
    search = make_search(epochs=3)
    search.objective.lambdas = torch.tensor([100.0, 0.0, 0.0])
    before = search.objective.expected_costs()[0].item()
    search.trainer.run()
    assert search.objective.expected_costs()[0].item() < before


def test_batches_for_alpha_begin_anew_when_they_run_out() -> None:
    search = make_search(epoch_length=5)
    drawn: list[int] = []
    loader = search.step.loader
    search.step.loader = CountedBatches(loader, drawn)  # type: ignore[assignment]
    search.trainer.run()
    assert len(drawn) == 5 and search.step.last_loss is not None


class CountedBatches:
    """A loader that notes each batch it hands out."""

    def __init__(self, loader: Any, drawn: list[int]) -> None:
        self.loader, self.drawn = loader, drawn

    def __iter__(self) -> Any:
        for index, batch in enumerate(self.loader):
            self.drawn.append(index)
            yield batch
