"""Checks of every resource of a stack: asks AWS, and applies the rules of `diagnoses`."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from hardlink.domain.sources import file_schema
from infra import topology
from infra.operations.doctor import diagnoses
from infra.operations.doctor.diagnoses import Description, Finding

Described = Mapping[str, Description | None]
"""What AWS answers about each resource of a type, by its name. `None`: it was deleted."""
_TIMEOUT = 10.0
_NOT_FOUND = (
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
)


class Account:
    """An AWS account in one region, or an emulator of it."""

    def __init__(
        self, region: str | None = None, endpoint_url: str | None = None
    ) -> None:
        self._session = boto3.Session(region_name=region)
        self._endpoint = endpoint_url
        self._clients: dict[str, Any] = {}

    def ask(self, service: str, operation: str, **request: Any) -> Any:
        """Send one request."""
        return getattr(self._client(service), operation)(**request)

    def list_all(
        self, service: str, operation: str, field: str, **request: Any
    ) -> list[Any]:
        """List what all pages of an answer have under `field`."""
        paginator = self._client(service).get_paginator(operation)
        entries: list[Any] = []
        for page in paginator.paginate(**request):
            entries += page[field]
        return entries

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            create: Callable[..., Any] = self._session.client
            self._clients[service] = create(service, endpoint_url=self._endpoint)
        return self._clients[service]


_TABLE_VARIABLES = {f"HARDLINK_{table.name.upper()}_TABLE" for table in topology.TABLES}
"""Variables of functions that name the tables."""


def run_checks(
    account: Account, stack: str, url: str | None = None
) -> Iterator[Finding]:
    """Run every check of a stack. `url`: where its API answers, instead of its output `Url`."""
    try:
        described = _describe_stack(account, stack)
    except (BotoCoreError, ClientError) as error:
        yield Finding(f"stack {stack}", _unchecked_fault(error))
        return
    yield Finding(f"stack {stack}", diagnoses.stack_fault(described, stack))
    if described is None:
        return
    checks = _Checks(account, stack, described, url)
    for name, check in checks.by_name():
        try:
            yield from check()
        except (BotoCoreError, ClientError) as error:
            yield Finding(name, _unchecked_fault(error))


class _Checks:
    """The checks of one stack, and what AWS answers about its resources."""

    def __init__(
        self, account: Account, stack: str, described: Description, url: str | None
    ) -> None:
        self._account = account
        self._outputs: dict[str, str] = {}
        for output in described.get("Outputs", ()):
            self._outputs[output["OutputKey"]] = output["OutputValue"]
        self._url = url or self._outputs.get("Url", "")
        self._resources = account.list_all(
            "cloudformation",
            "list_stack_resources",
            "StackResourceSummaries",
            StackName=stack,
        )

    def by_name(self) -> list[tuple[str, Callable[[], Iterator[Finding]]]]:
        """List the checks, in their order."""
        return [
            ("functions", self._check_functions),
            ("mappings", self._check_mappings),
            ("tables", self._check_tables),
            ("queues", self._check_queues),
            ("secrets", self._check_secrets),
            ("health", self._check_health),
            ("alarms", self._check_alarms),
            ("logs", self._check_logs),
        ]

    def _check_functions(self) -> Iterator[Finding]:
        yield from _deleted("function", self._functions)
        by_name: dict[str, Description] = {}
        for described in _existing(self._functions):
            by_name[_function_name(described)] = described
        names = by_name.keys() - {topology.FORWARD.name}
        yield Finding(
            "functions", diagnoses.functions_fault(names, topology.FUNCTIONS_BY_NAME)
        )
        for name, described in sorted(by_name.items()):
            yield Finding(f"function {name}", diagnoses.function_fault(described))

    def _check_mappings(self) -> Iterator[Finding]:
        yield from _deleted("mapping", self._mappings)
        for described in _existing(self._mappings):
            name = _mapping_name(described)
            yield Finding(f"mapping {name}", diagnoses.mapping_fault(described))

    def _check_tables(self) -> Iterator[Finding]:
        tables = {name: self._describe_table(name) for name in self._used_tables()}
        yield from _deleted("table", tables)
        streams: dict[str, str | None] = {}
        associated: dict[str, str | None] = {}
        for answer in _existing(tables):
            described = answer["Table"]
            name = described["TableName"]
            streams[name] = described.get("LatestStreamArn")
            if _is_associated(described):
                associated[name] = streams[name]
            yield from self._check_table(name, described)
        fault = diagnoses.unread_streams_fault(self._associated_streams(), associated)
        yield Finding("streams", fault)
        for name, stream in streams.items():
            fault = diagnoses.readers_fault(self._count_readers(stream), name)
            yield Finding(f"readers of {name}", fault)

    def _used_tables(self) -> list[str]:
        """The tables that `associate` uses: restored ones are no resources of the stack."""
        used: list[str] = []
        for described in _existing(self._functions):
            if _function_name(described) != "associate":
                continue
            variables = described.get("Environment", {}).get("Variables", {})
            used += [variables[name] for name in variables if name in _TABLE_VARIABLES]
        return used or self._resource_names("DynamoDB::Table")

    def _check_table(self, name: str, described: Description) -> Iterator[Finding]:
        streamed = _is_associated(described)
        fault = diagnoses.table_fault(described, streamed=streamed)
        yield Finding(f"table {name}", fault)
        ttl = self._account.ask("dynamodb", "describe_time_to_live", TableName=name)
        attribute = topology.TABLES[0].expires
        fault = diagnoses.expiry_fault(ttl["TimeToLiveDescription"], attribute)
        yield Finding(f"expiry of {name}", fault)
        if self._has_copies(described):
            return
        backups = self._account.ask(
            "dynamodb", "describe_continuous_backups", TableName=name
        )
        fault = diagnoses.backup_fault(backups["ContinuousBackupsDescription"])
        yield Finding(f"backups of {name}", fault)

    def _has_copies(self, described: Description) -> bool:
        """Tell whether AWS Backup copies a table: only of `events`, in place of recovery."""
        has_plan = bool(self._resource_names("Backup::BackupPlan"))
        return has_plan and not _is_associated(described)

    def _count_readers(self, stream: str | None) -> int:
        """Count the mappings that read a stream, also those that are not the stack's."""
        if stream is None:
            return 0
        mappings = self._account.list_all(
            "lambda",
            "list_event_source_mappings",
            "EventSourceMappings",
            EventSourceArn=stream,
        )
        return len(mappings)

    def _associated_streams(self) -> set[str]:
        """The ARNs that `associate` reads."""
        functions = set()
        for described in _existing(self._functions):
            if _function_name(described) == "associate":
                functions.add(described["FunctionArn"])
        streams: set[str] = set()
        for mapping in _existing(self._mappings):
            if mapping["FunctionArn"] in functions:
                streams.add(mapping["EventSourceArn"])
        return streams

    def _check_queues(self) -> Iterator[Finding]:
        read = {mapping["EventSourceArn"] for mapping in _existing(self._mappings)}
        for output in ("Erasures", "VisitorErasures"):
            url = self._outputs.get(output)
            arn = self._queue_attribute(url, "QueueArn") if url else None
            fault = diagnoses.erasure_queue_fault(arn, read)
            yield Finding(f"queue {output}", fault)
        for output, failures in self._outputs.items():
            if output.startswith("Failed"):
                yield Finding(f"queue {output}", self._failure_queue_fault(failures))

    def _failure_queue_fault(self, url: str) -> str | None:
        depth = self._queue_attribute(url, "ApproximateNumberOfMessages")
        if depth is None:
            return diagnoses.DELETED
        return diagnoses.failure_queue_fault(int(depth), url)

    def _queue_attribute(self, url: str, name: str) -> str | None:
        request = {"QueueUrl": url, "AttributeNames": [name]}
        answer = self._describe("sqs", "get_queue_attributes", **request)
        return str(answer["Attributes"][name]) if answer else None

    def _check_secrets(self) -> Iterator[Finding]:
        for project, name in self._secrets("ServerKeys"):
            fault = self._secret_fault(project, name, diagnoses.server_key_fault)
            yield Finding(f"server key of {project}", fault)
        for project, name in self._secrets("SigningKeys"):
            fault = self._secret_fault(project, name, diagnoses.signing_key_fault)
            yield Finding(f"signing key of {project}", fault)

    def _secrets(self, output: str) -> list[tuple[str, str]]:
        """Project and name of the secret of each project that is declared."""
        sources = file_schema.load_sources(topology.SOURCES)
        projects = {
            "ServerKeys": tuple(sources.projects),
            "SigningKeys": sources.signing_projects,
        }
        name = self._outputs.get(output, "")
        return [(one, name.replace("<project>", one)) for one in projects[output]]

    def _secret_fault(
        self, project: str, name: str, rule: Callable[[str, str], str | None]
    ) -> str | None:
        secret = self._describe("secretsmanager", "get_secret_value", SecretId=name)
        if secret is None:
            return diagnoses.DELETED
        return rule(secret.get("SecretString", ""), project)

    def _check_health(self) -> Iterator[Finding]:
        status = _request_status(f"{self._url}/health")
        yield Finding(f"health of {self._url}", diagnoses.health_fault(status))

    def _check_alarms(self) -> Iterator[Finding]:
        alarms = self._describe_all("CloudWatch::Alarm", self._describe_alarm)
        yield from _deleted("alarm", alarms)
        for described in _existing(alarms):
            yield Finding(
                f"alarm {described['AlarmName']}", diagnoses.alarm_fault(described)
            )
        for topic in self._resource_names("SNS::Topic"):
            subscriptions = self._account.list_all(
                "sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic
            )
            fault = diagnoses.alarm_subscription_fault(subscriptions)
            yield Finding("subscription to alarms", fault)

    def _check_logs(self) -> Iterator[Finding]:
        for name in self._resource_names("Logs::LogGroup"):
            yield Finding(f"log {name}", diagnoses.log_fault(self._describe_log(name)))

    @cached_property
    def _functions(self) -> Described:
        return self._describe_all("Lambda::Function", self._describe_function)

    @cached_property
    def _mappings(self) -> Described:
        return self._describe_all("Lambda::EventSourceMapping", self._describe_mapping)

    def _describe_all(
        self, type_: str, describe: Callable[[str], Description | None]
    ) -> Described:
        return {name: describe(name) for name in self._resource_names(type_)}

    def _describe_function(self, name: str) -> Description | None:
        return self._describe("lambda", "get_function_configuration", FunctionName=name)

    def _describe_mapping(self, uuid: str) -> Description | None:
        return self._describe("lambda", "get_event_source_mapping", UUID=uuid)

    def _describe_table(self, name: str) -> Description | None:
        return self._describe("dynamodb", "describe_table", TableName=name)

    def _describe_alarm(self, name: str) -> Description | None:
        answer = self._account.ask("cloudwatch", "describe_alarms", AlarmNames=[name])
        return next(iter(answer["MetricAlarms"]), None)

    def _describe_log(self, name: str) -> Description | None:
        groups: list[Description] = self._account.list_all(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name
        )
        # AWS lists by prefix, and the name of one group may begin another's.
        for group in groups:
            if group["logGroupName"] == name:
                return group
        return None

    def _describe(
        self, service: str, operation: str, **request: Any
    ) -> Description | None:
        """Ask about one resource. `None`: it does not exist."""
        try:
            answer: Description = self._account.ask(service, operation, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOT_FOUND:
                raise
            return None
        return answer

    def _resource_names(self, type_: str) -> list[str]:
        """The physical IDs of the stack's resources of a type."""
        return [
            resource["PhysicalResourceId"]
            for resource in self._resources
            if resource["ResourceType"] == f"AWS::{type_}"
        ]


def _deleted(kind: str, described: Described) -> Iterator[Finding]:
    for name, description in described.items():
        if description is None:
            yield Finding(f"{kind} {name}", diagnoses.DELETED)


def _existing(described: Described) -> list[Description]:
    return [description for description in described.values() if description]


def _is_associated(described: Description) -> bool:
    """Tell whether `associate` reads the stream of a table, which its partition key names."""
    names = {attribute["AttributeName"] for attribute in described["KeySchema"]}
    tables = (t for t in topology.TABLES if t.name in topology.STREAM_FILTERS)
    return any(table.partition in names for table in tables)


def _function_name(described: Description) -> str:
    """The name in `topology`, from the handler: the stack's own names have a suffix."""
    return str(described["Handler"]).partition(".")[0]


def _mapping_name(described: Description) -> str:
    """A name such as `sessions -> associate`, from the ARNs of a mapping."""
    resource = str(described["EventSourceArn"]).split(":")[5]
    source = resource.removeprefix("table/").partition("/")[0]
    return f"{source} -> {str(described['FunctionArn']).rpartition(':')[2]}"


def _describe_stack(account: Account, name: str) -> Description | None:
    try:
        answer = account.ask("cloudformation", "describe_stacks", StackName=name)
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    described: Description = answer["Stacks"][0]
    return described


def _request_status(url: str) -> int | str:
    try:
        # The URL is the stack's own or the operator's, so any scheme is fine.
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError) as error:
        return f"no answer ({error})"


def _unchecked_fault(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return f"could not be checked: {error}"
    code = error.response["Error"]["Code"]
    operation = error.operation_name
    return f"could not be checked ({code} of {operation}): allow the operation to your AWS role"
