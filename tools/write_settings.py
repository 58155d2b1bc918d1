"""Writes docs/settings.md, the page of all settings."""

from pathlib import Path

from monai_lwmisn.settings import settings_table

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
INTRODUCTION = """# Settings

`lwmisn COMMAND --set KEY=VALUE` changes a setting, and in Python `settings={"KEY": VALUE}` does the
same. A value is JSON, and a deeper key reaches into it: `--set architecture.cells.encoder=2`.
`python tools/write_settings.py` writes this page from the table that the commands use.

A default holds where the preset has no value of its own. *Set with* names the command that uses a
setting; `lwmisn search` also takes the settings of the later stages and keeps them in the run.

"""


def settings_page() -> str:
    """Return the content of docs/settings.md."""
    return INTRODUCTION + settings_table()


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
