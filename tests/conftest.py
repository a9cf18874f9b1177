"""What every test may use: the engines, and a machine that no test can leave for a real AWS account."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import settings

from tests.support.engines import ENVIRONMENT, MISLEADING, Unavailable, dynamodb_local

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
pytest_plugins = [
    "tests.support.browsing",
    "tests.support.groups",
    "tests.support.parallel",
]


@pytest.fixture(scope="session", autouse=True)
def _no_real_account() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in MISLEADING:
            patch.delenv(name, raising=False)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session", autouse=True)
def _data_of_botocore() -> Iterator[None]:
    """Parse each of botocore's data files once: every deployment of a test makes new clients."""
    load_once = cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: load_once(path))
        yield


@pytest.fixture(scope="session")
def dynamodb_local_endpoint() -> Iterator[str]:
    """DynamoDB Local, empty at first, for all tests of the run: use tables of your own."""
    try:
        with dynamodb_local.running() as endpoint:
            yield endpoint
    except Unavailable as error:
        pytest.skip(f"DynamoDB Local: {error}")
