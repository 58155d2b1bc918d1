"""Auto-DeepLab has the published parameters in each of its sizes, and exports with dynamic sizes."""

from pathlib import Path

import pytest
import torch

from monai_lwmisn.networks.export import export_onnx
from monai_lwmisn.profiling import parameter_count
from monai_lwmisn.studies.baselines import auto_deeplab, build_baseline


@pytest.mark.parametrize(("filters", "millions"), [(20, 10.15), (32, 21.62), (48, 44.42)])
def test_parameters_are_those_of_table_2_of_the_publication(
    filters: int, millions: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_deeplab, "FILTERS", filters)
    with torch.device("meta"):
        network = build_baseline("auto_deeplab", 3, 19)
    assert parameter_count(network) == pytest.approx(millions * 1e6, rel=0.002)


def test_features_follow_the_published_path() -> None:
    with torch.device("meta"):
        network, sizes = build_baseline("auto_deeplab", 3, 2), []
        for module in network.modules():
            if isinstance(module, auto_deeplab.Cell):
                module.register_forward_hook(lambda module, inputs, output: sizes.append(tuple(output.shape[1:])))
        network(torch.rand(1, 3, 256, 256))
    assert sizes == [(100 * 2**level, 64 // 2**level, 64 // 2**level) for level in auto_deeplab.PATH]


def test_halving_a_feature_is_the_mean_of_pairs() -> None:
    x = torch.rand(1, 2, 8, 12)
    torch.testing.assert_close(auto_deeplab.resize(x, (4, 6)), torch.nn.functional.avg_pool2d(x, 2))


def test_onnx_runtime_agrees_at_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    # The exporter takes seconds per cell. One cell down, one up and one on the same level are enough.
    monkeypatch.setattr(auto_deeplab, "PATH", (0, 1, 0))
    torch.manual_seed(0)
    network, file = build_baseline("auto_deeplab", 3, 2).eval(), tmp_path / "network.onnx"
    export_onnx(network, 3, file)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    image = torch.rand(1, 3, 61, 75)
    (result,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(result), network(image), rtol=1e-4, atol=1e-4)
