"""The part that all benchmarks share: the option for the output, Markdown tables, and the two files of a result."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def make_parser(document: str | None) -> argparse.ArgumentParser:
    """Return a parser with the option ``--output``; its description is the docstring of the benchmark."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, required=True, help="path of the result without suffix; .json and .md are added"
    )
    return parser


def write_result(output: Path, result: Mapping[str, Any], lines: Sequence[str]) -> None:
    """Write the result as JSON and the lines as Markdown, and print the lines.

    Args:
        output: path without suffix; its folder is made.
        result: the content of the JSON file.
        lines: the lines of the Markdown file.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    output.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *(f"| {' | '.join(str(value) for value in row)} |" for row in rows),
    ]
