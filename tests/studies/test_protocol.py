"""One protocol: what is the same for all networks, and what determines a result."""

import copy
import json

import pytest

from monai_lwmisn.config import resolve
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import Architecture, Edge, Genotype
from monai_lwmisn.studies.models import ENTRANTS
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
        entrant = ENTRANTS[name]
        own = protocol.training_configs(entrant, genotype() if entrant.search is not None else None, 0.004, 1, 10)
        for workflow in ("train", "evaluate"):
            network = own[workflow].pop("network_def")
            assert network.get("name", name) == name
        configs.append((own["train"], own["evaluate"]))
    assert all(others == configs[0] for others in configs)
    assert configs[0][0]["train_epochs"] == 10 and configs[0][0]["seed"] == 1


@pytest.mark.parametrize("preset", PRESETS)
def test_small_is_full_in_crops_for_a_third_of_the_epochs(preset: str) -> None:
    full, small = load_protocol(preset), load_protocol(preset, "small")
    assert (
        small.settings["spatial"] == full.settings["spatial"] and full.settings["spatial"][0]["spatial_size"][0] == 256
    )
    (crop,) = [step for step in small.settings["augmentation"] if step not in full.settings["augmentation"]]
    assert "Crop" in crop["_target_"] and [96, 96] in crop.values()
    assert (full.epochs, small.epochs) == (30, 10)
    assert [protocol.seeds_of(HEAVY_MACS - 1) for protocol in (full, small)] == [3, 3]
    assert [protocol.seeds_of(HEAVY_MACS) for protocol in (full, small)] == [3, 1]


def test_what_a_protocol_says_of_our_searches_goes_before_the_preset_and_behind_the_entrant() -> None:
    full, small = load_protocol("nuclei"), load_protocol("nuclei", "small")
    assert [protocol.search_configs(ENTRANTS["lwmisn"])["search"]["stem_stride"] for protocol in (full, small)] == [
        2,
        4,
    ]
    widths = {
        name: small.search_configs(ENTRANTS[name])["search"]["node_width"]
        for name in ("lwmisn", "random_1", "lwmisn_fast", "lwmisn_published")
    }
    assert widths["lwmisn"] == widths["random_1"] == [24, 32, 48]
    assert widths["lwmisn_fast"] == [16, 24, 32]
    assert widths["lwmisn_published"] == [48, 48, 48]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_published_variant_is_searched_as_published(preset: str) -> None:
    published = resolve(preset, "paper")["search"]
    search = load_protocol(preset, "small").search_configs(ENTRANTS["lwmisn_published"])["search"]
    shape = {"encoder_cells", "middle_cells", "decoder_cells", "node_width", "stem_stride"}
    shape |= {"alpha_groups", "expectation", "max_parameter_free"}
    keys = shape | {key for key in published if key.startswith(("search_", "lambda_", "budget_"))}
    assert {key: search[key] for key in keys} == {key: published[key] for key in keys}
    assert search["lambda_latency"] == 0 and search["budget_params"] is None
    assert [96, 96] in search["augmentation"][0].values()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["full", "small"])
def test_a_setting_that_makes_a_network_what_it_is_is_refused(preset: str, name: str) -> None:
    load_protocol(preset, name).check_settings(ENTRANTS.values())
    changed = load_protocol(preset, name, overrides={"lambda_latency": 0.1})
    changed.check_settings([ENTRANTS["lwmisn"], ENTRANTS["unet"]])
    assert changed.search_configs(ENTRANTS["lwmisn"])["search"]["lambda_latency"] == 0.1
    for entrant in ("without_latency", "darts_based", "lwmisn_published"):
        with pytest.raises(ConfigError, match=f"--set lambda_latency would make {entrant} another network"):
            changed.check_settings([ENTRANTS["lwmisn"], ENTRANTS[entrant]])


def test_a_protocol_is_read_as_it_was_written() -> None:
    protocol = load_protocol("prostate_mr", "small", budget_hours=0.5)
    written = json.loads(json.dumps({"schema_version": 2, **protocol.to_dict(), "images": "0f"}))
    assert Protocol.from_dict(written) == protocol


@pytest.mark.parametrize(("epochs", "pilot"), [(1, 1), (4, 1), (5, 2), (10, 3), (30, 8)])
def test_a_pilot_has_a_quarter_of_the_epochs_rounded_up(epochs: int, pilot: int) -> None:
    assert load_protocol("nuclei", epochs=epochs).pilot_epochs == pilot


def test_what_determines_a_result_is_told_apart() -> None:
    protocol, entrant = load_protocol("nuclei", "small"), ENTRANTS["lwmisn"]
    datalist = {part: [{"case": part}] for part in ("training", "validation", "test")}
    configs = protocol.training_configs(entrant, genotype(), 0.004, 0, 10)
    mark = training_fingerprint(configs, datalist, genotype())

    elsewhere = copy.deepcopy(configs)
    elsewhere["search"]["seed"] = 7
    for workflow in ("train", "evaluate"):
        elsewhere[workflow] |= {"search_epochs": 99, "lambda_latency": 1.0}
    assert training_fingerprint(elsewhere, datalist, genotype()) == mark

    others = [
        training_fingerprint(protocol.training_configs(entrant, genotype(), 0.001, 0, 10), datalist, genotype()),
        training_fingerprint(protocol.training_configs(entrant, genotype(), 0.004, 1, 10), datalist, genotype()),
        training_fingerprint(protocol.training_configs(entrant, genotype(), 0.004, 0, 11), datalist, genotype()),
        training_fingerprint(configs, datalist, genotype("dilated_conv_3x3")),
        training_fingerprint(configs, {**datalist, "training": [{"case": "another"}]}, genotype()),
        training_fingerprint(configs, {**datalist, "training": [{"case": "training", "slices": [0, 3]}]}, genotype()),
    ]
    assert len({mark, *others}) == 7
    searches = [protocol.search_configs(ENTRANTS[name]) for name in ("lwmisn", "shared_alpha")]
    assert len({search_fingerprint(search, datalist) for search in searches}) == 2


def test_a_budget_of_time_is_of_trainings_and_pilots_have_a_quarter() -> None:
    protocol = load_protocol("nuclei", "full", epochs=40, budget_hours=0.5)
    for epochs, seconds in ((40, 1800), (10, 450)):
        handlers = protocol.training_configs(ENTRANTS["unet"], None, 0.004, 0, epochs)["train"]["train"]["handlers"]
        assert [handler["seconds"] for handler in handlers if "seconds" in handler] == [seconds]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"preset": "hippocampus_mr"},
            "no protocol for the preset 'hippocampus_mr': use one of liver_ct, nuclei, prostate_mr",
        ),
        ({"preset": "nuclei", "name": "tiny"}, "no protocol 'tiny': use full or small"),
        ({"preset": "nuclei", "epochs": 0}, "--epochs is 0"),
        ({"preset": "nuclei", "seeds": -1}, "--seeds is -1"),
        ({"preset": "nuclei", "budget_hours": 0.0}, "--budget-hours is 0.0"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_protocol(**arguments)
