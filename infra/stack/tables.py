"""The DynamoDB tables: on demand, with point-in-time recovery, TTL and streams.

Streams carry keys only: consumers read the current item, because an image may be outdated.
"""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Aws
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra import topology
from infra.stack import buckets
from infra.stack.nag import suppress_nag
from infra.stages import Stage, TableClass

_KEY_ACTIONS = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
_TABLE_CLASSES = {
    "standard": dynamodb.TableClass.STANDARD,
    "infrequent_access": dynamodb.TableClass.STANDARD_INFREQUENT_ACCESS,
}


class Tables(Construct):
    """The tables of `topology.TABLES` by name. `keep`: protected from deletion.

    A table that was restored stands in place of the stack's own, which stays as it was: its
    tombstones tell whom to erase again.
    """

    def __init__(self, scope: Construct, id_: str, *, stage: Stage, keep: bool) -> None:
        super().__init__(scope, id_)
        self._stage = stage
        self._key: kms.IKey | None = None
        if stage.kms_key:
            self._key = kms.Key.from_key_arn(self, "Key", stage.kms_key)
        self._by_name: dict[str, dynamodb.ITable] = {}
        for table in topology.TABLES:
            created = self._create_table(table, keep=keep)
            restored = stage.restored.find(table.name)
            self._by_name[table.name] = (
                self._import_table(table, restored) if restored else created
            )

    def __getitem__(self, name: str) -> dynamodb.ITable:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    @property
    def key_policy(self) -> iam.PolicyStatement | None:
        """Permission to use the tables' own key, which DynamoDB demands of its callers.

        None: the key is AWS's own, which needs none.
        """
        if self._key is None:
            return None
        service = f"dynamodb.{Aws.REGION}.{Aws.URL_SUFFIX}"
        return iam.PolicyStatement(
            actions=[f"kms:{action}" for action in _KEY_ACTIONS],
            resources=[self._key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": service}},
        )

    def _create_table(self, table: topology.Table, *, keep: bool) -> dynamodb.Table:
        created = dynamodb.Table(
            self,
            table.name.capitalize(),
            partition_key=_string_key(table.partition),
            sort_key=_string_key(table.sort),
            # It follows the peak of a campaign by itself, and costs nothing without calls.
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=self._stream_of(table),
            time_to_live_attribute=table.expires,
            point_in_time_recovery_specification=self._recovery(table),
            table_class=_TABLE_CLASSES[self._class_of(table)],
            max_read_request_units=self._stage.max_units.read,
            max_write_request_units=self._stage.max_units.write,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED
            if self._key
            else dynamodb.TableEncryption.AWS_MANAGED,
            encryption_key=self._key,
            # The removal policy binds CloudFormation alone; this binds the console and scripts too.
            deletion_protection=keep,
            removal_policy=buckets.removal_policy(keep=keep),
        )
        if self._has_copies(table):
            suppress_nag(created, "DDB3", "a weekly copy is kept in place of recovery")
        return created

    def _import_table(self, table: topology.Table, arn: str) -> dynamodb.ITable:
        """Refer to a table outside the stack. `arn`: the table's own, or its stream's."""
        table_arn, _, label = arn.partition("/stream/")
        return dynamodb.Table.from_table_attributes(
            self,
            f"Restored{table.name.capitalize()}",
            table_arn=table_arn,
            table_stream_arn=arn if label else None,
            encryption_key=self._key,
        )

    def _stream_of(self, table: topology.Table) -> dynamodb.StreamViewType | None:
        if table.stream == "always" or self._stage.forward:
            return dynamodb.StreamViewType.KEYS_ONLY
        return None

    def _class_of(self, table: topology.Table) -> TableClass:
        own = self._stage.events.table_class if table.name == "events" else None
        return own or self._stage.table_class

    def _has_copies(self, table: topology.Table) -> bool:
        return table.name == "events" and self._stage.events.backups == "weekly"

    def _recovery(
        self, table: topology.Table
    ) -> dynamodb.PointInTimeRecoverySpecification:
        days = 0 if self._has_copies(table) else self._stage.recovery_days
        return dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=days > 0,
            recovery_period_in_days=days or None,
        )


def _string_key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
