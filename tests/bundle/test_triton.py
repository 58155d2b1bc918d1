"""The model of Triton: its configuration is that of the ONNX file beside it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from monai_lwmisn.bundle.triton import write_triton
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.light.predictor import load

BUNDLES = Path(__file__).parents[2] / "bundles"

FIELDS = {
    "ModelTensor": {
        "name": "TYPE_STRING",
        "data_type": "TYPE_ENUM",
        "dims": "TYPE_INT64",
        "optional": "TYPE_BOOL",
        "label_filename": "TYPE_STRING",
    },
    "ModelConfig": {
        "name": "TYPE_STRING",
        "backend": "TYPE_STRING",
        "max_batch_size": "TYPE_INT32",
        "input": "TYPE_MESSAGE",
        "output": "TYPE_MESSAGE",
    },
}
"""The fields of Triton's model_config.proto that are used, with their types."""

DATA_TYPES = {"tensor(float)": 1, "tensor(uint8)": 2, "tensor(int64)": 3}
"""The types of ONNX Runtime, by the numbers that TYPE_FP32 and so on have below."""


def parsed(text: str) -> Any:
    """A config.pbtxt, read by protobuf: unknown names and values of other types are errors."""
    file = descriptor_pb2.FileDescriptorProto(name="model_config.proto", package="inference", syntax="proto3")
    values = file.enum_type.add(name="DataType")
    for number, name in enumerate(["TYPE_INVALID", "TYPE_FP32", "TYPE_UINT8", "TYPE_INT64"]):
        values.value.add(name=name, number=number)
    for message, fields in FIELDS.items():
        described = file.message_type.add(name=message)
        for number, (name, kind) in enumerate(fields.items(), start=1):
            field = described.field.add(name=name, number=number, type=kind)
            field.label = "LABEL_REPEATED" if name in ("dims", "input", "output") else "LABEL_OPTIONAL"
            types = {"TYPE_ENUM": ".inference.DataType", "TYPE_MESSAGE": ".inference.ModelTensor"}
            if kind in types:
                field.type_name = types[kind]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelConfig"))
    return text_format.Parse(text, made())


@pytest.mark.parametrize(
    ("shipped", "names", "optional"),
    [
        ("nuclei_microscopy_lwmisn_fast", ["background", "nucleus"], ["statistics"]),
        ("hippocampus_mr_lwmisn", ["background", "anterior hippocampus", "posterior hippocampus"], []),
        ("liver_ct_lwmisn", ["background", "liver"], []),
    ],
)
def test_the_configuration_is_that_of_the_onnx_file(
    shipped: str, names: list[str], optional: list[str], tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    bundle = Path(shutil.copytree(BUNDLES / shipped, tmp_path / "a bundle"))
    model = write_triton(bundle, tmp_path / "models")
    assert model == tmp_path / "models" / "a_bundle"
    assert sorted(file.relative_to(model).as_posix() for file in model.rglob("*") if file.is_file()) == [
        "1/model.onnx",
        "config.pbtxt",
        "labels.txt",
    ]
    config = parsed((model / "config.pbtxt").read_text())
    assert (config.name, config.backend, config.max_batch_size) == ("a_bundle", "onnxruntime", 0)
    assert (model / "labels.txt").read_text().splitlines() == names
    # What Triton's backend compares: https://github.com/triton-inference-server/onnxruntime_backend, ValidateInputs.
    session = runtime.InferenceSession(model / "1" / "model.onnx")
    required, left_out = session.get_inputs(), session.get_overridable_initializers()
    assert [one.name for one in config.input if one.optional] == [one.name for one in left_out] == optional
    assert len(config.input) == len(required) + len(left_out)
    for found, expected in ((config.input, [*required, *left_out]), (config.output, session.get_outputs())):
        by_name = {one.name: one for one in found}
        assert set(by_name) == {one.name for one in expected}
        for one in expected:
            tensor = by_name[one.name]
            assert tensor.data_type == DATA_TYPES[one.type]
            assert list(tensor.dims) == [size if isinstance(size, int) else -1 for size in one.shape]
    assert [one.name for one in config.output if one.label_filename == "labels.txt"] == ["labels"]


def test_it_replaces_its_own_model_and_no_other(prostate_bundle: Path, tmp_path: Path) -> None:
    model = write_triton(prostate_bundle, tmp_path)
    (model / "config.pbtxt").write_text("changed")
    assert write_triton(prostate_bundle, tmp_path) == model
    assert (model / "config.pbtxt").read_text().startswith('name: "prostate_mr_test"')
    with load(model / "1" / "model.onnx") as predictor:
        assert predictor.volumetric
    shutil.copy(model / "config.pbtxt", model / "1" / "model.onnx")
    with pytest.raises(ConfigError, match="prostate_mr_test is no model of an earlier call"):
        write_triton(prostate_bundle, tmp_path)
