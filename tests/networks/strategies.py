"""Random cells and genotypes for property tests, here and in the tests of the search."""

from __future__ import annotations

from hypothesis import strategies as st

from monai_lwmisn.networks import OPERATIONS, Architecture, Edge, Genotype

STAGES = ("encoder", "middle", "decoder")


@st.composite
def cell_edges(draw: st.DrawFn, operations: tuple[str, ...] = tuple(OPERATIONS)) -> tuple[Edge, ...]:
    """Two edges from different predecessors for each of four nodes, in any order."""
    names = st.sampled_from([name for name in operations if name != "zero"])
    edges = [
        Edge(node, predecessor, draw(names))
        for node in range(4)
        for predecessor in draw(st.lists(st.integers(0, node + 1), min_size=2, max_size=2, unique=True))
    ]
    return tuple(draw(st.permutations(edges)))


def edges_by_group(operations: tuple[str, ...] = tuple(OPERATIONS)) -> st.SearchStrategy[dict[str, tuple[Edge, ...]]]:
    """Edges for all cells alike or for each stage."""
    cell = cell_edges(operations)
    return st.fixed_dictionaries({"all": cell}) | st.fixed_dictionaries(dict.fromkeys(STAGES, cell))


def widths(levels: int) -> st.SearchStrategy[tuple[int, ...]]:
    """A small number of channels for each level."""
    return st.lists(st.integers(1, 5), min_size=levels, max_size=levels).map(tuple)


def skips(levels: int) -> st.SearchStrategy[str | tuple[str, ...]]:
    """A skip for all levels, or one for each."""
    one = st.sampled_from(("concatenate", "add", "none"))
    return one | st.lists(one, min_size=levels, max_size=levels).map(tuple)


@st.composite
def blocks(draw: st.DrawFn, cells: dict[str, int]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """One or two blocks of any kind in each place, and perhaps none in the first."""
    place = st.lists(st.sampled_from(("cell", "conv")), min_size=1, max_size=2).map(tuple)
    drawn = {stage: tuple(draw(place) for _ in range(cells[stage])) for stage in STAGES}
    if draw(st.booleans()):
        drawn["encoder"] = ((), *drawn["encoder"][1:])
    return drawn


@st.composite
def genotypes(draw: st.DrawFn) -> Genotype:
    """Any small genotype."""
    levels = draw(st.integers(1, 3))
    cells = {"encoder": levels, "middle": draw(st.integers(0, 2)), "decoder": levels}
    contrast = draw(st.booleans())
    architecture = Architecture(
        cells=cells,
        node_width=draw(widths(levels + 1)),
        stem_stride=draw(st.sampled_from((1, 2, 4))),
        in_channels=draw(st.integers(1, 4)),
        out_channels=draw(st.integers(1, 4)),
        topology="contrast" if contrast else "u",
        details=contrast or draw(st.booleans()),
        blocks=None if contrast else draw(st.none() | blocks(cells)),
        decoder_width=None if contrast else draw(st.none() | widths(levels)),
        skip="concatenate" if contrast else draw(skips(levels)),
        slices=draw(st.sampled_from((1, 3, 5))),
    )
    return Genotype(architecture, draw(edges_by_group()) if architecture.has_cells else {})
