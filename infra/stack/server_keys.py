"""Server keys and signing keys, one secret a project.

Secrets Manager generates the values, so no template contains one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from aws_cdk import Aws, NestedStack, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.stack import buckets
from infra.stack.nag import suppress_nag

KEY_LENGTH = 43
"""Letters and digits that make 256 bits."""
_RANDOM_SUFFIX = "-??????"
"""What Secrets Manager adds to a secret's name in its ARN."""


class ServerKeys(Construct):
    """Keys that may read, one secret a project.

    The secret's text is the key. Its previous version is valid too (see `hardlink.web.api_keys`).
    `stacks`: number of nested stacks that the secrets are spread over, as one stack has at most 500
    resources; 0: they are in the stack itself. `keep`: they outlive the stack.
    """

    kind = "server-key"
    description = "Hardlink's server key for the project"
    variable = "HARDLINK_SERVER_KEYS"
    """Environment variable with the name of each secret, `{project}` in place of the project."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        projects: Iterable[str],
        *,
        stacks: int = 0,
        keep: bool = False,
    ) -> None:
        super().__init__(scope, id_)
        self.projects = tuple(projects)
        self._keep = keep
        for project in self.projects:
            self._create_secret(self._find_place(project, stacks), project)

    def name_of(self, project: str) -> str:
        """The name of a project's secret."""
        return f"{Stack.of(self).stack_name}/{project}/{self.kind}"

    def read_policy(self) -> iam.PolicyStatement:
        """Permission to read all of these secrets, by a pattern: a policy has 10,240 characters."""
        return iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"],
            resources=[
                f"arn:{Aws.PARTITION}:secretsmanager:{Aws.REGION}:{Aws.ACCOUNT_ID}:"
                f"{self._pattern()}"
            ],
        )

    def wildcard_finding(self) -> str:
        """Name of cdk-nag's finding about that pattern."""
        arn = "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:"
        return f"IAM5[Resource::{arn}{self._pattern()}]"

    def _pattern(self) -> str:
        return f"secret:{self.name_of('*')}{_RANDOM_SUFFIX}"

    def _find_place(self, project: str, stacks: int) -> Construct:
        """Find the stack of a project's secret: the same one, whichever projects come or go."""
        if not stacks:
            return self
        digest = hashlib.sha256(project.encode()).digest()
        id_ = f"Keys{int.from_bytes(digest[:4], 'big') % stacks}"
        found = self.node.try_find_child(id_)
        return found if isinstance(found, Construct) else NestedStack(self, id_)

    def _create_secret(self, place: Construct, project: str) -> None:
        secret = secretsmanager.Secret(
            place,
            project,
            secret_name=self.name_of(project),
            description=f"{self.description} {project}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                # Without punctuation a key needs no quoting in a shell or a header.
                password_length=KEY_LENGTH,
                exclude_punctuation=True,
            ),
            # Backends hold the key, so it outlives the project and the stack. Its name is taken
            # then: to create either again fails until the secret is imported (infra/README.md).
            removal_policy=buckets.removal_policy(keep=self._keep),
        )
        suppress_nag(
            secret,
            "SMG4",
            "a shop's backend holds this key too: its owner rotates it when the backend can follow",
        )


class SigningKeys(ServerKeys):
    """Keys with which the shop's backend signs identities, one secret a project."""

    kind = "signing-key"
    description = "By which identities are signed for Hardlink's project"
    variable = "HARDLINK_SIGNING_KEYS"
