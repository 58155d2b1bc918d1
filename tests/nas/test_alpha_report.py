"""The figures of the report on alpha, by hand, and the threshold of its doubt."""

import math

import pytest
import torch
from monai.losses import DiceCELoss

from monai_lwmisn.nas import CostTable, derive, derive_within
from monai_lwmisn.nas.alpha_report import compare_paths, doubt, path_losses, random_paths, report_alpha, sentences
from monai_lwmisn.networks import Supernet
from tests.nas.assembly import ARCHITECTURE
from tests.nas.tables import LEAST, SPACE, free_edges, made_table, probabilities

TABLE = made_table()


def decided(ratio: float) -> torch.Tensor:
    """Strengths in which one learning operation of each edge is so many times as strong as each other."""
    strengths = torch.ones(1, 14, len(SPACE))
    strengths[..., SPACE.index("ghost_conv_3x3")] = ratio
    return strengths


def test_entropy_and_ratio_by_hand() -> None:
    strengths = decided(2) * torch.rand(1, 14, 1)  # the weights of the edges do not count
    report = report_alpha(strengths, derive(strengths, TABLE), TABLE, 2)
    assert report["entropy"] == pytest.approx(2 / 9 * math.log(9 / 2) + 7 / 9 * math.log(9))
    assert report["even_entropy"] == pytest.approx(math.log(8)) and report["median_ratio"] == pytest.approx(2)
    assert report["changed_by_cap"] == report["changed_by_budget"] == 0 and report["edges"] == 8


def test_what_the_cap_and_the_budget_changed_is_counted() -> None:
    values = decided(2)
    values[..., SPACE.index("identity")] = 3
    capped = report_alpha(values, derive(values, TABLE, max_parameter_free=2), TABLE, 2)
    assert (capped["changed_by_cap"], capped["changed_by_budget"]) == (6, 0)
    strengths = probabilities(0)
    plain = derive(strengths, TABLE)
    edges = derive_within(strengths, TABLE, {"params": TABLE.of(plain)["params"] / 2})
    tight = report_alpha(strengths, edges, TABLE, None)
    assert tight["changed_by_cap"] == 0
    assert tight["changed_by_budget"] == len(set(plain["all"]) - set(edges["all"])) > 0


def test_random_paths_are_under_the_same_limits() -> None:
    budget = {"params": 9000.0, "macs": None}
    paths = random_paths(TABLE, budget, 2, seed=0)
    assert len(paths) == 40 and paths == random_paths(TABLE, budget, 2, seed=0) != random_paths(TABLE, budget, 2, 1)
    assert all(free_edges(edges) <= 2 and TABLE.of(edges)["params"] <= 9000 for edges in paths)
    assert random_paths(TABLE, {"params": LEAST - 1}, 2, seed=0) == []


def test_a_path_is_judged_by_its_own_operations() -> None:
    """With all weights at zero but those of one path, that path alone tells images apart."""
    torch.manual_seed(0)
    supernet = Supernet(ARCHITECTURE, mode="pair", edge_weights=True)
    paths = random_paths(CostTable(SPACE, ("all",), TABLE.fixed, TABLE.per_operation), {}, 2, seed=0)[:3]
    image = torch.rand(2, 1, 16, 16)
    batches = [(image, (image > 0.5).float())]
    loss_function = DiceCELoss(sigmoid=True)
    losses = path_losses(supernet, paths, batches, loss_function)
    assert len(set(losses)) == 3 and path_losses(supernet, paths, batches, loss_function) == losses
    optimizer = torch.optim.Adam(supernet.weight_parameters(), lr=0.01)
    supernet.follow(paths[1])
    for _ in range(20):
        optimizer.zero_grad()
        loss_function(supernet(image), batches[0][1]).backward()
        optimizer.step()
    after = path_losses(supernet, paths, batches, loss_function)
    assert losses[1] - after[1] > 0.1 and min(after) == after[1]


@pytest.mark.parametrize(("derived", "percentile", "chance"), [(0.5, 100, 1 / 41), (9.5, 77.5, 10 / 41), (99, 0, 1)])
def test_a_percentile_is_the_share_of_worse_paths(derived: float, percentile: float, chance: float) -> None:
    compared = compare_paths([derived, *(float(loss) for loss in range(1, 41))])
    assert compared == {"random_paths": 40, "percentile": pytest.approx(percentile), "chance": pytest.approx(chance)}
    assert compare_paths([derived])["percentile"] is None


def test_only_a_search_that_has_not_decided_is_doubted() -> None:
    good, level, poor = compare_paths([0, *range(1, 41)]), compare_paths([2.5, *range(1, 41)]), compare_paths([9, 1])
    clear, vague = (report_alpha(decided(each), derive(decided(each), TABLE), TABLE, 2) for each in (3, 1.5))
    assert doubt(clear | good) is None
    vague_text, level_text = doubt(vague | good), doubt(clear | level)
    assert vague_text is not None and "its entropy is 99.5 % of that of equal weights: search longer" in vague_text
    assert level_text is not None and "not clearly better than random ones (p = 0.07): search longer" in level_text
    assert (doubt(vague | poor) or "").count(" and the derived network is not") == 1
    assert sentences(clear | good)[1:] == [
        "Of 8 edges, search.max_parameter_free changed 0 and the budget 0.",
        "With the weights of the supernet, the derived network is better than 100 % of 40 random ones on the "
        "validation part.",
    ]
    assert len(sentences(clear | compare_paths([1.0]))) == 2
