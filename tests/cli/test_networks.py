"""`lwmisn show`."""

import json
from pathlib import Path

from tests.cli.commands import is_one_sentence, lwmisn


def test_show_gives_the_stable_json_and_draws(trained: Path, tmp_path: Path) -> None:
    outcome = lwmisn("show", trained, "--json", "-o", tmp_path / "cell.svg")
    assert outcome.code == 0, outcome.err
    shown = json.loads(outcome.out)
    assert set(shown) == {"params", "macs", "latency_ms", "latency_range_ms", "latency_reliable"} | {
        "peak_memory_mb",
        "genotype",
    }
    assert shown["genotype"] == json.loads((trained / "genotype.json").read_text())
    assert isinstance(shown["params"], int) and isinstance(shown["macs"], int)
    assert (tmp_path / "cell.svg").read_text().lstrip().startswith("<?xml")


def test_show_says_the_same_with_units(trained: Path) -> None:
    outcome = lwmisn("show", trained / "genotype.json", "--threads", 1)
    assert outcome.code == 0
    for word in ("parameters", "multiply-accumulates", "latency", " ms", " MB ", "-> node 3"):
        assert word in outcome.out


def test_show_refuses_a_drawing_that_cannot_be_written_and_no_threads(trained: Path, tmp_path: Path) -> None:
    outcome = lwmisn("show", trained, "-o", tmp_path / "missing" / "cell.svg")
    assert outcome.code == 2 and is_one_sentence(outcome.err) and "make it, or give another file" in outcome.err
    outcome = lwmisn("show", trained, "--threads", 0)
    assert outcome.code == 2 and "0 is not a number of threads: give a whole number from 1 on" in outcome.err
