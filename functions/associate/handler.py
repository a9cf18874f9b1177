"""The stream function of both tables: brings the rows under every customer in line with the links.

It reads where erasures begin as well, and hands them on: a stream has two readers at most, and it is one already.
"""

from __future__ import annotations

import json
import os
from typing import Any, cast

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from hardlink import metrics
from hardlink.domain.records import Table
from hardlink.log import flush_metrics, logger
from hardlink.services.association import Association
from hardlink.storage import erasure_queue, keys
from hardlink.storage.keys import PARTITION, SORT
from hardlink.web.response import InternalFailure
from hardlink.web.wiring import read_clock, tables

HARD_TYPES = {
    project_id: frozenset(types)
    for project_id, types in json.loads(os.environ["HARDLINK_HARD_TYPES"]).items()
}
association = Association(tables(), HARD_TYPES)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Each record says which node to look at, or which erasure began; those that failed come again."""
    done: set[tuple[Table, str]] = set()

    def carry_out(record: DynamoDBRecord) -> None:
        item_keys = record.dynamodb.keys if record.dynamodb else {}
        found = next(
            (table, item_keys[name]) for table, name in PARTITION.items() if name in item_keys
        )
        if found not in done:  # all records of a batch were written before it was read
            begun = item_keys.get(SORT) == keys.ERASURE
            act, fault = (_hand_on, "not handed on") if begun else (_associate, "not associated")
            try:
                act(record, *found)
            except Exception as error:  # noqa: BLE001 - of whatever kind
                metrics.count("association_failures")
                failure = InternalFailure(error)
                logger.error(
                    fault, table=found[0], key=keys.hashed_partition(found[1]), why=str(failure)
                )
                raise failure from None
            done.add(found)

    processor = BatchProcessor(
        event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
    )
    with processor(event["Records"], carry_out, context):
        processor.process()
    flush_metrics()
    return cast("dict[str, Any]", processor.response())


def _associate(record: DynamoDBRecord, table: Table, partition: str) -> None:
    association.handle_change(table, partition)
    _measure(record)


def _hand_on(record: DynamoDBRecord, _: Table, partition: str) -> None:
    """An erasure that began is told to `erase`; of one that goes on it knows."""
    if record.raw_event["eventName"] == "INSERT":
        erasure_queue.open_queue().send(*keys.erasure_of_partition(partition))


def _measure(record: DynamoDBRecord) -> None:
    """How long after the change its rows follow; DynamoDB says when that was to the second."""
    changed = record.dynamodb.approximate_creation_date_time if record.dynamodb else None
    if changed is not None:
        metrics.record_duration("association_lag", int(read_clock() / 1000 - changed * 1000))
