"""Places the nodes of a cell on a page, so that its arrows are easy to follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product

import numpy as np

from monai_lwmisn.networks import Edge
from monai_lwmisn.networks.genotype import INPUTS, NODES

# All lengths are in inches: the boxes of nodes, then the boxes of the inputs and the output.
BOX_WIDTH, BOX_HEIGHT, LABEL_HEIGHT, LABEL_DISTANCE, LABELS_BELOW = 1.75, 0.82, 0.21, 0.26, 0.12
TERMINAL_WIDTH, TERMINAL_HEIGHT = 0.72, 0.42
COLUMN, ROW = 2.55, 1.05
ROWS = np.arange(-1.5, 2.0, 0.5)

Point = tuple[float, float]
Arrow = tuple[Point, Point]


@dataclass(frozen=True)
class CellLayout:
    """The edges of a cell and the centres of its boxes. The y axis points upwards."""

    edges: tuple[Edge, ...]
    inputs: tuple[Point, ...]
    nodes: tuple[Point, ...]
    output: Point

    @property
    def top(self) -> float:
        """The upper end of the highest box."""
        return max([self.inputs[0][1] + TERMINAL_HEIGHT / 2, *(y + BOX_HEIGHT / 2 for _, y in self.nodes)])

    @property
    def bottom(self) -> float:
        """The lower end of the lowest box."""
        return min([self.inputs[-1][1] - TERMINAL_HEIGHT / 2, *(y - BOX_HEIGHT / 2 for _, y in self.nodes)])

    def arrows(self) -> list[Arrow]:
        """Return the start and end of each edge's arrow. The upper label of a node belongs to the higher source."""
        arrows = []
        for edge in self.edges:
            start = self._exit(edge.predecessor)
            higher = any(
                (start[1], start[0]) < (other[1], other[0])
                for other in (self._exit(sibling.predecessor) for sibling in self.edges if sibling.node == edge.node)
            )
            x, y = self.nodes[edge.node]
            label = y - LABELS_BELOW + (-0.5 if higher else 0.5) * LABEL_DISTANCE
            arrows.append((start, (x - BOX_WIDTH / 2, label)))
        return arrows

    def concatenation(self) -> list[Arrow]:
        """Return the start and end of the arrows from the nodes to the output."""
        end = (self.output[0] - TERMINAL_WIDTH / 2, self.output[1])
        return [(self._exit(INPUTS + node), end) for node in range(NODES)]

    def _exit(self, predecessor: int) -> Point:
        if predecessor < INPUTS:
            x, y = self.inputs[predecessor]
            return x + TERMINAL_WIDTH / 2, y
        x, y = self.nodes[predecessor - INPUTS]
        return x + BOX_WIDTH / 2, y


@lru_cache(maxsize=8)
def lay_out(edges: tuple[Edge, ...]) -> CellLayout:
    """Place a cell: in columns by the distance from the inputs, and in the rows with the least clutter."""
    depth: list[int] = []
    for node in range(NODES):
        sources = [edge.predecessor - INPUTS for edge in edges if edge.node == node]
        depth.append(1 + max(depth[source] if source >= 0 else 0 for source in sources))
    columns = [depth[node] * COLUMN - 0.4 for node in range(NODES)]
    output = (max(columns) + BOX_WIDTH / 2 + 1.35, 0.0)
    inputs = ((0.0, ROW / 2), (0.0, -ROW / 2))
    candidates = (
        CellLayout(edges, inputs, tuple((x, float(row) * ROW) for x, row in zip(columns, rows, strict=True)), output)
        for rows in product(ROWS, repeat=NODES)
        if all(depth[a] != depth[b] or abs(rows[a] - rows[b]) >= 1 for a, b in combinations(range(NODES), 2))
    )
    return min(candidates, key=_clutter)


def control_points(arrow: Arrow) -> tuple[Point, Point, Point, Point]:
    """Return the Bezier curve of an arrow, which leaves and arrives horizontally."""
    start, end = arrow
    bend = max(0.35, 0.45 * (end[0] - start[0]))
    return start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end


def _clutter(layout: CellLayout) -> float:
    """Rate how hard a layout is to read: by arrows under boxes, then crossings, then long arrows."""
    arrows = np.array([control_points(arrow) for arrow in layout.arrows() + layout.concatenation()])
    t = np.linspace(0, 1, 33)
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    curves = np.einsum("kt,akd->atd", weights, arrows)
    distance = np.abs(curves[:, None, 2:-2] - np.array(layout.nodes)[None, :, None])
    under_boxes = np.all(distance < (BOX_WIDTH / 2 + 0.05, BOX_HEIGHT / 2 + 0.08), axis=-1).sum()

    x = np.linspace(0, layout.output[0], 80)
    heights = np.stack([np.interp(x, curve[:, 0], curve[:, 1], left=np.nan, right=np.nan) for curve in curves])
    first, second = np.triu_indices(len(curves), 1)
    apart = heights[first] - heights[second]
    crossings = (apart[:, :-1] * apart[:, 1:] < 0).sum()
    climb = np.abs(curves[:, -1, 1] - curves[:, 0, 1]).sum()
    return 10.0 * under_boxes + 3.0 * crossings + 0.4 * climb + 0.1 * (layout.top - layout.bottom)
