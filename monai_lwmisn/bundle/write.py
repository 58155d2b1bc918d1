"""Writes a trained run as a MONAI Bundle: a folder of data, which names the classes of this package."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monai_lwmisn.bundle.card import Owner, data_license, load_card, measured_text, model_card
from monai_lwmisn.bundle.configs import bundle_configs, changed_settings, chosen_inference
from monai_lwmisn.bundle.metadata import bundle_metadata, installed_libraries
from monai_lwmisn.config import read_config, read_configs, write_configs
from monai_lwmisn.data import read_datalist
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.errors import ConfigError, FigureWarning
from monai_lwmisn.files import read_json, sha256_of, write_json
from monai_lwmisn.locks import check_unwritten, only_maker
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import load_weights
from monai_lwmisn.settings import CONFIGS
from monai_lwmisn.training.epochs_done import read_epochs_done

OF_CODE = "The configurations, and code where there is any, are of monai_lwmisn, under the following license."


def write_bundle(run: Path, bundle: Path, owner: Owner | None = None) -> str:
    """Write a run as a bundle. A bundle that is there is replaced.

    Args:
        run: a run folder whose network has been trained, and better also evaluated.
        bundle: the folder to make. Its name is the bundle's.
        owner: what its owner says of a bundle of one's own data.

    Returns:
        The name of the data set that the model card says it was trained on. Only the user knows whether it was.

    Raises:
        ConfigError: ``run`` is no run, has not been trained or is being trained, or ``bundle`` is a folder that is no
            bundle.
        GenotypeError, CheckpointError: a file of the run cannot be used.
    """
    configs = read_configs(run)
    if is_bundle(run):
        raise ConfigError(f"{run} is a bundle: give a run folder, or --standalone to add what MONAI alone needs.")
    check_unwritten(run)
    if not (run / "models" / "model.pt").is_file():
        raise ConfigError(f"{run} has no models/model.pt: train it first, with lwmisn train {run}.")
    if bundle.exists() and not is_bundle(bundle):
        raise ConfigError(f"{bundle} exists and is no bundle: give another name, or remove it.")
    genotype = Genotype.load(run / "genotype.json")
    load_weights(LWMISN(genotype), run / "models" / "model.pt")
    evaluate, settings = configs["evaluate"], changed_settings(configs)
    configs["evaluate"] = {**evaluate, "inference": chosen_inference(run, evaluate)}
    training = read_epochs_done(run)
    if training is not None and not training.is_finished:
        remedy = f"lwmisn train {run} --resume finishes it"
        warnings.warn(f"{training.sentence()} The bundle has these weights: {remedy}.", FigureWarning, stacklevel=2)
    card = load_card(configs["evaluate"].get("preset"), configs["evaluate"], owner)
    with whole_folder(bundle) as made:
        write_configs(made, bundle_configs(configs))
        _write_documents(run, configs["evaluate"], settings, card, genotype, made)
        genotype.save(made / "genotype.json")
        (made / "models").mkdir()
        shutil.copyfile(run / "models" / "model.pt", made / "models" / "model.pt")
    return card["data_name"]


@contextmanager
def as_bundle(source: Path, name: str) -> Iterator[Path]:
    """Give the folder of a bundle: the source, or one that is made of a run and removed again.

    Args:
        source: a trained run, or the folder of a bundle.
        name: of the bundle that is made of a run.

    Raises:
        ConfigError: it is neither.
        GenotypeError, CheckpointError: a file of it cannot be used.
    """
    if is_bundle(source):
        read_config(source, "train")  # refuses the form of an earlier release
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="lwmisn-") as folder:
        write_bundle(source, Path(folder) / name)
        yield Path(folder) / name


def is_bundle(folder: Path) -> bool:
    """Return whether a folder is a MONAI Bundle."""
    return (folder / "configs" / "metadata.json").is_file()


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of ``folder`` when the work in it is done, and is removed otherwise.

    Raises:
        ConfigError: another program is making the same folder, or it cannot be written.
    """
    with only_maker(folder) as beside:
        made, replaced = beside / folder.name, beside / ".replaced"
        _tidy(folder, made, replaced)
        try:
            made.mkdir()
            yield made
            if folder.exists():
                folder.rename(replaced)
            made.rename(folder)
        finally:
            _tidy(folder, made, replaced)


def _tidy(folder: Path, made: Path, replaced: Path) -> None:
    """Put the old folder back where the new one did not come to its place, and remove what is left."""
    if replaced.exists() and not folder.exists():
        replaced.rename(folder)
    for path in (made, replaced):
        shutil.rmtree(path, ignore_errors=True)


def write_fixed_files(bundle: Path) -> None:
    """Write the files that are the same in every bundle: the license, and the format of log messages."""
    shutil.copyfile(Path(__file__).parent / "LICENSE", bundle / "LICENSE")
    shutil.copyfile(CONFIGS / "logging.conf", bundle / "configs" / "logging.conf")


def _write_documents(
    run: Path,
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
    card: Mapping[str, Any],
    genotype: Genotype,
    bundle: Path,
) -> None:
    metrics_file = run / "evaluation" / "metrics.json"
    metrics = read_json(metrics_file) if metrics_file.is_file() else None
    weights = run / "models" / "model.pt"
    # Metrics of a former release have no checksum.
    if metrics is not None and metrics.get("weights_sha256", sha256_of(weights)) != sha256_of(weights):
        raise ConfigError(f"{metrics_file} was measured with other weights than {weights}: run lwmisn evaluate {run}.")
    metadata = bundle_metadata(config, card, genotype, settings, metrics, installed_libraries())
    training = read_epochs_done(run)
    measured = measured_text(config, metadata["lwmisn"], metrics, _split(run), training, card)
    texts = {
        "docs/README.md": model_card(bundle.name, card, metadata, config, measured, training),
        "docs/data_license.txt": data_license(card),
    }
    for path, text in texts.items():
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle / path).write_text(text, encoding="utf-8")
    write_json(metadata, bundle / "configs" / "metadata.json")
    write_fixed_files(bundle)
    if "author" in card:  # of a user's own bundle
        of_code = (Path(__file__).parent / "LICENSE").read_text(encoding="utf-8")
        (bundle / "LICENSE").write_text(f"{card['weights_terms']}\n\n{OF_CODE}\n\n{of_code}", encoding="utf-8")


def _split(run: Path) -> dict[str, Any] | None:
    if not (run / "datalist.json").is_file():
        return None
    datalist = read_datalist(run / "datalist.json")
    sizes = {part: sum(len(item.get("slices", [None])) for item in datalist[part]) for part in PARTS}
    return {**datalist["split"], "items": sizes}
