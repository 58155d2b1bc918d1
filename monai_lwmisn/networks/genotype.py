"""The genotype: everything that builds a network, as plain data with one JSON form. This module imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from monai_lwmisn.errors import GenotypeError, reason_of
from monai_lwmisn.files import parse_json, write_json
from monai_lwmisn.networks.architecture import STAGES, Architecture, is_count

SCHEMA_VERSION = 2
INPUTS = 2
NODES = 4
EDGES_PER_NODE = 2
SHARED = "all"

_PAPER = (
    "identity",
    "separable_conv_3x3",
    "dilated_conv_3x3",
    "ghost_conv_3x3",
    "selective_kernel_conv_3x3",
    "shuffle_group_conv_3x3",
    "max_pool_3x3",
    "zero",
)

SEARCH_SPACES: dict[str, tuple[str, ...]] = {
    "lwmisn": _PAPER,
    "darts": (
        "identity",
        "separable_conv_3x3",
        "separable_conv_5x5",
        "dilated_conv_3x3",
        "dilated_conv_5x5",
        "max_pool_3x3",
        "average_pool_3x3",
        "zero",
    ),
    "lwmisn_dense": (*_PAPER, "conv_3x3", "conv_1x1"),
}
"""The names of the paper's eight candidates, of those of DARTS (Liu et al., ICLR 2019, section 3.1), and of the paper's
with dense convolutions, which processors compute best."""

OPERATION_NAMES = tuple(dict.fromkeys(name for space in SEARCH_SPACES.values() for name in space))
"""Every operation of any search space, once. :mod:`monai_lwmisn.networks.operations` builds each of them."""

PARAMETER_FREE = frozenset({"identity", "max_pool_3x3", "average_pool_3x3", "zero"})
"""Operations without learned parameters. A search that collapses selects them everywhere."""


class Edge(NamedTuple):
    """One retained connection of a cell.

    Attributes:
        node: the intermediate node, 0 to 3, to which the edge leads.
        predecessor: where the edge comes from: 0 and 1 are the inputs of the cell (the output of the cell before the
            previous one, and of the previous one), 2 to 5 are the nodes 0 to 3.
        operation: name of an operation.
    """

    node: int
    predecessor: int
    operation: str


def candidate_edges() -> list[tuple[int, int]]:
    """All (node, predecessor) pairs of a cell, in the order of the rows of alpha: 2 + 3 + 4 + 5 = 14 (section 2.1)."""
    return [(node, predecessor) for node in range(NODES) for predecessor in range(INPUTS + node)]


@dataclass(frozen=True)
class Genotype:
    """A network as data: its architecture, and the edges of its cells.

    Attributes:
        architecture: the shape of the network.
        edges: the retained edges, two per node, by group: ``{"all": ...}`` where all cells are alike (as published),
            or ``{"encoder": ..., "middle": ..., "decoder": ...}``; ``{}`` where the architecture has no cells.

    Raises:
        GenotypeError: when the parts do not describe a network.
    """

    architecture: Architecture
    edges: Mapping[str, tuple[Edge, ...]]

    def __post_init__(self) -> None:
        if not self.architecture.has_cells:
            if self.edges:
                raise GenotypeError(
                    f"The genotype has edges of {sorted(self.edges)}, and its architecture has no cell: "
                    "leave them out, or give blocks a cell."
                )
        elif set(self.edges) not in ({SHARED}, set(STAGES)):
            raise GenotypeError(
                f"The genotype's edge groups are {sorted(self.edges)}: give either '{SHARED}' or {', '.join(STAGES)}."
            )
        for group, edges in self.edges.items():
            _check_edges(group, edges)

    def for_images(self, in_channels: int, out_channels: int, volumetric: bool) -> Genotype:
        """Return this genotype with a first and a last layer for so many channels; its cells stay.

        Raises:
            GenotypeError: when it takes neighbouring slices, and the images are not volumetric.
        """
        if self.architecture.slices > 1 and not volumetric:
            raise GenotypeError(
                f"The genotype takes {self.architecture.slices} neighbouring slices of a volume, and the images are "
                "pictures: give the genotype of another network."
            )
        architecture = replace(self.architecture, in_channels=in_channels, out_channels=out_channels)
        return replace(self, architecture=architecture)

    def edges_of(self, stage: str) -> tuple[Edge, ...]:
        """The edges of the cells of a stage (``encoder``, ``middle`` or ``decoder``)."""
        return self.edges[SHARED] if SHARED in self.edges else self.edges[stage]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, in a fixed order of keys."""
        return {
            "schema_version": SCHEMA_VERSION,
            "architecture": self.architecture.to_dict(),
            "edges": {group: [edge._asdict() for edge in edges] for group, edges in self.edges.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Genotype:
        """Build from the JSON form.

        Raises:
            GenotypeError: naming the first thing that is wrong with it.
        """
        if not isinstance(data, Mapping):
            raise GenotypeError("A genotype is a JSON object; this one is not.")
        _check_version(data.get("schema_version"))
        keys = {"schema_version", "architecture", "edges"}
        if set(data) != keys:
            missing, unknown = sorted(keys - set(data)), sorted(set(data) - keys)
            raise GenotypeError(f"The keys of the genotype are wrong: missing {missing}, unknown {unknown}.")
        try:
            edges = {
                str(group): tuple(Edge(row["node"], row["predecessor"], row["operation"]) for row in rows)
                for group, rows in data["edges"].items()
            }
        except (AttributeError, KeyError, TypeError) as error:
            raise GenotypeError(
                f"The edges of the genotype are wrong ({type(error).__name__} at {error}): give a list of "
                "{node, predecessor, operation} by group."
            ) from error
        return cls(Architecture.from_dict(data["architecture"]), edges)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON form completely or not at all. The folder is made.

        Raises:
            CheckpointError: when the file cannot be written.
        """
        write_json(self.to_dict(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Genotype:
        """Read the JSON form.

        Raises:
            GenotypeError: when the file is missing, is not JSON, or does not describe a network.
        """
        try:
            data = parse_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise GenotypeError(
                f"{path} cannot be read as a genotype ({reason_of(error)}): give a genotype.json."
            ) from error
        try:
            return cls.from_dict(data)
        except GenotypeError as error:
            raise GenotypeError(f"{path}: {error}") from error


def _check_version(version: object) -> None:
    if version == 1:
        raise GenotypeError(
            "The genotype has the form of an earlier release (schema version 1): "
            "convert its run or bundle with `lwmisn convert OLD NEW`."
        )
    if version != SCHEMA_VERSION:
        raise GenotypeError(
            f"The genotype has schema version {version!r} and this release reads {SCHEMA_VERSION}: "
            "use the release that wrote it."
        )


def _check_edges(group: str, edges: tuple[Edge, ...]) -> None:
    for edge in edges:
        if edge.operation not in OPERATION_NAMES or edge.operation == "zero":
            raise GenotypeError(
                f"Edge {edge.predecessor}->{edge.node} of '{group}' names the operation {edge.operation!r}: "
                f"use one of {', '.join(name for name in OPERATION_NAMES if name != 'zero')}."
            )
        if not is_count(edge.node, 0) or edge.node >= NODES:
            raise GenotypeError(f"An edge of '{group}' leads to node {edge.node!r}: nodes are 0 to {NODES - 1}.")
        if not is_count(edge.predecessor, 0):
            raise GenotypeError(
                f"An edge of '{group}' comes from {edge.predecessor!r}: predecessors are 0 to {INPUTS + NODES - 2}."
            )
        if edge.predecessor >= INPUTS + edge.node:
            raise GenotypeError(
                f"The edge from predecessor {edge.predecessor} to node {edge.node} of '{group}' makes a cycle: "
                f"node {edge.node} may only follow predecessors 0 to {INPUTS + edge.node - 1}."
            )
    for node in range(NODES):
        predecessors = [edge.predecessor for edge in edges if edge.node == node]
        if len(predecessors) != EDGES_PER_NODE or len(set(predecessors)) != EDGES_PER_NODE:
            raise GenotypeError(
                f"Node {node} of '{group}' has edges from {predecessors}: "
                f"it needs {EDGES_PER_NODE}, from different predecessors."
            )
