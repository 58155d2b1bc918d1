"""The single checks of a bundle. They import its code as ``scripts``, so each bundle is checked in its own process."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from monai.bundle import ConfigParser, ckpt_export, create_workflow, verify_metadata, verify_net_in_out
from monai.bundle.properties import TrainProperties
from monai.utils import BundleProperty, BundlePropertyConfig, optional_import
from torch import nn

from monai_lwmisn.bundle.verify import MARK
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import IMAGE
from monai_lwmisn.networks.weights import load_weights

SCHEMA_FILE = Path(__file__).parent / "meta_schema_20240725.json"
SCHEMA_HASH = "06954cad2cc5d3784e72077ac76f0fc8"
"""MD5 of the schema, which MONAI compares."""

FILES = (
    "LICENSE",
    "genotype.json",
    "docs/README.md",
    "docs/data_license.txt",
    "models/model.pt",
    "models/model.ts",
    "models/model.onnx",
    *(f"configs/{name}.json" for name in ("metadata", "inference", "train", "evaluate", "search")),
    "configs/logging.conf",
)
LARGEST_FILE = 25_000_000
"""Bytes; the limit of the MONAI Model Zoo."""

SIZES = ((1, 64, 96), (2, 61, 93))
"""Batch, height and width of the images that the runtimes are compared on."""

TOLERANCE = 1e-4


def files(bundle: Path) -> str:
    """Every file that a bundle must have is there, and none is too large."""
    missing = [name for name in FILES if not (bundle / name).is_file()]
    if missing:
        raise ConfigError(f"{', '.join(missing)} missing")
    for path in bundle.rglob("*"):
        if path.is_file() and path.stat().st_size > LARGEST_FILE:
            raise ConfigError(f"{path.relative_to(bundle)} is over {LARGEST_FILE / 1e6:.0f} MB")
    return f"{len(FILES)} required files, none over {LARGEST_FILE / 1e6:.0f} MB"


def metadata(bundle: Path) -> str:
    """The metadata keep MONAI's schema, and the changelog has the version."""
    file = bundle / "configs" / "metadata.json"
    # MONAI reads the schema from a path that it may write to.
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder) / "schema.json"
        schema.write_bytes(SCHEMA_FILE.read_bytes())
        verify_metadata(meta_file=str(file), filepath=str(schema), hash_val=SCHEMA_HASH)
    content = json.loads(file.read_text(encoding="utf-8"))
    if content["version"] not in content["changelog"]:
        raise ConfigError(f"the changelog has no version {content['version']}")
    return f"version {content['version']}, schema {SCHEMA_FILE.stem.rpartition('_')[2]}"


def weights(bundle: Path) -> str:
    """The weights are tensors alone and those of the genotype."""
    _network(bundle)
    return "tensors alone, those of the genotype"


def network(bundle: Path) -> str:
    """The network takes and gives what the metadata say."""
    verify_net_in_out(
        net_id="network_def",
        meta_file="configs/metadata.json",
        config_file="configs/inference.json",
        device="cpu",
        bundle_root=str(bundle),
    )
    return "takes and gives what the metadata say"


def export(bundle: Path) -> str:
    """MONAI exports the network as TorchScript."""
    with tempfile.TemporaryDirectory() as folder:
        ckpt_export(
            net_id="network_def",
            filepath=f"{folder}/model.ts",
            ckpt_file="models/model.pt",
            meta_file="configs/metadata.json",
            config_file="configs/inference.json",
            bundle_root=str(bundle),
        )
    return "MONAI's ckpt_export works"


def properties(bundle: Path) -> str:
    """The workflows have what MONAI expects of them."""
    with tempfile.TemporaryDirectory() as folder:
        # There must be something to segment, but it is not looked into.
        for name in ("volume.nii.gz", "picture.png"):
            (Path(folder) / name).touch()
        workflow = create_workflow(
            config_file=str(bundle / "configs" / "inference.json"),
            workflow_type="inference",
            meta_file=str(bundle / "configs" / "metadata.json"),
            bundle_root=str(bundle),
            dataset_dir=folder,
            logging_file=False,
        )
        missing = workflow.check_properties()
    if missing:
        raise ConfigError(f"the inference lacks {', '.join(missing)}")
    train = ConfigParser(ConfigParser.load_config_file(str(bundle / "configs" / "train.json")))
    needed = [
        str(value[BundlePropertyConfig.ID]) for value in TrainProperties.values() if value[BundleProperty.REQUIRED]
    ]
    missing = [name for name in needed if train.get(name) is None]
    if missing:
        raise ConfigError(f"the training lacks {', '.join(missing)}")
    return "inference and training have all that MONAI asks for"


def configurations(bundle: Path) -> str:
    """Every configuration can be read."""
    for file in sorted((bundle / "configs").glob("*.json")):
        ConfigParser.load_config_file(str(file))
    return "all can be read"


def runtimes(bundle: Path) -> str:
    """Torch, TorchScript, ONNX Runtime and OpenVINO give the same logits."""
    reference = _network(bundle)
    in_channels = Genotype.load(bundle / "genotype.json").architecture.in_channels
    others = {"TorchScript": torch.jit.load(str(bundle / "models" / "model.ts")).eval(), **_onnx_runtimes(bundle)}
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for batch, *size in SIZES:
        images = torch.rand((batch, in_channels, *size), generator=generator)
        with torch.inference_mode():
            expected = reference(images)
            for name, runtime in others.items():
                difference = float((runtime(images) - expected).abs().max())
                largest = max(largest, difference)
                if not difference <= TOLERANCE:
                    raise ConfigError(f"{name} differs from torch by {difference:.2g} on {batch}x{size[0]}x{size[1]}")
    return f"{', '.join(others)} within {largest:.1g} of torch"


CHECKS: dict[str, Callable[[Path], str]] = {
    "files": files,
    "configurations": configurations,
    "metadata": metadata,
    "weights": weights,
    "network": network,
    "export": export,
    "properties": properties,
    "runtimes": runtimes,
}


def _network(bundle: Path) -> nn.Module:
    made = LWMISN(Genotype.load(bundle / "genotype.json"))
    load_weights(made, bundle / "models" / "model.pt")
    return made.eval()


def _onnx_runtimes(bundle: Path) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Those of ONNX Runtime and OpenVINO that are installed."""
    file = str(bundle / "models" / "model.onnx")
    found: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    onnxruntime, has_onnxruntime = optional_import("onnxruntime")
    if has_onnxruntime:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        found["ONNX Runtime"] = lambda images: torch.from_numpy(session.run(None, {IMAGE: images.numpy()})[0])
    openvino, has_openvino = optional_import("openvino")
    if has_openvino:
        compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        found["OpenVINO"] = lambda images: torch.from_numpy(compiled(images.numpy())[0])
    return found


def main(bundle: Path) -> None:
    """Run all checks; print for each one JSON line {"check", "passed", "detail"}, marked for :mod:`.verify`."""
    os.chdir(bundle)
    sys.path.insert(0, str(bundle))
    for name, check in CHECKS.items():
        try:
            line = {"check": name, "passed": True, "detail": check(bundle)}
        except Exception as error:  # any failure of a bundle's code or of a library is that check's
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            line = {"check": name, "passed": False, "detail": reason}
        sys.__stdout__.write(f"{MARK}{json.dumps(line)}\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
