"""Restores tables to a point in time, into new tables with the settings of those before.

DynamoDB restores only into tables that do not exist. It leaves out streams, expiry, backups,
deletion protection and tags, so these are set here. Nothing is done to the tables before.
Source: DynamoDB's Developer Guide, "Restoring a table to a point in time".
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from infra import topology
from infra.operations.errors import OperationFailed

_TABLES = {table.name: table for table in topology.TABLES}
_WAIT = {"Delay": 20, "MaxAttempts": 720}
"""Seconds between two looks, and how many: a restore takes from minutes to hours."""


def parse_time(text: str) -> datetime:
    """Parse the time to restore, ISO 8601 with a time zone. Raises `OperationFailed`."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise OperationFailed(f"--at {text!r} is not a time: {error}") from error
    if parsed.tzinfo is None:
        raise OperationFailed(
            f"--at {text!r} has no time zone: append Z for UTC, or an offset"
        )
    return parsed.astimezone(UTC)


class TableRestore:
    """Restores tables to the time `at`. `client`: of DynamoDB.

    Each step may be repeated: what is done already stays as it is.
    """

    def __init__(self, client: Any, at: datetime) -> None:
        self._client = client
        self._at = at
        self._suffix = f"-at-{at:%Y%m%dT%H%M%SZ}"

    def source_name(self, name: str) -> str:
        """The table to restore from. `name`: the one in use, maybe restored by a run before."""
        return name.removesuffix(self._suffix)

    def target_name(self, name: str) -> str:
        """The table to restore into."""
        return f"{self.source_name(name)}{self._suffix}"

    def can_restore(self, name: str) -> bool:
        """Tell whether a table has point-in-time recovery."""
        source = self.source_name(name)
        return bool(self._recovery(source)["PointInTimeRecoveryStatus"] == "ENABLED")

    def restore(self, table: str, name: str) -> str:
        """Restore a table, and return the ARN of its stream, or its own where it has none.

        `table`: its name in `topology`; `name`: its real one.
        """
        source = self._describe(self.source_name(name))
        target = self.target_name(name)
        self._create(source["TableName"], target)
        restored = self._describe(target)
        self._start_stream(source, restored)
        self._protect(source, restored)
        self._expire(table, target)
        self._copy_recovery(source["TableName"], target)
        self._copy_tags(source["TableArn"], restored["TableArn"])
        described = self._describe(target)
        return str(described.get("LatestStreamArn") or described["TableArn"])

    def _describe(self, name: str) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self._client.describe_table(TableName=name)["Table"]
        return table

    def _wait(self, target: str) -> None:
        waiter = self._client.get_waiter("table_exists")
        waiter.wait(TableName=target, WaiterConfig=_WAIT)

    def _create(self, source: str, target: str) -> None:
        # A run before this one may have created it, and may have been stopped.
        with suppress(self._client.exceptions.TableAlreadyExistsException):
            self._client.restore_table_to_point_in_time(
                SourceTableName=source,
                TargetTableName=target,
                RestoreDateTime=self._at,
            )
        self._wait(target)

    def _start_stream(
        self, source: Mapping[str, Any], restored: Mapping[str, Any]
    ) -> None:
        wanted = source.get("StreamSpecification", {})
        has_stream = restored.get("StreamSpecification", {}).get("StreamEnabled")
        if wanted.get("StreamEnabled") and not has_stream:
            self._update(restored, StreamSpecification=wanted)

    def _protect(self, source: Mapping[str, Any], restored: Mapping[str, Any]) -> None:
        is_protected = bool(source.get("DeletionProtectionEnabled"))
        if is_protected and not restored.get("DeletionProtectionEnabled"):
            self._update(restored, DeletionProtectionEnabled=True)

    def _update(self, restored: Mapping[str, Any], **changes: Any) -> None:
        self._client.update_table(TableName=restored["TableName"], **changes)
        self._wait(restored["TableName"])

    def _expire(self, table: str, target: str) -> None:
        described = self._client.describe_time_to_live(TableName=target)
        status = described["TimeToLiveDescription"].get("TimeToLiveStatus")
        if status in ("ENABLED", "ENABLING"):
            return  # DynamoDB refuses to be told what is so
        attribute = _TABLES[table].expires
        self._client.update_time_to_live(
            TableName=target,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
        )

    def _recovery(self, name: str) -> Mapping[str, Any]:
        described = self._client.describe_continuous_backups(TableName=name)
        backups = described["ContinuousBackupsDescription"]
        recovery: Mapping[str, Any] = backups["PointInTimeRecoveryDescription"]
        return recovery

    def _copy_recovery(self, source: str, target: str) -> None:
        wanted: dict[str, Any] = {"PointInTimeRecoveryEnabled": True}
        days = self._recovery(source).get("RecoveryPeriodInDays")
        if days:
            wanted["RecoveryPeriodInDays"] = days
        self._client.update_continuous_backups(
            TableName=target, PointInTimeRecoverySpecification=wanted
        )

    def _copy_tags(self, source_arn: str, target_arn: str) -> None:
        tags = self._client.list_tags_of_resource(ResourceArn=source_arn)["Tags"]
        # CloudFormation's own tags cannot be set by others.
        own = [tag for tag in tags if not tag["Key"].startswith("aws:")]
        if own:
            self._client.tag_resource(ResourceArn=target_arn, Tags=own)
