"""The models of a comparison: every baseline, and the searched networks."""

import pytest

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import SEARCH_SPACES
from monai_lwmisn.studies.baselines import BASELINES
from monai_lwmisn.studies.models import MODELS, find_models


def test_all_models_are_the_baselines_and_the_searched_networks() -> None:
    models = find_models(["all"])
    assert [model.name for model in models] == list(MODELS)
    known = {model.name for model in models if model.search is None}
    assert known == set(BASELINES) - {"darts_based", "contrast"}
    assert {"lwmisn", "lwmisn_published", "random_1", "darts_based", "contrast", "shared_alpha"} <= set(MODELS)


def test_an_ablation_leaves_out_its_own_operation_only() -> None:
    for operation in set(SEARCH_SPACES["lwmisn"]) - {"zero"}:
        search = MODELS[f"without_{operation}"].search
        assert search is not None
        assert set(SEARCH_SPACES["lwmisn"]) - set(search["search.search_space"]) == {operation}


def test_names_are_taken_once_in_their_order_and_the_nearest_is_told() -> None:
    assert [model.name for model in find_models(["random_2", "unet", "random_2"])] == ["random_2", "unet"]
    with pytest.raises(ConfigError, match="no model 'unett': the nearest is 'unet'"):
        find_models(["lwmisn", "unett"])
