"""`hardlink orders import`: the shop's order feed, by a call or by the stack's bucket."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from botocore.exceptions import BotoCoreError, ClientError

from hardlink.web.request import MOST_BYTES
from infra.command.options import Place, file_argument, json_option, place_options
from infra.command.output import print_json
from infra.operations.errors import OperationFailed
from infra.operations.stacks import DeployedStack

Json = Any
_REFUSED = "rejected"


@click.group()
def orders() -> None:
    """Import orders."""


@orders.command("import")
@place_options
@json_option
@file_argument
def import_orders(place: Place, file: Path, *, as_json: bool) -> int:
    """Import the order feed FILE: JSON, CSV or XML, also with gzip.

    A file of more than 5 MiB or 500 orders needs --stage: it is put into the stack's bucket, where
    its results appear beside it. Ends with 1 where an order is refused.
    """
    if file.stat().st_size > MOST_BYTES:
        return _put_into_bucket(place, file, as_json=as_json)
    reply = place.find_service().send("POST", "/orders", file.read_bytes(), reads=True)
    # it has few bytes but many orders
    is_too_large = reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if is_too_large and place.stack is not None:
        return _put_into_bucket(place, file, as_json=as_json)
    if not reply.is_success:
        raise OperationFailed(reply.explanation)
    return _print_results(reply.body, as_json=as_json)


def _print_results(answer: Json, *, as_json: bool) -> int:
    counts = {name: n for name, n in answer.items() if isinstance(n, int)}
    refused = [row for row in answer["results"] if row["status"] == _REFUSED]
    if as_json:
        print_json(answer)
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
        for row in refused:
            print_json(row)
    return 1 if refused else 0


def _put_into_bucket(place: Place, file: Path, *, as_json: bool) -> int:
    stack = place.stack
    if stack is None:
        raise OperationFailed(
            f"{file} is too large for a call: name the deployed stack with --stage, "
            "whose bucket takes files of any size"
        )
    target = upload_feed(stack, place.project, file)
    if as_json:
        print_json({"uploaded": target})
    else:
        click.echo(f"uploaded to {target}: its results appear in the same bucket")
    return 0


def upload_feed(stack: DeployedStack, project: str, file: Path) -> str:
    """Put a feed into the bucket of a stack, and return its URL. Raises `OperationFailed`."""
    folder = urlsplit(stack.read_output("Feeds"))
    key = f"{folder.path.strip('/')}/{project}/{file.name}"
    try:
        stack.create_client("s3").upload_file(str(file), folder.netloc, key)
    except (BotoCoreError, ClientError) as error:
        raise OperationFailed(
            f"{file} could not be put into the bucket: {error}"
        ) from error
    return f"s3://{folder.netloc}/{key}"
