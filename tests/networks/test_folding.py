"""A folded network computes the same with fewer parts."""

import torch
from hypothesis import given, settings
from torch import nn

from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.folding import fold_batch_norm
from tests.networks.small import small_genotype
from tests.networks.strategies import genotypes


def trained(genotype: Genotype) -> LWMISN:
    """A network whose normalisations are not those of the start."""
    torch.manual_seed(0)
    network = LWMISN(genotype)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                assert values is not None
                nn.init.uniform_(values, 0.5, 2.0)
            for values in (module.bias, module.running_mean):
                assert values is not None
                nn.init.normal_(values, std=0.5)
    return network.eval()


@settings(deadline=None, max_examples=15)
@given(genotype=genotypes())
def test_a_folded_network_gives_the_same_logits(genotype: Genotype) -> None:
    network = trained(genotype)
    images = torch.rand(2, genotype.architecture.input_channels, 21, 34)
    with torch.inference_mode():
        torch.testing.assert_close(fold_batch_norm(network)(images), network(images), rtol=1e-3, atol=1e-4)


def test_no_normalisation_after_a_convolution_is_left_and_the_network_stays_as_it_was() -> None:
    network = trained(small_genotype(stem_stride=2)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = fold_batch_norm(network)
    assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
    assert not folded.training and network.training
    after = network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
