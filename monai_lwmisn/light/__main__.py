"""``python -m lwmisn_run`` is ``lwmisn-run``."""

import sys

from .cli import main

sys.exit(main())
