"""The DynamoDB tables: on demand, with point-in-time recovery, TTL and streams.

Streams carry keys only: consumers read the current item, because an image may be outdated.
"""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra import topology


class Tables(Construct):
    """The tables of `topology.TABLES` by name. `keep`: protected from deletion."""

    def __init__(self, scope: Construct, id_: str, *, keep: bool) -> None:
        super().__init__(scope, id_)
        self._by_name: dict[str, dynamodb.Table] = {}
        for table in topology.TABLES:
            self._by_name[table.name] = self._create_table(table, keep=keep)

    def __getitem__(self, name: str) -> dynamodb.Table:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def _create_table(self, table: topology.Table, *, keep: bool) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            table.name.capitalize(),
            partition_key=_string_key(table.partition),
            sort_key=_string_key(table.sort),
            # It follows the peak of a campaign by itself, and costs nothing without calls.
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.KEYS_ONLY,
            time_to_live_attribute=table.expires,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            # The removal policy binds CloudFormation alone; this binds the console and scripts too.
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )


def _string_key(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
