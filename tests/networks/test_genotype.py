"""Genotypes survive the way through a file, and what is not one is refused with its reason."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from monai_lwmisn import networks
from monai_lwmisn.errors import CheckpointError, GenotypeError
from monai_lwmisn.networks import Architecture, Edge, Genotype
from monai_lwmisn.networks.genotype import candidate_edges
from tests.networks.strategies import genotypes

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def data() -> dict[str, Any]:
    """A genotype in its JSON form."""
    edges = tuple(Edge(node, predecessor, "ghost_conv_3x3") for node in range(4) for predecessor in (0, node + 1))
    cells = {"encoder": 2, "middle": 1, "decoder": 2}
    architecture = Architecture(cells=cells, node_width=(4, 6, 8), stem_stride=2, in_channels=3, out_channels=1)
    return Genotype(architecture, {"all": edges}).to_dict()


@given(genotype=genotypes())
def test_a_genotype_survives_json(genotype: Genotype) -> None:
    text = json.dumps(genotype.to_dict())
    again = Genotype.from_dict(json.loads(text))
    assert again == genotype
    assert json.dumps(again.to_dict()) == text


@given(genotype=genotypes())
def test_the_order_of_keys_in_a_file_does_not_matter(genotype: Genotype) -> None:
    text = json.dumps(genotype.to_dict())
    sorted_keys = json.loads(json.dumps(genotype.to_dict(), sort_keys=True))
    shuffled = {**sorted_keys, "edges": {group: genotype.to_dict()["edges"][group] for group in genotype.edges}}
    assert json.dumps(Genotype.from_dict(shuffled).to_dict()) == text


def test_the_file_holds_what_builds_the_network_and_nothing_else(data: dict[str, Any], tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    Genotype.from_dict(data).save(first)
    Genotype.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()
    content = json.loads(first.read_text())
    assert set(content) == {"schema_version", "architecture", "edges"} and content["schema_version"] == 2
    assert content["architecture"] == {
        "cells": {"encoder": 2, "middle": 1, "decoder": 2},
        "node_width": [4, 6, 8],
        "stem_stride": 2,
        "topology": "u",
        "details": True,
        "blocks": None,
        "decoder_width": None,
        "skip": "concatenate",
        "slices": 1,
        "in_channels": 3,
        "out_channels": 1,
    }
    assert content["edges"]["all"][0] == {"node": 0, "predecessor": 0, "operation": "ghost_conv_3x3"}


def test_a_field_with_a_default_may_be_left_out(data: dict[str, Any]) -> None:
    for name in ("stem_stride", "topology", "details", "blocks", "decoder_width", "skip", "slices"):
        del data["architecture"][name]
    architecture = Genotype.from_dict(data).architecture
    assert (architecture.stem_stride, architecture.topology) == (1, "u")
    assert (architecture.details, architecture.blocks, architecture.skip) == (True, None, "concatenate")


def test_equal_skips_are_written_as_one(data: dict[str, Any]) -> None:
    data["architecture"]["skip"] = ["add", "add"]
    assert Genotype.from_dict(data).to_dict()["architecture"]["skip"] == "add"
    data["architecture"]["skip"] = ["add", "none"]
    assert Genotype.from_dict(data).to_dict()["architecture"]["skip"] == ["add", "none"]


def test_every_field_that_the_data_does_not_give_says_what_it_means() -> None:
    meant = {each.name for each in fields(Architecture) if each.metadata.get("meaning")}
    assert {each.name for each in fields(Architecture)} - meant == {"in_channels", "out_channels"}


def test_a_genotype_is_read_without_torch(data: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "genotype.json"
    Genotype.from_dict(data).save(file)
    code = (
        "import sys; from monai_lwmisn.networks import Genotype; "
        f"print(Genotype.load({str(file)!r}).architecture.node_width, 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "(4, 6, 8) False"


def test_an_unknown_name_of_the_room_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Phenotype'"):
        networks.Phenotype  # noqa: B018


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_leaves_the_file_that_was_there(data: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "genotype.json"
    file.write_text("old")
    (tmp_path / "genotype.json.partial").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match="genotype.json cannot be written .No space left on device"):
        Genotype.from_dict(data).save(file)
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_cell_has_fourteen_candidate_edges() -> None:
    pairs = candidate_edges()
    assert len(pairs) == len(set(pairs)) == 2 + 3 + 4 + 5
    assert all(predecessor < node + 2 for node, predecessor in pairs)


def set_value(*path: Any, value: Any) -> Change:
    def change(data: dict[str, Any]) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


FIRST = ("edges", "all", 0)
PLAIN = {"encoder": [[], ["conv"]], "middle": [["conv"]], "decoder": [["conv"], ["conv"]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_value(*FIRST, "operation", value="octave_conv"), "names the operation 'octave_conv': use one of identity"),
        (set_value(*FIRST, "operation", value="zero"), "names the operation 'zero'"),
        (set_value(*FIRST, "operation", value=["identity"]), r"names the operation \['identity'\]"),
        (set_value(*FIRST, "node", value=4), "leads to node 4: nodes are 0 to 3"),
        (set_value(*FIRST, "node", value="0"), "leads to node '0'"),
        (set_value(*FIRST, "predecessor", value=-1), "comes from -1: predecessors are 0 to 4"),
        (set_value(*FIRST, "predecessor", value=2), "from predecessor 2 to node 0 of 'all' makes a cycle"),
        (set_value(*FIRST, "predecessor", value=5), "makes a cycle: node 0 may only follow predecessors 0 to 1"),
        (set_value(*FIRST, "predecessor", value=1), r"Node 0 of 'all' has edges from \[1, 1\]"),
        (lambda data: data["edges"]["all"].pop(), r"Node 3 of 'all' has edges from \[0\]: it needs 2"),
        (lambda data: data["edges"]["all"].append(data["edges"]["all"][0]), r"Node 0 .* \[0, 1, 0\]"),
        (lambda data: data["edges"]["all"][0].pop("node"), r"edges of the genotype are wrong \(KeyError at 'node'\)"),
        (set_value("edges", value=[]), "edges of the genotype are wrong"),
        (set_value("edges", value={}), r"edge groups are \[\]: give either 'all' or encoder, middle, decoder"),
        (lambda data: data["edges"].update(encoder=data["edges"]["all"]), r"edge groups are \['all', 'encoder'\]"),
        (set_value("schema_version", value=1), r"schema version 1\): convert its run or bundle with `lwmisn convert"),
        (set_value("schema_version", value=3), "schema version 3 and this release reads 2"),
        (lambda data: data.pop("schema_version"), "schema version None"),
        (lambda data: data.pop("architecture"), r"missing \['architecture'\], unknown \[\]"),
        (set_value("latency_ms", value=3.1), r"missing \[\], unknown \['latency_ms'\]"),
        (set_value("architecture", "node_width", value=[4, 6, 10**6]), "whole numbers from 1 to 4096"),
        (set_value("architecture", "in_channels", value=10**30), "whole number from 1 to 4096"),
        (set_value("architecture", "cells", "middle", value=10**9), "whole numbers up to 64"),
        (set_value("architecture", value=[]), "architecture of a genotype is a JSON object"),
        (lambda data: data["architecture"].pop("cells"), r"architecture are wrong: missing \['cells'\], unknown \[\]"),
        (set_value("architecture", "depth", value=1), r"missing \[\], unknown \['depth'\]"),
        (set_value("architecture", "topology", value="v"), "topology is 'v': use one of u, contrast"),
        (set_value("architecture", "stem_stride", value=3), "stem_stride is 3: use one of 1, 2, 4"),
        (set_value("architecture", "stem_stride", value=True), "stem_stride is True"),
        (set_value("architecture", "in_channels", value=0), "in_channels is 0"),
        (set_value("architecture", "out_channels", value=1.5), "out_channels is 1.5"),
        (set_value("architecture", "cells", "middle", value=-1), "cells is .*-1.*: give whole numbers"),
        (set_value("architecture", "cells", value="abc"), "cells is 'abc': give whole numbers"),
        (set_value("architecture", "cells", value={"encoder": 2}), "cells is {'encoder': 2}"),
        (set_value("architecture", "cells", "decoder", value=1), "2 encoder and 1 decoder cells"),
        (set_value("architecture", "node_width", value=[4, 6]), r"node_width is \[4, 6\]: give 3 whole numbers"),
        (set_value("architecture", "node_width", value=[4, 6, 0]), r"node_width is \[4, 6, 0\]"),
        (set_value("architecture", "node_width", value=4), "node_width is 4: give a list of whole numbers"),
        (set_value("architecture", "decoder_width", value=[4, 6, 8]), r"decoder_width is \[4, 6, 8\]: give 2 whole"),
        (set_value("architecture", "details", value=1), "details is 1: give true or false"),
        (set_value("architecture", "skip", value="multiply"), "skip is 'multiply': use one of concatenate, add, none"),
        (set_value("architecture", "skip", value=["add", 1]), r"skip is \['add', 1\]: use one of concatenate"),
        (set_value("architecture", "skip", value=["add"]), r"skip is \['add'\]: give 2, one for each level"),
        (set_value("architecture", "skip", value=[]), r"skip is \[\]: give 2"),
        (set_value("architecture", "stem_stride", value=[2]), r"stem_stride is \[2\]: use one of 1, 2, 4"),
        (set_value("architecture", "blocks", value=[]), r"blocks is \[\]: give lists for encoder, middle and decoder"),
        (set_value("architecture", "blocks", value={**PLAIN, "middle": []}), r"has \[\] for the middle: give 1 lists"),
        (set_value("architecture", "blocks", value={**PLAIN, "middle": [["dense"]]}), r"has \['dense'\] in the"),
        (set_value("architecture", "blocks", value={**PLAIN, "middle": [[]]}), "only the first of the encoder may be"),
        (set_value("architecture", "blocks", value={**PLAIN, "middle": [["conv"] * 65]}), "for each place, up to 64"),
        (set_value("architecture", "blocks", value=PLAIN), r"edges of \['all'\], and its architecture has no cell"),
        (
            lambda data: data["architecture"].update(topology="contrast", skip="add"),
            "skip is 'add', and the topology contrast is a chain of cells: leave skip out",
        ),
    ],
)
def test_what_is_no_genotype_is_refused_with_its_reason(
    data: dict[str, Any], tmp_path: Path, change: Change, message: str
) -> None:
    file = tmp_path / "genotype.json"
    change(data)
    file.write_text(json.dumps(data))
    with pytest.raises(GenotypeError, match=message) as error:
        Genotype.load(file)
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"__import__('os')"])
def test_what_is_not_json_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "genotype.json"
    file.write_bytes(content)
    with pytest.raises(GenotypeError, match="cannot be read as a genotype"):
        Genotype.load(file)
    with pytest.raises(GenotypeError, match="cannot be read as a genotype"):
        Genotype.load(tmp_path / "absent.json")


def test_a_list_is_no_genotype() -> None:
    with pytest.raises(GenotypeError, match="A genotype is a JSON object"):
        Genotype.from_dict([])  # type: ignore[arg-type]
