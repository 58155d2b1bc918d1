"""What reads, segments and writes without torch and MONAI; also the distribution lwmisn-run.

The modules import each other by relative names: beside this package they are ``monai_lwmisn.light``, and installed
alone ``lwmisn_run``.
"""

__version__ = "0.2.0"
