"""A weekly copy of the table `events` by AWS Backup, in place of recovery to a point in time.

A copy costs half as much as recovery, and what came after it is lost with the table.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_backup as backup
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import topology
from infra.stack import buckets
from infra.stack.nag import suppress_nag

_POLICY = "service-role/AWSBackupServiceRolePolicyForBackup"


class EventBackups(Construct):
    """The plan, the vault of its copies, and the role that makes them.

    `keep`: the vault outlives the stack.
    """

    def __init__(
        self, scope: Construct, id_: str, *, table: dynamodb.ITable, keep: bool
    ) -> None:
        super().__init__(scope, id_)
        vault = backup.BackupVault(
            self, "Vault", removal_policy=buckets.removal_policy(keep=keep)
        )
        plan = backup.BackupPlan(self, "Plan", backup_vault=vault)
        plan.add_rule(
            backup.BackupPlanRule(
                rule_name="weekly",
                # Sunday night, when a shop has the fewest calls.
                schedule_expression=events.Schedule.cron(
                    minute="0", hour="3", week_day="SUN"
                ),
                # A day longer than a week: there is a copy until the next one is whole.
                delete_after=Duration.days(topology.EVENT_COPY_DAYS),
            )
        )
        plan.add_selection(
            "Events",
            resources=[backup.BackupResource.from_dynamo_db_table(table)],
            role=self._create_role(),
        )

    def _create_role(self) -> iam.Role:
        role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("backup.amazonaws.com")
        )
        suppress_nag(
            role,
            f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]",
            "AWS Backup names the actions that it needs in this policy of its own",
        )
        role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(_POLICY))
        return role
