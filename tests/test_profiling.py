"""Costs against formulas and against what a network is known to hold in memory."""

import pytest
import torch
from torch import nn

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.profiling import (
    latency_ms,
    multiply_accumulates,
    network_report,
    parameter_count,
    peak_memory_mb,
)
from tests.networks.small import small_genotype


@pytest.fixture
def genotype() -> Genotype:
    return small_genotype()


def test_a_convolution_costs_what_its_formula_says() -> None:
    convolution = nn.Conv2d(4, 6, kernel_size=3, padding=1, groups=2)
    image = torch.zeros(2, 4, 10, 12)
    assert parameter_count(convolution) == 6 * (4 // 2) * 9 + 6
    assert multiply_accumulates(convolution, image) == 2 * 10 * 12 * 6 * (4 // 2) * 9


def test_normalisation_and_pooling_are_not_counted() -> None:
    network = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, stride=1, padding=1))
    assert multiply_accumulates(network, torch.zeros(1, 4, 8, 8)) == 0


def test_peak_memory_is_that_of_the_two_tensors_alive_at_once() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 1), nn.Softplus(), nn.Conv2d(8, 1, 1))
    image = torch.zeros(1, 1, 128, 128)
    expected = 2 * 8 * 128 * 128 * 4 / 1e6  # the first convolution's result and its activation, 32-bit
    assert peak_memory_mb(network, image) == pytest.approx(expected, rel=0.05)


def test_measuring_leaves_the_result_of_a_network_as_it_was(genotype: Genotype) -> None:
    network, image = LWMISN(genotype).eval(), torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        before = network(image)
        assert latency_ms(network, image, threads=1, min_run_time=0.001) > 0
        peak_memory_mb(network, image)
        torch.testing.assert_close(network(image), before)


def test_the_report_counts_the_network_of_the_genotype(genotype: Genotype) -> None:
    report = network_report(genotype, threads=1)
    assert set(report) == {"params", "macs", "latency_ms", "peak_memory_mb", "genotype"}
    assert report["params"] == sum(parameter.numel() for parameter in LWMISN(genotype).parameters())
    assert Genotype.from_dict(report["genotype"]) == genotype
    assert report["macs"] > 256 * 256 and report["latency_ms"] > 0
    # The half-resolution features alone take this much.
    assert report["peak_memory_mb"] > 128 * 128 * 4 * 4 / 1e6
