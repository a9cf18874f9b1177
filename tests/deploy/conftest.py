"""The stack, synthesized once for each stage: it takes some seconds, and the layer's wheels."""

from __future__ import annotations

from pathlib import Path

import pytest

import infra.node  # noqa: F401 - settles which Node.js runs the CDK, so it comes first

# isort: split
from infra import assets
from tests.deploy.template import Template, synthesized


@pytest.fixture(scope="session")
def layer() -> Path:
    """The dependency layer."""
    try:
        return assets.layer()
    except assets.LayerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def dev(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The stack that may be thrown away."""
    return synthesized(tmp_path_factory.mktemp("dev"), "dev")


@pytest.fixture(scope="session")
def prod(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The stack that may not."""
    return synthesized(tmp_path_factory.mktemp("prod"), "prod")
