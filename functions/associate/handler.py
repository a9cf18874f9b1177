"""Brings the rows under every customer in line with the links, by two tables' streams.

It also sends erasures that began to their queue: a stream has two readers at most, and this is one.
"""

from __future__ import annotations

from typing import Any, cast

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import (
    DynamoDBRecord,
)

from hardlink import metrics
from hardlink.domain.erasure.states import Requester
from hardlink.domain.records import Table
from hardlink.log import flush_metrics, logger
from hardlink.services.association import Association
from hardlink.services.erasure.tasks import read_requester
from hardlink.storage import erasure_queue, keys
from hardlink.web.declarations import deployed_sources
from hardlink.web.response import InternalFailure
from hardlink.web.wiring import note_schema, read_clock, tables

_ERASURES = (keys.ERASURE, keys.ERASURE_BY_SHOP)
"""Sort keys of what says that an erasure began, or is asked for by the shop as well."""
association = Association(tables(), deployed_sources().hard_types)
# This function runs soon after the first session is made, and is called by no client.
note_schema()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle the records of a stream; those that failed are delivered again."""
    handled: set[tuple[Table, str, str]] = set()

    def handle_once(record: DynamoDBRecord) -> None:
        item_keys = record.dynamodb.keys if record.dynamodb else {}
        table, partition, item = keys.parse_stored_key(item_keys)
        # All records of a batch were written before it was read, so one look at an item is enough.
        if (table, partition, item) in handled:
            return
        try:
            _handle_record(record, table, partition, item)
        except Exception as error:  # noqa: BLE001 - any failure is logged without naming a customer
            metrics.count("association_failures")
            failure = InternalFailure(error)
            _log_failure(table, partition, item, failure)
            raise failure from None
        handled.add((table, partition, item))

    processor = BatchProcessor(
        event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
    )
    with processor(event["Records"], handle_once, context):
        processor.process()
    flush_metrics()
    return cast("dict[str, Any]", processor.response())


def _handle_record(
    record: DynamoDBRecord, table: Table, partition: str, sort_key: str
) -> None:
    if sort_key in _ERASURES:
        _send_erasure(record, partition, sort_key)
        return
    association.handle_change(table, partition)
    _measure_lag(record)


def _send_erasure(record: DynamoDBRecord, partition: str, sort_key: str) -> None:
    """Send an erasure that began to its queue; `erase` itself makes the later changes."""
    if record.raw_event["eventName"] != "INSERT":
        return
    project_id, id_ = keys.erasure_of_partition(partition)
    requester: Requester = "shop"
    if sort_key == keys.ERASURE:
        requester = read_requester(tables(), project_id, id_)
    erasure_queue.open_queue(requester).send(project_id, id_)


def _log_failure(
    table: Table, partition: str, sort_key: str, failure: InternalFailure
) -> None:
    fault = "not handed on" if sort_key in _ERASURES else "not associated"
    logger.error(
        fault, table=table, key=keys.hashed_partition(partition), why=str(failure)
    )


def _measure_lag(record: DynamoDBRecord) -> None:
    """Record how long after the change its rows followed; DynamoDB dates it to the second."""
    changed = (
        record.dynamodb.approximate_creation_date_time if record.dynamodb else None
    )
    if changed is not None:
        metrics.record_duration(
            "association_lag", int(read_clock() / 1000 - changed * 1000)
        )
