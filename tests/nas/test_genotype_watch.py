"""What is derived after each epoch: watched, priced, saved, and a reason to stop."""

from pathlib import Path

import pytest
import torch
from ignite.engine import Engine

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas import GenotypeWatch, derive
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import parameter_count
from tests.nas.assembly import Search, make_search
from tests.nas.tables import SPACE, made_table


def end_epochs(watch: GenotypeWatch, epochs: int) -> Engine:
    """Epochs in which nothing happens to alpha."""
    engine = Engine(lambda engine, batch: None)
    watch.attach(engine)
    engine.run([0], max_epochs=epochs)
    return engine


def test_a_search_whose_genotype_is_stable_stops() -> None:
    assert end_epochs(make_search(stable_epochs=3).watch, 10).state.epoch == 4
    assert end_epochs(make_search(epochs=10, stable_epochs=3, warmup_epochs=2).watch, 10).state.epoch == 5
    assert end_epochs(make_search().watch, 10).state.epoch == 10


def test_a_change_starts_the_count_anew() -> None:
    search = make_search(stable_epochs=2)
    engine = Engine(lambda engine, batch: search.supernet.alpha.data.normal_() if engine.state.epoch == 3 else None)
    search.watch.attach(engine)
    engine.run([0], max_epochs=10)
    # Derived in epochs 1 and 2, changed in 3, the same in 4 and 5.
    assert engine.state.epoch in (3, 5) and search.watch.unchanged == 2


def test_prices_follow_the_derived_network_after_the_warm_up() -> None:
    search = make_search(epochs=2, warmup_epochs=1, budget={"params": 100.0})
    end_epochs(search.watch, 1)
    assert search.objective.prices == {"params": 0}
    end_epochs(search.watch, 2)
    expected = 0.1 * (search.watch.costs()["params"] / 100 - 1)
    assert search.objective.prices["params"] == pytest.approx(expected)


def test_its_text_and_alpha_say_what_was_derived() -> None:
    search = make_search()
    assert search.watch.text() == "" and search.watch.costs() == {}
    with torch.no_grad():
        search.supernet.alpha[0, 0, SPACE.index("ghost_conv_3x3")] = 5
    end_epochs(search.watch, 1)
    text, alpha = search.watch.text(), search.watch.alpha()
    assert text.startswith("all: 0<-0 ghost_conv_3x3, 0<-1 ") and text.count("<-") == 8
    assert len(alpha) == 14 and set(alpha["all/3<-4"]) == set(SPACE)
    assert max(alpha["all/0<-0"], key=alpha["all/0<-0"].__getitem__) == "ghost_conv_3x3"
    assert sum(alpha["all/0<-0"].values()) == pytest.approx(1)


def saved(search: Search, folder: Path) -> Genotype:
    search.watch.save_genotype(folder / "genotype.json")
    return Genotype.load(folder / "genotype.json")


def test_the_saved_genotype_is_the_strongest_that_keeps_the_budget(tmp_path: Path) -> None:
    free = saved(make_search(), tmp_path)
    assert free.edges == derive(make_search().supernet.probabilities().detach(), made_table())
    limit = parameter_count(LWMISN(free)) - 1.0
    tight = saved(make_search(budget={"params": limit}), tmp_path)
    assert parameter_count(LWMISN(tight)) <= limit


def test_no_genotype_is_handed_on_over_the_budget(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="the smallest has"):
        saved(make_search(budget={"params": 100.0}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_its_state_decides_about_stopping() -> None:
    search, again = make_search(stable_epochs=3), make_search(stable_epochs=3)
    end_epochs(search.watch, 3)
    again.watch.load_state_dict(search.watch.state_dict())
    assert again.watch.edges == search.watch.edges
    assert end_epochs(again.watch, 10).state.epoch == 1
    fresh = make_search().watch
    fresh.load_state_dict(make_search().watch.state_dict())
    assert fresh.edges is None
