"""The published figures of the paper's tables 2 to 5."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One row of tables 2 to 4: MIoU and DSC in percent, millions of parameters, GMac at 256x256."""

    miou: float
    dsc: float
    params: float
    macs: float


TABLES: dict[str, dict[str, Published]] = {
    "nuclei": {
        "unet": Published(80.57, 87.77, 9.81, 20.17),
        "fcn": Published(84.03, 90.17, 18.64, 25.50),
        "attention_unet": Published(78.70, 86.54, 34.88, 66.23),
        "unet_plus_plus": Published(83.79, 90.12, 9.16, 35.00),
        "r2_unet": Published(77.50, 84.87, 39.09, 153.18),
        "nas_unet": Published(83.15, 89.18, 10.95, 17.43),
        "darts_based": Published(79.37, 86.02, 7.01, 16.69),
        "lwmisn": Published(85.75, 92.11, 0.57, 15.76),
    },
    "liver_ct": {
        "unet": Published(88.00, 91.96, 9.81, 20.17),
        "attention_unet": Published(91.60, 94.64, 34.88, 66.23),
        "unet_plus_plus": Published(90.20, 93.53, 9.16, 35.00),
        "r2_unet": Published(91.63, 95.13, 39.09, 153.18),
        "auto_deeplab": Published(92.01, 95.89, 15.43, 36.18),
        "nas_unet": Published(92.32, 96.54, 12.33, 27.15),
        "darts_based": Published(88.02, 90.97, 7.11, 18.17),
        "lwmisn": Published(93.17, 97.86, 0.56, 15.03),
    },
    "prostate_mr": {
        "unet": Published(50.06, 57.92, 9.81, 20.17),
        "attention_unet": Published(56.22, 61.41, 34.88, 66.23),
        "unet_plus_plus": Published(51.66, 58.65, 9.16, 35.00),
        "r2_unet": Published(50.59, 57.96, 39.09, 153.18),
        "auto_deeplab": Published(58.18, 68.20, 15.43, 36.18),
        "nas_unet": Published(64.82, 72.43, 12.33, 27.15),
        "darts_based": Published(50.16, 57.06, 6.69, 17.65),
        "lwmisn": Published(66.88, 72.71, 0.61, 15.98),
    },
}
"""Tables 2 to 4 by preset. Three DSCs of liver CT are impossible: a mean DSC is at most 2 MIoU / (1 + MIoU)."""

NUMBERS = {"nuclei": 2, "liver_ct": 3, "prostate_mr": 4}
"""The number of the paper's table for each preset."""

TABLE_5: dict[str, dict[str, tuple[float, float]]] = {
    "nuclei": {"lwmisn": (85.75, 92.11), "contrast": (82.16, 89.73)},
    "liver_ct": {"lwmisn": (93.17, 97.86), "contrast": (91.15, 95.31)},
    "prostate_mr": {"lwmisn": (66.88, 72.71), "contrast": (63.01, 69.78)},
}
"""Table 5: MIoU and DSC in percent of the U-shaped supernet and of the DARTS-shaped one."""
