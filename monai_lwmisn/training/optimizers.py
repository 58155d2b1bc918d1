"""The optimizers a training can be told to use, by name."""

from __future__ import annotations

import torch

from monai_lwmisn.errors import ConfigError

OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSprop", "SGD")
"""Those of ``torch.optim`` that take any network's parameters, ``lr`` and ``weight_decay``."""


def find_optimizer(name: str) -> type[torch.optim.Optimizer]:
    """The class of an optimizer by its name in ``torch.optim``.

    Raises:
        ConfigError: for a name that is not one of ``OPTIMIZERS``.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"train_optimizer is {name!r}: use one of {', '.join(OPTIMIZERS)}.")
    return getattr(torch.optim, name)
