"""Server keys, which may read, and signing keys: a secret for each project, made by Secrets Manager.

So no template holds one.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.stack.nag import suppress_nag

LENGTH = 43
"""Letters and digits: 256 bits."""


class ServerKeys(Construct):
    """One secret a project. Its text is the key; its previous version is valid too (see `hardlink.keys.secret`)."""

    kind = "server-key"
    description = "Hardlink's server key for the project"

    def __init__(self, scope: Construct, id_: str, projects: Iterable[str]) -> None:
        super().__init__(scope, id_)
        self._secrets = {project: self._secret(project) for project in projects}

    @property
    def names(self) -> dict[str, str]:
        """The name of each project's secret."""
        return {project: self._name(project) for project in self._secrets}

    @property
    def arns(self) -> dict[str, str]:
        """The ARN of each project's secret."""
        return {project: secret.secret_arn for project, secret in self._secrets.items()}

    def reading(self) -> iam.PolicyStatement:
        """What a function needs that may read them."""
        return iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"], resources=list(self.arns.values())
        )

    def _name(self, project: str) -> str:
        return f"{Stack.of(self).stack_name}/{project}/{self.kind}"

    def _secret(self, project: str) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            project,
            secret_name=self._name(project),
            description=f"{self.description} {project}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=LENGTH, exclude_punctuation=True
            ),
        )
        suppress_nag(
            secret,
            "SMG4",
            "a shop's backend holds this key too: its owner rotates it when the backend can follow",
        )
        return secret


class SigningKeys(ServerKeys):
    """The same, for the keys by which the shop's backend signs who its customers are."""

    kind = "signing-key"
    description = "By which identities are signed for Hardlink's project"
