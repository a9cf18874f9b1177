"""The stream function of both tables: brings the rows under every customer in line with the links."""

from __future__ import annotations

import json
import os
from typing import Any, cast

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from hardlink import layout, metrics
from hardlink.association import Association
from hardlink.http import Failure
from hardlink.layout import PARTITION, Table
from hardlink.log import logger, tell
from hardlink.tables import clock, tables

HARD_TYPES = {
    space: frozenset(types)
    for space, types in json.loads(os.environ["HARDLINK_HARD_TYPES"]).items()
}
association = Association(tables(), HARD_TYPES)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Each record says which node to look at; those that failed are answered, and come again."""
    done: set[tuple[Table, str]] = set()

    def associate(record: DynamoDBRecord) -> None:
        keys = record.dynamodb.keys if record.dynamodb else {}
        found = next((table, keys[name]) for table, name in PARTITION.items() if name in keys)
        if found not in done:  # all records of a batch were written before it was read
            try:
                association.changed(*found)
            except Exception as error:  # noqa: BLE001 - of whatever kind
                metrics.count("association_failures")
                failure = Failure(error)
                logger.error(
                    "not associated", table=found[0], key=layout.hidden(found[1]), why=str(failure)
                )
                raise failure from None
            _measure(record)
            done.add(found)

    processor = BatchProcessor(
        event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
    )
    with processor(event["Records"], associate, context):
        processor.process()
    tell()
    return cast("dict[str, Any]", processor.response())


def _measure(record: DynamoDBRecord) -> None:
    """How long after the change its rows follow; DynamoDB says when that was to the second."""
    changed = record.dynamodb.approximate_creation_date_time if record.dynamodb else None
    if changed is not None:
        metrics.took("association_lag", int(clock() / 1000 - changed * 1000))
