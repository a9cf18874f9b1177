"""Outputs onward as they are deployed where a stage asks for them; by default there are none."""

from __future__ import annotations

import json

from infra import topology
from tests.deploy.template import Template, describe_reference

FUNCTION = "FunctionsForwardFunction"
FILTERS = {
    "ForwardingReadingEvents": {
        "eventName": ["INSERT"],
        "dynamodb": {"Keys": {"item": {"S": [{"prefix": "e/"}]}}},
    },
    "ForwardingReadingCustomers": {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"item": {"S": [{"prefix": "l/"}]}}},
    },
}


def test_by_default_nothing_is_told_onward(dev: Template, prod: Template) -> None:
    for template in (dev, prod):
        assert template.properties("KinesisFirehose::DeliveryStream") == {}
        assert FUNCTION not in template.properties("Lambda::Function")
        assert "Forwarded" not in template.outputs


def test_new_events_and_links_alone_reach_it(onward: Template) -> None:
    assert onward.findings() == set()
    mappings = onward.properties("Lambda::EventSourceMapping")
    for name, wanted in FILTERS.items():
        found = mappings[name]
        (pattern,) = found["FilterCriteria"]["Filters"]
        assert json.loads(pattern["Pattern"]) == wanted
        assert describe_reference(found["FunctionName"]) == f"{FUNCTION}.Arn"
        assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        destination = found["DestinationConfig"]["OnFailure"]["Destination"]
        assert describe_reference(destination) == "ForwardingReadingBatchesBucket.Arn"


def test_it_may_read_what_it_tells_and_send_it_and_no_more(onward: Template) -> None:
    variables = onward.properties("Lambda::Function")[FUNCTION]["Environment"][
        "Variables"
    ]
    assert (
        describe_reference(variables["HARDLINK_FORWARD_STREAM"]) == "ForwardingStream"
    )
    streams = ("TablesEvents.StreamArn", "TablesCustomers.StreamArn")
    reading = ("DescribeStream", "GetRecords", "GetShardIterator")
    assert onward.permissions("forward") == {
        ("dynamodb:BatchGetItem", "TablesSessions.Arn"),
        ("dynamodb:BatchGetItem", "TablesCustomers.Arn"),
        ("dynamodb:BatchGetItem", "TablesEvents.Arn"),
        ("dynamodb:GetItem", "TablesSessions.Arn"),
        ("dynamodb:GetItem", "TablesCustomers.Arn"),
        *((f"dynamodb:{action}", stream) for action in reading for stream in streams),
        ("dynamodb:ListStreams", "*"),
        ("s3:ListBucket", "ForwardingReadingBatchesBucket.Arn"),
        ("s3:PutObject", "ForwardingReadingBatchesBucket.Arn/*"),
        ("firehose:PutRecordBatch", "ForwardingStream.Arn"),
        ("logs:CreateLogStream", "FunctionsForwardLog.Arn"),
        ("logs:PutLogEvents", "FunctionsForwardLog.Arn"),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


def test_lines_lie_encrypted_by_the_day_and_are_not_kept_for_ever(
    onward: Template,
) -> None:
    (stream,) = onward.properties("KinesisFirehose::DeliveryStream").values()
    assert stream["DeliveryStreamEncryptionConfigurationInput"] == {
        "KeyType": "AWS_OWNED_CMK"
    }
    to = stream["ExtendedS3DestinationConfiguration"]
    assert to["Prefix"] == "told/!{timestamp:yyyy/MM/dd}/"
    assert to["CompressionFormat"] == "GZIP"
    assert (
        onward.resources("S3::Bucket")["ForwardingBucket"]["DeletionPolicy"]
        == "RetainExceptOnCreate"
    )
    bucket = onward.properties("S3::Bucket")["ForwardingBucket"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == topology.FORWARD_DAYS
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (encrypted,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encrypted["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_firehose_may_write_to_this_bucket_alone(onward: Template) -> None:
    policy = onward.properties("IAM::Policy")["ForwardingWriting"]
    resources = {
        describe_reference(s["Resource"]) for s in policy["PolicyDocument"]["Statement"]
    }
    assert resources == {"ForwardingBucket.Arn/*", "ForwardingBucket.Arn"}


def test_what_fails_is_an_alarm_and_an_output(onward: Template) -> None:
    alarms = onward.properties("CloudWatch::Alarm")
    assert "MonitoringReadingFailed" in alarms
    ages = [
        describe_reference(d["Value"])
        for m in alarms["MonitoringIteratorAge"]["Metrics"]
        if "MetricStat" in m
        for d in m["MetricStat"]["Metric"]["Dimensions"]
    ]
    assert sorted(ages) == ["FunctionsAssociateFunction", FUNCTION]
    late = alarms["MonitoringForwardingLate"]
    assert (late["Namespace"], late["MetricName"]) == (
        "AWS/Firehose",
        "DeliveryToS3.DataFreshness",
    )
    (dimension,) = late["Dimensions"]
    assert (dimension["Name"], describe_reference(dimension["Value"])) == (
        "DeliveryStreamName",
        "ForwardingStream",
    )
    assert (late["Statistic"], late["Threshold"]) == ("Maximum", 1800)
    assert (
        describe_reference(onward.outputs["FailedForwarding"])
        == "ForwardingReadingFailed"
    )
    assert (
        describe_reference(onward.outputs["Forwarded"]) == "s3://ForwardingBucket/told/"
    )
