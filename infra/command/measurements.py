"""`hardlink bench`, `cost` and `load`: measurements of `tests/bench`."""

from __future__ import annotations

import importlib
from typing import Any

import click

from infra.command.options import json_option
from infra.operations.errors import OperationFailed


@click.command()
@json_option
def bench(*, as_json: bool) -> int:
    """Measure what calls and functions take, beside a bare baseline."""
    _load_measurement("tests.bench.__main__").main(_json_argument(as_json=as_json))
    return 0


@click.command()
@json_option
@click.option("--calls", type=int, help="Calls that are measured.")
def cost(calls: int | None, *, as_json: bool) -> int:
    """Measure what a month costs. Ends with 1 where a goal is not held."""
    arguments = [] if calls is None else ["--calls", str(calls)]
    arguments += _json_argument(as_json=as_json)
    return int(_load_measurement("tests.bench.cost").main(arguments))


@click.command()
@json_option
@click.option("--seconds", type=float, default=60, show_default=True, help="How long.")
@click.option(
    "--clients", type=int, default=4, show_default=True, help="Clients at once."
)
def load(seconds: float, clients: int, *, as_json: bool) -> int:
    """Put a service under load. Ends with 1 where anything was lost."""
    arguments = ["--seconds", str(seconds), "--clients", str(clients)]
    arguments += _json_argument(as_json=as_json)
    return int(_load_measurement("tests.bench.load").main(arguments))


def _json_argument(*, as_json: bool) -> list[str]:
    return ["--json"] if as_json else []


def _load_measurement(module: str) -> Any:
    """Import a measurement, which needs the packages of `requirements-dev.txt`."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise OperationFailed(
            f"measurements need the packages for development: run `make check` first ({error})"
        ) from error
