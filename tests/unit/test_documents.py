"""Links, paths, tests, functions and attributes that the documents name are there, and none is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hardlink.storage import keys
from infra import topology
from tests.support import documents

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INLINE_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
_TEST = re.compile(r"([\w/]+\.py)::(\w+)")
_FILE_TYPES = (
    ".py",
    ".toml",
    ".md",
    ".txt",
    ".js",
    ".mjs",
    ".ts",
    ".tpl",
    ".css",
    ".html",
)
_IN_THE_BUCKET_OR_THE_BROWSER = {"sdk.js", "sdk.mjs", "exponea.min.js"}
"""Names of files that are served, not stored."""
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

FILES = documents.markdown_files()
TOP = {path.name for path in topology.ROOT.iterdir() if path.is_dir()}


def name_of(file: Path) -> str:
    return file.relative_to(topology.ROOT).as_posix()


def find_anchors(file: Path) -> set[str]:
    """List the anchors that GitHub makes of a document's headings."""
    headings = _HEADING.findall(documents.read_prose(file))
    return {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in headings
    }


def find_broken_links(file: Path) -> Iterator[str]:
    for link in _LINK.findall(documents.read_prose(file)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor not in find_anchors(target)):
            yield link


def find_inline_code(file: Path) -> list[str]:
    return _INLINE_CODE.findall(documents.read_prose(file))


def names_a_file(text: str) -> bool:
    """Say whether a piece of inline code means a file or folder of the tree."""
    if not _PATH.fullmatch(text) or text in _IN_THE_BUCKET_OR_THE_BROWSER:
        return False
    is_below_the_root = "/" in text and text.partition("/")[0] in TOP
    return is_below_the_root or text.endswith(_FILE_TYPES)


def is_there(file: Path, text: str) -> bool:
    """Look for a path from the root, from the document's own folder, and in the functions.

    A file's name alone may lie anywhere below the document's folder, or in the tree.
    """
    bases = [
        topology.ROOT,
        file.parent,
        topology.FUNCTIONS,
        topology.FUNCTIONS / "hardlink",
    ]
    if any(any(base.glob(text.rstrip("/"))) for base in bases):
        return True
    return "/" not in text and text in names_in_the_tree()


@cache
def names_in_the_tree() -> frozenset[str]:
    folders = [
        topology.ROOT / name for name in ("functions", "infra", "tests", "events")
    ]
    return frozenset(path.name for folder in folders for path in folder.rglob("*"))


def find_functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_there_are_documents() -> None:
    assert topology.ROOT / "README.md" in FILES


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_every_relative_link_leads_somewhere(file: Path) -> None:
    assert list(find_broken_links(file)) == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_every_file_named_in_backticks_is_there(file: Path) -> None:
    named = {text for text in find_inline_code(file) if names_a_file(text)}
    assert [text for text in sorted(named) if not is_there(file, text)] == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_every_test_named_in_backticks_is_there(file: Path) -> None:
    tests = [
        found.groups()
        for text in find_inline_code(file)
        if (found := _TEST.fullmatch(text))
    ]
    missing = [
        f"{path}::{function}"
        for path, function in tests
        if not (topology.ROOT / path).is_file()
        or function not in find_functions(topology.ROOT / path)
    ]
    assert missing == []


def test_every_log_in_scenario_names_its_test() -> None:
    (scenarios,) = documents.find_tables("| scenario | outcome | test |")
    assert len(scenarios) >= 20
    assert [
        scenario
        for scenario, _, test in scenarios
        if not _TEST.fullmatch(test.strip("`"))
    ] == []


def test_every_function_is_in_the_table_of_functions() -> None:
    (rows,) = documents.find_tables("| function | routes |")
    named = {name for row in rows for name in _INLINE_CODE.findall(row[0])}
    assert named == {
        path.parent.name for path in topology.FUNCTIONS.glob("*/handler.py")
    }


def test_every_attribute_that_is_written_is_documented() -> None:
    (rows,) = documents.find_tables("| item | attributes |")
    documented = {name for row in rows for name in _INLINE_CODE.findall(row[1])}
    assert written_attributes() == documented


def written_attributes() -> set[str]:
    """List the attributes that `storage/items.py` writes: names and keys of what its encoders set."""
    path = topology.FUNCTIONS / "hardlink" / "storage" / "items.py"
    constants = {"EXPIRES": keys.EXPIRES}
    names: set[str] = set()
    for function in find_writers(path):
        for node in ast.walk(function):
            for key in find_item_keys(node):
                names.add(
                    constants[key.id]
                    if isinstance(key, ast.Name)
                    else str(ast.literal_eval(key))
                )
    return names


def find_writers(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [
        f
        for f in functions
        if f.returns is not None and ast.unparse(f.returns) == "Item"
    ]


def find_item_keys(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Dict):
        return [key for key in node.keys if key is not None]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        return [node.targets[0].slice]
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "_present":
        return [ast.Constant(keyword.arg) for keyword in node.keywords]
    return []
