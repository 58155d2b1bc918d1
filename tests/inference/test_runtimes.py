"""Devices by name, and networks that other runtimes execute."""

import pytest
import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.inference.runtimes import find_device

CPU = torch.device("cpu")


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == CPU
    with pytest.raises(ConfigError, match="finds no CUDA GPU"):
        find_device("cuda")
    with pytest.raises(ConfigError, match="no device 'gpu'"):
        find_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert find_device("auto") == torch.device("cuda", 3)
    assert find_device("cuda:1") == torch.device("cuda", 1)
