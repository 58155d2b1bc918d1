"""Writes bundles whose networks are small and not trained, for the environment that has no torch.

python make_bundles.py FOLDER
"""

import sys
from pathlib import Path

from tests.inference.bundles import PLAIN, write_bundle

if __name__ == "__main__":
    for name in ("prostate_mr", "hippocampus_mr", "nuclei"):
        write_bundle(Path(sys.argv[1]) / name, name, {"inference.test_time_flips": []} if name == "nuclei" else PLAIN)
