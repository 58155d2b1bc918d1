"""Writes report.html: what `lwmisn auto` decided, how the training went, and whether the network is good enough."""

from monai_lwmisn.auto.report.write import write_report

__all__ = ["write_report"]
