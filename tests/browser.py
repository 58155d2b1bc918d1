"""The system's own browser, which the tests of pages drive, and the screens that they look at."""

from __future__ import annotations

import shutil

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The program; None where there is none, and such tests are skipped."""

SCREENS = {"phone": (380, 740), "desk": (1200, 900)}
"""Width and height in pixels."""
