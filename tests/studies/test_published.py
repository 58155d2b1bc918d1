"""The published figures are possible, but for those that we say are not."""

from monai_lwmisn.studies.models import MODELS
from monai_lwmisn.studies.published import NUMBERS, TABLE_5, TABLES


def bound(miou: float) -> float:
    """The largest mean DSC with a mean IoU, both in per cent: of one image the DSC is 2 IoU / (1 + IoU), concave."""
    return 200 * miou / (100 + miou)


def test_three_rows_of_liver_ct_cannot_be() -> None:
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
