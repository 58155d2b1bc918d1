"""`lwmisn show`."""

import json
from pathlib import Path

from monai_lwmisn.networks import Architecture, Genotype
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


def test_show_says_where_convolutions_stand_and_draws_them(tmp_path: Path) -> None:
    blocks = {"encoder": ((),), "middle": (("conv", "conv"),), "decoder": (("conv",),)}
    architecture = Architecture(
        cells={"encoder": 1, "middle": 1, "decoder": 1},
        node_width=(4, 8),
        decoder_width=(6,),
        stem_stride=4,
        details=False,
        blocks=blocks,
        skip="add",
        in_channels=1,
        out_channels=1,
    )
    Genotype(architecture, {}).save(tmp_path / "genotype.json")
    outcome = lwmisn("show", tmp_path, "--threads", 1)
    assert outcome.code == 0, outcome.err
    rows = {line[:22].strip(): line[22:].split("  ")[0] for line in outcome.out.splitlines()}
    assert rows["cells"] == "0 encoder + 0 middle + 0 decoder"
    assert rows["blocks of encoder"] == "none" and rows["blocks of middle"] == "conv conv"
    assert (rows["channels in decoder"], rows["path of details"], rows["skips"]) == ("6", "none", "add")
    outcome = lwmisn("show", tmp_path, "--threads", 1, "-o", tmp_path / "network.svg")
    assert outcome.code == 0 and "2 x conv 3x3, 8" in (tmp_path / "network.svg").read_text()


def test_show_refuses_a_drawing_that_cannot_be_written_and_no_threads(trained: Path, tmp_path: Path) -> None:
    outcome = lwmisn("show", trained, "-o", tmp_path / "missing" / "cell.svg")
    assert outcome.code == 2 and is_one_sentence(outcome.err) and "make it, or give another file" in outcome.err
    outcome = lwmisn("show", trained, "--threads", 0)
    assert outcome.code == 2 and "0 is not a number of threads: give a whole number from 1 on" in outcome.err
