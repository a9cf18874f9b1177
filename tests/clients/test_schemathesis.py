"""Schemathesis makes calls of the OpenAPI document: each is answered as the document says, and none is a fault."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients import pip
from tests.http.service import KEY, Client
from tests.support.engines import Unavailable

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
EXAMPLES = 15
"""Random calls of each operation; those at the limits of its schema come besides."""
_LAST_WORDS = 4000
_LONGEST = 600


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return pip.installed("schemathesis-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def test_random_calls_are_answered_as_the_document_says(
    python: Path, shop: Client, tmp_path: Path
) -> None:
    command = [
        str(python.with_name("schemathesis")),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        *("run", f"http://127.0.0.1:{shop.port}/openapi.json"),
        *("--header", f"Authorization: Bearer {KEY}"),
        *("--checks", ",".join(CHECKS)),
        *("--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES)),
        *("--continue-on-failure", "--warnings", "off", "--no-color"),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-_LAST_WORDS:]
