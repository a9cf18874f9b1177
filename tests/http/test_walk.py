"""The walk-through runs to its end, again and again, and notices what is not as it should be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import topology
from tests.http.service import KEY, ROOT, Service, free_port, running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("walk") / "log"
    with running(log, HARDLINK_SOURCES=str(topology.SOURCES)) as service:
        yield service
        assert service.end() == 0


def walk(port: int, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "infra.local.walk"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_can_be_walked_again_and_again(service: Service) -> None:
    for _ in range(2):
        walked = walk(service.client.port)
        assert walked.returncode == 0, walked.stderr
        assert walked.stderr == ""
        assert f"KEY={KEY}" in walked.stdout
        assert walked.stdout.count("$ curl") > 20
        for word in (
            "/track",
            "/identify",
            "/unlink",
            "/anonymize",
            "/consent",
            "/tracking-user",
        ):
            assert word in walked.stdout


def test_it_needs_no_curl(service: Service, tmp_path: Path) -> None:
    walked = walk(service.client.port, PATH=str(tmp_path))
    assert (walked.returncode, walked.stderr) == (0, "")
    assert "$ curl" in walked.stdout


@pytest.mark.parametrize(
    "path", [os.environ.get("PATH", ""), ""], ids=["curl", "no curl"]
)
def test_it_walks_wherever_a_service_is(service: Service, path: str) -> None:
    url = f"http://127.0.0.1:{service.client.port}"
    walked = walk(
        free_port(), HARDLINK_URL=f"{url}/", HARDLINK_SERVER_KEY=KEY, PATH=path
    )
    assert (walked.returncode, walked.stderr) == (0, "")
    assert f"$ curl '{url}/track'" in walked.stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"HARDLINK_URL": "https://shop.example", "HARDLINK_SERVER_KEY": ""},
        {"HARDLINK_URL": "shop.example", "HARDLINK_SERVER_KEY": KEY},
    ],
    ids=["no key", "no URL"],
)
def test_it_says_what_a_deployed_service_takes(variables: dict[str, str]) -> None:
    walked = walk(free_port(), **variables)
    assert walked.returncode == 1
    assert "https:// URL, with HARDLINK_SERVER_KEY" in walked.stderr
    assert "Traceback" not in walked.stderr


def test_it_fails_when_an_answer_is_not_as_it_should_be(service: Service) -> None:
    walked = walk(service.client.port, HARDLINK_SERVER_KEY="wrong")
    assert walked.returncode == 1
    assert "unauthorized" in walked.stderr
    assert "Traceback" not in walked.stderr


@pytest.mark.parametrize("key", ["", "some-key"])
def test_it_says_when_there_is_no_service(key: str) -> None:
    walked = walk(free_port(), HARDLINK_SERVER_KEY=key)
    assert walked.returncode == 1
    assert walked.stderr.strip()
    assert "Traceback" not in walked.stderr
