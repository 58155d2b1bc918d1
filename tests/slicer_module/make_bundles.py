"""Writes bundles whose networks are small and not trained, with their ONNX files, for the environment without torch.

python make_bundles.py FOLDER
"""

import sys
from pathlib import Path

from monai_lwmisn.light.predictor import FILE
from tests.inference.bundles import PLAIN, write_bundle, write_onnx

if __name__ == "__main__":
    for name in ("prostate_mr", "hippocampus_mr", "nuclei"):
        settings = {"inference.test_time_flips": []} if name == "nuclei" else PLAIN
        bundle = write_bundle(Path(sys.argv[1]) / name, name, settings)
        write_onnx(bundle, bundle / FILE)
