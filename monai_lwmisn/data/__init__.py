"""Turns raw data sets into datalists and torch datasets: formats, checks, splits, transforms, and a phantom."""

from monai_lwmisn.data.data_report import DataReport, check_data
from monai_lwmisn.data.datalist import read_datalist, select_parts, validate_datalist, write_datalist
from monai_lwmisn.data.datasets import DATASETS, read_dataset
from monai_lwmisn.data.phantom import write_phantom
from monai_lwmisn.data.preparation import prepare_datalist
from monai_lwmisn.data.splits import split_datalist
from monai_lwmisn.data.torch_datasets import SliceDataset, build_dataset

__all__ = [
    "DATASETS",
    "DataReport",
    "SliceDataset",
    "build_dataset",
    "check_data",
    "prepare_datalist",
    "read_datalist",
    "read_dataset",
    "select_parts",
    "split_datalist",
    "validate_datalist",
    "write_datalist",
    "write_phantom",
]
