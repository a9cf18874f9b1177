"""The doctor: a stack on moto that is well, then each thing broken, and the line that says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from hardlink.domain import signed_identity
from infra import topology
from infra.local import moto_engine
from infra.operations.doctor import __main__, diagnoses
from infra.operations.doctor.checks import Account
from infra.operations.doctor.diagnoses import Finding

STACK = "hardlink-dev"
KEY = f"{STACK}/demo/server-key"
SIGNING_KEY = f"{STACK}/demo/signing-key"
ALARM = f"{STACK}-Faults"
LOG = "log-of-track"
Clients = Callable[[str], Any]


class Deployed(Account):
    """An account on moto, in which CloudFormation knows the stack: it answers here, all else does there."""

    stack: ClassVar[dict[str, Any] | None] = None
    resources: ClassVar[list[dict[str, str]]] = []

    def ask(self, service: str, operation: str, **request: Any) -> Any:
        if service != "cloudformation":
            return super().ask(service, operation, **request)
        if self.stack is None:
            said = {
                "Error": {"Code": "ValidationError", "Message": "Stack does not exist"}
            }
            raise ClientError(cast("Any", said), "DescribeStacks")
        return {"Stacks": [self.stack]}

    def list_all(
        self, service: str, operation: str, field: str, **request: Any
    ) -> list[Any]:
        if service != "cloudformation":
            return super().list_all(service, operation, field, **request)
        return self.resources


def deploy(clients: Clients) -> Iterator[tuple[str, str]]:
    """Create one resource of each kind of the real stack: type and physical ID."""
    role = clients("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")[
        "Role"
    ]["Arn"]
    for name in topology.FUNCTIONS_BY_NAME:
        clients("lambda").create_function(
            FunctionName=f"{STACK}-{name}",
            Handler=f"{name}.handler.handler",
            Runtime="python3.13",
            Role=role,
            Code={"ZipFile": b"handler = None"},
        )
        yield "Lambda::Function", f"{STACK}-{name}"
    for table in moto_engine.create_tables(clients("dynamodb"), f"-{STACK}").values():
        clients("dynamodb").update_continuous_backups(
            TableName=table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        yield "DynamoDB::Table", table
        if table.startswith("events"):  # only a stage that forwards reads its stream
            continue
        described = clients("dynamodb").describe_table(TableName=table)["Table"]
        mapping = clients("lambda").create_event_source_mapping(
            FunctionName=f"{STACK}-associate",
            EventSourceArn=described["LatestStreamArn"],
            StartingPosition="TRIM_HORIZON",
        )
        yield "Lambda::EventSourceMapping", mapping["UUID"]
    for name in ERASURES.values():
        queue = clients("sqs").create_queue(QueueName=name)["QueueUrl"]
        mapping = clients("lambda").create_event_source_mapping(
            FunctionName=f"{STACK}-erase", EventSourceArn=arn(clients, queue)
        )
        yield "Lambda::EventSourceMapping", mapping["UUID"]
    clients("secretsmanager").create_secret(Name=KEY, SecretString="key")
    clients("secretsmanager").create_secret(Name=SIGNING_KEY, SecretString="k" * 32)
    put_alarm(clients)
    yield "CloudWatch::Alarm", ALARM
    topic = clients("sns").create_topic(Name="alarms")["TopicArn"]
    clients("sns").subscribe(
        TopicArn=topic, Protocol="email", Endpoint="ops@shop.example"
    )
    yield "SNS::Topic", topic
    clients("logs").create_log_group(logGroupName=LOG)
    clients("logs").put_retention_policy(logGroupName=LOG, retentionInDays=30)
    yield "Logs::LogGroup", LOG


ERASURES = {"Erasures": "erasures", "VisitorErasures": "visitor-erasures"}
"""Names of the queues of erasures, by the outputs that have their URLs."""


def arn(clients: Clients, queue: str) -> str:
    """Of a queue, by its URL."""
    asked = {"QueueUrl": queue, "AttributeNames": ["QueueArn"]}
    return str(clients("sqs").get_queue_attributes(**asked)["Attributes"]["QueueArn"])


class Health(BaseHTTPRequestHandler):
    """An API that answers with the status of the day."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a running `Health` server."""
    monkeypatch.setattr(Health, "status", 200)
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """An account in which the stack is deployed, and well."""
    with moto_engine.run_engine():

        def clients(service: str) -> Any:
            return cast("Any", boto3).client(service)

        monkeypatch.setattr(__main__, "Account", Deployed)
        resources = [
            {"ResourceType": f"AWS::{type_}", "PhysicalResourceId": id_}
            for type_, id_ in deploy(clients)
        ]
        monkeypatch.setattr(Deployed, "resources", resources)
        outputs = {
            "Url": "http://127.0.0.1:9",
            "Failed": clients("sqs").create_queue(QueueName="failed")["QueueUrl"],
            **{
                output: clients("sqs").get_queue_url(QueueName=name)["QueueUrl"]
                for output, name in ERASURES.items()
            },
            "ServerKeys": KEY.replace("demo", "<project>"),
            "SigningKeys": SIGNING_KEY.replace("demo", "<project>"),
        }
        stack = {
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": [{"OutputKey": n, "OutputValue": v} for n, v in outputs.items()],
        }
        monkeypatch.setattr(Deployed, "stack", stack)
        yield clients


def mapping(aws: Clients, source: str) -> dict[str, Any]:
    """The mapping of a source: what its ARN has of its own."""
    found = aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    return next(m for m in found if source in m["EventSourceArn"])


def disable_mapping(aws: Clients) -> None:
    aws("lambda").update_event_source_mapping(
        UUID=mapping(aws, "table/sessions-")["UUID"], Enabled=False
    )


def delete_mapping(aws: Clients) -> None:
    aws("lambda").delete_event_source_mapping(
        UUID=mapping(aws, "table/customers-")["UUID"]
    )


def add_readers(aws: Clients) -> None:
    stream = mapping(aws, "table/customers-")["EventSourceArn"]
    for name in ("track", "update"):
        aws("lambda").create_event_source_mapping(
            FunctionName=f"{STACK}-{name}",
            EventSourceArn=stream,
            StartingPosition="LATEST",
        )


def leave_erasures(aws: Clients) -> None:
    """Functions are brought another queue than the one that they should be."""
    told("Erasures", aws("sqs").get_queue_url(QueueName="failed")["QueueUrl"])


def before_the_queue(_: Clients) -> None:
    told("Erasures")


def before_visitors_had_a_queue(_: Clients) -> None:
    told("VisitorErasures")


def told(output: str, *values: str) -> None:
    """Have the stack's outputs say another value, or none."""
    stack = Deployed.stack or {}
    kept = [o for o in stack["Outputs"] if o["OutputKey"] != output]
    stack["Outputs"] = [
        *kept,
        *({"OutputKey": output, "OutputValue": v} for v in values),
    ]


def delete_function(aws: Clients) -> None:
    aws("lambda").delete_function(FunctionName=f"{STACK}-track")


def other_version(aws: Clients) -> None:
    aws("lambda").update_function_configuration(
        FunctionName=f"{STACK}-track", Handler="older.handler.handler"
    )


def stop_stream(aws: Clients) -> None:
    aws("dynamodb").update_table(
        TableName=f"sessions-{STACK}", StreamSpecification={"StreamEnabled": False}
    )


def stop_expiry(aws: Clients) -> None:
    aws("dynamodb").update_time_to_live(
        TableName=f"sessions-{STACK}",
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"},
    )


def stop_backups(aws: Clients) -> None:
    aws("dynamodb").update_continuous_backups(
        TableName=f"customers-{STACK}",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )


def fail_a_record(aws: Clients) -> None:
    aws("sqs").send_message(
        QueueUrl=aws("sqs").get_queue_url(QueueName="failed")["QueueUrl"],
        MessageBody="{}",
    )


def empty_key(aws: Clients) -> None:
    aws("secretsmanager").put_secret_value(SecretId=KEY, SecretString=" ")


def delete_key(aws: Clients) -> None:
    aws("secretsmanager").delete_secret(SecretId=KEY, ForceDeleteWithoutRecovery=True)


def short_signing_key(aws: Clients) -> None:
    aws("secretsmanager").put_secret_value(SecretId=SIGNING_KEY, SecretString="k" * 31)


def delete_table(aws: Clients) -> None:
    aws("dynamodb").delete_table(TableName=f"sessions-{STACK}")


def delete_queue(aws: Clients) -> None:
    aws("sqs").delete_queue(
        QueueUrl=aws("sqs").get_queue_url(QueueName="failed")["QueueUrl"]
    )


def delete_alarm(aws: Clients) -> None:
    aws("cloudwatch").delete_alarms(AlarmNames=[ALARM])


def delete_log(aws: Clients) -> None:
    aws("logs").delete_log_group(logGroupName=LOG)


def tell_nobody(aws: Clients) -> None:
    (subscription,) = aws("sns").list_subscriptions()["Subscriptions"]
    aws("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def read_by_another(aws: Clients) -> None:
    """A stream that is read, and not by `associate`."""
    aws("lambda").update_event_source_mapping(
        UUID=mapping(aws, "customers")["UUID"], FunctionName=f"{STACK}-erase"
    )


def put_alarm(aws: Clients) -> None:
    aws("cloudwatch").put_metric_alarm(
        AlarmName=ALARM,
        AlarmDescription="Look at the logs.",
        MetricName="m",
        Namespace="n",
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=1,
        Period=60,
        Statistic="Sum",
    )


def raise_alarm(aws: Clients) -> None:
    aws("cloudwatch").set_alarm_state(
        AlarmName=ALARM, StateValue="ALARM", StateReason="r"
    )


def never_forget(aws: Clients) -> None:
    aws("logs").delete_retention_policy(logGroupName=LOG)


def fail_health(_: Clients) -> None:
    Health.status = 503


REVERT = "cdk deploy --revert-drift"
BROKEN: list[tuple[Callable[[Clients], None], str, str]] = [
    (disable_mapping, "mapping sessions-hardlink-dev -> ", "--enabled --uuid"),
    (other_version, "functions: track missing; older too many", "cdk deploy"),
    (stop_stream, "table sessions-hardlink-dev: its stream is not on", REVERT),
    (
        stop_expiry,
        "expiry of sessions-hardlink-dev: TTL is not on for 'expires'",
        REVERT,
    ),
    (stop_backups, "backups of customers-hardlink-dev: point-in-time", REVERT),
    (fail_a_record, "queue Failed: 1 waiting", "receive-message --queue-url"),
    (empty_key, "server key of demo: no value", "put-secret-value"),
    (delete_key, "server key of demo: it was deleted", REVERT),
    (
        short_signing_key,
        "signing key of demo: shorter than 32 bytes",
        "put-secret-value",
    ),
    (raise_alarm, "alarm hardlink-dev-Faults: in alarm since", "Look at the logs."),
    (never_forget, f"log {LOG}", "put-retention-policy"),
    (fail_health, "health of http://127.0.0.1", "503: the tables"),
    (
        add_readers,
        "readers of customers-hardlink-dev: 3 read",
        "list-event-source-mappings",
    ),
    (leave_erasures, "queue Erasures: no function reads it", "cdk deploy"),
    (before_the_queue, "queue Erasures: there is none", "cdk deploy"),
    (
        before_visitors_had_a_queue,
        "queue VisitorErasures: there is none",
        "cdk deploy",
    ),
    (delete_function, "function hardlink-dev-track: it was deleted", REVERT),
    (delete_function, "functions: track missing", ""),
    (delete_mapping, "mapping ", "it was deleted"),
    (
        delete_mapping,
        "streams: associate reads no stream of customers-hardlink-dev",
        REVERT,
    ),
    (
        read_by_another,
        "streams: associate reads no stream of customers-hardlink-dev",
        REVERT,
    ),
    (delete_table, "table sessions-hardlink-dev: it was deleted", REVERT),
    (delete_queue, "queue Failed: it was deleted", REVERT),
    (delete_alarm, "alarm hardlink-dev-Faults: it was deleted", REVERT),
    (delete_log, f"log {LOG}: it was deleted", REVERT),
    (tell_nobody, "subscription to alarms: no address", "confirm"),
]


def test_a_stack_that_is_well(
    aws: Clients, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["--stage", "dev", "--url", url]) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert "WRONG" not in said
    fine = (
        f"stack {STACK}",
        "function track",
        "streams",
        "queue Failed",
        "log ",
        "health",
    )
    for what in (*fine, f"readers of customers-{STACK}", "queue Erasures"):
        assert f"ok     {what}" in said
    assert "nothing wrong" in said


def recover_only(aws: Clients, *names: str) -> None:
    """Have point-in-time recovery of these tables alone."""
    for name in (table.name for table in topology.TABLES):
        aws("dynamodb").update_continuous_backups(
            TableName=f"{name}-{STACK}",
            PointInTimeRecoverySpecification={
                "PointInTimeRecoveryEnabled": name in names
            },
        )


def test_weekly_copies_take_the_place_of_recovery_for_events_alone(
    aws: Clients, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recover_only(aws, "customers")
    plan = {
        "ResourceType": "AWS::Backup::BackupPlan",
        "PhysicalResourceId": "weekly",
    }
    Deployed.resources.append(plan)
    __main__.main(["--stage", "dev", "--url", url])
    said = capsys.readouterr().out
    assert f"backups of events-{STACK}" not in said
    assert f"WRONG  backups of sessions-{STACK}" in said
    assert f"ok     backups of customers-{STACK}" in said


def test_tables_that_were_restored_are_looked_at_in_place_of_the_stacks_own(
    aws: Clients, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = {
        f"HARDLINK_{table.name.upper()}_TABLE": f"{table.name}-{STACK}"
        for table in topology.TABLES
    }
    tables["HARDLINK_CUSTOMERS_TABLE"] = "customers-at-noon"
    aws("lambda").update_function_configuration(
        FunctionName=f"{STACK}-associate", Environment={"Variables": tables}
    )
    assert __main__.main(["--stage", "dev", "--url", url]) == 1
    said = capsys.readouterr().out
    assert "WRONG  table customers-at-noon: it was deleted" in said
    assert f"table customers-{STACK}" not in said
    assert f"ok     table sessions-{STACK}" in said


def test_events_without_weekly_copies_need_recovery(
    aws: Clients, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recover_only(aws, "customers", "sessions")
    __main__.main(["--stage", "dev", "--url", url])
    assert f"WRONG  backups of events-{STACK}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("break_it", "what", "todo"), BROKEN, ids=[row[0].__name__ for row in BROKEN]
)
def test_what_is_broken_is_said_with_what_to_do(
    aws: Clients,
    url: str,
    capsys: pytest.CaptureFixture[str],
    break_it: Callable[[Clients], None],
    what: str,
    todo: str,
) -> None:
    break_it(aws)
    assert __main__.main(["--stage", "dev", "--url", url]) == 1
    wrong = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("WRONG")
    ]
    assert any(line.startswith(f"WRONG  {what}") and todo in line for line in wrong), (
        wrong
    )
    assert not [line for line in wrong if "could not be checked" in line]


def test_where_nothing_answers_the_outputs_are_asked(
    aws: Clients, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main([]) == 1
    (wrong,) = [
        x for x in capsys.readouterr().out.splitlines() if x.startswith("WRONG")
    ]
    assert wrong.startswith("WRONG  health of http://127.0.0.1:9: no answer")


def test_without_a_stack_it_says_how_to_deploy_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(__main__, "Account", Deployed)
    assert __main__.main(["--stage", "prod"]) == 1
    assert "cdk deploy -c stage=prod" in capsys.readouterr().out


def test_an_account_that_does_not_answer_is_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (
        __main__.main(["--endpoint-url", "http://127.0.0.1:9", "--region", "eu-west-1"])
        == 1
    )
    assert "could not be checked" in capsys.readouterr().out


SINCE = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
RULES: list[tuple[str, str | None, str | None]] = [
    (
        "no stack",
        diagnoses.stack_fault(None, "hardlink-prod"),
        "cdk deploy -c stage=prod",
    ),
    ("a stack", diagnoses.stack_fault({"StackStatus": "UPDATE_COMPLETE"}, STACK), None),
    (
        "under way",
        diagnoses.stack_fault({"StackStatus": "UPDATE_IN_PROGRESS"}, STACK),
        "wait",
    ),
    (
        "taken back",
        diagnoses.stack_fault({"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}, STACK),
        "failed",
    ),
    ("all functions", diagnoses.functions_fault({"a", "b"}, {"b", "a"}), None),
    ("too many", diagnoses.functions_fault({"a", "b"}, {"a"}), "b too many"),
    (
        "active",
        diagnoses.function_fault({"State": "Active", "LastUpdateStatus": "Successful"}),
        None,
    ),
    ("asleep", diagnoses.function_fault({"State": "Inactive"}), None),
    (
        "failed",
        diagnoses.function_fault({"State": "Failed", "StateReason": "no role"}),
        "no role",
    ),
    (
        "not updated",
        diagnoses.function_fault({"LastUpdateStatus": "Failed"}),
        "update failed",
    ),
    (
        "enabled",
        diagnoses.mapping_fault({"State": "Enabled", "LastProcessingResult": "OK"}),
        None,
    ),
    (
        "a problem",
        diagnoses.mapping_fault(
            {
                "State": "Enabled",
                "LastProcessingResult": "PROBLEM: Function call failed",
            }
        ),
        "Function call failed",
    ),
    ("read", diagnoses.unread_streams_fault({"arn"}, {"sessions": "arn"}), None),
    (
        "unread",
        diagnoses.unread_streams_fault(set(), {"sessions": "arn"}),
        "stream of sessions",
    ),
    ("two readers", diagnoses.readers_fault(2, "customers"), None),
    (
        "three readers",
        diagnoses.readers_fault(3, "customers"),
        "3 read the stream of customers",
    ),
    ("restoring", diagnoses.table_fault({"TableStatus": "ARCHIVED"}), "ARCHIVED"),
    (
        "expiring",
        diagnoses.expiry_fault(
            {"TimeToLiveStatus": "ENABLED", "AttributeName": "e"}, "e"
        ),
        None,
    ),
    (
        "other",
        diagnoses.expiry_fault(
            {"TimeToLiveStatus": "ENABLED", "AttributeName": "e"}, "f"
        ),
        "'f'",
    ),
    ("empty", diagnoses.failure_queue_fault(0, "url"), None),
    (
        "unconfirmed",
        diagnoses.alarm_subscription_fault(
            [{"SubscriptionArn": "PendingConfirmation"}]
        ),
        "confirm",
    ),
    (
        "confirmed",
        diagnoses.alarm_subscription_fault([{"SubscriptionArn": "arn:aws:sns:x"}]),
        None,
    ),
    ("a key", diagnoses.server_key_fault("key", "demo"), None),
    ("healthy", diagnoses.health_fault(200), None),
    ("500", diagnoses.health_fault(500), "500"),
    ("quiet", diagnoses.alarm_fault({"StateValue": "OK"}), None),
    ("no data", diagnoses.alarm_fault({"StateValue": "INSUFFICIENT_DATA"}), None),
    (
        "loud",
        diagnoses.alarm_fault({"StateValue": "ALARM", "StateUpdatedTimestamp": SINCE}),
        "since 2026-11-25 09:30",
    ),
    ("deleted", diagnoses.log_fault(None), "deleted"),
    ("forgetful", diagnoses.log_fault({"retentionInDays": 30}), None),
]


@pytest.mark.parametrize(
    ("fault", "said"), [r[1:] for r in RULES], ids=[r[0] for r in RULES]
)
def test_symptoms(fault: str | None, said: str | None) -> None:
    assert (fault is None) if said is None else said in (fault or "")


def test_a_key_is_never_shown() -> None:
    assert "hush" not in str(
        Finding("server key", diagnoses.server_key_fault("hush", "demo"))
    )
    assert "hush" not in str(
        Finding("signing key", diagnoses.signing_key_fault("hush", "demo"))
    )


def test_what_signs_nothing_there_is_wrong_here() -> None:
    assert diagnoses.SHORTEST_SIGNING_KEY == signed_identity.SHORTEST_KEY
