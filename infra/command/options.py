"""The options that commands share, under the same names everywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from infra import stages
from infra.local import service as local_service
from infra.operations.errors import OperationFailed
from infra.operations.service_client import Service, check_url
from infra.operations.stacks import DeployedStack

_Command = Callable[..., Any]
_DEFAULT_NAME = "hardlink"

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs."
)
yes_option = click.option(
    "--yes", "is_confirmed", is_flag=True, help="Do it without asking."
)
source_option = click.option(
    "--source",
    "write_key",
    default="demo",
    show_default=True,
    metavar="KEY",
    help="Write key of the source that the events are of.",
)
file_argument = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
_STACK_OPTIONS = (
    click.option(
        "--name",
        default=_DEFAULT_NAME,
        show_default=True,
        help="Name of the deployment, as in `cdk deploy -c name=...`.",
    ),
    click.option("--region", help="AWS region, instead of your configuration's."),
    click.option("--endpoint", help="URL of an emulator of AWS, instead of AWS."),
)
_STAGE_HELP = "Stage of a deployed stack, whose URL and key are asked of AWS."
_SERVICE_OPTIONS = (
    click.option(
        "--url",
        envvar="HARDLINK_URL",
        help="URL of the service (HARDLINK_URL). Else the local one on port PORT.",
    ),
    click.option(
        "--key",
        envvar="HARDLINK_SERVER_KEY",
        help="Server key (HARDLINK_SERVER_KEY). The local service's is known.",
    ),
    click.option("--stage", type=click.Choice(stages.STAGE_NAMES), help=_STAGE_HELP),
    *_STACK_OPTIONS,
    click.option(
        "--project",
        default="demo",
        show_default=True,
        help="Project whose server key is read, with --stage.",
    ),
)


class Place(NamedTuple):
    """The place of a service, as the options name it."""

    url: str | None
    key: str | None
    stage: str | None
    name: str
    region: str | None
    endpoint: str | None
    project: str

    @property
    def stack(self) -> DeployedStack | None:
        """The deployed stack, where a stage is named."""
        if self.stage is None:
            return None
        return DeployedStack(f"{self.name}-{self.stage}", self.region, self.endpoint)

    def find_service(self) -> Service:
        """Find the service by URL or stack, else the local one. Raises `OperationFailed`."""
        if self.stack is not None:
            url = self.url or self.stack.read_output("Url")
            key = self.key or self.stack.read_server_key(self.project)
            return Service(check_url(url), key)
        if self.url:
            return Service(check_url(self.url), self.key or "")
        return self._find_local()

    def _find_local(self) -> Service:
        try:
            port = local_service.read_port()
            key = self.key or local_service.server_key_file(port).read_text()
        except local_service.UnusableSetting as error:
            raise OperationFailed(str(error)) from error
        except OSError as error:
            raise OperationFailed(
                f"no Hardlink runs on port {port}: start it with `hardlink run`, "
                "or name another one with --url or --stage"
            ) from error
        return Service(f"http://{local_service.HOST}:{port}", key)


def stack_options(function: _Command) -> _Command:
    """Give a command the options that name a deployed stack: it gets a `stack`."""

    @functools.wraps(function)
    def run(
        stage: str, name: str, region: str | None, endpoint: str | None, **rest: Any
    ) -> Any:
        stack = DeployedStack(f"{name}-{stage}", region, endpoint)
        return function(stack=stack, **rest)

    stage_option = click.option(
        "--stage",
        type=click.Choice(stages.STAGE_NAMES),
        default="dev",
        show_default=True,
        help="Stage of the deployed stack.",
    )
    return _apply_options(run, (stage_option, *_STACK_OPTIONS))


def place_options(function: _Command) -> _Command:
    """Give a command the options that name a service: it gets a `place`."""

    @functools.wraps(function)
    def run(**given: Any) -> Any:
        place = Place(*(given.pop(name) for name in Place._fields))
        return function(place=place, **given)

    return _apply_options(run, _SERVICE_OPTIONS)


def service_options(function: _Command) -> _Command:
    """Give a command the options that name a service, and the `service` itself."""

    @functools.wraps(function)
    def run(*, place: Place, **rest: Any) -> Any:
        return function(service=place.find_service(), **rest)

    return place_options(run)


def _apply_options(function: _Command, options: tuple[Any, ...]) -> _Command:
    # The last one applied stands first in the help.
    for option in reversed(options):
        function = option(function)
    return function
