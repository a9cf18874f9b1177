"""Repeat what lost or failed stream records would have done, and print what was written.

    python -m infra.operations.redrive --stack hardlink-prod --dry-run          what it would do
    python -m infra.operations.redrive --stack hardlink-prod                    does it
    python -m infra.operations.redrive --stack hardlink-prod --project shop --session f49c75a2
    python -m infra.operations.redrive --stack hardlink-prod --project shop --customer registered=gordon
    python -m infra.operations.redrive --stack hardlink-prod --project shop --erasure 3f2c7a50-9d3b

Erasures that are not done are carried out, those that began a moment ago as well: then it waits for up to a minute.
Who runs it may list the stack's resources, read `associate`'s configuration, and read and write both tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import topology

if str(topology.FUNCTIONS) not in sys.path:
    sys.path.insert(0, str(topology.FUNCTIONS))

from hardlink.domain import sources_schema
from hardlink.domain.errors import Busy
from hardlink.domain.graph import Node
from hardlink.domain.sources_schema import SourcesError
from hardlink.storage.dynamodb import Tables, connect
from hardlink.storage.store import Part
from infra.operations.redrive.recompute import HardTypes, NotFound, Outcome, Redrive

_AT_ONCE = 4
"""Parts of the table that are looked at at a time."""
_FUNCTION = "FunctionsAssociateFunction"
"""How the logical ID of `associate` begins in the stack."""


class UnusableArguments(Exception):
    """What was asked for can't be done: the message says what to do."""


class RedriveTarget(NamedTuple):
    """The tables to look at, by name, and which identifier types are hard there."""

    sessions: str
    customers: str
    hard_types: HardTypes
    endpoint: str | None = None


def main(arguments: Sequence[str]) -> int:
    """Redrive what the arguments name; answers the exit code: 1 where something is left to be done."""
    asked = _arguments().parse_args(arguments)
    try:
        place = _place(asked)
        store = Tables(
            connect(place.endpoint), {"sessions": place.sessions, "customers": place.customers}
        )
        redrive = Redrive(store, place.hard_types, dry=asked.dry_run)
        return _carry_out(redrive, place.hard_types, asked)
    except (UnusableArguments, NotFound, SourcesError, Busy) as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"AWS: {error}", file=sys.stderr)
    return 1


def find_target(name: str, cloudformation: Any, functions: Any) -> RedriveTarget:
    """Where a deployed stack keeps its data: as its function `associate` is told. Raises `Unusable`."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    found = next(
        (
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["LogicalResourceId"].startswith(_FUNCTION)
            and resource["ResourceType"] == "AWS::Lambda::Function"
        ),
        None,
    )
    if found is None:
        raise UnusableArguments(
            f"stack {name!r} has no function that associates: is it a Hardlink?"
        )
    configured = functions.get_function_configuration(FunctionName=found)
    variables: Mapping[str, str] = configured["Environment"]["Variables"]
    return RedriveTarget(
        variables["HARDLINK_SESSIONS_TABLE"],
        variables["HARDLINK_CUSTOMERS_TABLE"],
        {
            project: frozenset(types)
            for project, types in json.loads(variables["HARDLINK_HARD_TYPES"]).items()
        },
    )


def _place(asked: argparse.Namespace) -> RedriveTarget:
    if asked.stack:
        return find_target(asked.stack, boto3.client("cloudformation"), boto3.client("lambda"))
    if not (asked.sessions_table and asked.customers_table):
        raise UnusableArguments("say where: --stack, or --sessions-table and --customers-table")
    hard_types = sources_schema.load_sources(asked.sources).hard_types
    return RedriveTarget(asked.sessions_table, asked.customers_table, hard_types, asked.endpoint)


class _Told:
    """What was found, told line by line and in sum."""

    def __init__(self, *, dry: bool) -> None:
        self._would = "would mend" if dry else "mended"
        self._lock = threading.Lock()
        self._looked = self._mended = self._failed = 0
        self._rows: Counter[str] = Counter()

    def all(self, found: Iterable[Outcome]) -> None:
        """Tell of each."""
        for one in found:
            with self._lock:
                self._one(one)

    def end(self) -> int:
        """Tell the sum; answers the exit code."""
        done = _listed(self._rows) or "nothing to do"
        print(f"looked at {self._looked} nodes and erasures, {self._would} {self._mended}: {done}")
        if self._failed:
            print(f"{self._failed} could not be looked at: see why, and run it again")
        return 1 if self._failed else 0

    def _one(self, one: Outcome) -> None:
        self._looked += 1
        if one.error:
            self._failed += 1
            print(f"failed {one.key}: {one.error!r:.200}", flush=True)
        if one.wrote:
            self._mended += 1
            self._rows += one.wrote
            print(f"{self._would} {one.key}: {_listed(one.wrote)}", flush=True)


def _carry_out(redrive: Redrive, projects: HardTypes, asked: argparse.Namespace) -> int:
    if unknown := set(asked.project) - projects.keys():
        raise UnusableArguments(f"there is no project {', '.join(sorted(unknown))}")
    told = _Told(dry=asked.dry_run)
    if not (asked.session or asked.customer or asked.erasure):
        _everything(redrive, asked, told)
        return told.end()
    if len(asked.project) != 1:
        raise UnusableArguments("say in which project: --project")
    (project,) = asked.project
    if asked.session:
        told.all(redrive.session(project, asked.session))
    if asked.customer:
        if "=" not in asked.customer:
            raise UnusableArguments("a customer is TYPE=VALUE, as in registered=gordon")
        told.all(redrive.customer(project, Node.parse(asked.customer)))
    if asked.erasure:
        told.all(redrive.erasure(project, asked.erasure))
    return told.end()


def _everything(redrive: Redrive, asked: argparse.Namespace, told: _Told) -> None:
    """Part by part, some at a time. Raises `Unusable`."""
    if asked.from_part > asked.parts:
        raise UnusableArguments(f"there are {asked.parts} parts: --from-part is one of them")
    numbers = range(asked.from_part - 1, asked.parts)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        parts = threads.map(
            lambda number: told.all(redrive.everything(asked.project, Part(number, asked.parts))),
            numbers,
        )
        for number, _ in zip(numbers, parts, strict=True):
            print(f"part {number + 1} of {asked.parts} is done", flush=True)


def _listed(rows: Counter[str]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in sorted(rows.items()))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.operations.redrive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--stack", help="the deployed stack, in the account and region of the environment")
    add("--sessions-table", help="instead of a stack: the tables by their names ...")
    add("--customers-table")
    add("--endpoint", help="... where DynamoDB answers, if elsewhere")
    add(
        "--sources",
        type=Path,
        default=topology.SOURCES,
        help="... and who says which types are hard",
    )
    add("--project", action="append", default=[], help="this project alone (may be repeated)")
    add("--session", help="the visitor of this session alone")
    add("--customer", metavar="TYPE=VALUE", help="who belongs to this customer, as its rows say")
    add("--erasure", metavar="ID", help="this erasure alone, as its receipt is called")
    add("--dry-run", action="store_true", help="write nothing, and say what would be done")
    add("--parts", type=_positive, default=16, help="parts in which the table is looked at")
    add("--from-part", type=_positive, default=1, help="go on with this part after a run ended")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return number
