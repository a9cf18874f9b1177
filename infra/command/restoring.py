"""`hardlink restore`: bring a deployed stack's tables back to a point in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import click
from botocore.exceptions import BotoCoreError, ClientError

from hardlink.domain.records import Table
from hardlink.domain.sources.file_schema import SourcesError
from hardlink.domain.times import SECOND
from hardlink.services.erasure.begin import Erasure
from hardlink.services.erasure.sweep import ErasureSweep
from hardlink.storage.dynamodb import Tables, connect
from hardlink.web.wiring import read_clock
from infra import topology
from infra.command.options import json_option, stack_options
from infra.command.output import print_json
from infra.command.stack_commands import configure_aws
from infra.operations.errors import OperationFailed
from infra.operations.redrive.command import UnusableArguments, find_target
from infra.operations.redrive.recompute import pause
from infra.operations.restore.erasures import (
    erase_again,
    finish_erasures,
    keep_receipts,
    read_erased,
)
from infra.operations.restore.opt_outs import deny_again, keep_erased
from infra.operations.restore.tables import TableRestore, parse_time
from infra.operations.stacks import DeployedStack


class RestoredStack(NamedTuple):
    """A stack after a run.

    `restored`: ARNs for stages.toml by table. `erased_again`: nodes whose erasure was begun.
    `opted_out`: visitors whose opt-out was carried over. `unfinished`: why erasures of the old
    tables could not be finished, by hashed partition.
    """

    restored: Mapping[str, str]
    erased_again: int
    opted_out: int
    unfinished: Mapping[str, str]


@click.command()
@stack_options
@json_option
@click.option(
    "--at", required=True, metavar="TIME", help="ISO 8601, such as 2026-11-30T09:00:00Z"
)
@click.option(
    "--keep-events", is_flag=True, help="Restore sessions and customers alone."
)
def restore(stack: DeployedStack, at: str, *, keep_events: bool, as_json: bool) -> int:
    """Restore a stack's tables to a time, into new tables, and erase again who was erased since.

    It changes nothing of the running stack: it prints the lines for stages.toml with which
    `cdk deploy` does. It may be repeated, which erases again who was erased since the run before.
    """
    moment = parse_time(at)
    configure_aws(stack)
    try:
        done = restore_stack(stack, moment, keep_events=keep_events)
    except (BotoCoreError, ClientError) as error:
        raise OperationFailed(f"AWS: {error}") from error
    if as_json:
        print_json(done._asdict())
    else:
        _print(done, keep_events=keep_events)
    return 1 if done.unfinished else 0


def restore_stack(
    stack: DeployedStack, moment: datetime, *, keep_events: bool
) -> RestoredStack:
    """Restore the tables that a stack uses, and erase again. Raises `OperationFailed`."""
    used = _find_tables(stack)
    restorer = TableRestore(stack.create_client("dynamodb"), moment)
    restored = restore_tables(restorer, used, keep_events=keep_events)
    old, new = _open_tables(stack, restorer, used)
    failed = finish_erasures(old, ErasureSweep(old, read_clock), pause)
    since = int(moment.timestamp()) * SECOND
    erasure = Erasure(new, read_clock, _new_id, "shop")
    denied = deny_again(old, new)
    begun = erase_again(new, erasure, read_erased(old, since))
    keep_erased(old, new)
    keep_receipts(old, new, since)
    unfinished = {name: str(error) for name, error in failed.items()}
    return RestoredStack(restored, begun, denied, unfinished)


def restore_tables(
    restorer: TableRestore, used: Mapping[Table, str], *, keep_events: bool
) -> dict[str, str]:
    """Restore the tables that are used, and return the ARNs for stages.toml by table.

    `events` stays as it is where it is to, or has copies in place of recovery. Raises
    `OperationFailed`.
    """
    restored: dict[str, str] = {}
    for table, name in used.items():
        can_restore = restorer.can_restore(name)
        if table == "events" and (keep_events or not can_restore):
            continue
        if not can_restore:
            raise OperationFailed(
                f"{name} has no point-in-time recovery, so there is nothing to restore"
            )
        restored[table] = restorer.restore(table, name)
    return restored


def _find_tables(stack: DeployedStack) -> Mapping[Table, str]:
    """Find the tables that the stack's functions use. Raises `OperationFailed`."""
    cloudformation = stack.create_client("cloudformation")
    functions = stack.create_client("lambda")
    try:
        target = find_target(stack.name, topology.SOURCES, cloudformation, functions)
    except (UnusableArguments, SourcesError) as error:
        raise OperationFailed(str(error)) from error
    return target.tables


def _open_tables(
    stack: DeployedStack, restorer: TableRestore, used: Mapping[Table, str]
) -> tuple[Tables, Tables]:
    """Open the tables that were restored from, and those that were restored."""
    client = connect(stack.endpoint)
    old = {table: restorer.source_name(name) for table, name in used.items()}
    new: dict[Table, str] = {
        **used,
        "customers": restorer.target_name(used["customers"]),
        "sessions": restorer.target_name(used["sessions"]),
    }
    return Tables(client, old), Tables(client, new)


def _new_id() -> str:
    return str(uuid4())


def _print(done: RestoredStack, *, keep_events: bool) -> None:
    arns = [f'{table} = "{arn}"' for table, arn in done.restored.items()]
    click.echo("restored; put this line below the stage in stages.toml, and deploy:")
    click.echo(f"  restored = {{ {', '.join(arns)} }}")
    if "events" not in done.restored and not keep_events:
        click.echo("events has no point-in-time recovery: it is used as it is")
    click.echo(f"erased again: {done.erased_again} identifiers and visitors")
    click.echo(f"opted out again: {done.opted_out} visitors")
    for name, why in done.unfinished.items():
        click.echo(f"not finished in the old tables: erasure {name}: {why}")
    click.echo("after the deploy, run this once more, and then hardlink redrive")
