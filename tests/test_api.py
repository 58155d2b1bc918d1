"""The names that the package gives: typed, documented, and imported when they are used."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import monai_lwmisn
from tests.cli.commands import SMALL


@pytest.mark.parametrize("name", monai_lwmisn.__all__)
def test_every_name_is_documented_and_every_function_is_typed(name: str) -> None:
    thing = getattr(monai_lwmisn, name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())


def test_the_package_is_imported_without_torch_and_monai() -> None:
    code = "import sys, monai_lwmisn; assert not {'torch', 'monai', 'ignite'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = monai_lwmisn.serach


def test_a_notebook_does_what_the_commands_do(nuclei_phantom: Path, tmp_path: Path) -> None:
    from monai_lwmisn import LWMISN, Genotype, evaluate, search, train
    from monai_lwmisn.config import parse_overrides

    settings = parse_overrides(text.removeprefix("--set=") for text in SMALL)
    genotype = search(tmp_path / "run", preset="nuclei", data=nuclei_phantom, settings=settings)
    assert isinstance(genotype, Genotype) and genotype == Genotype.load(tmp_path / "run" / "genotype.json")
    weights = train(tmp_path / "run")
    metrics = evaluate(tmp_path / "run", settings={"evaluate.costs": False})
    assert weights.is_file() and np.isfinite(metrics["mean"]["dsc"])
    assert sum(tensor.numel() for tensor in LWMISN(genotype).parameters()) > 0
