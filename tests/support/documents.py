"""The Markdown documents of the tree, for tests that hold what they claim."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from infra import topology

_GENERATED = {"node_modules", "cdk.out"}
_FENCED_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def markdown_files() -> list[Path]:
    """List every Markdown file of the tree, in order of its path."""
    files = topology.ROOT.rglob("*.md")
    return sorted(file for file in files if not _is_generated(file))


def read_prose(file: Path) -> str:
    """Read a document without its fenced blocks of code."""
    return _FENCED_BLOCK.sub("", file.read_text(encoding="utf-8"))


def read_all() -> str:
    """Read all documents as one text."""
    return "\n\n".join(file.read_text(encoding="utf-8") for file in markdown_files())


def find_tables(header: str) -> Iterator[list[list[str]]]:
    """Find each table whose header row begins with this text, as rows of cells without the header.

    A title in the header is no proof that nothing follows it, so the whole row is not compared.
    """
    lines = iter(read_all().splitlines())
    for line in lines:
        if line.startswith(header):
            next(lines)  # the row of dashes
            yield list(_read_rows(lines))


def _read_rows(lines: Iterator[str]) -> Iterator[list[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def _is_generated(file: Path) -> bool:
    folders = file.relative_to(topology.ROOT).parts[:-1]
    return any(folder in _GENERATED or folder.startswith(".") for folder in folders)
