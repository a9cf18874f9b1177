"""The command `hardlink`: all commands, and how an error becomes an exit code.

0: done. 1: it failed, or it found something that is not right. 2: it was called in a wrong way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from infra.command.customers import customer, whois
from infra.command.importing import import_events
from infra.command.live import tail
from infra.command.measurements import bench, cost, load
from infra.command.orders import orders
from infra.command.pages import check_page_command
from infra.command.restoring import restore
from infra.command.running import run, walk
from infra.command.seeding import seed
from infra.command.stack_commands import doctor, keys, redrive
from infra.operations.errors import OperationFailed

_FAILED, _WRONG_USAGE = 1, 2


@click.group()
def cli() -> None:
    """Hardlink: customer identity and event tracking for web shops.

    Commands that call a service take the local one (`hardlink run`), unless --url and --key or
    --stage name another. They end with 0 (done), 1 (failed, or something is wrong) or 2 (wrong
    usage).
    """


_COMMANDS: tuple[click.Command, ...] = (
    run,
    walk,
    tail,
    whois,
    customer,
    import_events,
    seed,
    orders,
    check_page_command,
    doctor,
    redrive,
    restore,
    keys,
    bench,
    cost,
    load,
)
for _command in _COMMANDS:
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code. `arguments`: without the program's name."""
    given = None if arguments is None else list(arguments)
    try:
        code = cli.main(given, prog_name="hardlink", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return _WRONG_USAGE if isinstance(error, click.UsageError) else _FAILED
    except click.Abort:
        click.echo("stopped: nothing more is done", err=True)
        return _FAILED
    except OperationFailed as error:
        click.echo(str(error), err=True)
        return _FAILED
    return int(code or 0)


def run_and_exit() -> None:
    """Run a command, and end the program: the console script."""
    sys.exit(main())
