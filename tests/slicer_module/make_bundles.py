"""Writes bundles whose networks are small and not trained, for the environment that has no torch.

python make_bundles.py FOLDER
"""

import sys
from pathlib import Path

import torch

from monai_lwmisn.bundle.write import generated_files
from monai_lwmisn.config import resolve
from monai_lwmisn.networks import LWMISN
from tests.networks.small import small_genotype


def make(root: Path, preset: str) -> None:
    # As the network gives it, for tests that know what they look at.
    plain = {"test_time_flips": [], **({"cleaning": []} if preset != "nuclei" else {})}
    configs = resolve(preset, "light", plain)
    for path, text in generated_files(configs).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    in_channels, out_channels = configs["evaluate"]["in_channels"], configs["evaluate"]["out_channels"]
    genotype = small_genotype(in_channels=in_channels, out_channels=out_channels, stem_stride=1)
    torch.manual_seed(0)
    network = LWMISN(genotype)
    with torch.no_grad():
        images = torch.rand(8, in_channels, 21, 17)
        for _ in range(20):
            network(images)  # statistics of the normalisation
        network.body.head.bias -= network.eval()(images).median(dim=0).values.mean(dim=(1, 2))  # half is foreground
    (root / "models").mkdir()
    genotype.save(root / "genotype.json")
    torch.save(network.state_dict(), root / "models/model.pt")


if __name__ == "__main__":
    for name in ("prostate_mr", "hippocampus_mr", "nuclei"):
        make(Path(sys.argv[1]) / name, name)
