"""Both tables: on demand, with streams that tell keys only, as nobody trusts an image."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra import topology


class Tables(Construct):
    """The tables of `plan.TABLES` by name. `keep`: neither a mistake nor the end of the stack deletes them."""

    def __init__(self, scope: Construct, id_: str, *, keep: bool) -> None:
        super().__init__(scope, id_)
        self._by_name = {table.name: self._table(table, keep=keep) for table in topology.TABLES}

    def __getitem__(self, name: str) -> dynamodb.Table:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def _table(self, table: topology.Table, *, keep: bool) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            table.name.capitalize(),
            partition_key=_text(table.partition),
            sort_key=_text(table.sort),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.KEYS_ONLY,
            time_to_live_attribute=table.expires,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
