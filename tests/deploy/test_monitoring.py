"""Alarms, the dashboard, traces and log levels, as each stage has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hardlink import metrics as metric_names
from infra import topology
from infra.stages import Stage
from tests.deploy.template import Template, describe_reference, synthesize

FUNCTIONS = {
    f"Functions{name.capitalize()}Function" for name in topology.FUNCTIONS_BY_NAME
}
MINUTE, FIVE = 60, 300


def alarm(template: Template, name: str) -> dict[str, Any]:
    """The properties of an alarm."""
    return template.properties("CloudWatch::Alarm")[f"Monitoring{name}"]


def metrics(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm looks at: namespace, name, dimensions, statistic and period."""
    stats = [m["MetricStat"] for m in found.get("Metrics", ()) if "MetricStat" in m]
    return [
        {
            "of": {
                d["Name"]: describe_reference(d["Value"])
                for d in s["Metric"].get("Dimensions", ())
            },
            "name": f"{s['Metric']['Namespace']}/{s['Metric']['MetricName']}",
            "stat": s["Stat"],
            "period": s["Period"],
        }
        for s in stats
    ]


def expression(found: dict[str, Any]) -> str:
    (one,) = [m["Expression"] for m in found["Metrics"] if "Expression" in m]
    return str(one)


def chunks(template: Template, name: str) -> list[dict[str, Any]]:
    """The alarms of all functions, ten in one."""
    found = template.properties("CloudWatch::Alarm")
    return [a for id_, a in found.items() if id_.startswith(f"Monitoring{name}")]


def test_silence_where_there_was_traffic(prod: Template) -> None:
    found = alarm(prod, "NoTraffic")
    (calls,) = metrics(found)
    assert calls == {
        "of": {"ApiId": "ApiHttp"},
        "name": "AWS/ApiGateway/Count",
        "stat": "Sum",
        "period": 900,
    }
    # An idle stack is silent for good: no quarter of an hour has had 200 calls.
    assert expression(found) == "IF(MAX(FILL(calls, 0)) >= 200, FILL(calls, 0) < 1, 0)"
    assert (found["DatapointsToAlarm"], found["EvaluationPeriods"]) == (2, 8)


def test_calls_that_take_long(prod: Template) -> None:
    found = alarm(prod, "TrackLatency")
    assert {
        (m["of"]["FunctionName"], m["name"], m["stat"]) for m in metrics(found)
    } == {
        ("FunctionsTrackFunction", "AWS/Lambda/Invocations", "Sum"),
        ("FunctionsTrackFunction", "AWS/Lambda/Duration", "p99"),
    }
    assert expression(found) == "IF(FILL(calls, 0) >= 200, FILL(p99, 0), 0)"
    assert found["Threshold"] == 2000


def test_clients_that_are_refused_but_not_those_over_their_sources_rate(
    prod: Template,
) -> None:
    found = alarm(prod, "ClientErrors")
    assert {m["name"] for m in metrics(found)} == {
        "AWS/ApiGateway/4xx",
        "AWS/ApiGateway/Count",
        "Hardlink/calls_throttled",
    }
    part = "(FILL(errors, 0) - FILL(throttled, 0))"
    calls = "FILL(calls, 0)"
    assert expression(found) == f"IF({calls} >= 20, 100 * {part} / ({calls}), 0)"
    assert found["Threshold"] == 20
    watched = {
        m["name"]
        for name, found in prod.properties("CloudWatch::Alarm").items()
        if name != "MonitoringClientErrors"
        for m in metrics(found)
    }
    assert "Hardlink/calls_throttled" not in watched


def test_runs_of_the_whole_account(prod: Template, tuned_account: Template) -> None:
    found = alarm(prod, "Concurrency")
    assert found["MetricName"] == "ConcurrentExecutions"
    assert "Dimensions" not in found
    assert found["Threshold"] == 800
    assert alarm(tuned_account, "Concurrency")["Threshold"] == 2400


@pytest.fixture(scope="module")
def tuned_account(layer: object, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A stage of an account with a larger quota."""
    concurrency = {"account": 3000, "shares": {"track": 10}}
    stage = Stage.model_validate({"alarms": True, "concurrency": concurrency})
    return synthesize(tmp_path_factory.mktemp("account"), "dev", stage)


def test_every_alarm_is_silent_without_data_and_says_what_to_do(prod: Template) -> None:
    alarms = prod.properties("CloudWatch::Alarm")
    names = {
        "IteratorAge",
        "AssociationLag",
        "AssociationFailed",
        "FeedsFailed",
        "Faults",
    }
    names |= {"ErasureFailed", "ErasuresAge", "ErasuresWaiting"}
    names |= {"VisitorErasuresAge"}
    names |= {"FailedCalls"}
    names |= {"NoTraffic", "TrackLatency", "ClientErrors", "Concurrency"}
    names |= {"Rejected", "Errors1", "Errors2", "Throttles1", "Throttles2"}
    assert alarms.keys() >= {f"Monitoring{name}" for name in names}
    for found in alarms.values():
        assert found["TreatMissingData"] == "notBreaching"
        assert found["ComparisonOperator"] == "GreaterThanThreshold"
        assert len(found["AlarmDescription"]) > 40
        assert found["DatapointsToAlarm"] <= found["EvaluationPeriods"]
        assert found["AlarmName"].startswith("hardlink-prod-")
        assert len(metrics(found)) <= 10  # CloudWatch takes no more


def test_streams_that_fall_behind(prod: Template) -> None:
    found = alarm(prod, "IteratorAge")
    (age,) = metrics(found)
    assert age == {
        "of": {"FunctionName": "FunctionsAssociateFunction"},
        "name": "AWS/Lambda/IteratorAge",
        "stat": "Maximum",
        "period": MINUTE,
    }
    assert expression(found) == "MAX([FILL(m0, 0)])"
    assert (found["Threshold"], found["DatapointsToAlarm"]) == (60_000, 3)


def test_associations_that_are_late(prod: Template) -> None:
    found = alarm(prod, "AssociationLag")
    assert (found["Namespace"], found["MetricName"]) == ("Hardlink", "association_lag")
    assert found["Dimensions"] == [{"Name": "service", "Value": "hardlink-prod"}]
    assert (found["ExtendedStatistic"], found["Threshold"]) == ("p95", 60_000)


@pytest.mark.parametrize(
    ("name", "metric", "most"),
    [
        ("ErasuresAge", "ApproximateAgeOfOldestMessage", 900),
        ("ErasuresWaiting", "ApproximateNumberOfMessagesVisible", 1000),
        ("VisitorErasuresAge", "ApproximateAgeOfOldestMessage", 24 * 3600),
    ],
)
def test_erasures_that_are_late_or_too_many(
    prod: Template, name: str, metric: str, most: int
) -> None:
    found = alarm(prod, name)
    (dimension,) = found["Dimensions"]
    queue = "ErasureVisitorsWaiting" if "Visitor" in name else "ErasureWaiting"
    assert describe_reference(dimension["Value"]) == f"{queue}.QueueName"
    assert (found["MetricName"], found["Statistic"], found["Period"]) == (
        metric,
        "Maximum",
        MINUTE,
    )
    assert (found["Threshold"], found["DatapointsToAlarm"]) == (most, 3)


def failures(template: Template) -> list[str]:
    """The queues in which failures end."""
    return [
        name for name in template.properties("SQS::Queue") if name.endswith("Failed")
    ]


def test_every_queue_of_failures_is_an_output_by_which_the_doctor_finds_it(
    prod: Template,
) -> None:
    told = [
        describe_reference(url)
        for name, url in prod.outputs.items()
        if name.startswith("Failed")
    ]
    assert sorted(told) == sorted(failures(prod))
    assert {f"Monitoring{queue}" for queue in failures(prod)} == {
        name for name in prod.properties("CloudWatch::Alarm") if name.endswith("Failed")
    }


@pytest.mark.parametrize("queue", ["AssociationFailed", "FeedsFailed", "ErasureFailed"])
def test_whatever_failed_to_the_end(prod: Template, queue: str) -> None:
    found = alarm(prod, queue)
    (dimension,) = found["Dimensions"]
    assert describe_reference(dimension["Value"]) == f"{queue}.QueueName"
    assert found["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert (found["Statistic"], found["Period"]) == ("Maximum", MINUTE)
    assert found["EvaluationPeriods"] == 1
    assert (found["Threshold"], found["DatapointsToAlarm"]) == (0, 1)


def test_a_feed_that_nobody_imports(prod: Template) -> None:
    found = alarm(prod, "FeedsLate")
    (dimension,) = found["Dimensions"]
    assert describe_reference(dimension["Value"]) == "FeedsWaiting.QueueName"
    assert found["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert (found["Statistic"], found["Threshold"]) == ("Maximum", 24 * 3600)


def test_calls_that_are_answered_with_a_fault_of_ours(prod: Template) -> None:
    found = alarm(prod, "Faults")
    told = metrics(found)
    assert {m["name"] for m in told} == {"AWS/ApiGateway/5xx", "AWS/ApiGateway/Count"}
    assert all(m["of"] == {"ApiId": "ApiHttp"} and m["period"] == FIVE for m in told)
    few = "FILL(calls, 0)"
    assert expression(found) == f"IF({few} >= 20, 100 * FILL(faults, 0) / ({few}), 0)"
    assert found["Threshold"] == 1


def test_events_that_are_rejected(prod: Template) -> None:
    found = alarm(prod, "Rejected")
    told = metrics(found)
    verdicts = ("stored", "duplicate", "rejected", "dropped")
    assert {m["name"] for m in told} == {
        f"Hardlink/events_{verdict}" for verdict in verdicts
    }
    assert all(
        m["of"] == {"service": "hardlink-prod"} and m["stat"] == "Sum" for m in told
    )
    total = " + ".join(f"FILL(events_{verdict}, 0)" for verdict in verdicts)
    assert expression(found).endswith(f"100 * FILL(events_rejected, 0) / ({total}), 0)")
    assert found["Threshold"] == 10


@pytest.mark.parametrize("name", ["Errors", "Throttles"])
def test_every_function_that_fails_or_is_throttled(prod: Template, name: str) -> None:
    some = chunks(prod, name)
    looked_at = [m for found in some for m in metrics(found)]
    assert {m["of"]["FunctionName"] for m in looked_at} == FUNCTIONS
    assert len(looked_at) == len(FUNCTIONS)
    assert {(m["name"], m["stat"], m["period"]) for m in looked_at} == {
        (f"AWS/Lambda/{name}", "Sum", MINUTE)
    }
    assert {found["Threshold"] for found in some} == {0}


def test_tables_that_throttle_or_fail(prod: Template) -> None:
    throttles = metrics(alarm(prod, "TableThrottles"))
    assert {(m["of"]["TableName"], m["name"]) for m in throttles} == {
        (table, f"AWS/DynamoDB/{name}")
        for table in ("TablesSessions", "TablesCustomers", "TablesEvents")
        for name in ("ReadThrottleEvents", "WriteThrottleEvents")
    }
    errors = metrics(alarm(prod, "TableErrors"))
    assert {m["name"] for m in errors} == {"AWS/DynamoDB/SystemErrors"}
    assert {"PutItem", "TransactWriteItems"} <= {m["of"]["Operation"] for m in errors}
    assert {m["of"]["TableName"] for m in errors} == {
        "TablesSessions",
        "TablesCustomers",
        "TablesEvents",
    }


def test_the_dashboard_shows_the_alarms_and_every_metric_of_ours(
    prod: Template,
) -> None:
    (board,) = prod.properties("CloudWatch::Dashboard").values()
    assert board["DashboardName"] == {
        "Fn::Join": ["", ["hardlink-prod-", {"Ref": "AWS::Region"}]]
    }
    shown = describe_reference(board["DashboardBody"])
    for name in (*metric_names.COUNTS, *metric_names.DURATIONS, "IteratorAge", "5xx"):
        assert name in shown
    assert '"type":"alarm"' in shown


def test_a_stage_that_asks_for_nothing_has_nothing(dev: Template) -> None:
    for kind in ("CloudWatch::Alarm", "CloudWatch::Dashboard", "SNS::Topic"):
        assert dev.properties(kind) == {}


def test_production_traces_and_logs_nothing_for_every_event(prod: Template) -> None:
    busy = {
        name
        for name, function in topology.FUNCTIONS_BY_NAME.items()
        if function.per_event
    }
    assert {"track", "xo", "exponea", "segment", "associate"} <= busy
    for name in topology.FUNCTIONS_BY_NAME:
        found = prod.properties("Lambda::Function")[
            f"Functions{name.capitalize()}Function"
        ]
        assert ("TracingConfig" in found) == (name not in busy)
        assert found["LoggingConfig"]["SystemLogLevel"] == "WARN"
        variables = found["Environment"]["Variables"]
        assert variables["POWERTOOLS_LOG_LEVEL"] == "WARNING"
        assert variables["POWERTOOLS_SERVICE_NAME"] == "hardlink-prod"
        assert (("xray:PutTraceSegments", "*") in prod.permissions(name)) == (
            name not in busy
        )


def test_development_logs_a_line_for_every_call(dev: Template) -> None:
    for found in dev.properties("Lambda::Function").values():
        assert found["LoggingConfig"]["SystemLogLevel"] == "INFO"
        assert found["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "INFO"


@pytest.fixture(scope="module")
def told(layer: object, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A stage whose alarms tell somebody."""
    stage = Stage(alarms=True, alarm_email="ops@shop.example")
    return synthesize(tmp_path_factory.mktemp("told"), "dev", stage)


def test_every_alarm_tells_who_is_named_by_tls_only(told: Template) -> None:
    assert told.findings() == set()
    (subscription,) = told.properties("SNS::Subscription").values()
    assert (subscription["Protocol"], subscription["Endpoint"]) == (
        "email",
        "ops@shop.example",
    )
    for found in told.properties("CloudWatch::Alarm").values():
        assert [describe_reference(action) for action in found["AlarmActions"]] == [
            "MonitoringAlarms"
        ]
    (policy,) = told.properties("SNS::TopicPolicy").values()
    effects = {s["Effect"]: s for s in policy["PolicyDocument"]["Statement"]}
    assert effects["Deny"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert effects["Allow"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert told.properties("CloudWatch::Dashboard") == {}


def test_the_dashboard_is_json(prod: Template) -> None:
    (board,) = prod.properties("CloudWatch::Dashboard").values()
    assert json.loads(describe_reference(board["DashboardBody"]))["widgets"]
