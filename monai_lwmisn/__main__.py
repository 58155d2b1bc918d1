"""`python -m monai_lwmisn` is `lwmisn`."""

import sys

from monai_lwmisn.cli import main

sys.exit(main())
