"""Careful deploys: a new version of a function gets few calls at first, and alarms judge it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.stack.alarms import CANARY_FUNCTIONS
from infra.stack.functions import Functions
from infra.stack.nag import suppress_nag


class Canary(Construct):
    """CodeDeploy sends a tenth of the calls to a new version for five minutes, then all.

    Other functions change at once. `alarms`: one that rings meanwhile, or was ringing, sends all
    calls to the version before.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: Functions,
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, id_)
        application = codedeploy.LambdaApplication(self, "Application")
        role = self._create_role()
        for name in CANARY_FUNCTIONS:
            codedeploy.LambdaDeploymentGroup(
                self,
                name.capitalize(),
                application=application,
                alias=functions.aliases[name],
                deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
                alarms=list(alarms),
                auto_rollback=codedeploy.AutoRollbackConfig(
                    failed_deployment=True,
                    stopped_deployment=True,
                    deployment_in_alarm=True,
                ),
                role=role,
            )

    def _create_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AWSCodeDeployRoleForLambdaLimited"
                )
            ],
        )
        suppress_nag(
            role,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AWSCodeDeployRoleForLambdaLimited]",
            "what CodeDeploy needs to move an alias, as AWS keeps it up to date",
        )
        return role
