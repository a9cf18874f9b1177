"""Server keys and signing keys, one secret a project.

Secrets Manager generates the values, so no template contains one.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.stack.nag import suppress_nag

KEY_LENGTH = 43
"""Letters and digits that make 256 bits."""


class ServerKeys(Construct):
    """Keys that may read, one secret a project.

    The secret's text is the key. Its previous version is valid too (see `hardlink.web.api_keys`).
    """

    kind = "server-key"
    description = "Hardlink's server key for the project"

    def __init__(self, scope: Construct, id_: str, projects: Iterable[str]) -> None:
        super().__init__(scope, id_)
        self._secrets = {project: self._create_secret(project) for project in projects}

    @property
    def names(self) -> dict[str, str]:
        """The name of each project's secret."""
        return {project: self._secret_name(project) for project in self._secrets}

    @property
    def arns(self) -> dict[str, str]:
        """The ARN of each project's secret."""
        return {project: secret.secret_arn for project, secret in self._secrets.items()}

    def read_policy(self) -> iam.PolicyStatement:
        """Permission to read all of these secrets."""
        return iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"],
            resources=list(self.arns.values()),
        )

    def _secret_name(self, project: str) -> str:
        return f"{Stack.of(self).stack_name}/{project}/{self.kind}"

    def _create_secret(self, project: str) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            project,
            secret_name=self._secret_name(project),
            description=f"{self.description} {project}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                # Without punctuation a key needs no quoting in a shell or a header.
                password_length=KEY_LENGTH,
                exclude_punctuation=True,
            ),
        )
        suppress_nag(
            secret,
            "SMG4",
            "a shop's backend holds this key too: its owner rotates it when the backend can follow",
        )
        return secret


class SigningKeys(ServerKeys):
    """Keys with which the shop's backend signs identities, one secret a project."""

    kind = "signing-key"
    description = "By which identities are signed for Hardlink's project"
