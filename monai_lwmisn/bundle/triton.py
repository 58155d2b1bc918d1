"""Writes a bundle as a model of NVIDIA's Triton Inference Server, around the ONNX file that takes raw intensities."""

from __future__ import annotations

import json
import re
from pathlib import Path

import onnx

from monai_lwmisn.bundle.full_onnx import bundle_onnx
from monai_lwmisn.bundle.write import as_bundle, whole_folder
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.files import write_atomically
from monai_lwmisn.light.facts import LABELS

MODEL = "1/model.onnx"
"""The place of the network in the folder of a model: version 1."""

LABELS_FILE = "labels.txt"

_TYPES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "TYPE_FP32",
    onnx.TensorProto.UINT8: "TYPE_UINT8",
    onnx.TensorProto.INT64: "TYPE_INT64",
}

__all__ = ["triton_config", "write_triton"]


def write_triton(source: Path, repository: Path) -> Path:
    """Write a run or bundle into a model repository, as a folder with the name of ``source``.

    The folder has ``config.pbtxt``, the ONNX file as version 1, and the names of the classes in ``labels.txt``. A model
    that is there is replaced when the new one is whole. Others in the repository are left alone.

    Args:
        source: a trained run, or the folder of a bundle.
        repository: the folder that Triton reads; it is made.

    Returns:
        The folder of the model.

    Raises:
        ConfigError: ``source`` is no trained run or bundle, it has a transform that has no translation, another model
            has its name, or the folder cannot be written.
        GenotypeError, CheckpointError: a file of ``source`` cannot be used.
    """
    name = re.sub(r"[^\w.-]", "_", source.resolve().name)
    folder = repository / name
    if folder.exists() and not ((folder / MODEL).is_file() and b"monai_lwmisn" in (folder / MODEL).read_bytes()):
        raise ConfigError(f"{folder} is no model of an earlier call and would be written over: give another folder.")
    with as_bundle(source, name) as bundle:
        content, facts = bundle_onnx(bundle)
    repository.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as made:
        write_atomically(content, made / MODEL)
        write_atomically(triton_config(name, onnx.load_from_string(content)).encode(), made / "config.pbtxt")
        names = ("background", *facts.label_names.values())
        write_atomically("".join(f"{name}\n" for name in names).encode(), made / LABELS_FILE)
    return folder


def triton_config(name: str, model: onnx.ModelProto) -> str:
    """Return the text of a ``config.pbtxt``, see Triton's model_config.proto.

    Triton adds no axis for a batch: the pictures of a batch would need one size, and the slices of a volume are one
    already. An input with a value of its own may be left out.

    Args:
        name: of the model.
        model: the ONNX file.
    """
    given = {initializer.name for initializer in model.graph.initializer}
    inputs = [_tensor(value, ["optional: true"] if value.name in given else []) for value in model.graph.input]
    labelled = [f"label_filename: {json.dumps(LABELS_FILE)}"]
    outputs = [_tensor(value, labelled if value.name == LABELS else []) for value in model.graph.output]
    return (
        f'name: {json.dumps(name)}\nbackend: "onnxruntime"\nmax_batch_size: 0\n'
        f"input [{','.join(inputs)}\n]\noutput [{','.join(outputs)}\n]\n"
    )


def _tensor(value: onnx.ValueInfoProto, others: list[str]) -> str:
    kind = value.type.tensor_type
    dims = ", ".join(str(one.dim_value if one.HasField("dim_value") else -1) for one in kind.shape.dim)
    fields = [f"name: {json.dumps(value.name)}", f"data_type: {_TYPES[kind.elem_type]}", f"dims: [ {dims} ]", *others]
    return "\n  {{\n{}\n  }}".format("\n".join(f"    {field}" for field in fields))
