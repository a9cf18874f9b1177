"""Asks AWS about every resource of a stack, and holds what it says against `symptoms`."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import topology
from infra.operations.doctor import diagnoses
from infra.operations.doctor.diagnoses import Finding, Said

Asked = Mapping[str, Said | None]
"""What AWS says of each resource of a type, by its name; nothing of one that is gone."""
_TIMEOUT = 10.0
_GONE = (
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
)


class Account:
    """An AWS account in one region, or an emulator of it."""

    def __init__(self, region: str | None = None, endpoint_url: str | None = None) -> None:
        self._session = boto3.Session(region_name=region)
        self._endpoint = endpoint_url
        self._clients: dict[str, Any] = {}

    def ask(self, service: str, operation: str, **request: Any) -> Any:
        """One request."""
        return getattr(self._client(service), operation)(**request)

    def pages(self, service: str, operation: str, found: str, **request: Any) -> list[Any]:
        """Everything under the name `found` of all pages of an answer."""
        paginator = self._client(service).get_paginator(operation)
        return [one for page in paginator.paginate(**request) for one in page[found]]

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            create: Callable[..., Any] = self._session.client
            self._clients[service] = create(service, endpoint_url=self._endpoint)
        return self._clients[service]


def run_checks(account: Account, stack: str, url: str | None = None) -> Iterator[Finding]:
    """Every check of a stack. `url`: where its API answers, if not where its outputs say."""
    try:
        described = _stack(account, stack)
    except (BotoCoreError, ClientError) as error:
        yield Finding(f"stack {stack}", _unseen(error))
        return
    yield Finding(f"stack {stack}", diagnoses.stack(described, stack))
    if described is None:
        return
    examination = _Examination(account, stack, described)
    for check in (
        examination.functions,
        examination.mappings,
        examination.tables,
        examination.queues,
        examination.secrets,
        lambda: examination.health(url),
        examination.alarms,
        examination.logs,
    ):
        try:
            yield from check()
        except (BotoCoreError, ClientError) as error:
            yield Finding(check.__name__.replace("<lambda>", "health"), _unseen(error))


class _Examination:
    def __init__(self, account: Account, stack: str, described: Said) -> None:
        self._account = account
        self._outputs = {o["OutputKey"]: o["OutputValue"] for o in described.get("Outputs", ())}
        found = account.pages(
            "cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack
        )
        self._resources = [(r["ResourceType"], r["PhysicalResourceId"]) for r in found]

    def functions(self) -> Iterator[Finding]:
        """Those that the plan has, each ready."""
        yield from _missing("function", self._functions)
        found = {_planned(said): said for said in _there(self._functions)}
        yield Finding(
            "functions",
            diagnoses.functions(found.keys() - {topology.FORWARD.name}, topology.FUNCTIONS_BY_NAME),
        )
        for name, config in sorted(found.items()):
            yield Finding(f"function {name}", diagnoses.function(config))

    def mappings(self) -> Iterator[Finding]:
        """Whatever brings records or messages to a function."""
        yield from _missing("mapping", self._mappings)
        for said in _there(self._mappings):
            yield Finding(f"mapping {_place(said)}", diagnoses.mapping(said))

    def tables(self) -> Iterator[Finding]:
        """Both, and that their streams are read."""
        tables = self._asked(
            "DynamoDB::Table",
            lambda name: self._one("dynamodb", "describe_table", TableName=name),
        )
        yield from _missing("table", tables)
        there = [said["Table"] for said in _there(tables)]
        for said in there:
            yield from self._table(said["TableName"], said)
        streams = {said["TableName"]: said.get("LatestStreamArn") for said in there}
        yield Finding("streams", diagnoses.sources(self._associated(), streams))
        for name, stream in streams.items():
            yield Finding(f"readers of {name}", diagnoses.readers(self._readers(stream), name))

    def _table(self, name: str, said: Said) -> Iterator[Finding]:
        yield Finding(f"table {name}", diagnoses.table(said))
        ttl = self._account.ask("dynamodb", "describe_time_to_live", TableName=name)
        fault = diagnoses.expiry(ttl["TimeToLiveDescription"], topology.TABLES[0].expires)
        yield Finding(f"expiry of {name}", fault)
        kept = self._account.ask("dynamodb", "describe_continuous_backups", TableName=name)
        fault = diagnoses.backup(kept["ContinuousBackupsDescription"])
        yield Finding(f"backups of {name}", fault)

    def _readers(self, stream: str | None) -> int:
        """How many mappings of the account read a stream."""
        listed = ("lambda", "list_event_source_mappings", "EventSourceMappings")
        return len(self._account.pages(*listed, EventSourceArn=stream)) if stream else 0

    def _associated(self) -> set[str]:
        """The streams that `associate` reads."""
        names = {s["FunctionArn"] for s in _there(self._functions) if _planned(s) == "associate"}
        mappings = _there(self._mappings)
        return {said["EventSourceArn"] for said in mappings if said["FunctionArn"] in names}

    def queues(self) -> Iterator[Finding]:
        """That of erasures, and those of what failed."""
        work = self._outputs.get("Erasures")
        read = {said["EventSourceArn"] for said in _there(self._mappings)}
        fault = diagnoses.work(work and self._attribute(work, "QueueArn"), read)
        yield Finding("queue Erasures", fault)
        for output, url in self._outputs.items():
            if not output.startswith("Failed"):
                continue
            depth = self._attribute(url, "ApproximateNumberOfMessages")
            fault = diagnoses.GONE if depth is None else diagnoses.queue(int(depth), url)
            yield Finding(f"queue {output}", fault)

    def _attribute(self, queue: str, name: str) -> str | None:
        """What is said of a queue, if it is there."""
        asked = {"QueueUrl": queue, "AttributeNames": [name]}
        said = self._one("sqs", "get_queue_attributes", **asked)
        return str(said["Attributes"][name]) if said else None

    def secrets(self) -> Iterator[Finding]:
        """The keys of each project."""
        for output, what, look in (
            ("ServerKeys", "server key", diagnoses.secret),
            ("SigningKeys", "signing key", diagnoses.signing_key),
        ):
            for project, name in json.loads(self._outputs.get(output, "{}")).items():
                said = self._one("secretsmanager", "get_secret_value", SecretId=name)
                fault = look(said.get("SecretString", ""), project) if said else diagnoses.GONE
                yield Finding(f"{what} of {project}", fault)

    def health(self, url: str | None) -> Iterator[Finding]:
        """That the API answers."""
        at = url or self._outputs.get("Url", "")
        yield Finding(f"health of {at}", diagnoses.health(_status(f"{at}/health")))

    def alarms(self) -> Iterator[Finding]:
        """Those of this stack, and whom they tell."""
        alarms = self._asked("CloudWatch::Alarm", self._alarm)
        yield from _missing("alarm", alarms)
        for said in _there(alarms):
            yield Finding(f"alarm {said['AlarmName']}", diagnoses.alarm(said))
        for topic in self._all("SNS::Topic"):
            found = self._account.pages(
                "sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic
            )
            yield Finding("who is told of alarms", diagnoses.told(found))

    def _alarm(self, name: str) -> Said | None:
        found = self._account.ask("cloudwatch", "describe_alarms", AlarmNames=[name])
        return next(iter(found["MetricAlarms"]), None)

    def logs(self) -> Iterator[Finding]:
        """That every one forgets."""
        for name in self._all("Logs::LogGroup"):
            groups: list[Mapping[str, Any]] = self._account.pages(
                "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name
            )
            said = next((group for group in groups if group["logGroupName"] == name), None)
            yield Finding(f"log {name}", diagnoses.log(said))

    @cached_property
    def _functions(self) -> Asked:
        return self._asked(
            "Lambda::Function",
            lambda name: self._one("lambda", "get_function_configuration", FunctionName=name),
        )

    @cached_property
    def _mappings(self) -> Asked:
        return self._asked(
            "Lambda::EventSourceMapping",
            lambda uuid: self._one("lambda", "get_event_source_mapping", UUID=uuid),
        )

    def _asked(self, type_: str, ask: Callable[[str], Said | None]) -> Asked:
        return {name: ask(name) for name in self._all(type_)}

    def _one(self, service: str, operation: str, **request: Any) -> Said | None:
        """What is said of one resource, if it is there."""
        try:
            said: Said = self._account.ask(service, operation, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None
        return said

    def _all(self, type_: str) -> list[str]:
        """The resources of a type, by what AWS calls them."""
        return [id_ for found, id_ in self._resources if found == f"AWS::{type_}"]


def _missing(what: str, asked: Asked) -> Iterator[Finding]:
    return (Finding(f"{what} {name}", diagnoses.GONE) for name, said in asked.items() if not said)


def _there(asked: Asked) -> list[Said]:
    return [said for said in asked.values() if said]


def _planned(said: Said) -> str:
    """What the plan calls a function."""
    return str(said["Handler"]).partition(".")[0]


def _stack(account: Account, name: str) -> Said | None:
    try:
        found: Said = account.ask("cloudformation", "describe_stacks", StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return found


def _status(url: str) -> int | str:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - the stack's own
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError) as error:
        return f"no answer ({error})"


def _place(said: Said) -> str:
    """`sessions -> associate`, as far as the names tell."""
    source = str(said["EventSourceArn"]).split(":")[5].removeprefix("table/").partition("/")[0]
    return f"{source} -> {str(said['FunctionArn']).rpartition(':')[2]}"


def _unseen(error: Exception) -> str:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        return f"could not be looked at ({code} of {error.operation_name}): allow it to who looks"
    return f"could not be looked at: {error}"
