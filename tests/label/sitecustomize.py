"""Declares two operators that torchvision built for CUDA wants and a torch for processors lacks, before it is imported.

For machines where the one torch is installed and the other torchvision, as in tests; only `make test-label` sees this.
"""

import torch

for name, schema in (
    ("nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    ("qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
):
    torch.library.define(f"torchvision::{name}", schema)
