"""`hardlink customer` and `hardlink whois`: look at customers, export them, erase them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from infra.command.options import json_option, service_options, yes_option
from infra.command.output import print_fields, print_json
from infra.operations.errors import OperationFailed
from infra.operations.service_client import Service

Json = Any
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
"""Seconds between two looks at the receipt of an erasure."""
identifier_argument = click.argument("identifier", metavar="TYPE=VALUE")


@click.group()
def customer() -> None:
    """Find, show, export or erase a customer."""


@customer.command("find")
@service_options
@json_option
@click.argument("value")
def find_customer(service: Service, value: str, *, as_json: bool) -> int:
    """Find the customers that any identifier with this VALUE names.

    Every type of identifier of the project is tried. Ends with 1 if there is no such customer.
    """
    found: list[Json] = []
    for type_ in _read_types(service):
        answer = service.find("/customers", **{type_: value})
        if answer is not None:
            found.append({"by": type_, **answer})
    if as_json:
        print_json({"customers": found})
    elif not found:
        click.echo(f"no customer has an identifier {value!r}")
    for answer in () if as_json else found:
        _print_customer(answer)
    return 0 if found else 1


@customer.command("show")
@service_options
@json_option
@click.option("--events", "count", default=10, show_default=True, help="Newest events.")
@identifier_argument
def show_customer(
    service: Service, identifier: str, *, count: int, as_json: bool
) -> int:
    """Show the customer TYPE=VALUE (such as registered=gordon) with their newest events."""
    query = parse_identifier(identifier)
    answer = service.read("/customers", **query)
    page: Json = {"events": []}
    if count:
        page = service.read("/customers/events", limit=str(count), **query)
    if as_json:
        print_json({**answer, "events": page["events"]})
        return 0
    _print_customer(answer)
    for event in page["events"]:
        click.echo(f"  {event['time']}  {event['type']}  {event['session']}")
    return 0


@customer.command("export")
@service_options
@json_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="File to write, instead of the terminal.",
)
@identifier_argument
def export_customer(
    service: Service, identifier: str, *, output: Path | None, as_json: bool
) -> int:
    """Export all that is stored about the customer TYPE=VALUE, as one JSON document.

    With --json the document has one line, and with --output the name of the file is told as JSON.
    """
    document = service.read("/customers/export", **parse_identifier(identifier))
    indent = None if as_json else 1
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    if output is None:
        click.echo(text)
        return 0
    output.write_text(text + "\n", encoding="utf-8")
    if as_json:
        print_json({"output": str(output)})
    else:
        click.echo(f"wrote {output}")
    return 0


@customer.command("erase")
@service_options
@json_option
@yes_option
@click.option("--wait/--no-wait", "waits", default=True, help="Wait until it is done.")
@identifier_argument
def erase_customer(
    service: Service, identifier: str, *, waits: bool, is_confirmed: bool, as_json: bool
) -> int:
    """Erase the customer TYPE=VALUE, with every event. It cannot be undone."""
    query = parse_identifier(identifier)
    if not is_confirmed:
        click.confirm(
            f"Erase {identifier} for ever, on {service.url}?", abort=True, err=True
        )
    erasure = service.change("/customers/erase", **query)["erasure"]
    receipt = {"erasure": erasure["id"], "state": "running"}
    if waits:
        receipt = {"erasure": erasure["id"], **_wait_for_erasure(service, erasure)}
    if as_json:
        print_json(receipt)
    else:
        print_fields(receipt)
    return 0


@click.command()
@service_options
@json_option
@click.argument("subject")
def whois(service: Service, subject: str, *, as_json: bool) -> int:
    """Say which customer SUBJECT is, and why: a session's ID, or TYPE=VALUE of an identifier.

    Ends with 1 if there is none.
    """
    answer = _explain(service, subject)
    if answer is None:
        raise OperationFailed(
            f"nothing is known by {subject!r}: give a session's ID or TYPE=VALUE"
        )
    if as_json:
        print_json(answer)
        return 0
    click.echo(f"{subject} is {_format_identifier(answer['customer'])}")
    for entry in answer["why"]:
        click.echo("  " + json.dumps(entry, ensure_ascii=False))
    return 0


def parse_identifier(text: str) -> dict[str, str]:
    """Parse `TYPE=VALUE` to a query. Raises `click.UsageError`, which ends with 2."""
    type_, separator, value = text.partition("=")
    if not (type_ and separator and value):
        raise click.UsageError(
            f"{text!r} is not an identifier: write TYPE=VALUE, such as registered=gordon"
        )
    return {type_: value}


def _explain(service: Service, name: str) -> Json | None:
    type_, separator, value = name.partition("=")
    # IDs of sessions may have an equals sign too, so a declared type decides.
    if separator and type_ in (*_read_types(service), "profile"):
        return _explain_identifier(service, {type_: value})
    return service.find("/sessions", id=name)


def _explain_identifier(service: Service, query: dict[str, str]) -> Json | None:
    found = service.find("/customers", **query)
    if found is None:
        return None
    # A hard identifier that nobody corrected has no history: it is its own customer.
    history = service.find("/customers/why", **query) or {"why": []}
    return {"customer": found["customer"], "why": history["why"]}


def _read_types(service: Service) -> list[str]:
    """Read the types of identifiers that the key's project declares."""
    return [declared["type"] for declared in service.read("/project")["identifiers"]]


def _wait_for_erasure(service: Service, erasure: Json) -> Json:
    wait = _FIRST_WAIT
    while True:
        receipt: Json = service.read(f"/erasures/{erasure['id']}")
        if receipt.get("state") == "done":
            return receipt
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _print_customer(answer: Json) -> None:
    fields = {"customer": _format_identifier(answer["customer"])}
    for name in ("identifiers", "attributes", "segments", "traits", "consents"):
        if answer.get(name):
            fields[name] = answer[name]
    for name in ("visits", "first_seen", "last_seen"):
        fields[name] = answer.get(name)
    print_fields(fields)


def _format_identifier(identifier: Json) -> str:
    if identifier is None:
        return "an anonymous visitor"
    return f"{identifier['type']}={identifier['value']}"
