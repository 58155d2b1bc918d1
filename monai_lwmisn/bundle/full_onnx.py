"""Writes ``model_full.onnx``: a network with all that is around it in one ONNX file, which needs none of our code.

Raw intensities of any size go in, and classes on the same grid come out. What is not in the graph is in its metadata,
see :class:`monai_lwmisn.light.facts.Facts`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_lwmisn import __version__
from monai_lwmisn.bundle.quantisation import LEAST_SAME, calibration_batches, quantise, same_pixels
from monai_lwmisn.bundle.write import as_bundle
from monai_lwmisn.errors import ConfigError, counted
from monai_lwmisn.files import check_writable, write_named
from monai_lwmisn.inference.facts import bundle_facts
from monai_lwmisn.light.bundle_files import fingerprint
from monai_lwmisn.light.facts import KEY, SOURCE, Facts
from monai_lwmisn.light.inputs import find_inputs
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.export import onnx_program
from monai_lwmisn.networks.weights import load_weights

__all__ = ["bundle_onnx", "full_onnx", "write_full_onnx"]


def write_full_onnx(source: Path, path: Path, weights: Path | None = None, calibration: Path | None = None) -> Facts:
    """Write a run or bundle as one ONNX file. A file that is there is replaced when the new one is whole.

    Args:
        source: a trained run, or the folder of a bundle.
        path: the file.
        weights: a file of weights in place of the bundle's ``models/model.pt``.
        calibration: an image, or a folder of images, to calibrate a network in 8 bits on; None for one in float32.

    Returns:
        What the file says of itself.

    Raises:
        ConfigError: ``source`` is no trained run or bundle, it has a transform that has no translation, or ``path``
            cannot be written; or the network loses too much in 8 bits.
        DataError: an image of ``calibration`` cannot be used.
        GenotypeError, CheckpointError: a file of ``source`` cannot be used.
    """
    if path.suffix != ".onnx":
        raise ConfigError(f"{path} is no name of an ONNX file: give one that ends with .onnx.")
    check_writable(path, lambda content: b"monai_lwmisn" in content)
    with as_bundle(source, path.stem) as bundle:
        content, facts = bundle_onnx(bundle, weights, calibration)
    write_named(content, path)
    return facts


def bundle_onnx(bundle: Path, weights: Path | None = None, calibration: Path | None = None) -> tuple[bytes, Facts]:
    """Return the content of the file of a bundle's folder, and what the file says of itself.

    Args:
        bundle: the folder.
        weights: see :func:`write_full_onnx`.
        calibration: see :func:`write_full_onnx`.

    Raises:
        ConfigError, DataError, GenotypeError, CheckpointError: see :func:`write_full_onnx`.
    """
    facts = bundle_facts(bundle)  # refuses before the work
    genotype = Genotype.load(bundle / "genotype.json")
    network = LWMISN(genotype)
    weights = weights or bundle / "models" / "model.pt"
    load_weights(network, weights)
    made_of = fingerprint(bundle, weights)
    model = onnx_program(network, genotype.architecture.input_channels).model
    if calibration is not None:
        model, facts = _in_8_bits(model, facts, bundle, calibration)
    return full_onnx(model, facts, made_of), facts


def _in_8_bits(model: Any, facts: Facts, bundle: Path, calibration: Path) -> tuple[Any, Facts]:
    """The network that computes in 8 bits, and the facts that say so."""
    images = [item["image"] for item in find_inputs(calibration, facts.volumetric, facts.in_channels)]
    batches = calibration_batches(bundle, images)
    quantised = quantise(model, batches)
    share = same_pixels(model, quantised, batches)
    if share < LEAST_SAME:
        raise ConfigError(
            f"In 8 bits, {100 * (1 - share):.1f} % of the pixels of {calibration} get another class: give images like "
            "those that the network was trained on, or leave --int8 out."
        )
    return quantised, replace(facts, quantised={"images": len(batches), "same_pixels": round(share, 5)})


def full_onnx(model: Any, facts: Facts, source: str = "") -> bytes:
    """Return the content of the file.

    Args:
        model: the network, as :func:`monai_lwmisn.networks.export.onnx_program` has it. It is changed.
        facts: what is around it.
        source: the fingerprint of the bundle that it is of, see :mod:`monai_lwmisn.light.bundle_files`.
    """
    import onnx
    import onnx_ir

    from monai_lwmisn.bundle.onnx_graph import surround

    surround(model.graph, facts)
    model.producer_name, model.producer_version = "monai_lwmisn", __version__
    model.doc_string = f"{facts.name}. For research, not for diagnosis."
    model.metadata_props.update(_properties(facts, source))
    written = onnx_ir.to_proto(model)
    onnx.checker.check_model(written, full_check=True)
    return written.SerializeToString()


def _properties(facts: Facts, source: str) -> dict[str, str]:
    """The metadata of the file: the facts for programs, and those that people look for under names of their own."""
    plane = "slice, channel, x, y" if facts.volumetric else "height, width, channel"
    texts: dict[str, Any] = {
        KEY: facts.to_text(),
        SOURCE: source,
        "name": facts.name,
        "labels": ", ".join(f"{value}: {name}" for value, name in {"0": "background", **facts.label_names}.items()),
        "layout": f"({plane})",
        "licence": facts.licence,
    }
    if facts.volumetric:
        texts["orientation"] = facts.orientation
    if facts.quantised is not None:
        texts["precision"] = f"int8, calibrated on {counted(int(facts.quantised['images']), 'image')}"
    return {name: str(text) for name, text in texts.items() if text}
