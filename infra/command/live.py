"""`hardlink tail`: what comes in now, line by line."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import click

from infra.command.options import json_option, service_options
from infra.command.output import print_json
from infra.operations.service_client import Service

Json = Any
_WAIT = 1.0
"""Seconds between two looks, where nothing more is there already."""
_REMEMBERED = 10_000
"""Entries of the last half minute, which each look answers again."""
_COLOURS = {
    "stored": "green",
    "duplicate": "yellow",
    "rejected": "red",
    "refused": "red",
    "dropped": "yellow",
}


@click.command()
@service_options
@json_option
@click.option("--type", "types", multiple=True, help="Only events of this type.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(sorted(_COLOURS)),
    help="Only events with this verdict.",
)
@click.option("--once", "is_once", is_flag=True, help="End with what is there now.")
def tail(
    service: Service,
    types: tuple[str, ...],
    statuses: tuple[str, ...],
    *,
    is_once: bool,
    as_json: bool,
) -> int:
    """Print events and refused calls as they come in, each with its verdict."""
    for entry in follow_live(service, is_once=is_once):
        if types and entry["type"] not in types:
            continue
        if statuses and entry["status"] not in statuses:
            continue
        if as_json:
            print_json(entry)
        else:
            click.echo(_format_entry(entry))
    return 0


def follow_live(service: Service, *, is_once: bool) -> Iterator[Json]:
    """Yield what comes in, each entry once. `is_once`: end with what is there already.

    Begins with the last quarter of an hour. Raises `OperationFailed`.
    """
    seen: OrderedDict[str, None] = OrderedDict()
    query: Mapping[str, str] = {}
    while True:
        page = service.read("/live", **query)
        for entry in page["events"]:
            if entry["key"] not in seen:
                seen[entry["key"]] = None
                yield entry
        while len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        query = {"since": page["cursor"]}
        if page["more"]:
            continue
        if is_once:
            return
        time.sleep(_WAIT)


def _format_entry(entry: Json) -> str:
    status = click.style(f"{entry['status']:<9}", fg=_COLOURS.get(entry["status"]))
    parts = [entry.get("time") or entry.get("received") or "", status, entry["type"]]
    if entry.get("session"):
        parts.append(entry["session"])
    customer = entry.get("customer")
    if customer:
        parts.append(f"{customer['type']}={customer['value']}")
    if entry.get("reason"):
        parts.append(entry["reason"])
    return "  ".join(parts)
