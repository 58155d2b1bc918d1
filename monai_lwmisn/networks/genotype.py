"""The genotype: everything that builds a network, as plain data with one JSON form."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from monai_lwmisn.errors import GenotypeError
from monai_lwmisn.files import write_json
from monai_lwmisn.networks.architecture import STAGES, Architecture, is_count
from monai_lwmisn.networks.operations import OPERATIONS

SCHEMA_VERSION = 1
INPUTS = 2
NODES = 4
EDGES_PER_NODE = 2
SHARED = "all"


class Edge(NamedTuple):
    """One retained connection of a cell.

    Attributes:
        node: intermediate node 0 to 3 the edge leads to.
        predecessor: where it comes from: 0 and 1 are the cell's inputs (older, newer), 2 to 5 the nodes 0 to 3.
        operation: name in the registry of operations.
    """

    node: int
    predecessor: int
    operation: str


def candidate_edges() -> list[tuple[int, int]]:
    """All (node, predecessor) pairs of a cell, in the order of the rows of alpha: 2 + 3 + 4 + 5 = 14 (section 2.1)."""
    return [(node, predecessor) for node in range(NODES) for predecessor in range(INPUTS + node)]


@dataclass(frozen=True, kw_only=True)
class Genotype(Architecture):
    """A network as data: the shape of the whole, and the edges of its cells.

    Attributes:
        edges: the retained edges, two per node, by group: ``{"all": ...}`` for cells that are all alike (as published)
            or ``{"encoder": ..., "middle": ..., "decoder": ...}``.

    The others are those of :class:`~monai_lwmisn.networks.architecture.Architecture`.

    Raises:
        GenotypeError: when the parts do not describe a network.
    """

    edges: Mapping[str, tuple[Edge, ...]]

    def __post_init__(self) -> None:
        super().__post_init__()
        if set(self.edges) not in ({SHARED}, set(STAGES)):
            raise GenotypeError(
                f"The genotype's edge groups are {sorted(self.edges)}: give either '{SHARED}' or {', '.join(STAGES)}."
            )
        for group, edges in self.edges.items():
            _check_edges(group, edges)

    @classmethod
    def complete(cls, architecture: Architecture, edges: Mapping[str, tuple[Edge, ...]]) -> Genotype:
        """The network of this architecture with these edges by group."""
        return cls(edges=edges, **{field.name: getattr(architecture, field.name) for field in fields(Architecture)})

    def for_images(self, in_channels: int, out_channels: int) -> Genotype:
        """Itself, where it takes and gives so many channels.

        Raises:
            GenotypeError: where it does not.
        """
        if (self.in_channels, self.out_channels) != (in_channels, out_channels):
            raise GenotypeError(
                f"The genotype takes {self.in_channels} and gives {self.out_channels} channels, and the data have "
                f"{in_channels} and need {out_channels}: search one on this data."
            )
        return self

    def edges_of(self, stage: str) -> tuple[Edge, ...]:
        """The edges of the cells of a stage (``encoder``, ``middle`` or ``decoder``)."""
        return self.edges[SHARED] if SHARED in self.edges else self.edges[stage]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, in a fixed order of keys."""
        return {
            "schema_version": SCHEMA_VERSION,
            "topology": self.topology,
            "spatial_dims": self.spatial_dims,
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "cells": {stage: self.cells[stage] for stage in STAGES},
            "node_width": list(self.node_width),
            "stem_stride": self.stem_stride,
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
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise GenotypeError(
                f"The genotype has schema version {version!r} and this release reads {SCHEMA_VERSION}: "
                "use the release that wrote it."
            )
        keys = {"schema_version", *cls.__dataclass_fields__}
        if set(data) != keys:
            missing, unknown = sorted(keys - set(data)), sorted(set(data) - keys)
            raise GenotypeError(f"The genotype's keys are not right: missing {missing}, unknown {unknown}.")
        try:
            edges = {
                str(group): tuple(Edge(row["node"], row["predecessor"], row["operation"]) for row in rows)
                for group, rows in data["edges"].items()
            }
            return cls(
                edges=edges,
                cells=dict(data["cells"]),
                node_width=tuple(data["node_width"]),
                stem_stride=data["stem_stride"],
                in_channels=data["in_channels"],
                out_channels=data["out_channels"],
                spatial_dims=data["spatial_dims"],
                topology=data["topology"],
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise GenotypeError(f"The genotype is not laid out as one: {type(error).__name__} at {error}.") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON form, whole or not at all; the folder is made.

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
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise GenotypeError(f"{path} cannot be read as a genotype ({error}): give a genotype.json.") from error
        try:
            return cls.from_dict(data)
        except GenotypeError as error:
            raise GenotypeError(f"{path}: {error}") from error


def _check_edges(group: str, edges: tuple[Edge, ...]) -> None:
    for edge in edges:
        if edge.operation not in OPERATIONS or edge.operation == "zero":
            raise GenotypeError(
                f"Edge {edge.predecessor}->{edge.node} of '{group}' names the operation {edge.operation!r}: "
                f"use one of {', '.join(name for name in OPERATIONS if name != 'zero')}."
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
