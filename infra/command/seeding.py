"""`hardlink seed`: a week of a made-up shop, to look at."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import click

from infra.command.options import json_option, service_options, source_option
from infra.command.output import print_json, show_progress
from infra.operations.errors import OperationFailed
from infra.operations.event_import.importer import Importer
from infra.operations.seed.week import Types, Week
from infra.operations.service_client import Service

_MICROSECONDS = 1_000_000


@click.command()
@service_options
@json_option
@source_option
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Number of the shop: the same one gives the same week.",
)
@click.option(
    "--visitors",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many come.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day of the week, at whose begin it ends (today, UTC).",
)
def seed(
    service: Service,
    *,
    write_key: str,
    seed: int,
    visitors: int,
    until: datetime | None,
    as_json: bool,
) -> int:
    """Fill a service with a week of a made-up shop.

    Visitors with one device or more, log-ins, orders, opt-outs, and mistakes that the service
    refuses. The same seed and the same last day store nothing twice.
    """
    end = until.replace(tzinfo=UTC) if until else _today()
    week = Week(seed, visitors, int(end.timestamp()) * _MICROSECONDS, _types(service))
    results = io.StringIO()
    importer = Importer(service, write_key, results)
    with show_progress("seed", None) as advance:
        importer.run(week.rows(), lambda: advance(importer.last_line))
    for session in week.opted_out:
        _opt_out(service, write_key, session)
    counts = dict(sorted(importer.counts.items()))
    if as_json:
        print_json({"rows": counts, "opted_out": week.opted_out})
        return 0
    listed = ", ".join(f"{count} {status}" for status, count in counts.items())
    click.echo(f"{listed} (mistakes are meant), {len(week.opted_out)} opted out")
    click.echo(f"look at it: {service.url}/console")
    return 0


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _types(service: Service) -> Types:
    declared = service.read("/project")["identifiers"]
    hard = [type_["type"] for type_ in declared if type_["kind"] == "hard"]
    emails = [type_["type"] for type_ in declared if type_["type"] == "email"]
    if not hard:
        raise OperationFailed(
            "the project declares no hard identifier, so nobody logs in"
        )
    return Types(hard[0], emails[0] if emails else None)


def _opt_out(service: Service, write_key: str, session: str) -> None:
    body = {
        "source": {"id": write_key},
        "session": {"id": session},
        "tracking": "denied",
    }
    reply = service.send("POST", "/consent", body)
    if not reply.is_success:
        raise OperationFailed(reply.explanation)
