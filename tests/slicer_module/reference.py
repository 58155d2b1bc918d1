"""`lwmisn segment` again and again in one process, since starting one takes seconds.

Reads JSON lines {"bundle": ..., "image": ..., "output": ..., "options": {...}}, answers each with the masks' paths.
"""

import json
import sys

from monai_lwmisn.inference.segment import segment

if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        asked = json.loads(line)
        (outcome,) = segment(asked["bundle"], [asked["image"]], asked["output"], **asked["options"])
        print(json.dumps([str(mask) for mask in outcome.masks]), file=answers, flush=True)
