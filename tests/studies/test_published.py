"""The published figures are possible, except three of liver CT."""

from monai_lwmisn.studies.models import MODELS
from monai_lwmisn.studies.published import NUMBERS, TABLE_5, TABLES


def bound(miou: float) -> float:
    """Return the largest mean DSC for a mean IoU, in percent. The DSC of an image, 2 IoU / (1 + IoU), is concave."""
    return 200 * miou / (100 + miou)


def test_three_rows_of_liver_ct_are_impossible() -> None:
    impossible = {
        (preset, name): round(bound(row.miou), 2)
        for preset, table in TABLES.items()
        for name, row in table.items()
        if row.dsc > bound(row.miou) + 0.01
    }
    liver = {"lwmisn": 96.46, "nas_unet": 96.01, "auto_deeplab": 95.84}
    assert impossible == {("liver_ct", name): dsc for name, dsc in liver.items()}


def test_rows_are_of_networks_that_are_compared_and_agree_between_tables() -> None:
    assert TABLES.keys() == TABLE_5.keys() == NUMBERS.keys()
    for preset, table in TABLES.items():
        assert table.keys() <= MODELS.keys()
        assert TABLE_5[preset]["lwmisn"] == (table["lwmisn"].miou, table["lwmisn"].dsc)
