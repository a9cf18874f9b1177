"""The stack, deployed to the emulator once for all tests of this folder, and a client of its HTTP API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.stack.assets import LayerError
from tests.emulator import deployment, ministack
from tests.emulator.deployment import Api, Deployment
from tests.emulator.erasures import Erasure, begin_erasure
from tests.support.engines import Unavailable


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The deployed stack."""
    try:
        template = deployment.synthesize_stack(tmp_path_factory.mktemp("cdk.out"))
        with ministack.run_ministack(tmp_path_factory.mktemp("ministack")) as emulator:
            yield deployment.deploy_stack(emulator, template)
    except (LayerError, Unavailable) as error:
        pytest.skip(f"MiniStack: {error}")


@pytest.fixture(scope="session")
def shop(stack: Deployment) -> Api:
    """A client of its API."""
    return Api(stack)


@pytest.fixture(scope="session")
def erasure(shop: Api) -> Erasure:
    """A customer's, as it begins; it is done a minute later, which no test need wait for that comes late enough."""
    return begin_erasure(shop)
