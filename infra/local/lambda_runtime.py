"""The functions as Lambda runs them: the same handlers, with the environment that the stack sets, on moto."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, cast
from unittest.mock import patch
from uuid import uuid4

import boto3

from infra import topology
from infra.local import moto_engine
from infra.local.sqs import create_queue

if str(topology.FUNCTIONS) not in sys.path:
    sys.path.insert(0, str(topology.FUNCTIONS))

# The functions' folder is no package: in Lambda, too, it is found on the path.
from hardlink.domain import sources_schema
from hardlink.domain.graph import NOTHING
from hardlink.domain.sources import Sources
from hardlink.domain.sources_schema import SourcesError
from hardlink.storage import erasure_queue
from hardlink.web import caller, wiring

_CACHED = (
    erasure_queue.open_queue,
    wiring.tables,
    caller.deployed_sources,
    caller.service,
    caller.rate_limiter,
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
    """What Lambda tells a function about its call."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """The function's name in full."""
        place = f"{moto_engine.REGION}:{moto_engine.ACCOUNT}"
        return f"arn:aws:lambda:{place}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Always plenty: nothing is cut off here."""
        return 10_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """The functions of one running service, its sources, the real names of its tables, the URL of its queue."""

    handlers: Mapping[str, Handler]
    sources: Sources
    tables: Mapping[str, str]
    erasures: str

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function; what its handler raises is raised."""
        return self.handlers[function](event, LambdaContext(function, str(uuid4())))


def load_sources(path: Path) -> Sources:
    """The sources that a file declares. Raises `SourcesError`."""
    return sources_schema.load_sources(path)


@contextmanager
def run_deployment(
    path: Path, server_keys: Mapping[str, str], signing_keys: Mapping[str, str] = NOTHING
) -> Iterator[Deployment]:
    """Every function of the plan on empty tables and an empty queue.

    `server_keys`: one key a project; `signing_keys`: where one is used.
    Raises `SourcesError` where the file of sources can't be used.
    """
    found = load_sources(path)
    with moto_engine.run_engine(), patch.dict(os.environ):
        names = moto_engine.create_tables(boto3.client("dynamodb"))
        vault = boto3.client("secretsmanager")
        for project, key in server_keys.items():
            vault.create_secret(Name=_secret(project), SecretString=key)
        for project in found.signing_projects:
            key = signing_keys.get(project) or token_urlsafe()
            vault.create_secret(Name=_signing(project), SecretString=key)
        url = create_queue(
            "erasures", runs=topology.ERASURE_MAX_RUNS, hidden=topology.ERASURE_VISIBILITY_TIMEOUT
        )
        os.environ.update({**_environment(found, path, names), "HARDLINK_ERASURES": url})
        for cached in _CACHED:
            cached.cache_clear()
        handlers = {name: load_handler(name) for name in topology.FUNCTIONS_BY_NAME}
        yield Deployment(handlers, found, names, url)


def _secret(project: str) -> str:
    return f"hardlink/{project}/server-key"


def _signing(project: str) -> str:
    return f"hardlink/{project}/signing-key"


def _environment(found: Sources, path: Path, names: Mapping[str, str]) -> dict[str, str]:
    """The variables of every function."""
    hard = {name: sorted(types) for name, types in found.hard_types.items()}
    return {
        "HARDLINK_SESSIONS_TABLE": names["sessions"],
        "HARDLINK_CUSTOMERS_TABLE": names["customers"],
        "HARDLINK_SOURCES": str(path),
        "HARDLINK_HARD_TYPES": json.dumps(hard),
        "HARDLINK_SERVER_KEYS": json.dumps({name: _secret(name) for name in found.projects}),
        "HARDLINK_SIGNING_KEYS": json.dumps(
            {name: _signing(name) for name in found.signing_projects}
        ),
        "POWERTOOLS_LOG_LEVEL": os.environ.get("POWERTOOLS_LOG_LEVEL", "ERROR"),
    }


def load_handler(function: str) -> Handler:
    """A function's handler, its module run anew."""
    path = topology.FUNCTIONS / function / "handler.py"
    spec = importlib.util.spec_from_file_location(f"function_{function}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Handler", module.handler)
