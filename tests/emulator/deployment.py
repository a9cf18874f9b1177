"""The stack as `cdk synth` writes it, deployed to the emulator as `cdk deploy` does: first its assets."""

from __future__ import annotations

import io
import json
import os
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

from botocore.exceptions import WaiterError

from infra import topology
from infra.stack import assets
from tests.bench.imports import PLATFORM
from tests.deploy.template import Template
from tests.emulator.ministack import ACCOUNT, HOST, REGION, Emulator
from tests.emulator.substitutions import substitute_resources
from tests.http.service import Client
from tests.support.engines import Unavailable

STACK = "hardlink-dev"
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_HERE = {
    "${AWS::AccountId}": ACCOUNT,
    "${AWS::Region}": REGION,
    "${AWS::Partition}": "aws",
}
_PATIENCE = 120.0
"""Seconds for a function to start, and for a stream to bring what it has: the machine may be busy."""


@dataclass(frozen=True)
class Deployment:
    """The deployed stack. `outputs`: as CloudFormation shows them; `names`: its resources' by their logical IDs."""

    emulator: Emulator
    template: Template
    uploaded: Mapping[str, bytes]
    outputs: Mapping[str, str]
    names: Mapping[str, str]

    def name(self, logical: str) -> str:
        """The real name of a resource, by its logical ID without the CDK's hash."""
        (found,) = [real for name, real in self.names.items() if name[:-8] == logical]
        return found

    def function(self, name: str) -> str:
        """The real name of a function of the plan."""
        return self.name(f"Functions{name.capitalize()}Function")

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function through Lambda's API; answers what it answers."""
        called = self.emulator.client("lambda").invoke(
            FunctionName=self.function(function), Payload=json.dumps(event)
        )
        answer = json.loads(called["Payload"].read())
        assert "FunctionError" not in called, answer
        return answer

    @property
    def url(self) -> str:
        """The HTTP API, in the emulator's form that needs no DNS, without a slash at the end."""
        api = self.outputs["Url"].removeprefix("https://").partition(".")[0]
        return f"{self.emulator.url}/_aws/execute-api/{api}/$default"

    def server_key(self) -> str:
        """The server key of the demo's project, from where the outputs say."""
        name = self.outputs["ServerKeys"].replace("<project>", "demo")
        found: str = self.emulator.client("secretsmanager").get_secret_value(
            SecretId=name
        )["SecretString"]
        return found


class Api(Client):
    """Calls the deployed stack's HTTP API."""

    def __init__(self, deployment: Deployment) -> None:
        prefix = deployment.url.removeprefix(deployment.emulator.url)
        super().__init__(
            deployment.emulator.port, deployment.server_key(), _PATIENCE, prefix
        )
        self._trust = ssl.create_default_context(cafile=deployment.emulator.certificate)

    def connection(self) -> HTTPConnection:
        return HTTPSConnection(HOST, self.port, timeout=_PATIENCE, context=self._trust)


def synthesize_stack(folder: Path) -> Template:
    """Synthesize the stack with the command in `cdk.json`. Raises `Unavailable`."""
    ran = subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=topology.ROOT,
        env={**os.environ, "CDK_OUTDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise Unavailable(
            f"the stack can't be synthesized: {ran.stderr.strip()[-1000:]}"
        )
    return Template(folder, STACK)


def deploy_stack(emulator: Emulator, template: Template) -> Deployment:
    """Deploy it. Raises `AssertionError` with what CloudFormation says, and `assets.LayerError`."""
    uploaded = _published(emulator, template)
    cloudformation = emulator.client("cloudformation")
    manifest = template.read(f"{STACK}.assets.json")["files"]
    (uploads,) = [f for f in manifest.values() if f["source"]["packaging"] == "file"]
    bucket, key = _place(uploads)
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{emulator.url}/{bucket}/{key}",
        Capabilities=["CAPABILITY_IAM"],
    )
    try:
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    except WaiterError as error:
        raise AssertionError(_reasons(cloudformation)) from error
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    outputs = {
        output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]
    }
    pages = cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=STACK
    )
    names = {
        r["LogicalResourceId"]: r["PhysicalResourceId"]
        for page in pages
        for r in page["StackResourceSummaries"]
    }
    return Deployment(emulator, template, uploaded, outputs, names)


def _published(emulator: Emulator, template: Template) -> dict[str, bytes]:
    """Uploaded assets by their key, from the asset manifest."""
    emulator.client("ssm").put_parameter(Name=_BOOTSTRAP, Value="30", Type="String")
    s3 = emulator.client("s3")
    uploaded: dict[str, bytes] = {}
    for file in template.read(f"{STACK}.assets.json")["files"].values():
        bucket, key = _place(file)
        if not uploaded:
            s3.create_bucket(Bucket=bucket)
        uploaded[key] = _content(template, file["source"])
        s3.put_object(Bucket=bucket, Key=key, Body=uploaded[key])
    return uploaded


def _place(file: dict[str, Any]) -> tuple[str, str]:
    (destination,) = file["destinations"].values()
    bucket = destination["bucketName"]
    for placeholder, real in _HERE.items():
        bucket = bucket.replace(placeholder, real)
    return bucket, destination["objectKey"]


def _content(template: Template, source: dict[str, str]) -> bytes:
    """A file of the assembly; of the layer the one for this machine, of the template the one for the emulator."""
    path = template.folder / source["path"]
    if path == template.path:
        return json.dumps(substitute_resources(template.body)[0]).encode()
    return zip_folder(
        assets.build_layer(platform=PLATFORM) if (path / "python").is_dir() else path
    )


def zip_folder(folder: Path) -> bytes:
    """A folder as it is uploaded."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            archive.write(file, file.relative_to(folder))
    return target.getvalue()


def _reasons(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return "; ".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    )
