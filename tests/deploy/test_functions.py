"""The functions as they are deployed, and what each may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from infra import topology
from infra.stack import assets
from tests.deploy.template import Template, describe_reference, synthesize

FUNCTIONS = [
    "track",
    "identify",
    "update",
    "anonymize",
    "consent",
    "customers",
    "erase",
    "health",
    "console",
    "preflight",
    "associate",
    "xo",
    "helloretail",
    "exponea",
    "collect",
    "exponeadata",
    "orders",
    "segment",
    "sdk",
    "session",
    "visitor",
]
LINK = {
    "GetItem",
    "BatchGetItem",
    "Query",
    "PutItem",
    "DeleteItem",
    "ConditionCheckItem",
}
VISIT = {"GetItem", "PutItem", "UpdateItem"}
STORE = {"GetItem", "PutItem", "BatchGetItem", "ConditionCheckItem"}
BATCHED = STORE | {"PartiQLInsert"}
READS = {"customers", "erase", "exponea", "exponeadata", "orders"}
"""Those that know the server keys."""
SIGNS = {"track", "identify", "update", "visitor"}
"""Those that know by which keys identities are signed."""
FOLLOW = {
    "associate": (
        ("TablesSessions", "TablesCustomers"),
        "AssociationBatchesBucket.Arn",
    ),
}
"""Those that follow streams, and where their failures end."""
SECRETS = (
    "arn:AWS::Partition:secretsmanager:AWS::Region:AWS::AccountId:"
    "secret:hardlink-dev/*/{}-??????"
)
"""Secrets of all projects, of a kind."""
ERASURES = ("ErasureWaiting.Arn", "ErasureVisitorsWaiting.Arn")
TAKEN = {"orders": ("FeedsWaiting.Arn",), "erase": ERASURES}
"""Those that are brought queues' messages."""
TABLES: Mapping[str, tuple[set[str], set[str], set[str]]] = {
    "track": (VISIT, LINK, BATCHED),
    "identify": ({"GetItem", "PutItem"}, LINK, {"PutItem"}),
    "update": ({"GetItem", "PutItem"}, LINK, {"PutItem"}),
    "anonymize": ({"GetItem", "PutItem"}, {"GetItem", "PutItem"}, {"PutItem"}),
    "consent": (
        {"GetItem", "PutItem", "BatchGetItem", "UpdateItem", "DeleteItem"},
        LINK,
        set(),
    ),
    "erase": (
        LINK | {"UpdateItem"},
        LINK | {"UpdateItem"},
        {"GetItem", "BatchGetItem", "Query", "DeleteItem"},
    ),
    "customers": (
        {"GetItem", "BatchGetItem", "Query"},
        LINK | {"UpdateItem"},
        {"GetItem", "BatchGetItem", "Query", "PutItem"},
    ),
    "console": (set(), set(), set()),
    "health": ({"GetItem"}, {"GetItem"}, {"GetItem"}),
    "preflight": (set(), set(), set()),
    "sdk": (set(), set(), set()),
    "session": (set(), set(), set()),
    "visitor": (
        {"GetItem", "BatchGetItem"},
        {"GetItem", "BatchGetItem", "Query"},
        {"GetItem", "BatchGetItem", "Query", "PutItem"},
    ),
    "helloretail": (VISIT, LINK, STORE),
    "collect": (VISIT, LINK, STORE),
    "orders": (VISIT, LINK, STORE),
    "segment": (VISIT, LINK, BATCHED),
    "xo": (VISIT, LINK, BATCHED),
    "exponea": (VISIT, LINK, BATCHED | {"Query"}),
    "associate": (
        {"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"},
        LINK,
        set(),
    ),
    "exponeadata": (
        {"GetItem", "BatchGetItem"},
        {"GetItem", "BatchGetItem", "Query", "Scan"},
        {"GetItem", "BatchGetItem", "Query", "PutItem"},
    ),
}
"""Allowed actions on sessions, customers and events, repeated here so that a change is noticed."""


def expected(function: str) -> set[tuple[str, str]]:
    """Everything that a function may do."""
    sessions, customers, events = TABLES[function]
    allowed = {
        *((f"dynamodb:{action}", "TablesSessions.Arn") for action in sessions),
        *((f"dynamodb:{action}", "TablesCustomers.Arn") for action in customers),
        *((f"dynamodb:{action}", "TablesEvents.Arn") for action in events),
        ("logs:CreateLogStream", f"Functions{function.capitalize()}Log.Arn"),
        ("logs:PutLogEvents", f"Functions{function.capitalize()}Log.Arn"),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }
    if function == "orders":
        allowed |= {
            ("s3:GetObject", "FeedsBucket.Arn/feeds/*"),
            ("s3:GetObject", "FeedsBucket.Arn/results/*"),
            ("s3:PutObject", "FeedsBucket.Arn/results/*"),
        }
    if function in TAKEN:
        actions = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        for queue in TAKEN[function]:
            allowed |= {(f"sqs:{action}", queue) for action in actions}
    if function == "associate":
        allowed |= {("sqs:SendMessage", queue) for queue in ERASURES}
    if function == "erase":
        allowed |= {("sqs:ChangeMessageVisibility", queue) for queue in ERASURES}
    if function in READS:
        allowed.add(("secretsmanager:GetSecretValue", SECRETS.format("server-key")))
    if function in SIGNS:
        allowed.add(("secretsmanager:GetSecretValue", SECRETS.format("signing-key")))
    if function in FOLLOW:
        followed, bucket = FOLLOW[function]
        allowed |= {
            (f"dynamodb:{action}", f"{table}.StreamArn")
            for action in ("DescribeStream", "GetRecords", "GetShardIterator")
            for table in followed
        }
        allowed |= {
            ("dynamodb:ListStreams", "*"),
            ("s3:ListBucket", bucket),
            ("s3:PutObject", f"{bucket}/*"),
        }
    return allowed


def function(template: Template, name: str) -> dict[str, Any]:
    """The properties of a function."""
    return template.properties("Lambda::Function")[
        f"Functions{name.capitalize()}Function"
    ]


def test_every_function_of_the_plan_is_deployed_and_no_other(dev: Template) -> None:
    handlers = {f["Handler"] for f in dev.properties("Lambda::Function").values()}
    assert handlers == {f"{name}.handler.handler" for name in FUNCTIONS}
    assert set(FUNCTIONS) == set(topology.FUNCTIONS_BY_NAME)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_runs_python_on_arm_traced_with_its_own_memory_and_timeout(
    dev: Template, name: str
) -> None:
    found = function(dev, name)
    assert found["Runtime"] == f"python{assets.runtime_version()}"
    assert found["Architectures"] == ["arm64"]
    assert found["TracingConfig"] == {"Mode": "Active"}
    assert found["MemorySize"] == topology.FUNCTIONS_BY_NAME[name].memory
    assert found["Timeout"] == topology.FUNCTIONS_BY_NAME[name].timeout
    assert [describe_reference(layer) for layer in found["Layers"]] == [
        "FunctionsDependencies"
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_logs_json_to_a_group_of_its_own_that_forgets(
    dev: Template, name: str
) -> None:
    logging = function(dev, name)["LoggingConfig"]
    own = f"Functions{name.capitalize()}Log"
    assert logging["LogFormat"] == "JSON"
    assert describe_reference(logging["LogGroup"]) == own
    assert dev.properties("Logs::LogGroup")[own]["RetentionInDays"] == 30


def test_every_log_group_forgets(dev: Template) -> None:
    groups = dev.properties("Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 1
    assert {group["RetentionInDays"] for group in groups.values()} == {30}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_may_do_exactly_what_it_does(dev: Template, name: str) -> None:
    assert dev.permissions(name) == expected(name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_role_is_its_own_with_no_managed_policy(dev: Template, name: str) -> None:
    role = f"Functions{name.capitalize()}Role"
    found = dev.properties("IAM::Role")[role]
    assert describe_reference(function(dev, name)["Role"]) == f"{role}.Arn"
    assert found.keys() == {"AssumeRolePolicyDocument", "Tags"}
    assert len(dev.properties("IAM::Role")) == len(FUNCTIONS)


def test_every_statement_allows_and_every_policy_is_of_one_role(dev: Template) -> None:
    for policy in dev.properties("IAM::Policy").values():
        assert len(policy["Roles"]) == 1
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement.keys() == {"Action", "Effect", "Resource"}
            assert statement["Effect"] == "Allow"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_environment_names_what_it_needs_and_no_more(
    dev: Template, name: str
) -> None:
    variables = function(dev, name)["Environment"]["Variables"]
    erasures = ("HARDLINK_ERASURES", "HARDLINK_VISITOR_ERASURES")
    more = {
        **{key: {"HARDLINK_SERVER_KEYS"} for key in READS},
        **{key: {"HARDLINK_SIGNING_KEYS"} for key in SIGNS},
        "associate": {"HARDLINK_SOURCES_HASH", *erasures},
        "erase": {"HARDLINK_SERVER_KEYS", *erasures},
    }
    assert variables.keys() == more.get(name, set()) | {
        "HARDLINK_SESSIONS_TABLE",
        "HARDLINK_CUSTOMERS_TABLE",
        "HARDLINK_EVENTS_TABLE",
        "HARDLINK_SOURCES",
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_LOG_LEVEL",
    }
    assert describe_reference(variables["HARDLINK_SESSIONS_TABLE"]) == "TablesSessions"
    assert (
        describe_reference(variables["HARDLINK_CUSTOMERS_TABLE"]) == "TablesCustomers"
    )
    assert describe_reference(variables["HARDLINK_EVENTS_TABLE"]) == "TablesEvents"
    assert variables["HARDLINK_SOURCES"] == "/var/task/sources.json"


def test_who_answers_all_customers_alone_may_scan() -> None:
    scanning = [
        (f.name, table)
        for f in topology.FUNCTIONS_BY_NAME.values()
        for table, actions in f.access.items()
        if "Scan" in actions
    ]
    assert scanning == [("exponeadata", "customers")]


def test_associate_names_the_sources_that_it_was_deployed_with(dev: Template) -> None:
    variables = function(dev, "associate")["Environment"]["Variables"]
    digest = topology.hash_sources(topology.SOURCES)
    assert variables["HARDLINK_SOURCES_HASH"] == digest


def test_a_permission_too_many_is_caught_by_this_test_and_by_cdk_nag(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _grant(monkeypatch, "health", ("GetItem", "Scan"))
    _grant(monkeypatch, "identify", ("GetItem", "PutItem", "*"))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        synthesize(tmp_path, "dev")
    template = Template(tmp_path, "hardlink-dev")
    assert template.findings() == {
        (
            "AwsSolutions-IAM5[Action::dynamodb:*]",
            "hardlink-dev/Functions/Identify/Role/DefaultPolicy/Resource",
        )
    }
    assert template.permissions("health") - expected("health") == {
        ("dynamodb:Scan", "TablesSessions.Arn")
    }
    assert template.permissions("track") == expected("track")


def _grant(
    monkeypatch: pytest.MonkeyPatch, name: str, actions: tuple[str, ...]
) -> None:
    before = topology.FUNCTIONS_BY_NAME[name]
    access = {**before.access, "sessions": cast("tuple[topology.Action, ...]", actions)}
    monkeypatch.setitem(
        topology.FUNCTIONS_BY_NAME, name, replace(before, access=access)
    )
