"""The protocol: settings that all networks share, and the fingerprints of trials."""

import copy
import json

import pytest
from monai.bundle import ConfigParser

from monai_lwmisn.config import load_preset, resolve
from monai_lwmisn.engines.stopping import TimeBudget
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import Architecture, Edge, Genotype
from monai_lwmisn.studies.models import MODELS, find_models
from monai_lwmisn.studies.protocol import (
    HEAVY_MACS,
    Protocol,
    load_protocol,
    search_fingerprint,
    training_fingerprint,
)

PRESETS = ["liver_ct", "nuclei", "prostate_mr"]
EDGES = tuple(Edge(node, predecessor, "ghost_conv_3x3") for node in range(4) for predecessor in (0, 1))


def genotype(operation: str = "ghost_conv_3x3") -> Genotype:
    architecture = Architecture(
        cells={"encoder": 1, "middle": 1, "decoder": 1}, node_width=(4, 4), stem_stride=2, in_channels=3, out_channels=1
    )
    return Genotype(architecture, {"all": tuple(edge._replace(operation=operation) for edge in EDGES)})


@pytest.mark.parametrize("preset", PRESETS)
def test_networks_are_trained_and_measured_alike(preset: str) -> None:
    protocol = load_protocol(preset, "small")
    configs = []
    for name in ("unet", "unext_s", "lwmisn", "lwmisn_published"):
        model = MODELS[name]
        own = protocol.training_configs(model, genotype() if model.search is not None else None, 0.004, 1, 10)
        for workflow in ("train", "evaluate"):
            network = own[workflow].pop("network_def")
            assert network.get("name", name) == name
            slices = own[workflow].pop("neighbours")["slices"]
            assert slices == (1 if model.search is None else "$@genotype.architecture.slices")
        configs.append((own["train"], own["evaluate"]))
    assert all(others == configs[0] for others in configs)
    train = configs[0][0]["train"]
    assert (train["epochs"], train["seed"], train["learning_rate"]) == (10, 1, 0.004)
    assert configs[0][1]["evaluate"]["costs"] is False


@pytest.mark.parametrize("preset", PRESETS)
def test_small_is_full_in_crops_for_a_third_of_the_epochs(preset: str) -> None:
    full, small = load_protocol(preset), load_protocol(preset, "small")
    assert small.settings["data.spatial"] == full.settings["data.spatial"]
    assert full.settings["data.spatial"][0]["spatial_size"][0] == 256
    (crop,) = [step for step in small.settings["data.augmentation"] if step not in full.settings["data.augmentation"]]
    assert "Crop" in crop["_target_"] and [96, 96] in crop.values()
    assert (full.epochs, small.epochs) == (30, 10)
    assert [protocol.seeds_of(HEAVY_MACS - 1) for protocol in (full, small)] == [3, 3]
    assert [protocol.seeds_of(HEAVY_MACS) for protocol in (full, small)] == [3, 1]


def test_search_settings_of_the_model_override_those_of_the_protocol_and_these_the_preset() -> None:
    full, small = load_protocol("nuclei"), load_protocol("nuclei", "small")
    ours = MODELS["lwmisn"]
    strides = [protocol.search_configs(ours)["search"]["architecture"]["stem_stride"] for protocol in (full, small)]
    assert strides == [2, 4]
    widths = {
        name: small.search_configs(MODELS[name])["search"]["architecture"]["node_width"]
        for name in ("lwmisn", "random_1", "lwmisn_fast", "lwmisn_published")
    }
    assert widths["lwmisn"] == widths["random_1"] == [24, 32, 48]
    assert widths["lwmisn_fast"] == [16, 24, 32]
    assert widths["lwmisn_published"] == [48, 48, 48]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_published_variant_is_searched_as_published(preset: str) -> None:
    published = load_preset(preset, "paper")
    search = load_protocol(preset, "small").search_configs(MODELS["lwmisn_published"])["search"]
    for section in ("architecture", "search"):
        assert {key: search[section][key] for key in published[section]} == published[section]
    # The light variant and the protocol change these, and the published variant has the defaults.
    assert search["search"]["lambda_latency"] == 0 and search["search"]["budget_params"] is None
    assert [96, 96] in search["data"]["augmentation"][0].values()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_published_protocol_is_the_published_training_on_both_parts(preset: str) -> None:
    protocol = load_protocol(preset, "paper")
    (rate,) = protocol.learning_rates
    assert (protocol.seeds_of(0), protocol.seeds_of(HEAVY_MACS), protocol.epochs, protocol.slice_step) == (4, 4, 30, 1)
    own = {"data.cache": "disk", "train.parts": ["training", "validation"], "evaluate.costs": False}
    published = resolve(preset, "paper", own)
    trained = protocol.training_configs(MODELS["lwmisn"], genotype(), rate, 0, protocol.epochs)
    searched = protocol.search_configs(MODELS["lwmisn_published"])
    for configs, stage in ((trained, "train"), (trained, "evaluate"), (searched, "search")):
        for config in (configs[stage], published[stage]):
            for about in ("comment", "variant"):
                config.pop(about)
        assert configs[stage] == published[stage]
    light = protocol.search_configs(MODELS["lwmisn"])["search"]
    assert light["architecture"]["node_width"] == load_preset(preset)["architecture"]["node_width"]


def test_the_hippocampus_is_trained_on_whole_slices() -> None:
    full, small = load_protocol("hippocampus_mr"), load_protocol("hippocampus_mr", "small")
    own = [protocol.data_settings() for protocol in (full, small)]
    assert own[0] == own[1] and own[0]["augmentation"] == load_preset("hippocampus_mr")["data"]["augmentation"]
    assert (full.slice_step, small.slice_step, full.epochs, small.epochs) == (1, 3, 30, 10)
    full.check_settings(find_models(["all"], "hippocampus_mr"))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["full", "small", "paper"])
def test_a_setting_that_defines_a_network_is_refused(preset: str, name: str) -> None:
    load_protocol(preset, name).check_settings(MODELS.values())
    changed = load_protocol(preset, name, overrides={"search.lambda_latency": 0.1})
    changed.check_settings([MODELS["lwmisn"], MODELS["unet"]])
    assert changed.search_configs(MODELS["lwmisn"])["search"]["search"]["lambda_latency"] == 0.1
    for model in ("without_latency", "darts_based", "lwmisn_published"):
        with pytest.raises(ConfigError, match=f"--set search.lambda_latency would make {model} another network"):
            changed.check_settings([MODELS["lwmisn"], MODELS[model]])


def test_a_part_of_a_setting_that_defines_a_network_is_refused() -> None:
    changed = load_protocol("nuclei", overrides={"architecture.cells.middle": 3})
    changed.check_settings([MODELS["lwmisn"]])
    assert changed.search_configs(MODELS["lwmisn"])["search"]["architecture"]["cells"]["middle"] == 3
    with pytest.raises(ConfigError, match=r"--set architecture.cells.middle would make lwmisn_fast another network"):
        changed.check_settings([MODELS["lwmisn_fast"]])


def test_a_protocol_is_read_as_it_was_written() -> None:
    protocol = load_protocol("prostate_mr", "small", budget_hours=0.5)
    written = json.loads(json.dumps({"schema_version": 3, **protocol.to_dict(), "images": "0f"}))
    assert Protocol.from_dict(written) == protocol


@pytest.mark.parametrize(("epochs", "pilot"), [(1, 1), (4, 1), (5, 2), (10, 3), (30, 8)])
def test_a_pilot_has_a_quarter_of_the_epochs_rounded_up(epochs: int, pilot: int) -> None:
    assert load_protocol("nuclei", epochs=epochs).pilot_epochs == pilot


def test_everything_that_determines_a_training_changes_its_fingerprint() -> None:
    protocol, model = load_protocol("nuclei", "small"), MODELS["lwmisn"]
    datalist = {part: [{"case": part}] for part in ("training", "validation", "test")}
    configs = protocol.training_configs(model, genotype(), 0.004, 0, 10)
    mark = training_fingerprint(configs, datalist, genotype())

    another_search = copy.deepcopy(configs)
    another_search["search"]["search"]["epochs"] = 99
    assert training_fingerprint(another_search, datalist, genotype()) == mark

    another_evaluation = copy.deepcopy(configs)
    another_evaluation["evaluate"]["evaluate"]["empty_images"] = "skip"
    others = [
        training_fingerprint(protocol.training_configs(model, genotype(), 0.001, 0, 10), datalist, genotype()),
        training_fingerprint(protocol.training_configs(model, genotype(), 0.004, 1, 10), datalist, genotype()),
        training_fingerprint(protocol.training_configs(model, genotype(), 0.004, 0, 11), datalist, genotype()),
        training_fingerprint(another_evaluation, datalist, genotype()),
        training_fingerprint(configs, datalist, genotype("dilated_conv_3x3")),
        training_fingerprint(configs, {**datalist, "training": [{"case": "another"}]}, genotype()),
        training_fingerprint(configs, {**datalist, "training": [{"case": "training", "slices": [0, 3]}]}, genotype()),
    ]
    assert len({mark, *others}) == 8
    searches = [protocol.search_configs(MODELS[name]) for name in ("lwmisn", "shared_alpha")]
    assert len({search_fingerprint(search, datalist) for search in searches}) == 2


def test_a_budget_of_time_is_that_of_a_training_and_a_pilot_has_a_quarter() -> None:
    protocol = load_protocol("nuclei", "full", epochs=40, budget_hours=0.5)
    for epochs, seconds in ((40, 1800), (10, 450)):
        configs = protocol.training_configs(MODELS["unet"], None, 0.004, 0, epochs)
        first = configs["train"]["train"]["handlers"][0]
        handler = ConfigParser({"output_dir": "train", "handler": first}).get_parsed_content("handler")
        assert isinstance(handler, TimeBudget) and handler.seconds == seconds


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"preset": "nucleus"},
            "no protocol for the preset 'nucleus': use one of hippocampus_mr, liver_ct, nuclei, prostate_mr",
        ),
        ({"preset": "nuclei", "name": "tiny"}, "'nuclei' has no protocol 'tiny': use full or small or paper"),
        ({"preset": "hippocampus_mr", "name": "paper"}, "'hippocampus_mr' has no protocol 'paper': use full or small"),
        ({"preset": "nuclei", "epochs": 0}, "--epochs is 0"),
        ({"preset": "nuclei", "seeds": -1}, "--seeds is -1"),
        ({"preset": "nuclei", "budget_hours": 0.0}, "--budget-hours is 0.0"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_protocol(**arguments)
