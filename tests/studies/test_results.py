"""The rows of a report have the results of the trials, by seed."""

import json
from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.studies.results import read_results
from monai_lwmisn.studies.trials import Trial
from tests.studies.folder import PROTOCOL, write, write_network, write_protocol

pytestmark = pytest.mark.usefixtures("costs")


def test_trainings_keep_their_seeds_in_the_order_of_numbers(tmp_path: Path) -> None:
    write_protocol(tmp_path)
    write_network(tmp_path, "unet", {seed: [seed / 100, seed / 50] for seed in (10, 2, 1)})
    write(tmp_path, "unet", "seed_0", {"status": "failed", "reason": "no room"})
    results = read_results(tmp_path)
    (row,) = results.rows
    assert list(row.trainings) == [1, 2, 10]
    assert row.scores("validation_dsc") == [0.51, 0.52, 0.6]
    assert row.scores("dsc") == pytest.approx([0.015, 0.03, 0.15])
    assert row.cases("dsc") == pytest.approx([0.13 / 3, 0.26 / 3])
    assert row.seconds == 5 * 3600
    assert results.failures == {"unet": "seed_0: no room"} and results.protocol == PROTOCOL


def test_a_failed_pilot_is_no_failure_of_the_network_if_another_succeeds(tmp_path: Path) -> None:
    write_protocol(tmp_path)
    write_network(tmp_path, "unext_s", {0: [0.5]})
    diverged = {"status": "failed", "reason": "The loss is nan."}
    write(tmp_path, "unext_s", "rate_0.004", diverged)
    results = read_results(tmp_path)
    assert results.failures == {} and results.pending == {"unext_s": "1 of 3 trainings"}
    write(tmp_path, "unext_s", "rate_0.001", diverged)
    results = read_results(tmp_path)
    assert results.failures == {"unext_s": "rate_0.001: The loss is nan.; rate_0.004: The loss is nan."}
    assert results.pending == {"unext_s": "1 of 3 trainings"}


@pytest.mark.parametrize(("macs", "trainings"), [(1_999_999_999, 3), (2_000_000_000, 1)])
def test_a_heavy_network_is_finished_with_fewer_trainings(
    tmp_path: Path, costs: dict[str, Any], macs: int, trainings: int
) -> None:
    costs["unet"] = {"macs": macs}
    protocol = {**PROTOCOL.to_dict(), "heavy_seeds": 1}
    write_protocol(tmp_path)
    content = json.loads((tmp_path / "comparison.json").read_text())
    (tmp_path / "comparison.json").write_text(json.dumps({**content, **protocol}))
    write_network(tmp_path, "unet", {0: [0.5]})
    assert read_results(tmp_path).pending == ({} if trainings == 1 else {"unet": "1 of 3 trainings"})


def test_a_searched_network_without_its_search_is_not_trained(tmp_path: Path) -> None:
    write_protocol(tmp_path)
    write_network(tmp_path, "unext_s", {0: [0.5]})
    write_network(tmp_path, "darts_based", {0: [0.5]})
    assert [row.name for row in read_results(tmp_path).rows] == ["darts_based", "unext_s"]
    Trial(tmp_path, "darts_based", "search").file.unlink()
    (tmp_path / "costs.json").unlink()
    results = read_results(tmp_path)
    assert [row.name for row in results.rows] == ["unext_s"]
    assert results.pending["darts_based"] == "not trained yet"


def test_a_comparison_in_which_all_failed_says_why(tmp_path: Path) -> None:
    write_protocol(tmp_path)
    write(tmp_path, "unext_s", "rate_0.001", {"status": "failed", "reason": "no room for 25 GiB"})
    with pytest.raises(ConfigError, match=r"no finished training: .* unext_s: rate_0.001: no room for 25 GiB"):
        read_results(tmp_path)


def test_a_folder_that_is_not_a_comparison_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no comparison.json"):
        read_results(tmp_path)
    write_protocol(tmp_path)
    with pytest.raises(ConfigError, match="has no finished training"):
        read_results(tmp_path)
    (tmp_path / "comparison.json").write_text('{"schema_version": 99}')
    with pytest.raises(ConfigError, match="written by another release"):
        read_results(tmp_path)
