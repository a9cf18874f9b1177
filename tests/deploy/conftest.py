"""The stack, synthesized once for each stage: it takes some seconds, and the layer's wheels."""

from __future__ import annotations

from pathlib import Path

import pytest

import infra.stack.node  # noqa: F401 - settles which Node.js runs the CDK, so it comes first

# isort: split
from infra.stack import assets
from infra.stages import Stage
from tests.deploy.template import Template, synthesize

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666"
"""Of a domain: as CloudFront takes them."""


@pytest.fixture(scope="session")
def layer() -> Path:
    """The dependency layer."""
    try:
        return assets.build_layer()
    except assets.LayerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def dev(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The stack that may be thrown away."""
    return synthesize(tmp_path_factory.mktemp("dev"), "dev")


@pytest.fixture(scope="session")
def prod(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The stack that may not."""
    return synthesize(tmp_path_factory.mktemp("prod"), "prod")


@pytest.fixture(scope="session")
def onward(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A stage with all that one may have: it tells onward, too."""
    switches = [
        name for name, field in Stage.model_fields.items() if field.annotation is bool
    ]
    assert "forward" in switches
    domain = {"domain": "hardlink.shop.example", "certificate": CERTIFICATE}
    stage = Stage.model_validate({**dict.fromkeys(switches, True), **domain})
    return synthesize(tmp_path_factory.mktemp("onward"), "prod", stage)
