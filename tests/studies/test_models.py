"""The models of a comparison: every baseline, and the searched networks."""

import pytest
from torch import nn

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import SEARCH_SPACES, Architecture, Genotype
from monai_lwmisn.networks.shapes import ContrastShape, UShape, build_shape
from monai_lwmisn.shipped import shipped_bundles
from monai_lwmisn.studies.baselines import BASELINES
from monai_lwmisn.studies.models import MODELS, find_models
from monai_lwmisn.studies.protocol import load_protocol


def test_all_models_are_the_baselines_and_the_searched_networks() -> None:
    models = find_models(["all"], "nuclei")
    assert [model.name for model in models] == [
        name for name, model in MODELS.items() if model.preset in (None, "nuclei")
    ]
    known = {model.name for model in models if model.search is None}
    assert known == set(BASELINES) - {"darts_based", "contrast"}
    assert {"lwmisn", "lwmisn_published", "random_1", "darts_based", "contrast", "shared_alpha"} <= set(MODELS)


def test_an_ablation_leaves_out_its_own_operation_only() -> None:
    for operation in set(SEARCH_SPACES["lwmisn"]) - {"zero"}:
        search = MODELS[f"without_{operation}"].search
        assert search is not None
        assert set(SEARCH_SPACES["lwmisn"]) - set(search["search.search_space"]) == {operation}


def test_names_are_taken_once_in_their_order_and_the_nearest_is_told() -> None:
    assert [model.name for model in find_models(["random_2", "unet", "random_2"], "nuclei")] == ["random_2", "unet"]
    with pytest.raises(ConfigError, match="no model 'unett': the nearest is 'unet'"):
        find_models(["lwmisn", "unett"], "nuclei")


def test_a_preset_without_published_settings_has_no_network_that_is_searched_with_them() -> None:
    names = [model.name for model in find_models(["all"], "hippocampus_mr")]
    others = {name for name, model in MODELS.items() if model.preset not in (None, "hippocampus_mr")}
    assert set(MODELS) - set(names) == {"lwmisn_published"} | others


@pytest.mark.parametrize("preset", ["nuclei", "liver_ct", "prostate_mr", "hippocampus_mr"])
@pytest.mark.parametrize("name", ["full", "small"])
def test_the_shapes_of_table_5_have_equal_strides(preset: str, name: str) -> None:
    sites = {}
    for model in ("table5_u", "table5_contrast"):
        settings = load_protocol(preset, name).search_configs(MODELS[model])["search"]["architecture"]
        architecture = Architecture.from_dict(
            {**{key: settings[key] for key in settings if key != "_target_"}, "in_channels": 1, "out_channels": 1}
        )
        shape = build_shape(architecture, lambda site: nn.Identity(), "relu", "batch")
        sites[model] = [(site.stride, site.channels) for site in shape.sites]
        assert isinstance(shape, UShape if model == "table5_u" else ContrastShape)
    ours, contrast = sites.values()
    assert len(ours) == len(contrast) == 7
    assert ours[0] == contrast[0] and max(ours) == max(contrast)
    assert len({stride for stride, _ in contrast}) == len({stride for stride, _ in ours}) == 3


def test_a_comparison_can_train_the_shipped_networks_anew() -> None:
    """The genotype is that of the bundle, whichever place the bundle is installed in."""
    model = find_models(["shipped_nuclei_fast"], "nuclei")[0]
    bundle = next(folder for folder in shipped_bundles() if folder.name == "nuclei_microscopy_lwmisn_fast")
    assert model.shipped_genotype() == Genotype.load(bundle / "genotype.json")
    assert "shipped_prostate" not in {model.name for model in find_models(["all"], "nuclei")}
    with pytest.raises(ConfigError, match="shipped_prostate is for --preset prostate_mr"):
        find_models(["shipped_prostate"], "nuclei")
