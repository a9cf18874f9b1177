"""A deployed stack: its outputs and its keys, asked of AWS with boto3's usual credentials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.operations.errors import OperationFailed


@dataclass(frozen=True)
class DeployedStack:
    """A stack `<name>-<stage>`. `endpoint`: an emulator, instead of AWS."""

    name: str
    region: str | None = None
    endpoint: str | None = None

    def create_client(self, service: str) -> Any:
        """Create a client of an AWS service for this stack's region."""
        # boto3 types each service apart, and the name is known only here.
        session: Any = boto3.Session(region_name=self.region)
        return session.client(service, endpoint_url=self.endpoint)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack, by name. Raises `OperationFailed`."""
        try:
            client = self.create_client("cloudformation")
            described = client.describe_stacks(StackName=self.name)
        except (BotoCoreError, ClientError) as error:
            raise OperationFailed(
                f"stack {self.name} cannot be read: check --stage, --name, --region and your AWS "
                f"credentials ({error})"
            ) from error
        outputs: dict[str, str] = {}
        for output in described["Stacks"][0].get("Outputs", ()):
            outputs[output["OutputKey"]] = output["OutputValue"]
        return outputs

    def read_output(self, name: str) -> str:
        """Read one output. Raises `OperationFailed`."""
        if name not in self.outputs:
            raise OperationFailed(
                f"stack {self.name} has no output {name}: is it a Hardlink, deployed to its end?"
            )
        return self.outputs[name]

    def server_key_name(self, project: str) -> str:
        """The name of the secret that holds a project's server key. Raises `OperationFailed`."""
        return self.read_output("ServerKeys").replace("<project>", project)

    def read_server_key(self, project: str) -> str:
        """Read a project's server key. Raises `OperationFailed`."""
        name = self.server_key_name(project)
        try:
            client = self.create_client("secretsmanager")
            return str(client.get_secret_value(SecretId=name)["SecretString"])
        except (BotoCoreError, ClientError) as error:
            raise OperationFailed(
                f"secret {name} cannot be read: check --project and your rights ({error})"
            ) from error
