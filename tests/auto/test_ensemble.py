"""The probabilities of an ensemble are the means of those of its networks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from monai_lwmisn.auto.ensemble import Ensemble, evaluate_ensemble
from monai_lwmisn.networks import LWMISN
from monai_lwmisn.run import evaluate
from tests.networks.small import small_genotype


@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_are_means(tmp_path: Path, classes: int) -> None:
    genotype, networks = small_genotype(in_channels=2, out_channels=classes), []
    for name in "ab":
        networks.append(LWMISN(genotype).eval())
        (tmp_path / name / "models").mkdir(parents=True)
        genotype.save(tmp_path / name / "genotype.json")
        torch.save(networks[-1].state_dict(), tmp_path / name / "models" / "model.pt")
    together, images = Ensemble([str(tmp_path / name) for name in "ab"]).eval(), torch.rand(2, 2, 32, 32)

    def probabilities(logits: torch.Tensor) -> torch.Tensor:
        return logits.sigmoid() if classes == 1 else logits.softmax(dim=1)

    mean = (probabilities(networks[0](images)) + probabilities(networks[1](images))) / 2
    torch.testing.assert_close(probabilities(together(images)), mean, atol=1e-5, rtol=0)


def test_an_ensemble_of_one_network_twice_scores_as_that_network(
    small_run: Path, nuclei_phantom: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    alone = evaluate(run, data=nuclei_phantom, settings={"evaluate.costs": False})
    together = evaluate_ensemble([run, run], run, nuclei_phantom, "dsb2018", tmp_path / "together")
    assert together["mean"]["dsc"] == pytest.approx(alone["mean"]["dsc"], abs=1e-6)
    assert len(together["cases"]) == 8 and (tmp_path / "together" / "overlays.png").exists()
