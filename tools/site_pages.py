"""Adds to the documentation site what lies beside docs/: README.md as its first page, CONTRIBUTING.md, the notebooks.

MkDocs calls the functions of this module. A link leads from one file of the repository to another; here it is turned to
the place of that file on the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PLACES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
"""Where files of the repository are on the site. Those in docs/ are there without that folder."""
PLACES |= {f"notebooks/{notebook.name}": f"notebooks/{notebook.name}" for notebook in ROOT.glob("notebooks/*.ipynb")}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and the notebooks."""
    for name, place in PLACES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links to files of the repository into links to pages. What has no page becomes plain words."""
    here = page.file.src_uri
    source = next((name for name, place in PLACES.items() if place == here), f"docs/{here}")

    def turned(match: re.Match[str]) -> str:
        words, target, rest = match.groups()
        name = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if (ROOT / name).is_dir():
            name += "/README.md"
            if not (ROOT / name).is_file():
                return words
        place = PLACES.get(name, name.removeprefix("docs/"))
        if (ROOT / name).is_file() and files.get_file_from_path(place) is None:
            return words
        return f"[{words}]({posixpath.relpath(place, posixpath.dirname(here) or '.')}{rest})"

    return re.sub(r"\[([^\]]*)\]\((?!\w+:)([^)#\s]+)([^)]*)\)", turned, markdown)
