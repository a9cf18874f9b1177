"""Repeat what lost or failed stream records would have done, and print what was written.

    python -m infra.operations.redrive --stack hardlink-prod --dry-run    print what it would do
    python -m infra.operations.redrive --stack hardlink-prod              do it
    python -m infra.operations.redrive --stack hardlink-prod --failed     only batches given up
    python -m infra.operations.redrive --stack hardlink-prod --project shop --session f49c75a2
    python -m infra.operations.redrive --stack hardlink-prod --project shop --customer email=g@x.com
    python -m infra.operations.redrive --stack hardlink-prod --project shop --erasure 3f2c7a50-9d3b

It also carries out erasures that are not done. For one that began a moment ago it waits up to a
minute. It needs the rights to list the stack's resources, to read the configuration of
`associate`, and to read and write the tables; for `--failed` also to receive, hide
(`ChangeMessageVisibility`) and delete messages of the queue `Failed`, and to list its bucket and
read and delete its files.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from hardlink.domain.errors import Busy
from hardlink.domain.graph import Node
from hardlink.domain.records import Table
from hardlink.domain.sources import file_schema
from hardlink.domain.sources.file_schema import SourcesError
from hardlink.storage.dynamodb import Tables, connect
from hardlink.storage.store import Part
from infra import topology
from infra.operations.redrive.failed_batches import (
    BatchGone,
    FailedBatches,
    Message,
    UnreadableBatch,
)
from infra.operations.redrive.recompute import HardTypes, NotFound, Outcome, Redrive
from infra.operations.redrive.report import Report

_CONCURRENT_PARTS = 4
_ASSOCIATE_ID = "FunctionsAssociateFunction"
"""Prefix of the logical ID of `associate` in the stack."""


class UnusableArguments(Exception):
    """The arguments can't be carried out. The message says what to do."""


class RedriveTarget(NamedTuple):
    """Names of the tables, and the hard identifier types of their projects."""

    tables: Mapping[Table, str]
    hard_types: HardTypes
    endpoint: str | None = None


def main(arguments: Sequence[str]) -> int:
    """Redrive what the arguments name. Return 1 where something is left to do."""
    options = _create_parser().parse_args(arguments)
    try:
        target = _resolve_target(options)
        client = connect(target.endpoint)
        store = Tables(client, target.tables)
        redrive = Redrive(store, target.hard_types, dry_run=options.dry_run)
        return _run(redrive, target.hard_types, options)
    except (
        UnusableArguments,
        NotFound,
        SourcesError,
        Busy,
    ) as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"AWS: {error}", file=sys.stderr)
    return 1


def find_target(
    name: str, sources: Path, cloudformation: Any, functions: Any
) -> RedriveTarget:
    """Find a deployed stack's tables, in the environment of its function `associate`.

    `sources`: the file that is deployed, which has the types of identifiers. `cloudformation`,
    `functions`: clients of CloudFormation and Lambda. Raises `UnusableArguments`, `SourcesError`.
    """
    function = _find_associate(name, cloudformation)
    if function is None:
        raise UnusableArguments(
            f"stack {name!r} has no function `associate`: is it a Hardlink?"
        )
    configured = functions.get_function_configuration(FunctionName=function)
    variables: Mapping[str, str] = configured["Environment"]["Variables"]
    hard_types = file_schema.load_sources(sources).hard_types
    # With other types it would move customers to where they do not belong.
    if topology.hash_sources(sources) != variables["HARDLINK_SOURCES_HASH"]:
        raise UnusableArguments(
            f"{sources} is not the file that {name!r} was deployed with: set HARDLINK_SOURCES to "
            "that one, or deploy first"
        )
    return RedriveTarget(
        {
            "sessions": variables["HARDLINK_SESSIONS_TABLE"],
            "customers": variables["HARDLINK_CUSTOMERS_TABLE"],
            "events": variables["HARDLINK_EVENTS_TABLE"],
        },
        hard_types,
    )


def _find_associate(stack: str, cloudformation: Any) -> str | None:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=stack
    )
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            is_function = resource["ResourceType"] == "AWS::Lambda::Function"
            if is_function and resource["LogicalResourceId"].startswith(_ASSOCIATE_ID):
                return str(resource["PhysicalResourceId"])
    return None


def _resolve_target(options: argparse.Namespace) -> RedriveTarget:
    if options.stack:
        return find_target(
            options.stack,
            options.sources,
            boto3.client("cloudformation"),
            boto3.client("lambda"),
        )
    tables: dict[Table, str] = {
        "sessions": options.sessions_table,
        "customers": options.customers_table,
        "events": options.events_table,
    }
    if not all(tables.values()):
        raise UnusableArguments(
            "say where: --stack, or --sessions-table, --customers-table and --events-table"
        )
    hard_types = file_schema.load_sources(options.sources).hard_types
    return RedriveTarget(tables, hard_types, options.endpoint)


def _run(redrive: Redrive, hard_types: HardTypes, options: argparse.Namespace) -> int:
    unknown = sorted(set(options.project) - hard_types.keys())
    if unknown:
        raise UnusableArguments(f"there is no project {', '.join(unknown)}")
    report = Report(dry_run=options.dry_run, as_json=options.json)
    if options.failed:
        _run_failed(redrive, _open_failed_batches(options), report)
    elif options.session or options.customer or options.erasure:
        _run_named(redrive, options, report)
    else:
        _run_all(redrive, options, report)
    return report.finish()


def _run_named(redrive: Redrive, options: argparse.Namespace, report: Report) -> None:
    """Redrive a session, a customer, an erasure. Raises `UnusableArguments`."""
    if len(options.project) != 1:
        raise UnusableArguments("say in which project: --project")
    (project,) = options.project
    if options.session:
        report.add_all(redrive.run_session(project, options.session))
    if options.customer:
        if "=" not in options.customer:
            raise UnusableArguments(
                "--customer takes TYPE=VALUE, as in registered=gordon"
            )
        report.add_all(redrive.run_customer(project, Node.parse(options.customer)))
    if options.erasure:
        report.add_all(redrive.run_erasure(project, options.erasure))


def _open_failed_batches(options: argparse.Namespace) -> FailedBatches:
    """Open the queue of a deployed stack's batches. Raises `UnusableArguments`."""
    if not options.stack:
        raise UnusableArguments("--failed takes the batches of a stack: --stack")
    described = boto3.client("cloudformation").describe_stacks(StackName=options.stack)
    outputs = described["Stacks"][0].get("Outputs", ())
    queues = [o["OutputValue"] for o in outputs if o["OutputKey"] == "Failed"]
    if not queues:
        raise UnusableArguments(f"stack {options.stack!r} has no output `Failed`")
    return FailedBatches(queues[0], boto3.client("sqs"), boto3.client("s3"))


def _run_failed(redrive: Redrive, batches: FailedBatches, report: Report) -> None:
    """Redrive what each batch names, and go on after one that cannot be read."""
    try:
        for message in batches:
            _run_batch(redrive, batches, message, report)
    finally:
        # Else a run right after this one would find nothing, and say that nothing is left.
        batches.release()


def _run_batch(
    redrive: Redrive, batches: FailedBatches, message: Message, report: Report
) -> None:
    """Redrive what the batch of a message names. It stays where something of it failed."""
    try:
        batch = batches.read(message)
    except UnreadableBatch as error:
        report.add_all([Outcome("batch", Counter(), error)])
        return
    except BatchGone as error:
        report.print_line(
            f"gone: {error}; if it was not mended, a run without --failed mends it"
        )
        if not report.dry_run:
            batches.delete(message)
        return
    outcomes: list[Outcome] = []
    for key in batch.keys:
        outcomes += redrive.run_change(key)
    report.add_all(outcomes)
    if not (report.dry_run or any(outcome.error for outcome in outcomes)):
        batches.delete(message, batch)


def _run_all(redrive: Redrive, options: argparse.Namespace, report: Report) -> None:
    """Redrive the whole table, some parts at a time. Raises `UnusableArguments`."""
    if options.from_part > options.parts:
        raise UnusableArguments(
            f"there are {options.parts} parts: --from-part is one of them"
        )

    def run_part(number: int) -> None:
        report.add_all(redrive.run_all(options.project, Part(number, options.parts)))

    numbers = range(options.from_part - 1, options.parts)
    with ThreadPoolExecutor(_CONCURRENT_PARTS) as threads:
        # In order, so that the last line printed says where an interrupted run goes on.
        for number, _ in zip(numbers, threads.map(run_part, numbers), strict=True):
            report.print_line(f"part {number + 1} of {options.parts} is done")


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.operations.redrive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--stack",
        help="the deployed stack, in the account and region of the environment",
    )
    add("--sessions-table", help="name of the table, instead of a stack")
    add("--customers-table", help="name of the table, instead of a stack")
    add("--events-table", help="name of the table, instead of a stack")
    add("--endpoint", help="endpoint of DynamoDB, with tables instead of a stack")
    add(
        "--sources",
        type=Path,
        default=topology.SOURCES,
        help="file that declares the hard types, with tables instead of a stack",
    )
    add(
        "--project",
        action="append",
        default=[],
        help="only this project (may be repeated)",
    )
    add(
        "--failed",
        action="store_true",
        help="only what the batches of the queue `Failed` name; mended ones are deleted",
    )
    add("--session", help="only the visitor of this session")
    add("--customer", metavar="TYPE=VALUE", help="only the visitors of this customer")
    add("--erasure", metavar="ID", help="only this erasure, by its receipt's ID")
    add(
        "--dry-run",
        action="store_true",
        help="print what would be done, and write nothing",
    )
    add(
        "--json",
        action="store_true",
        help="print the summary as JSON, and everything else on stderr",
    )
    add(
        "--parts",
        type=_positive_integer,
        default=16,
        help="parts in which the table is read",
    )
    add(
        "--from-part",
        type=_positive_integer,
        default=1,
        help="continue an interrupted run here",
    )
    return parser


def _positive_integer(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be an integer from 1")
    return number
