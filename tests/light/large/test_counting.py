"""What is counted region by region, compared with the whole picture."""

import numpy as np
import pytest

from monai_lwmisn.light.large.counting import count_values
from monai_lwmisn.light.large.sources import Source
from monai_lwmisn.light.large.windows import windows_of
from monai_lwmisn.light.normalisation import Invert, Range, Standard, Step, normalise, statistics_of
from monai_lwmisn.light.pictures import convert_picture

STEPS: list[Step] = [
    Range(lower=1, upper=99.5, clip=True, channel_wise=True),
    Invert(),
    Standard(nonzero=True),
    Range(lower=0, upper=80),
]


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_those_of_the_whole_picture(kind: str, channels: int) -> None:
    values = np.random.default_rng(0).gamma(2, 30, (90, 70, channels))
    values = (values * {"u1": 0.5, "u2": 9, "f4": 1}[kind]).clip(0, 255 if kind == "u1" else None).astype(kind)
    source = Source("it", values, "yxc")
    counts = count_values(source, [window.core for window in windows_of(source.shape, 32, 0)])
    whole = convert_picture(values).transpose(2, 1, 0)
    expected = statistics_of(whole, STEPS)
    # Real numbers are counted in 65536 parts of their range.
    np.testing.assert_allclose(counts.statistics(STEPS, 3), expected, rtol=1e-5, atol=2e-3 if kind == "f4" else 1e-4)
    sample = counts.sample(3)
    assert sample.min() == pytest.approx(whole.min(), abs=0.01) and sample.max() == pytest.approx(whole.max(), abs=0.01)
    assert sample.mean() == pytest.approx(whole.mean(), rel=0.01)


def test_a_part_is_normalised_as_the_whole() -> None:
    values = np.random.default_rng(1).integers(0, 200, (3, 40, 30)).astype(np.float32)
    numbers = statistics_of(values, STEPS)
    whole = normalise(values, STEPS, numbers)
    np.testing.assert_array_equal(normalise(values[:, 5:20], STEPS, numbers), whole[:, 5:20])
    low, high = np.percentile(whole, (0, 80))
    assert low == pytest.approx(0, abs=1e-5) and high == pytest.approx(1, abs=1e-5)
