"""`hardlink doctor`, `redrive` and `keys`: what is done with a deployed stack in AWS."""

from __future__ import annotations

import os
import secrets
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from infra.command.options import json_option, stack_options
from infra.command.output import print_json
from infra.operations.doctor import checks
from infra.operations.doctor.report import count_faults, print_findings
from infra.operations.errors import OperationFailed
from infra.operations.redrive import command as redrive_command
from infra.operations.stacks import DeployedStack

_KEY_BYTES = 32


@click.command()
@stack_options
@json_option
@click.option("--url", help="Where the API answers, instead of the stack's output Url.")
def doctor(stack: DeployedStack, url: str | None, *, as_json: bool) -> int:
    """Check a deployed stack, and say what to do where something is wrong.

    It changes nothing. Ends with 1 where something is wrong.
    """
    account = checks.Account(stack.region, stack.endpoint)
    findings = list(checks.run_checks(account, stack.name, url))
    if not as_json:
        return print_findings(findings)
    print_json({"checks": [finding._asdict() for finding in findings]})
    return 1 if count_faults(findings) else 0


@click.command()
@stack_options
@json_option
@click.option("--project", multiple=True, help="Only this project. May be repeated.")
@click.option("--failed", is_flag=True, help="Only what the queue `Failed` names.")
@click.option("--session", help="Only the visitor of this session.")
@click.option("--customer", metavar="TYPE=VALUE", help="Only this customer's visitors.")
@click.option("--erasure", metavar="ID", help="Only this erasure, by its receipt's ID.")
@click.option("--dry-run", is_flag=True, help="Print what would be done.")
@click.option("--parts", type=click.IntRange(1), help="Parts of a table's reading.")
@click.option("--from-part", type=click.IntRange(1), help="Continue here.")
def redrive(stack: DeployedStack, *, as_json: bool, **given: Any) -> int:
    """Repeat what lost or failed stream records would have done.

    Ends with 1 where something is left to do.
    """
    configure_aws(stack)
    arguments = ["--stack", stack.name]
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(option)
        elif isinstance(value, tuple):
            for one in value:
                arguments += [option, one]
        elif value:
            arguments += [option, str(value)]
    if as_json:
        arguments.append("--json")
    return redrive_command.main(arguments)


@click.group()
def keys() -> None:
    """Rotate keys."""


@keys.command("rotate")
@stack_options
@json_option
@click.option("--project", required=True, help="Project whose server key is rotated.")
def rotate_key(stack: DeployedStack, project: str, *, as_json: bool) -> int:
    """Give a project a new server key. The one before stays valid until the next rotation.

    Rotate twice to revoke a key, within five minutes.
    """
    name = stack.server_key_name(project)
    key = secrets.token_hex(_KEY_BYTES)
    try:
        client = stack.create_client("secretsmanager")
        client.put_secret_value(SecretId=name, SecretString=key)
    except (BotoCoreError, ClientError) as error:
        raise OperationFailed(
            f"secret {name} cannot be written: check --project and your rights ({error})"
        ) from error
    if as_json:
        print_json({"secret": name})
    else:
        click.echo(f"rotated {name}; read the new key with:")
        click.echo(
            "  aws secretsmanager get-secret-value --query SecretString --output text "
            f"--secret-id {name}"
        )
    return 0


def configure_aws(stack: DeployedStack) -> None:
    """Name region and endpoint in the environment, for clients that are created without them."""
    if stack.region:
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = stack.region
    if stack.endpoint:
        os.environ["AWS_ENDPOINT_URL"] = stack.endpoint
