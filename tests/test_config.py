"""Presets, overrides and the execution of workflows."""

import json
import re
from pathlib import Path
from pydoc import locate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.bundle import ConfigParser, ReferenceResolver

from monai_lwmisn import config
from monai_lwmisn.errors import BudgetError, CheckpointError, ConfigError, DataError
from monai_lwmisn.settings import all_settings

EVERY_PRESET = [(preset, variant) for preset in config.preset_names() for variant in config.variant_names(preset)]


def test_the_presets_are_the_published_three_and_those_of_the_other_bundles() -> None:
    names = ["hippocampus_mr", "liver_ct", "liver_ct_slices", "lung_ct", "nuclei", "prostate_mr"]
    assert config.preset_names() == names
    assert config.variant_names("nuclei") == ["light", "paper"]
    assert config.variant_names("hippocampus_mr") == ["light"]


@pytest.mark.parametrize(("preset", "variant"), EVERY_PRESET)
def test_every_preset_resolves_to_stages_without_a_dangling_reference(preset: str, variant: str) -> None:
    configs = config.resolve(preset, variant)
    assert set(configs) == {"search", "train", "evaluate", "inference"}
    for resolved in configs.values():
        assert (resolved["preset"], resolved["variant"]) == (preset, variant)
        parser = ConfigParser(resolved)
        for reference in references(resolved):
            assert reference in parser, reference


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*[references(item) for item in value.values()], set())
    if isinstance(value, list):
        return set().union(*[references(item) for item in value], set())
    if isinstance(value, str) and value[:1] in ("$", "@"):
        return set(ReferenceResolver.match_refs_pattern(ReferenceResolver.normalize_id(value)))
    return set()


@pytest.mark.parametrize("stage", ["search", "train", "evaluate", "inference"])
def test_a_configuration_names_what_it_calls_and_computes_little(stage: str) -> None:
    resolved = config.resolve("nuclei")[stage]
    assert not [line for line in resolved["imports"] if "monai_lwmisn" in line]

    def expressions(value: Any) -> list[str]:
        if isinstance(value, (dict, list)):
            return [one for item in (value.values() if isinstance(value, dict) else value) for one in expressions(item)]
        return [value] if isinstance(value, str) and re.match(r"\$(?!@[\w#:]+$)", value) else []

    assert len(expressions({key: value for key, value in resolved.items() if key != "imports"})) <= 12


@pytest.mark.parametrize("stage", ["search", "train", "evaluate", "inference"])
@pytest.mark.parametrize("preset", config.preset_names())
def test_what_a_configuration_names_can_be_found(preset: str, stage: str) -> None:
    def targets(value: Any) -> list[str]:
        if isinstance(value, (dict, list)):
            own = [value["_target_"]] if isinstance(value, dict) and "_target_" in value else []
            return own + [
                one for item in (value.values() if isinstance(value, dict) else value) for one in targets(item)
            ]
        return []

    dotted = {target for target in targets(config.resolve(preset)[stage]) if "." in target}
    assert dotted and {target for target in dotted if locate(target) is None} == set()


@pytest.mark.parametrize("strategy", ["differentiable", "random", "given"])
def test_the_strategy_chooses_the_steps_of_the_search(strategy: str) -> None:
    resolved = config.resolve("nuclei", overrides={"search.strategy": strategy})["search"]
    steps = ConfigParser(resolved)
    steps.parse()
    assert steps["run"] == resolved[strategy] and resolved[strategy]


@pytest.mark.parametrize("stage", ["search", "train", "evaluate", "inference"])
def test_a_stage_has_exactly_the_settings_that_are_its_own(stage: str) -> None:
    resolved = config.resolve("nuclei")[stage]
    for key, setting in all_settings().items():
        section, _, name = key.rpartition(".")
        inside = resolved.get(section, {}) if section else resolved
        assert (name in inside) == (stage in setting.stages), key


@pytest.mark.parametrize("stage", ["search", "train", "evaluate", "inference"])
def test_every_setting_of_a_stage_is_used_by_its_configuration(stage: str) -> None:
    resolved = config.resolve("prostate_mr")[stage]
    used = {*references(resolved), "search::strategy"}  # which names the list of steps to run
    assert resolved["run"] == "%evolve" or stage != "search"
    for key, setting in all_settings().items():
        if stage in setting.stages and not key.startswith("architecture."):
            assert key.replace(".", "::") in used, key


@pytest.mark.parametrize("preset", ["nuclei", "liver_ct", "prostate_mr"])
def test_the_paper_variant_has_the_published_retraining(preset: str) -> None:
    paper = config.load_preset(preset, "paper")["train"]
    assert (paper["epochs"], paper["batch_size"]) == (30, 4)
    assert (paper["learning_rate"], paper["weight_decay"], paper["drop_path"]) == (6e-3, 2e-4, 0.15)


@pytest.mark.parametrize(
    ("preset", "variant", "sentence"),
    [
        ("nuclie", "light", r"no preset 'nuclie': the nearest is 'nuclei'"),
        ("hippocampus_mr", "paper", r"no variant 'paper': use light\."),
        ("missing.json", "light", r"missing\.json cannot be read"),
    ],
)
def test_a_preset_that_does_not_exist_is_named_with_its_nearest(preset: str, variant: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        config.load_preset(preset, variant)


def write_preset(folder: Path, content: Any) -> str:
    (folder / "own.json").write_text(json.dumps(content))
    return str(folder / "own.json")


def test_a_preset_of_ones_own_is_read_from_its_path(tmp_path: Path) -> None:
    own = config.load_preset("nuclei") | {"preset": "cells"}
    assert config.resolve(write_preset(tmp_path, own))["train"]["preset"] == "cells"


@pytest.mark.parametrize(("preset", "variant"), EVERY_PRESET)
def test_the_presets_of_the_package_would_pass_as_ones_own(preset: str, variant: str, tmp_path: Path) -> None:
    own = config.load_preset(preset, variant)
    own["data"]["intensity"] = ["@my_window"]
    own["my_window"] = {"_target_": "ScaleIntensityd", "keys": "image"}
    path = write_preset(tmp_path, own)
    assert config.load_preset(path) == own
    for resolved in config.resolve(path).values():
        assert resolved["data"]["intensity"] == ["@my_window"] and "my_window" in resolved


@pytest.mark.parametrize("key", ["data.dataset", "architecture.node_width", "data.volumetric", "architecture.cells"])
def test_a_preset_of_ones_own_without_a_setting_that_is_needed_is_refused(tmp_path: Path, key: str) -> None:
    own = config.load_preset("nuclei")
    section, name = key.split(".")
    del own[section][name]
    with pytest.raises(ConfigError, match=rf"own\.json lacks {key}: add "):
        config.load_preset(write_preset(tmp_path, own))


@pytest.mark.parametrize(
    ("section", "key", "named"),
    [
        ("search", "epoch", r"'search\.epoch': the nearest is 'search\.epochs'"),
        ("data", "datset", r"'data\.datset': the nearest is 'data\.dataset'"),
        (None, "trian", r"'trian': the nearest is"),
    ],
)
def test_a_mistyped_key_in_a_preset_of_ones_own_is_named_with_its_nearest(
    tmp_path: Path, section: str | None, key: str, named: str
) -> None:
    own = config.load_preset("nuclei")
    (own[section] if section else own)[key] = 3
    with pytest.raises(ConfigError, match=rf"own\.json has the unknown key {named}"):
        config.load_preset(write_preset(tmp_path, own))


@pytest.mark.parametrize("content", ["[1, 2]", "{", ""])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "preset.json").write_text(content)
    with pytest.raises(ConfigError, match=r"preset\.json"):
        config.load_preset(str(tmp_path / "preset.json"))


CONFIGS = {
    "search": {
        "search": {"epochs": 3, "flag": True, "rate": 0.1, "search_space": "x"},
        "architecture": {"skip": "add"},
        "data": {"sizes": [1, 2], "augmentation": [{"prob": 0.5}]},
    },
    "train": {"train": {"epochs": 3}, "data": {"augmentation": [{"prob": 0.5}]}, "device": "$find()", "roi": None},
}


def test_an_override_reaches_every_stage_that_has_the_key_and_leaves_its_source_alone() -> None:
    before = json.dumps(CONFIGS)
    changed = config.override(json.loads(before), {"search.epochs": 7, "roi": [8, 8], "data.augmentation.0.prob": 1})
    assert changed["search"]["search"]["epochs"] == 7 and changed["train"]["train"]["epochs"] == 3
    assert changed["search"]["data"]["augmentation"] == changed["train"]["data"]["augmentation"] == [{"prob": 1}]
    assert changed["train"]["roi"] == [8, 8] and "roi" not in changed["search"]
    config.override(CONFIGS, {"search.epochs": 7})
    assert json.dumps(CONFIGS) == before


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("train.epoch", "train.epochs"), ("devcie", "device"), ("epochs", r"[a-z_]+\.\w*epochs"), ("data.x.3", "data.")],
)
def test_an_unknown_key_is_refused_with_its_nearest(key: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"no setting '{re.escape(key)}': the nearest is '{nearest}"):
        config.override(CONFIGS, {key: 1})


@pytest.mark.parametrize(
    ("stage", "key", "value", "nearest"),
    [
        ("train", "architecture.stem_stride", 4, r"\w+\."),
        ("train", "data.test_fraction", 0.5, r"\w+\."),
        ("evaluate", "train.epochs", 10, r"evaluate\.|\w+\."),
        ("train", "search.epochs", 10, r"train\.epochs'"),
        ("train", "evaluate.empty_images", "skip", r"\w+"),
    ],
)
def test_a_setting_that_the_stage_does_not_use_is_refused(stage: str, key: str, value: Any, nearest: str) -> None:
    configs = config.resolve("nuclei")
    del configs["inference"]
    with pytest.raises(
        ConfigError, match=rf"{key} is not used here, but by .*: the nearest that is used is '{nearest}"
    ):
        config.override_stage(configs, stage, {key: value})


def test_a_setting_of_two_stages_is_set_in_both() -> None:
    configs = config.resolve("nuclei")
    changed = config.override_stage(configs, "train", {"inference.batch_size": 3})
    assert {changed[stage]["inference"]["batch_size"] for stage in ("train", "evaluate", "inference")} == {3}


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [
        ("search.epochs", "many", False),
        ("search.epochs", True, False),
        ("search.epochs", [1], False),
        ("search.epochs", 1.5, False),
        ("search.rate", 1.5, True),
        ("search.flag", 1, False),
        ("search.flag", False, True),
        ("search.search_space", 3, False),
        ("search.search_space", ["identity"], True),
        ("architecture.skip", ["add", "none"], True),
        ("architecture.skip", 3, False),
        ("data.sizes", 4, False),
        ("data.sizes", [], True),
        ("search.rate", 1, True),
        ("search.rate", "$0.5 * @search::epochs", True),
        ("device", "cpu", True),
        ("roi", "anything", True),
        ("search.rate", None, True),
    ],
)
def test_a_value_must_be_of_the_kind_it_replaces(key: str, value: Any, fits: bool) -> None:
    if not fits:
        with pytest.raises(ConfigError, match=f"{key} cannot be set to"):
            config.override(CONFIGS, {key: value})
        return
    section, _, name = key.rpartition(".")
    changed = config.override(CONFIGS, {key: value})
    assert any((one.get(section, {}) if section else one).get(name, ...) == value for one in changed.values())


def test_a_whole_number_written_as_a_float_becomes_one() -> None:
    epochs = config.override(CONFIGS, config.parse_overrides(["search.epochs=1e3"]))["search"]["search"]["epochs"]
    assert epochs == 1000 and isinstance(epochs, int)


@pytest.mark.parametrize("value", [0, -1, "many", True, [1]])
@pytest.mark.parametrize("key", ["search.budget_params", "search.budget_latency_ms"])
def test_a_limit_that_no_network_can_keep_is_refused(key: str, value: Any) -> None:
    with pytest.raises((BudgetError, ConfigError), match=key):
        config.resolve("nuclei", overrides={key: value})
    assert config.resolve("nuclei", overrides={key: None})["search"]["search"][key.split(".")[1]] is None


@pytest.mark.parametrize(("key", "least"), [("data.seed", 0), ("search.epochs", 1), ("train.batch_size", 1)])
def test_a_number_below_the_smallest_is_refused(key: str, least: int) -> None:
    with pytest.raises(ConfigError, match=f"{key} is {least - 1}: give a number from {least} on"):
        config.resolve("nuclei", overrides={key: least - 1})
    config.resolve("nuclei", overrides={key: least})


@pytest.mark.parametrize("value", [[3], {"a": 1}, True])
def test_what_is_no_number_is_refused_in_a_preset(tmp_path: Path, value: Any) -> None:
    own = config.load_preset("nuclei")
    own["data"]["in_channels"] = value
    with pytest.raises(ConfigError, match=r"data.in_channels is .*: give a number from 1 on"):
        config.load_preset(write_preset(tmp_path, own))


def test_a_value_that_is_no_choice_is_refused() -> None:
    with pytest.raises(
        ConfigError, match='search.strategy is "evolution": use one of evolve, differentiable, random, given'
    ):
        config.resolve("nuclei", overrides={"search.strategy": "evolution"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z_]+(\.[0-9a-z]+)?", fullmatch=True), json_values, max_size=4))
def test_assignments_in_json_are_read_back(overrides: dict[str, Any]) -> None:
    assert config.parse_overrides([f"{key}={json.dumps(value)}" for key, value in overrides.items()]) == overrides


def test_a_value_that_is_not_json_is_a_text() -> None:
    assert config.parse_overrides(["data.split_by=image", "device=cuda:1", "a=b=c"]) == {
        "data.split_by": "image",
        "device": "cuda:1",
        "a": "b=c",
    }


@pytest.mark.parametrize("assignment", ["epochs", "=3", ""])
def test_an_assignment_without_key_or_equals_sign_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        config.parse_overrides([assignment])


@given(st.integers(1, 10**6), st.sampled_from([("", 1), ("k", 1e3), ("M", 1e6)]))
def test_a_budget_is_its_number_times_its_unit(number: int, unit: tuple[str, float]) -> None:
    budget = config.parse_budget(f"params={number}{unit[0]}")
    assert budget == {"search.budget_params": pytest.approx(number * unit[1])}


def test_a_budget_of_all_three() -> None:
    assert config.parse_budget("params=0.1M, macs=.5G,latency=20ms") == {
        "search.budget_params": pytest.approx(1e5),
        "search.budget_macs": pytest.approx(5e8),
        "search.budget_latency_ms": pytest.approx(20),
    }


@pytest.mark.parametrize(
    "text", ["", "params", "params=", "params=0", "params=-1", "params=0.0", "memory=3G", "latency=1G", "params=1e3"]
)
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BudgetError, match="is not understood: write for example"):
        config.parse_budget(text)


def test_configurations_are_read_back_as_written(tmp_path: Path) -> None:
    configs = config.resolve("nuclei", "light", {"search.seed": 5})
    del configs["inference"]
    config.write_configs(tmp_path, configs)
    assert config.read_configs(tmp_path) == configs
    assert configs["search"]["search"]["seed"] == 5


def test_a_run_of_an_earlier_release_is_named_with_the_command_that_converts_it(tmp_path: Path) -> None:
    config.write_configs(tmp_path, {"search": {"search_epochs": 3}})
    with pytest.raises(ConfigError, match=rf"is of an earlier release: convert it, with lwmisn convert {tmp_path}"):
        config.read_config(tmp_path, "search")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_leaves_the_configuration_that_was_there(tmp_path: Path) -> None:
    config.write_configs(tmp_path, {"search": {"data": {"seed": 1}}})
    (tmp_path / "configs" / "search.json.partial").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match="search.json cannot be written"):
        config.write_configs(tmp_path, {"search": {"data": {"seed": 2}}})
    assert config.read_config(tmp_path, "search") == {"data": {"seed": 1}}


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{tmp_path} is no run, it has no configs/search\.json"):
        config.read_configs(tmp_path)


def workflow_file(folder: Path, **content: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "workflow.json").write_text(json.dumps(content))
    return folder / "workflow.json"


def test_a_workflow_runs_its_three_expressions_in_order_with_the_runtime_values(tmp_path: Path) -> None:
    file = workflow_file(
        tmp_path,
        imports=["$from pathlib import Path"],
        bundle_root=".",
        words={"last": "finalise"},
        log="$lambda word: Path(@bundle_root, 'log').open('a').write(word)",
        initialize=["$@log('initialize ')"],
        run=["$@log('run ')", "$@log('on ')"],
        finalize=["$@log(@words::last)"],
    )
    config.execute(file, bundle_root=str(tmp_path), **{"words::last": "finalize"})
    assert (tmp_path / "log").read_text() == "initialize run on finalize"


def test_an_error_of_ours_comes_out_of_a_workflow_as_itself(tmp_path: Path) -> None:
    file = workflow_file(
        tmp_path,
        datalist={"_target_": "monai_lwmisn.data.read_datalist", "path": str(tmp_path / "missing.json")},
        run=["$print(@datalist)"],
    )
    with pytest.raises(DataError, match=r"missing\.json cannot be read"):
        config.execute(file)


def test_other_errors_and_interruptions_keep_their_cause(tmp_path: Path) -> None:
    file = workflow_file(tmp_path, run=["$1 / 0"])
    with pytest.raises(RuntimeError) as raised:
        config.execute(file)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    # A class of its own: once a plain KeyboardInterrupt has left an evaluated text, pytest would end by a signal.
    interrupted = "type('Interrupted', (KeyboardInterrupt,), {})()"
    file = workflow_file(tmp_path, run=[f"$(_ for _ in ()).throw({interrupted})"])
    with pytest.raises(KeyboardInterrupt):
        config.execute(file)


def test_channels_of_the_logits_follow_the_names_of_the_classes() -> None:
    names = {"1": "a", "2": "b", "3": "c"}
    for overrides in ({"data.label_names": names}, {"data.label_names": names, "data.out_channels": 4}):
        configs = config.resolve("prostate_mr", overrides=overrides)
        assert {stage["data"]["out_channels"] for stage in configs.values()} == {4}
    assert (
        config.resolve("hippocampus_mr", overrides={"data.label_names": {"1": "a"}})["train"]["data"]["out_channels"]
        == 1
    )


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"data.out_channels": 3}, "data.out_channels is 3, but data.label_names has 1 class: set data.out_channels=1"),
        ({"data.label_names": {"1": "a", "3": "b"}}, "names the values 1, 3: number the classes in the labels 1, 2"),
        ({"data.label_names": {"255": "a"}}, "names the values 255: number"),
        ({"data.label_names": {}}, "names the values none: number"),
        ({"data.label_names": {"1": "a", "2": "b"}}, "has 2 classes: set data.instances=false"),
    ],
)
def test_classes_that_do_not_go_together_are_refused(overrides: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        config.resolve("nuclei", overrides=overrides)


@pytest.mark.parametrize(
    ("preset", "overrides", "sentence"),
    [
        ("nuclei", {"architecture.slices": 3}, "architecture.slices asks for neighbouring slices of volumes"),
        ("nuclei", {"search.slices": [1, 3]}, r"the images are pictures: set search.slices=\[1\]"),
        ("liver_ct", {"search.slices": [2]}, r"search.slices is \[2\]: give a list of some of 1, 3, 5"),
        ("liver_ct", {"search.slices": []}, r"search.slices is \[\]"),
        ("liver_ct", {"search.slices": None}, "search.slices is null"),
        ("liver_ct", {"search.slices": 3}, "search.slices cannot be set to 3: give a value like"),
        ("liver_ct", {"architecture.slices": 2}, "architecture.slices is 2: use one of 1, 3, 5"),
    ],
)
def test_slices_that_no_network_sees_are_refused(preset: str, overrides: dict[str, Any], sentence: str) -> None:
    config.resolve(preset, overrides={"search.slices": [1]})
    config.resolve("liver_ct", overrides={"architecture.slices": 5, "search.slices": [1, 5]})
    with pytest.raises(ConfigError, match=sentence):
        config.resolve(preset, overrides=overrides)


@pytest.mark.parametrize(("parts", "chooses"), [(["training"], True), (["training", "validation"], False)])
def test_nothing_is_chosen_on_a_part_that_the_network_learns_from(parts: list[str], chooses: bool) -> None:
    file = config.resolve("nuclei", overrides={"train.parts": parts})["evaluate"]["choice_file"]
    assert file == ("train/postprocessing.json" if chooses else None)
    # The command `train` may change the parts of a run.
    changed = config.override_stage(config.resolve("nuclei"), "train", {"train.parts": parts})
    assert (changed["evaluate"]["choice_file"] is not None) == chooses
