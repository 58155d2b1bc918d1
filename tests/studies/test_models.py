"""Who takes part: every baseline, and what is searched."""

import pytest

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import SEARCH_SPACES
from monai_lwmisn.studies.baselines import BASELINES
from monai_lwmisn.studies.models import ENTRANTS, find_entrants


def test_all_are_the_baselines_and_what_is_searched() -> None:
    entrants = find_entrants(["all"])
    assert [entrant.name for entrant in entrants] == list(ENTRANTS)
    known = {entrant.name for entrant in entrants if entrant.search is None}
    assert known == set(BASELINES) - {"darts_based", "contrast"}
    assert {"lwmisn", "lwmisn_published", "random_1", "darts_based", "contrast", "shared_alpha"} <= set(ENTRANTS)


def test_an_ablation_leaves_out_its_own_operation_only() -> None:
    for operation in set(SEARCH_SPACES["lwmisn"]) - {"zero"}:
        search = ENTRANTS[f"without_{operation}"].search
        assert search is not None
        assert set(SEARCH_SPACES["lwmisn"]) - set(search["search_space"]) == {operation}


def test_names_are_taken_once_in_their_order_and_the_nearest_is_told() -> None:
    assert [entrant.name for entrant in find_entrants(["random_2", "unet", "random_2"])] == ["random_2", "unet"]
    with pytest.raises(ConfigError, match="no model 'unett': the nearest is 'unet'"):
        find_entrants(["lwmisn", "unett"])
