"""Lambda's part on one machine: the handlers, with the environment that the stack sets, on moto."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, cast
from unittest.mock import patch
from uuid import uuid4

import boto3

from hardlink.domain.graph import NOTHING
from hardlink.domain.sources import file_schema
from hardlink.domain.sources.file_schema import SourcesError
from hardlink.domain.sources.registry import Sources
from hardlink.storage import erasure_queue
from hardlink.web import caller, declarations, refusals, wiring
from infra import topology
from infra.local import moto_engine
from infra.local.sqs import create_queue

# Caches of values that depend on the environment of a deployment.
_CACHES = (
    erasure_queue.open_queue,
    wiring.tables,
    declarations.deployed_sources,
    caller.service,
    caller.rate_limiter,
    refusals.limit,
)
Handler = Callable[[dict[str, Any], object], Any]

__all__ = [
    "Deployment",
    "Handler",
    "LambdaContext",
    "Sources",
    "SourcesError",
    "load_sources",
    "run_deployment",
]


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The context object that Lambda hands to a handler."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """The ARN of the function."""
        place = f"{moto_engine.REGION}:{moto_engine.ACCOUNT}"
        return f"arn:aws:lambda:{place}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return a constant, because no function is stopped here."""
        return 10_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running deployment.

    `tables`: real names of the tables by their name in `topology`. `erasures`,
    `visitor_erasures`: URLs of the queues of erasures, of those that the shop asks for and of those
    that visitors do.
    """

    handlers: Mapping[str, Handler]
    sources: Sources
    tables: Mapping[str, str]
    erasures: str
    visitor_erasures: str

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function, and raise what its handler raises."""
        return self.handlers[function](event, LambdaContext(function, str(uuid4())))


def load_sources(path: Path) -> Sources:
    """Read the sources that a file declares. Raises `SourcesError`."""
    return file_schema.load_sources(path)


@contextmanager
def run_deployment(
    path: Path,
    server_keys: Mapping[str, str],
    signing_keys: Mapping[str, str] = NOTHING,
) -> Iterator[Deployment]:
    """Deploy every function of `topology`, on empty tables and an empty queue.

    `server_keys`: one key a project. `signing_keys`: one key for each project that needs one;
    random keys are made for the others. Raises `SourcesError`.
    """
    sources = load_sources(path)
    with moto_engine.run_engine(), patch.dict(os.environ):
        names = moto_engine.create_tables(boto3.client("dynamodb"))
        _create_secrets(sources, server_keys, signing_keys)
        shop = _create_erasure_queue("erasures")
        visitors = _create_erasure_queue("visitor-erasures")
        os.environ.update(_environment(path))
        os.environ[erasure_queue.VARIABLES["shop"]] = shop
        os.environ[erasure_queue.VARIABLES["visitor"]] = visitors
        yield Deployment(load_handlers(names), sources, names, shop, visitors)


def _create_erasure_queue(name: str) -> str:
    """Create a queue of erasures, and return its URL."""
    return create_queue(
        name,
        max_runs=topology.ERASURE_MAX_RUNS,
        visibility_timeout=topology.ERASURE_VISIBILITY_TIMEOUT,
    )


def _create_secrets(
    sources: Sources, server_keys: Mapping[str, str], signing_keys: Mapping[str, str]
) -> None:
    client = boto3.client("secretsmanager")
    for project, key in server_keys.items():
        client.create_secret(Name=_server_key_name(project), SecretString=key)
    for project in sources.signing_projects:
        key = signing_keys.get(project) or token_urlsafe()
        client.create_secret(Name=_signing_key_name(project), SecretString=key)


def _server_key_name(project: str) -> str:
    return f"hardlink/{project}/server-key"


def _signing_key_name(project: str) -> str:
    return f"hardlink/{project}/signing-key"


def _environment(path: Path) -> dict[str, str]:
    """Variables of every function, but those that name tables and queues."""
    return {
        "HARDLINK_SOURCES": str(path),
        "HARDLINK_SERVER_KEYS": _server_key_name("{project}"),
        "HARDLINK_SIGNING_KEYS": _signing_key_name("{project}"),
        "POWERTOOLS_LOG_LEVEL": os.environ.get("POWERTOOLS_LOG_LEVEL", "ERROR"),
    }


def load_handlers(tables: Mapping[str, str]) -> dict[str, Handler]:
    """Load every function anew in the running deployment, on these tables.

    `tables`: real names by their name in `topology`.
    """
    for name, real in tables.items():
        os.environ[f"HARDLINK_{name.upper()}_TABLE"] = real
    for cache in _CACHES:
        cache.cache_clear()
    return {name: load_handler(name) for name in topology.FUNCTIONS_BY_NAME}


def load_handler(function: str) -> Handler:
    """Load a function's handler from a new instance of its module."""
    # Loaded anew from its file, because every test deploys other sources and tables.
    path = topology.FUNCTIONS / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"function_{function}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} could not be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Handler", module.handler)
