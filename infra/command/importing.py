"""`hardlink import`: history from another system, with its own times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import click

from infra.command.options import (
    file_argument,
    json_option,
    service_options,
    source_option,
)
from infra.command.output import print_json, show_progress
from infra.operations.errors import OperationFailed
from infra.operations.event_import.field_map import FieldMap, Only, Rename
from infra.operations.event_import.importer import Importer
from infra.operations.event_import.rows import (
    Format,
    Refusal,
    Row,
    UnusableFile,
    guess_format,
    open_file,
    read_rows,
)
from infra.operations.service_client import Service


@click.command("import")
@service_options
@json_option
@source_option
@click.option(
    "--format",
    "file_format",
    type=click.Choice(get_args(Format)),
    help="Format of the file, where its name does not say it.",
)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="Field OLD of the file is field NEW here, such as timestamp=time. May be repeated.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Only rows whose FIELD has this value. May be repeated.",
)
@click.option(
    "--drop",
    "drops",
    multiple=True,
    metavar="FIELD",
    help="Leave out this field of the file. May be repeated.",
)
@click.option(
    "--drop-unknown",
    "drops_unknown",
    is_flag=True,
    help="Leave out all fields that have no place here, and name them at the end.",
)
@click.option(
    "--results",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that names what was not taken, and why (FILE.refused.jsonl).",
)
@click.option(
    "--from-line",
    type=click.IntRange(1),
    default=1,
    help="Continue an import that was stopped.",
)
@file_argument
def import_events(
    service: Service,
    file: Path,
    *,
    write_key: str,
    file_format: Format | None,
    renames: tuple[str, ...],
    only: tuple[str, ...],
    drops: tuple[str, ...],
    drops_unknown: bool,
    results: Path | None,
    from_line: int,
    as_json: bool,
) -> int:
    """Import the events of FILE: JSON lines or CSV, also with gzip, of any size.

    A row has `time`, `session` or `ids` (or both), and of an event `type`, `properties`, `id`.
    Columns of a CSV name fields by their path: `ids.registered`, `properties.price:number`. A row
    without a type says who somebody is, or sets values of theirs. An import may be repeated: every
    event is stored once. Ends with 1 where a row was not taken.
    """
    target = results or file.with_name(f"{file.name}.refused.jsonl")
    field_map = FieldMap(
        [Only(*_parse_pair("--only", text)) for text in only],
        drops,
        [Rename(*_parse_pair("--rename", text)) for text in renames],
        drops_unknown=drops_unknown,
    )
    try:
        chosen = file_format or guess_format(file)
        # An import that goes on adds to what its first part was refused.
        mode: Literal["a", "w"] = "a" if from_line > 1 else "w"
        with target.open(mode, encoding="utf-8") as written:
            importer = Importer(service, write_key, written)
            with _opened(file) as (raw, stream):
                rows = field_map.apply(read_rows(stream, chosen))
                _run(importer, _skip_lines(rows, from_line), raw, file.stat().st_size)
    except UnusableFile as error:
        raise OperationFailed(str(error)) from error
    _print_summary(importer, field_map.left_out, target, as_json=as_json)
    return 1 if importer.not_taken else 0


def _parse_pair(option: str, text: str) -> tuple[str, str]:
    """Parse `LEFT=RIGHT`. Raises `click.UsageError`."""
    left, separator, right = text.partition("=")
    if not (separator and left and right):
        example = {"--only": "type=track"}.get(option, "timestamp=time")
        raise click.UsageError(f"{option} {text!r}: write it as in {option} {example}")
    return left, right


@contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    raw, stream = open_file(file)
    with raw, stream:
        yield raw, stream


def _run(
    importer: Importer, rows: Iterator[Row | Refusal], raw: BinaryIO, size: int
) -> None:
    with show_progress("import", size) as advance:
        try:
            importer.run(rows, lambda: advance(raw.tell()))
        except OperationFailed as error:
            raise OperationFailed(
                f"{error}\nstopped: --from-line {importer.last_line + 1} continues here"
            ) from error


def _skip_lines(
    rows: Iterator[Row | Refusal], from_line: int
) -> Iterator[Row | Refusal]:
    for row in rows:
        if row.line >= from_line:
            yield row


def _print_summary(
    importer: Importer, left_out: Counter[str], target: Path, *, as_json: bool
) -> None:
    counts = dict(sorted(importer.counts.items()))
    if as_json:
        summary = {"rows": counts, "left_out": left_out, "results": str(target)}
        print_json(summary)
        return
    listed = ", ".join(f"{count} {status}" for status, count in counts.items())
    click.echo(listed or "the file has no rows")
    if left_out:
        named = ", ".join(
            f"{name} ({count})" for name, count in sorted(left_out.items())
        )
        click.echo(f"fields that were left out: {named}")
    if target.stat().st_size:
        click.echo(f"what was not taken as it is, and why: {target}")
