"""A synthesized stack as its tests read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_cdk import App

from infra.stack.stack import compose_app
from infra.stages import Stage

_HASH = 8
"""Characters that the CDK adds to every logical ID."""


@dataclass(frozen=True)
class Template:
    """The CloudFormation template of a stage, and the assets beside it."""

    folder: Path
    stack: str

    @cached_property
    def text(self) -> str:
        """The template as it is uploaded."""
        return self.path.read_text(encoding="utf-8")

    @property
    def path(self) -> Path:
        """Path of the template."""
        return self.folder / f"{self.stack}.template.json"

    @cached_property
    def body(self) -> dict[str, Any]:
        """The template."""
        return self.read(self.path.name)

    @property
    def outputs(self) -> dict[str, Any]:
        """Values of the outputs."""
        return {name: output["Value"] for name, output in self.body["Outputs"].items()}

    def read(self, name: str) -> dict[str, Any]:
        """A file beside it."""
        found: dict[str, Any] = json.loads(
            (self.folder / name).read_text(encoding="utf-8")
        )
        return found

    def resources(self, type_: str) -> dict[str, dict[str, Any]]:
        """The resources of a type (without `AWS::`), by what they are called without the CDK's hash."""
        return {
            name[:-_HASH]: resource
            for name, resource in self.body["Resources"].items()
            if resource["Type"] == f"AWS::{type_}"
        }

    def properties(self, type_: str) -> dict[str, dict[str, Any]]:
        """The same, of each only its properties."""
        return {name: r["Properties"] for name, r in self.resources(type_).items()}

    def permissions(self, function: str) -> set[tuple[str, str]]:
        """Permissions of a function, as pairs of action and resource."""
        role = f"Functions{function.capitalize()}Role"
        return {
            (action, describe_reference(resource))
            for policy in self.properties("IAM::Policy").values()
            if [describe_reference(found) for found in policy["Roles"]] == [role]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        }

    def asset(self, holds: str) -> Path:
        """The folder of the asset that holds a path."""
        return next(f for f in self.folder.glob("asset.*") if (f / holds).exists())

    def accepted(self) -> dict[str, dict[str, str]]:
        """The findings of cdk-nag that are accepted: by construct, the rule and the reason."""
        accepted: dict[str, dict[str, str]] = {}
        for path, found in self.read(f"{self.stack}.metadata.json").items():
            for entry in found:
                if entry["type"] == "aws:cdk:acknowledged-rules":
                    accepted.setdefault(
                        path.removeprefix(f"/{self.stack}/"), {}
                    ).update(entry["data"])
        return accepted

    def findings(self) -> set[tuple[str, str]]:
        """Findings of cdk-nag: rule and construct."""
        return {
            (violation["ruleName"], place["constructPath"])
            for report in self.read("validation-report.json")["pluginReports"]
            for violation in report["violations"]
            for place in violation["violatingConstructs"]
        }


def synthesize(
    folder: Path, stage: str, settings: Stage | None = None, name: str = "hardlink"
) -> Template:
    """The stack of a stage, with other settings if there are any. Raises `RuntimeError` where a check fails."""
    app = App(outdir=str(folder), context={"stage": stage, "name": name})
    compose_app(app, settings)
    app.synth()
    return Template(folder, f"{name}-{stage}")


def describe_reference(value: Any) -> str:
    """A reference of CloudFormation in words: `TablesSessions.Arn`."""
    match value:
        case {"Ref": str(name)} if name.startswith("AWS::"):
            return name
        case {"Ref": name}:
            return str(name)[:-_HASH]
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{str(name)[:-_HASH]}.{attribute}"
        case {"Fn::Select": [number, {"Fn::Split": [_, whole]}]}:
            return f"{describe_reference(whole)}[{number}]"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(
                part if isinstance(part, str) else describe_reference(part)
                for part in parts
            )
    return str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
