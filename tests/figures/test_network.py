"""Drawings of networks are complete and repeatable, and no box hides another."""

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.figures.cell_layout import BOX_HEIGHT, BOX_WIDTH, lay_out
from monai_lwmisn.figures.cells import OPERATION_COLOURS
from monai_lwmisn.figures.network import draw_network
from monai_lwmisn.networks import OPERATIONS, Architecture, Edge, Genotype

CELL = (
    Edge(0, 0, "ghost_conv_3x3"),
    Edge(0, 1, "identity"),
    Edge(1, 1, "max_pool_3x3"),
    Edge(1, 2, "separable_conv_3x3"),
    Edge(2, 0, "dilated_conv_3x3"),
    Edge(2, 3, "shuffle_group_conv_3x3"),
    Edge(3, 3, "selective_kernel_conv_3x3"),
    Edge(3, 4, "ghost_conv_3x3"),
)


def genotype(*groups: str) -> Genotype:
    cells = {"encoder": 2, "middle": 3, "decoder": 2}
    architecture = Architecture(cells=cells, node_width=(8, 8, 8), in_channels=3, out_channels=1)
    return Genotype(architecture, dict.fromkeys(groups, CELL))


def texts(path: Path) -> list[str]:
    return [
        "".join(element.itertext()).strip()
        for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_an_svg_names_every_node_and_operation(tmp_path: Path) -> None:
    draw_network(genotype("all"), tmp_path / "cell.svg")
    written = texts(tmp_path / "cell.svg")
    assert [f"node {node}" in written for node in range(4)] == [True] * 4
    for edge in CELL:
        assert written.count(edge.operation.replace("_", " ")) == sum(e.operation == edge.operation for e in CELL)
    assert "output" in written and "the cell (7 in the network)" in written


def test_each_group_is_drawn_and_a_drawing_repeats_to_the_byte(tmp_path: Path) -> None:
    three = genotype("encoder", "middle", "decoder")
    draw_network(three, tmp_path / "first.svg")
    draw_network(three, tmp_path / "second.svg")
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
    written = texts(tmp_path / "first.svg")
    assert "middle cell (3 in the network)" in written
    assert written.count("node 0") == 3


def test_a_png_is_a_picture_with_the_colours_of_the_operations(tmp_path: Path) -> None:
    draw_network(genotype("all"), tmp_path / "made" / "cell.png")
    with Image.open(tmp_path / "made" / "cell.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(picture.width * picture.height)}
    for edge in CELL:
        colour = OPERATION_COLOURS[edge.operation]
        assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) in colours


def test_the_shape_names_its_blocks_widths_and_skips(tmp_path: Path) -> None:
    architecture = Architecture(
        cells={"encoder": 2, "middle": 1, "decoder": 2},
        node_width=(16, 24, 32),
        decoder_width=(8, 12),
        stem_stride=4,
        blocks={"encoder": ((), ("conv", "conv")), "middle": (("conv",),), "decoder": (("conv",), ("conv",))},
        skip=("add", "none"),
        in_channels=3,
        out_channels=1,
    )
    draw_network(Genotype(architecture, {}), tmp_path / "network.svg")
    written = texts(tmp_path / "network.svg")
    named = {"nothing", "2 x conv 3x3, 24", "conv 3x3, 32", "conv 3x3, 8", "conv 3x3, 12", "stem, 1/4 of the size"}
    assert named <= set(written) and "path of details" in written
    assert written.count("add") == 1 and "none" not in written and written.count("max pool") == 2


def test_the_contrast_network_is_a_chain_of_its_cells(tmp_path: Path) -> None:
    architecture = Architecture(
        cells={"encoder": 2, "middle": 3, "decoder": 2},
        node_width=(8, 8, 8),
        topology="contrast",
        in_channels=3,
        out_channels=1,
    )
    draw_network(Genotype(architecture, {"all": CELL}), tmp_path / "network.svg")
    written = texts(tmp_path / "network.svg")
    sizes = [text for text in written if text.startswith("cell, 1/")]
    assert [text[len("cell, 1/")] for text in sizes] == ["1", "1", "2", "2", "4", "4", "4"]


def test_every_operation_has_a_colour() -> None:
    assert set(OPERATION_COLOURS) == set(OPERATIONS) - {"zero"}


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cell\.docx.*\.svg"):
        draw_network(genotype("all"), tmp_path / "cell.docx")
    assert not list(tmp_path.iterdir())


sources = st.tuples(*[st.sets(st.integers(0, node + 1), min_size=2, max_size=2) for node in range(4)])


@given(sources)
@settings(max_examples=8, deadline=None)
def test_no_box_lies_on_another_and_arrows_lead_to_the_right(chosen: tuple[set[int], ...]) -> None:
    edges = tuple(Edge(node, source, "identity") for node in range(4) for source in sorted(chosen[node]))
    layout = lay_out(edges)
    for (x, y), (other_x, other_y) in combinations(layout.nodes, 2):
        assert abs(x - other_x) >= BOX_WIDTH or abs(y - other_y) >= BOX_HEIGHT
    arrows = layout.arrows() + layout.concatenation()
    assert all(start[0] < end[0] for start, end in arrows)
    # Two arrows never end at one label.
    assert len({end for _, end in layout.arrows()}) == len(edges)
