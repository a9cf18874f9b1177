"""`hardlink run` and `hardlink walk`: the service on this machine, and a way through it."""

from __future__ import annotations

import os
import sys

import click

from infra.command.options import json_option, service_options
from infra.local import service as local_service
from infra.local import service_output, walk_output
from infra.local import walk as local_walk
from infra.operations.errors import OperationFailed
from infra.operations.service_client import Service


@click.command()
@json_option
@click.option(
    "--port",
    type=int,
    envvar="PORT",
    default=local_service.PORT,
    show_default=True,
    help="Port to listen on (PORT).",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin of a page of yours that may call. May be repeated.",
)
@click.option(
    "--prefix",
    envvar="PREFIX",
    default="",
    metavar="PATH",
    help="Path of the page's own site below which the API answers too, such as /hl.",
)
@click.option(
    "--fresh", "is_fresh", is_flag=True, help="Forget what it was told before."
)
def run(
    port: int, origins: tuple[str, ...], prefix: str, *, is_fresh: bool, as_json: bool
) -> int:
    """Serve everything on this machine, until Ctrl-C. It needs no AWS.

    With --json it prints a line for the start (URL, keys, origins), and one for each call.
    """
    # The service reads these, as it is also started by `make run`.
    os.environ["PORT"] = str(port)
    os.environ["PREFIX"] = prefix
    if origins:
        os.environ["ORIGIN"] = ",".join(origins)
    if is_fresh:
        os.environ["FRESH"] = "1"
    if as_json:
        return local_service.main(service_output.JsonOutput())
    return local_service.main()


@click.command()
@service_options
@json_option
def walk(service: Service, *, as_json: bool) -> int:
    """Go through a visitor's life, call by call, and check every answer.

    The service has to have the demo's sources. With --json it prints a line for each call. Ends
    with 1 where an answer is not as expected.
    """
    is_local = service.url.startswith(f"http://{local_service.HOST}:")
    timeout = local_walk.LOCAL_TIMEOUT if is_local else local_walk.DEPLOYED_TIMEOUT
    if not service.key:
        raise OperationFailed("walk needs a server key: --key, or HARDLINK_SERVER_KEY")
    output = walk_output.JsonOutput() if as_json else walk_output.TextOutput()
    walked = local_walk.WalkedService(service.url, service.key, timeout, output)
    sys.stdout.flush()
    return local_walk.walk_service(walked)
