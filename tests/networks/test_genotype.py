"""Genotypes survive the way through a file, and what is not one is refused with its reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from monai_lwmisn.errors import CheckpointError, GenotypeError
from monai_lwmisn.networks import Edge, Genotype
from monai_lwmisn.networks.genotype import candidate_edges
from tests.networks.strategies import genotypes

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def data() -> dict[str, Any]:
    """A genotype in its JSON form."""
    edges = tuple(Edge(node, predecessor, "ghost_conv_3x3") for node in range(4) for predecessor in (0, node + 1))
    shape = {"encoder": 2, "middle": 1, "decoder": 2}
    return Genotype(
        edges={"all": edges}, cells=shape, node_width=(4, 6, 8), stem_stride=2, in_channels=3, out_channels=1
    ).to_dict()


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
    assert set(json.loads(first.read_text())) == {
        "schema_version", "topology", "spatial_dims", "in_channels", "out_channels", "cells", "node_width",
        "stem_stride", "edges",
    }  # fmt: skip


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_value(*FIRST, "operation", value="octave_conv"), "names the operation 'octave_conv': use one of identity"),
        (set_value(*FIRST, "operation", value="zero"), "names the operation 'zero'"),
        (set_value(*FIRST, "operation", value=["identity"]), "not laid out as one"),
        (set_value(*FIRST, "node", value=4), "leads to node 4: nodes are 0 to 3"),
        (set_value(*FIRST, "node", value="0"), "leads to node '0'"),
        (set_value(*FIRST, "predecessor", value=-1), "comes from -1: predecessors are 0 to 4"),
        (set_value(*FIRST, "predecessor", value=2), "from predecessor 2 to node 0 of 'all' makes a cycle"),
        (set_value(*FIRST, "predecessor", value=5), "makes a cycle: node 0 may only follow predecessors 0 to 1"),
        (set_value(*FIRST, "predecessor", value=1), r"Node 0 of 'all' has edges from \[1, 1\]"),
        (lambda data: data["edges"]["all"].pop(), r"Node 3 of 'all' has edges from \[0\]: it needs 2"),
        (lambda data: data["edges"]["all"].append(data["edges"]["all"][0]), r"Node 0 .* \[0, 1, 0\]"),
        (lambda data: data["edges"]["all"][0].pop("node"), "not laid out as one: KeyError at 'node'"),
        (set_value("edges", value=[]), "not laid out as one"),
        (set_value("edges", value={}), r"edge groups are \[\]: give either 'all' or encoder, middle, decoder"),
        (lambda data: data["edges"].update(encoder=data["edges"]["all"]), r"edge groups are \['all', 'encoder'\]"),
        (set_value("schema_version", value=2), "schema version 2 and this release reads 1"),
        (lambda data: data.pop("schema_version"), "schema version None"),
        (lambda data: data.pop("cells"), r"missing \['cells'\], unknown \[\]"),
        (set_value("latency_ms", value=3.1), r"missing \[\], unknown \['latency_ms'\]"),
        (set_value("topology", value="v"), "topology 'v' is unknown: use one of u, contrast"),
        (set_value("spatial_dims", value=4), "spatial_dims is 4"),
        (set_value("spatial_dims", value=2.0), "spatial_dims is 2.0"),
        (set_value("stem_stride", value=3), "stem_stride is 3"),
        (set_value("stem_stride", value=True), "stem_stride is True"),
        (set_value("in_channels", value=0), "in_channels is 0"),
        (set_value("out_channels", value=1.5), "out_channels is 1.5"),
        (set_value("cells", "middle", value=-1), "cells is .*-1.*: give whole numbers"),
        (set_value("cells", value="abc"), "not laid out as one"),
        (set_value("cells", value={"encoder": 2}), "cells is {'encoder': 2}"),
        (set_value("cells", "decoder", value=1), "2 encoder and 1 decoder cells"),
        (set_value("node_width", value=[4, 6]), r"node_width is \[4, 6\]: give 3 whole numbers"),
        (set_value("node_width", value=[4, 6, 0]), r"node_width is \[4, 6, 0\]"),
        (set_value("node_width", value=4), "not laid out as one"),
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
