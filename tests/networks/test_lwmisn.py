"""The derived network: its weights by name, its exported forms, its size."""

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch.export import Dim

from monai_lwmisn.networks import LWMISN, SEARCH_SPACES, Architecture, Edge, Genotype
from monai_lwmisn.profiling import parameter_count

OPERATIONS = [name for name in SEARCH_SPACES["lwmisn"] if name != "zero"]
# Every operation at least once.
EDGES = [
    Edge(node, predecessor, OPERATIONS[(2 * node + index) % len(OPERATIONS)])
    for node in range(4)
    for index, predecessor in enumerate((0, node + 1))
]


def genotype(edges: Sequence[Edge] = EDGES, topology: str = "u", width: int = 4, middle: int = 1) -> Genotype:
    architecture = Architecture(
        cells={"encoder": 2, "middle": middle, "decoder": 2},
        node_width=(width, width, width),
        in_channels=3,
        out_channels=1,
        topology=topology,
    )
    return Genotype(architecture, {"all": tuple(edges)})


def test_the_order_of_rows_does_not_change_the_network() -> None:
    first = LWMISN(genotype()).eval()
    second = LWMISN(genotype(EDGES[::-1])).eval()
    second.load_state_dict(first.state_dict())
    x = torch.rand(1, 3, 21, 18)
    assert torch.equal(first(x), second(x))


@pytest.mark.parametrize("topology", ["u", "contrast"])
def test_a_scripted_network_equals_the_eager_one(topology: str) -> None:
    described = genotype(topology=topology)
    if topology == "u":
        described = replace(described, architecture=replace(described.architecture, skip=("add", "concatenate")))
    network = LWMISN(described).eval()
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(network), buffer)
    buffer.seek(0)
    scripted = torch.jit.load(buffer)
    for size in ((16, 16), (21, 34)):
        x = torch.rand(2, 3, *size)
        torch.testing.assert_close(scripted(x), network(x))


def test_onnx_runtime_agrees_at_every_size() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    cells = {"encoder": 1, "middle": 0, "decoder": 1}
    architecture = replace(genotype().architecture, cells=cells, node_width=(4, 4))
    network = LWMISN(replace(genotype(), architecture=architecture)).eval()
    sizes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    buffer = io.BytesIO()
    program = torch.onnx.export(
        network, (torch.rand(2, 3, 36, 44),), dynamic_shapes=(sizes,), dynamo=True, verbose=False
    )
    program.save(buffer)
    session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    for shape in ((1, 3, 32, 32), (3, 3, 37, 50)):
        x = torch.rand(shape)
        (logits,) = session.run(None, {entry.name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(logits), network(x).detach(), rtol=1e-4, atol=1e-4)


def test_drop_path_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network, x = LWMISN(genotype(), norm=("instance", {"affine": True}), drop_path=0.5), torch.rand(2, 3, 16, 16)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_seven_cells_of_width_48_are_of_the_published_order() -> None:
    """The paper's networks have 0.4 to 0.7 M parameters; its widths are not published."""
    assert 0.25e6 < parameter_count(LWMISN(genotype(width=48, middle=3))) < 0.7e6
