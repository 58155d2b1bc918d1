"""Verifies a bundle: MONAI's own checks, the rules of its Model Zoo, and that all runtimes agree."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.bundle import ConfigParser, ckpt_export, create_workflow, verify_metadata, verify_net_in_out
from monai.bundle.properties import TrainProperties
from monai.utils import BundleProperty, BundlePropertyConfig
from scipy.ndimage import gaussian_filter
from torch import nn

from monai_lwmisn import __version__
from monai_lwmisn.bundle.full_onnx import write_full_onnx
from monai_lwmisn.bundle.metadata import PACKAGE
from monai_lwmisn.bundle.standalone import closed_part
from monai_lwmisn.bundle.write import is_bundle
from monai_lwmisn.config import RUN_STAGES, read_config
from monai_lwmisn.errors import ConfigError, counted, explain
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.bundle_contents import check_contents
from monai_lwmisn.inference.bundle_files import read_bundle
from monai_lwmisn.inference.facts import bundle_facts
from monai_lwmisn.inference.predict import load_bundle
from monai_lwmisn.inference.runtimes import RUNTIMES
from monai_lwmisn.light.bundle_files import open_bundle
from monai_lwmisn.light.engines import ENGINES
from monai_lwmisn.light.facts import Facts
from monai_lwmisn.light.libraries import is_installed
from monai_lwmisn.light.onnx_properties import read_properties
from monai_lwmisn.light.predictor import load
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import export_onnx, export_torchscript
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
    *(f"configs/{name}.json" for name in ("metadata", "inference", "train", "evaluate", "search")),
    "configs/logging.conf",
)
CODE = (".py", ".pyw", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".pth", ".zip", ".egg")
"""Endings of what Python runs."""

LARGEST_FILE = 25_000_000
"""Bytes; the limit of the MONAI Model Zoo."""

SIZES = ((1, 64, 96), (2, 61, 93))
"""Batch, height and width of the images that the runtimes are compared on."""

TOLERANCE = 1e-4
"""The largest difference of logits between runtimes, as a share of the largest logit, or of 1 if that is greater."""


SAME_PIXELS, SAME_QUALITY = 0.9999, 0.01
"""The least share of pixels with the class of torch, but for ties; and the largest difference of the quality."""


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes:
        check: its name.
        passed: whether the bundle passed.
        detail: what was seen, or what is wrong.
    """

    check: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'}  {self.check}: {self.detail}"


def verify(bundle: Path) -> Iterator[Finding]:
    """Run all checks of a bundle, one by one.

    Args:
        bundle: its folder, or a zip of it; with or without what makes it standalone.

    Raises:
        ConfigError: it is no bundle, or its configurations would run more than a bundle does.
        DataError: the zip is damaged.
    """
    with ExitStack() as stack:
        root = open_bundle(bundle, stack)
        if not is_bundle(root):
            raise ConfigError(
                f"{bundle} is no bundle, it has no configs/metadata.json: give one that `lwmisn bundle` wrote."
            )
        for stage in RUN_STAGES:
            if (root / "configs" / f"{stage}.json").is_file():
                read_config(root, stage)  # refuses the form of an earlier release, and code
        read_bundle(root, bundle)
        check_contents(read_json(root / "configs" / "metadata.json"), root / "configs" / "metadata.json", (), ())
        for name, check in CHECKS.items():
            with _quiet(root):
                try:
                    finding = Finding(name, True, check(root))
                except Exception as error:  # a bundle, or any library, raises what it likes
                    finding = Finding(name, False, explain(error, f"the {name}"))
            yield finding
            if name == "code" and not finding.passed:
                return  # the next checks would run it


def raise_for_failures(bundle: Path, findings: Sequence[Finding]) -> None:
    """Raise ConfigError where a check failed."""
    failed = [finding.check for finding in findings if not finding.passed]
    if failed:
        raise ConfigError(f"{bundle} failed {len(failed)} of {len(findings)} checks ({', '.join(failed)}): see above.")


def check_files(bundle: Path) -> str:
    """Check that every file that a bundle needs is there, and none is too large."""
    missing = [name for name in FILES if not (bundle / name).is_file()]
    if missing:
        raise ConfigError(f"{', '.join(missing)} missing")
    for path in bundle.rglob("*"):
        if path.is_file() and path.stat().st_size > LARGEST_FILE:
            raise ConfigError(f"{path.relative_to(bundle)} is over {LARGEST_FILE / 1e6:.0f} MB")
    return f"{len(FILES)} required files, none over {LARGEST_FILE / 1e6:.0f} MB"


def check_code(bundle: Path) -> str:
    """Check that a bundle holds no code, or the part of this package that segments as it is."""
    found = {path.relative_to(bundle).as_posix(): path for path in bundle.rglob("*") if path.suffix in CODE}
    if not found:
        return "none, so that it needs the package"
    own = closed_part()
    if set(found) - set(own):
        raise ConfigError(f"{sorted(set(found) - set(own))[0]} is not of this package")
    carried = read_json(bundle / "configs" / "metadata.json")["required_packages_version"][PACKAGE]
    if carried != __version__:
        return f"that of release {carried}, which cannot be compared with release {__version__}"
    for name, path in own.items():
        if name not in found or found[name].read_bytes() != path.read_bytes():
            raise ConfigError(f"{name} is missing or not that of release {carried}")
    return f"the part of release {carried} that segments, {len(found)} files"


def check_metadata(bundle: Path) -> str:
    """Check the metadata against MONAI's schema, and that the changelog has the version."""
    file = bundle / "configs" / "metadata.json"
    # MONAI reads the schema from a path that it may write to.
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder) / "schema.json"
        schema.write_bytes(SCHEMA_FILE.read_bytes())
        verify_metadata(meta_file=str(file), filepath=str(schema), hash_val=SCHEMA_HASH)
    content = read_json(file)
    if content["version"] not in content["changelog"]:
        raise ConfigError(f"the changelog has no version {content['version']}")
    return f"version {content['version']}, schema {SCHEMA_FILE.stem.rpartition('_')[2]}"


def check_weights(bundle: Path) -> str:
    """Check that the weights are tensors alone and those of the genotype."""
    _network(bundle)
    return "tensors alone, those of the genotype"


def check_network(bundle: Path) -> str:
    """Check that the network takes and gives what the metadata say."""
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(bundle / "configs" / "metadata.json"),
        config_file=str(bundle / "configs" / "inference.json"),
        device="cpu",
        bundle_root=str(bundle),
    )
    return "takes and gives what the metadata say"


def check_export(bundle: Path) -> str:
    """Check that MONAI exports the network as TorchScript."""
    with tempfile.TemporaryDirectory() as folder:
        ckpt_export(
            net_id="network_def",
            filepath=f"{folder}/model.ts",
            ckpt_file=str(bundle / "models" / "model.pt"),
            meta_file=str(bundle / "configs" / "metadata.json"),
            config_file=str(bundle / "configs" / "inference.json"),
            bundle_root=str(bundle),
        )
    return "MONAI's ckpt_export works"


def check_properties(bundle: Path) -> str:
    """Check that the workflows have what MONAI expects of them."""
    with tempfile.TemporaryDirectory() as folder:
        # There must be something to segment, but it is not read.
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


def check_configurations(bundle: Path) -> str:
    """Check that every configuration can be read."""
    for file in sorted((bundle / "configs").glob("*.json")):
        ConfigParser.load_config_file(str(file))
    return "all can be read"


def check_runtimes(bundle: Path) -> str:
    """Check that TorchScript, ONNX Runtime and OpenVINO give the logits of torch.

    The bundle's own exports are checked. Where it has none, they are made in a temporary folder.
    """
    network = _network(bundle)
    in_channels = Genotype.load(bundle / "genotype.json").architecture.input_channels
    with tempfile.TemporaryDirectory() as folder:
        models = bundle / "models"
        if not (models / "model.ts").is_file() or not (models / "model.onnx").is_file():
            models = Path(folder)
            export_torchscript(network, models / "model.ts")
            export_onnx(network, in_channels, models / "model.onnx")
        others: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
            "TorchScript": torch.jit.load(str(models / "model.ts")).eval()
        }
        for name, runtime in RUNTIMES.items():
            if is_installed(name):
                others[name] = runtime(models / "model.onnx", "cpu")
        largest = _largest_difference(network, others, in_channels)
    return f"{', '.join(others)} within {largest:.1g} of torch"


def check_full_onnx(bundle: Path) -> str:
    """Check that the ONNX file that takes raw intensities gives the masks of torch, in each engine.

    The bundle's own file is checked. Where it has none, one is made in a temporary folder.
    """
    try:
        facts = bundle_facts(bundle)
    except ConfigError as error:
        return f"none: {error}"
    if not facts.volumetric and facts.in_channels > 3:
        return "not compared, since its images are several pictures"
    size = (96, 80, 6) if facts.volumetric else (208, 176)
    noise = np.random.default_rng(0).normal(size=(facts.in_channels, *size))
    noise = gaussian_filter(noise, (0, 3, 3, 1)[: noise.ndim])
    image = np.moveaxis((noise - noise.min()) / np.ptp(noise) * 255, 0, -1).astype(np.uint8)
    if facts.volumetric and facts.modality == "CT":
        image = image.astype(np.int16) * 4 - 600
    affine = np.diag([1.0, 1.0, 3.0, 1.0]) if facts.volumetric else None
    with tempfile.TemporaryDirectory() as folder, load_bundle(bundle, device="cpu") as predictor:
        expected = predictor(image, affine, quality=True)
        file = bundle / "models" / "model_full.onnx"
        if not file.is_file():
            file = Path(folder) / "model_full.onnx"
            write_full_onnx(bundle, file)
        quantised = Facts.from_properties(read_properties(file), file).quantised
        if quantised is not None:
            return (
                f"in 8 bits, with the class of float32 for {100 * quantised['same_pixels']:.2f} % of the pixels of the "
                f"{counted(int(quantised['images']), 'image')} that it was calibrated on"
            )
        engines = [name for name in ENGINES if is_installed(name)]
        for name in engines:
            with load(file, runtime=name, device="cpu") as light:
                found = light(image, affine, quality=True)
            share = float((found.labels == expected.labels).mean())
            difference = abs((found.quality or 0) - (expected.quality or 0))
            difference = difference if facts.resize is None else 0.0  # the estimates are on two grids then
            if share < SAME_PIXELS or difference > SAME_QUALITY:
                raise ConfigError(
                    f"model_full.onnx in {name} has {100 * share:.3f} % of the pixels of torch, and a quality that "
                    f"differs by {difference:.2g}: write it anew with lwmisn bundle"
                )
    return f"the masks of torch in {', '.join(engines) or 'no engine, as none is installed'}"


CHECKS: dict[str, Callable[[Path], str]] = {
    "files": check_files,
    "code": check_code,
    "configurations": check_configurations,
    "metadata": check_metadata,
    "weights": check_weights,
    "network": check_network,
    "export": check_export,
    "properties": check_properties,
    "runtimes": check_runtimes,
    "one ONNX file": check_full_onnx,
}


@contextlib.contextmanager
def _quiet(bundle: Path) -> Iterator[None]:
    """Keep what libraries print off the terminal, and look for files where MONAI's checks do, in the bundle."""
    before = os.getcwd()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        os.chdir(bundle)
        logging.disable(logging.ERROR)  # the handlers of MONAI's loggers keep the terminal
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            os.chdir(before)


def _network(bundle: Path) -> nn.Module:
    network = LWMISN(Genotype.load(bundle / "genotype.json"))
    load_weights(network, bundle / "models" / "model.pt")
    return network.eval()


def _largest_difference(
    network: nn.Module, others: dict[str, Callable[[torch.Tensor], torch.Tensor]], in_channels: int
) -> float:
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for batch, *size in SIZES:
        images = torch.rand((batch, in_channels, *size), generator=generator)
        with torch.inference_mode():
            expected = network(images)
            for name, runtime in others.items():
                difference = float((runtime(images) - expected).abs().max() / expected.abs().max().clamp(min=1))
                largest = max(largest, difference)
                if not difference <= TOLERANCE:
                    raise ConfigError(
                        f"{name} differs from torch by {difference:.2g} of the largest logit on "
                        f"{batch}x{size[0]}x{size[1]}: use the runtime torch, or write the bundle anew."
                    )
    return largest
