"""From raw data sets to what a network is fed with: layouts, checks, splits, transforms, datasets, and a phantom."""

from scripts.data.checks import DataReport, check_data

from scripts.data.datalist import read_datalist, select_parts, validate_datalist, write_datalist

from scripts.data.datasets import SliceDataset, build_dataset

from scripts.data.layouts import LAYOUTS, read_layout

from scripts.data.preparation import prepare_datalist

from scripts.data.sampling import stratum_weights

from scripts.data.splits import split_datalist

__all__ = ['DataReport', 'LAYOUTS', 'SliceDataset', 'build_dataset', 'check_data', 'prepare_datalist', 'read_datalist', 'read_layout', 'select_parts', 'split_datalist', 'stratum_weights', 'validate_datalist', 'write_datalist']
